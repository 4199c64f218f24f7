"""Session tokens: sealed sessions, which callers carry and bring back with every request that they sign.

Guarantees: a token tells its bearer nothing and cannot be made or altered without the root key; it opens for the one
access key that it was issued with; nothing about a session is stored, so that any worker and any later start reads it.
What decides (whether the identity is still there, its policies) is not in it. Does not compare the time: whoever
checks the signature does (`expires`), and refuses an expired session by that name.

A token has at most `LONGEST` characters, as AWS's have since 2026; what would be longer is refused. Normative:
docs/format.md §6.3."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable
from typing import Final

import msgspec

from keystead import errors
from keystead.crypto.boxes import OVERHEAD
from keystead.crypto.hierarchy import Hierarchy
from keystead.domain.caller import PrincipalKind, Session, Token

_PURPOSE: Final = b"session"
_VERSION: Final = b"\x01"
_SECRET_BYTES: Final = 30

#: Characters. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
LONGEST: Final = 4_096

#: No session's encoding is longer: what is compressed came from a request of at most 256 KiB and was bounded by its
#: model long before. A token is authentic before it is expanded, so this only bounds what a mistake of ours can cost.
_EXPANDED: Final = 1 << 20


class _Content(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The session as it stands in a token. An element more might limit it: it needs a new version."""

    kind: PrincipalKind
    account: str
    identity_id: str
    name: str
    issued: int
    expires: int
    policy: str | None
    policy_arns: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    transitive: tuple[str, ...]
    source_identity: str | None
    provider: str | None


_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(_Content))
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Content).decode


def seal(
    hierarchy: Hierarchy,
    access_key_id: str,
    secret: str,
    session: Session,
    random: Callable[[int], bytes],
    *,
    shortest: int = 0,
) -> str:
    """A SessionToken of at least ``shortest`` characters. PackedPolicyTooLarge when it would be longer than `LONGEST`."""
    told = _Content(*(getattr(session, name) for name in _FIELDS))
    content = _VERSION + base64.b64decode(secret, validate=True) + _packed(_encode(told))
    length = _characters(len(content) + OVERHEAD)
    if length > LONGEST:
        raise errors.packed_policy_too_large(
            utilization(length), policies=session.policy is not None or bool(session.policy_arns)
        )
    if length < shortest:
        content = content.ljust(-(-min(shortest, LONGEST) * 3 // 4) - OVERHEAD, b"\0")
    sealed = hierarchy.seal_token(_PURPOSE, content, random, (access_key_id,))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def utilization(length: int) -> int:
    """How much of the space that a token may take one of ``length`` characters takes, in percent, rounded up."""
    return -(-length * 100 // LONGEST)


def open_token(hierarchy: Hierarchy, access_key_id: str, text: str) -> Token | None:
    """What a token holds; None when it is none of ours, or another access key's."""
    if len(text) > LONGEST:
        return None
    try:
        token = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return None
    if base64.urlsafe_b64encode(token).rstrip(b"=").decode() != text:
        return None  # one session, one text
    content = hierarchy.open_token(_PURPOSE, token, (access_key_id,))
    if content is None or not content.startswith(_VERSION):
        return None
    packed = 1 + _SECRET_BYTES
    try:
        told = _decode(_expanded(content[packed:]))
    except (msgspec.MsgspecError, zlib.error, ValueError):
        return None  # sealed by a version that we do not know
    session = Session(**{name: getattr(told, name) for name in _FIELDS})
    return Token(access_key_id, base64.b64encode(content[1:packed]), session)


def _characters(octets: int) -> int:
    """The length of so many bytes in Base64 without padding."""
    return -(-octets * 4 // 3)


def _packed(encoded: bytes) -> bytes:
    """DEFLATE (RFC 1951) without a header. Compression can betray a secret beside chosen text by the length: the only
    one here, the secret key, stays outside."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(encoded) + packer.flush()


def _expanded(packed: bytes) -> bytes:
    """The reverse. What follows the end of the data is filler of a token that was to be long."""
    return zlib.decompressobj(-15).decompress(packed, _EXPANDED)
