"""The forms in which a caller may name a key: key id, key ARN, alias name, alias ARN.

Parsing decides the form and refuses what is none, in AWS's words (api.md legend, errors.md §5). It does not look
anything up: whether the key exists, and whether the caller may know, is decided later."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec

from keystead import errors
from keystead.domain import arn

ALIAS_PREFIX: Final = "alias/"
RESERVED_ALIAS_PREFIX: Final = "alias/aws/"

_KEY_ID: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32}", re.IGNORECASE
)


class Reference(msgspec.Struct, frozen=True):
    """A key by id (``key_id``) or by alias (``alias``, with its prefix), in the account and region where it is to be
    looked for.

    ``by_arn`` is whether the caller spelled out account and region: only then may the key belong to another account.
    ``by_token``: it named the key by a token that hides which one it is.
    """

    account: str
    region: str
    key_id: str | None = None
    alias: str | None = None
    by_arn: bool = False
    by_token: bool = False

    @property
    def arn(self) -> str:
        if self.alias is not None:
            return arn.alias_arn(self.region, self.account, self.alias)
        return arn.key_arn(self.region, self.account, self.key_id or "")

    @property
    def typed(self) -> str | None:
        """What a refusal may name before whoever may not know the key: the ARN as far as the caller has written it."""
        return None if self.by_token else self.arn


def parse(text: str, account: str, region: str, *, aliases: bool) -> Reference:
    """Read a KeyId as the caller in ``account`` and ``region`` means it.

    ``aliases`` says whether the operation takes alias names. Refuses with NotFoundException (malformed id, other
    region) or InvalidArnException (alias where none is taken)."""
    if text.startswith("arn:"):
        return _from_arn(text, region, aliases)
    if text.startswith(ALIAS_PREFIX):
        if not aliases:
            raise errors.aliases_not_supported()
        return Reference(account, region, alias=text)
    if not _KEY_ID.fullmatch(text):
        raise errors.invalid_key_id(text)
    return Reference(account, region, key_id=text)


def names_another_region(text: str, region: str) -> bool:
    """Whether this is the ARN of a multi-Region key in another region than ``region``: a key that may well be related
    to one here, and is not it."""
    parsed = arn.parse(text) if text.startswith("arn:") else None
    return parsed is not None and parsed.region != region and parsed.resource.startswith("key/mrk-")


@lru_cache(maxsize=4_096)  # most calls name few keys, and name them so
def _from_arn(text: str, region: str, aliases: bool) -> Reference:
    parsed = arn.parse(text)
    if parsed is None or parsed.partition != arn.PARTITION or parsed.service != "kms" or not parsed.account:
        raise errors.invalid_key_id(text)
    if parsed.resource.startswith(ALIAS_PREFIX):
        if not aliases:
            raise errors.aliases_not_supported()
        found = Reference(parsed.account, parsed.region, alias=parsed.resource, by_arn=True)
    elif parsed.resource.startswith("key/") and _KEY_ID.fullmatch(parsed.resource[4:]):
        found = Reference(parsed.account, parsed.region, key_id=parsed.resource[4:], by_arn=True)
    else:
        raise errors.invalid_key_id(text)
    if parsed.region != region:
        raise errors.arn_of_another_region(parsed.region)
    return found
