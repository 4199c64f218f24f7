"""TagResource, UntagResource, ListResourceTags.

https://docs.aws.amazon.com/kms/latest/APIReference/API_TagResource.html. Tags change what policies decide, so they
take effect with the answer, like every other change."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from keystead import errors
from keystead.domain import limits
from keystead.domain.key import Key
from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States
from keystead.model.generated.kms import (
    ListResourceTagsRequest,
    ListResourceTagsResponse,
    Tag,
    TagResourceRequest,
    UntagResourceRequest,
)
from keystead.services import change
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.table import operation

Tags = tuple[tuple[str, str], ...]


def check_tags(tags: Tags) -> None:
    """Refuse tags that one request may not bring (TagException)."""
    names = [name for name, _ in tags]
    if len(set(names)) != len(names):
        raise errors.tag("Duplicate tag keys")
    if any(name.lower().startswith("aws:") for name in names):
        raise errors.tag("Tags beginning with aws: are reserved")
    if not all(_is_writable(name) and _is_writable(value) for name, value in tags):
        raise errors.invalid_tag()
    if len(tags) > limits.TAGS_PER_KEY:
        raise errors.tag("Too many tags")


def _is_writable(text: str) -> bool:
    """AWS's tags hold letters, numbers and white space of any script, and a few signs."""
    return all(letter in "_.:/=+-@" or unicodedata.category(letter)[0] in "LNZ" for letter in text)


@operation("TagResource", keys=KeyTypes.ANY, states=States.EDIT, mutates=True, logged={"key_id": None, "tags": None})
def tag_resource(call: Call[TagResourceRequest]) -> Change:
    added = tuple((tag.tag_key, tag.tag_value) for tag in call.request.tags)
    key = call.key(call.request.key_id, request_tags=added, tag_keys=tuple(name for name, _ in added))
    check_tags(added)
    return _retag(key, tuple({**dict(key.tags), **dict(added)}.items()))


@operation(
    "UntagResource", keys=KeyTypes.ANY, states=States.EDIT, mutates=True, logged={"key_id": None, "tag_keys": None}
)
def untag_resource(call: Call[UntagResourceRequest]) -> Change:
    removed = frozenset(call.request.tag_keys)
    key = call.key(call.request.key_id, tag_keys=tuple(call.request.tag_keys))
    return _retag(key, tuple((name, value) for name, value in key.tags if name not in removed))


def _retag(key: Key, tags: Tags) -> Change:
    if len(tags) > limits.TAGS_PER_KEY:
        raise errors.tag("Too many tags")
    if tags == key.tags:
        return Change(None)
    return change.keep(replace(key, tags=tags))


@operation("ListResourceTags", keys=KeyTypes.ANY, logged={"key_id": None, "limit": None, "marker": None})
def list_resource_tags(call: Call[ListResourceTagsRequest]) -> ListResourceTagsResponse:
    key = call.key(call.request.key_id)
    in_order = sorted(key.tags)
    page, marker = call.page(
        call.request.limit,
        call.request.marker,
        key.key_id,
        lambda _reader, after, limit: [tag for tag in in_order if after is None or tag[0] > after][:limit],
        lambda tag: tag[0],
    )
    return ListResourceTagsResponse(
        tags=[Tag(tag_key=name, tag_value=value) for name, value in page.items],
        next_marker=marker,
        truncated=page.truncated,
    )
