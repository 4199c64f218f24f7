"""What a session may be: how long it lasts, which tags it has, which it hands on.

Guarantees: keys of session tags are the same irrespective of case, and no session has more than `MOST_TAGS`, those that
it inherits included. A tag that was handed on cannot be replaced on the way, nor can a source identity.

Sources: "Pass session tags in AWS STS", "Monitor and control actions taken with assumed roles" (IAM user guide);
AssumeRole, GetSessionToken, GetFederationToken (STS API reference)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from keystead import errors
from keystead.domain.caller import Session

#: Seconds. The shortest and the longest of all are the model's.
DEFAULT_OF_ROLE: Final = 3_600
LONGEST_CHAINED: Final = 3_600
DEFAULT_OF_USER: Final = 43_200
LONGEST_OF_ROOT: Final = 3_600

MOST_TAGS: Final = 50
MOST_POLICY_ARNS: Final = 10

Tags = tuple[tuple[str, str], ...]


class Tagged(NamedTuple):
    """The tags of a new session: those that the request passes, all of them, and the keys of those it hands on."""

    passed: Tags
    all: Tags
    transitive: tuple[str, ...]

    @property
    def asked(self) -> bool:
        """Whether somebody has to permit them (sts:TagSession). What was handed on counts."""
        return bool(self.all)


def tagged(passed: Tags, transitive: Sequence[str], calling: Session | None) -> Tagged:
    """The tags of a session that is asked for with ``passed``, of which ``transitive`` are handed on, by a caller that
    may be a session itself. Refuses with InvalidParameterValue, or a reserved key with ValidationError."""
    keys = {key.lower() for key, _ in passed}
    if len(keys) != len(passed):
        raise errors.duplicate_session_tags()
    if any(key.startswith("aws:") for key in keys):
        raise errors.validation("Tag keys beginning with aws: are reserved for system use.")
    if not {key.lower() for key in transitive} <= keys:
        raise errors.transitive_key_not_passed()
    inherited = () if calling is None else handed_on(calling)
    if any(key.lower() in keys for key, _ in inherited):
        raise errors.inherited_tag()
    tags = (*inherited, *passed)
    if len(tags) > MOST_TAGS:
        raise errors.too_many_session_tags(MOST_TAGS)
    return Tagged(passed, tags, (*(key for key, _ in inherited), *transitive))


def handed_on(session: Session) -> Tags:
    """The tags that a session which is made from this one has too."""
    kept = {key.lower() for key in session.transitive}
    return tuple((key, value) for key, value in session.tags if key.lower() in kept)


def source_identity(asked: str | None, calling: Session | None) -> str | None:
    """The source identity of a session that is asked for: it goes along a chain of roles and never changes."""
    if asked is not None and asked.lower().startswith("aws:"):
        raise errors.validation("Source identities beginning with aws: are reserved for system use.")
    own = None if calling is None else calling.source_identity
    if own is not None and asked is not None and asked != own:
        raise errors.source_identity_set()
    return asked if own is None else own


def seconds_of_role(asked: int | None, most: int, *, chained: bool) -> int:
    """How long a session of a role lasts, of at most ``most`` seconds. ``chained``: a session of a role asks for it."""
    seconds = DEFAULT_OF_ROLE if asked is None else asked
    if chained and seconds > LONGEST_CHAINED:
        raise errors.longer_than_chained()
    if seconds > most:
        raise errors.longer_than_role_allows()
    return seconds


def seconds_of_user(asked: int | None, *, root: bool) -> int:
    """How long the session of a user or root user lasts, federated or not."""
    if not root:
        return DEFAULT_OF_USER if asked is None else asked
    if asked is not None and asked > LONGEST_OF_ROOT:
        raise errors.longer_than_root()
    return LONGEST_OF_ROOT if asked is None else asked
