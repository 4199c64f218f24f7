"""Grant tokens: sealed names of grants, which callers carry and bring back.

A token lets nobody do anything: a grant is in force when the call that made it returns, so whoever brings its token is
told no more than that it is one of ours. RetireGrant takes it as the grant's name. Tokens are valid on every worker and
after a restart; each is another, all of one grant are as good."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from keystead import errors
from keystead.crypto.hierarchy import Hierarchy
from keystead.domain.grants import Grant, GrantName

_PURPOSE: Final = b"grant"


def seal(hierarchy: Hierarchy, grant: Grant, random: Callable[[int], bytes]) -> str:
    """A new GrantToken."""
    name = msgspec.msgpack.encode((grant.account, grant.region, grant.key_id, grant.grant_id))
    return base64.urlsafe_b64encode(hierarchy.seal_token(_PURPOSE, name, random)).decode()


def open_token(hierarchy: Hierarchy, text: str) -> GrantName:
    """Which grant a GrantToken is of; InvalidGrantTokenException when it is none of ours."""
    try:
        token = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise errors.invalid_grant_token() from error
    opened = hierarchy.open_token(_PURPOSE, token)
    if opened is None:
        raise errors.invalid_grant_token()
    return GrantName(*msgspec.msgpack.decode(opened, type=tuple[str, str, str, str]))


def check(hierarchy: Hierarchy, tokens: Iterable[str]) -> None:
    """Refuse tokens that are none of ours. Whether the grant is still there does not matter: the decision asks that."""
    for token in tokens:
        open_token(hierarchy, token)
