"""Tags of what IAM keeps.

Keys of users and roles are the same irrespective of case (``folded``), and a tag put anew takes the new spelling; those
of managed policies are told apart. What a request brings comes before what was there, as AWS was seen to list it.

Source: "Tags for IAM resources" (IAM user guide)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from keystead import errors
from keystead.domain.iamquotas import TAGS
from keystead.model.generated.iam import Tag

Tags = tuple[tuple[str, str], ...]


def given(tags: Sequence[Tag] | None) -> Tags:
    """The tags of a request, in its order."""
    return tuple((tag.key, tag.value) for tag in tags or ())


def shown(tags: Tags) -> list[Tag]:
    return [Tag(key=key, value=value) for key, value in tags]


def in_order(tags: Tags) -> Tags:
    """As answers about roles and policies list them: by key."""
    return tuple(sorted(tags))


def merged(held: Tags, added: Tags, *, folded: bool) -> Tags:
    """What is held after ``added`` was put: checked, the new ones first."""
    _check(added, folded=folded)
    new = {_same(key, folded) for key, _ in added}
    tags = added + tuple(tag for tag in held if _same(tag[0], folded) not in new)
    if len(tags) > TAGS:
        raise errors.too_many_tags()
    return tags


def without(held: Tags, keys: Iterable[str], *, folded: bool) -> Tags:
    """What is held after these were taken away; keys that nothing has do nothing."""
    gone = {_same(key, folded) for key in keys}
    return tuple(tag for tag in held if _same(tag[0], folded) not in gone)


def _check(tags: Tags, *, folded: bool) -> None:
    keys = [key for key, _ in tags]
    if any(key.isspace() for key in keys):
        raise errors.blank_tag()
    if len({_same(key, folded) for key in keys}) != len(keys):
        raise errors.duplicate_tags(folded=folded)
    if any(key.lower().startswith("aws:") for key in keys):
        raise errors.reserved_tag()


def _same(key: str, folded: bool) -> str:
    return key.lower() if folded else key
