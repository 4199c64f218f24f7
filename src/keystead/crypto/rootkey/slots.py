"""Slots: the root key, wrapped once for each custodian; any one of them opens it (docs/format.md §8).

Guarantees: a slot opens only with its own custodian's secret and with the number, kind and parameters it was made
with; what a hostile row can cost is bounded; when nothing opens, the error says of each
slot why and what to do. Does not guarantee that a slot which was taken out of the store cannot be put back by who
kept a copy of the row and the custodian's secret: only a new root key ends that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keystead.crypto.derivation import KEY_BYTES, Random, derive, draw
from keystead.crypto.encoding import encode_list, encode_map, u32
from keystead.crypto.rootkey import file, passphrase
from keystead.crypto.rootkey.custodian import Custodian, CustodianRefused, Parameters

START: Final = b"\x01\x01"
LABEL: Final = b"keystead/slot/v1"
SALT_BYTES: Final = 16
IV_BYTES: Final = 12
SLOT_BYTES: Final = 110
SLOTS_MAX: Final = 16
NUMBER_MAX: Final = (1 << 32) - 1
PARAMETERS_MAX: Final = 1024


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of custodian; ``missing`` completes "slot 1 (file): " where none was given."""

    name: str
    missing: str


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind(file.KIND, "no custodian file was given"),
            Kind(passphrase.KIND, "no passphrase was given"),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Slot:
    """The root key as one custodian opens it. ``parameters`` is public and can be written as JSON; nothing here is
    trusted when it is read."""

    number: int
    kind: str
    parameters: Parameters
    wrapped: bytes = field(repr=False)

    @classmethod
    def read(cls, number: int, kind: str, parameters: str, wrapped: bytes) -> Slot:
        """A slot from the columns of its row. A text that is no JSON object gives no parameters, which no custodian
        accepts: one damaged row must not keep the others from opening."""
        try:
            found = json.loads(parameters) if len(parameters) <= PARAMETERS_MAX else None
        except (ValueError, RecursionError):
            found = None
        return cls(number, kind, found if isinstance(found, dict) else {}, wrapped)

    @property
    def parameters_text(self) -> str:
        """The parameters as the store keeps them."""
        return json.dumps(dict(self.parameters), sort_keys=True)


class RootKeyClosed(Exception):
    """No custodian opened the root key. ``tried`` says of each slot why, and what to do; it holds no secret."""

    def __init__(self, tried: Sequence[str]) -> None:
        super().__init__("\n".join(["The root key stays closed:", *(f"  {line}" for line in tried)]))
        self.tried: Final = tuple(tried)


def new(random: Random) -> bytes:
    """A root key: 32 random bytes."""
    return draw(random, KEY_BYTES)


def create(root: bytes, custodian: Custodian, number: int, random: Random) -> Slot:
    """A slot in which ``custodian`` keeps ``root``; it was opened once before this returns.

    ``number`` is 1 to 2**32-1 and tells the slots of a store apart. CustodianRefused when the custodian cannot take it.
    """
    if len(root) != KEY_BYTES:
        raise ValueError("the root key has 32 bytes")
    if not 1 <= number <= NUMBER_MAX:
        raise ValueError("slots are numbered from 1")
    parameters, secret = custodian.enrol(random)
    front = START + draw(random, SALT_BYTES + IV_BYTES)
    key, commitment = _derive(secret, front, number, custodian.kind, parameters)
    front += commitment
    slot = Slot(number, custodian.kind, parameters, front + AESGCM(key).encrypt(front[18:30], root, front))
    # Everything will depend on this row: what the custodian really kept must open it, not what we hold in memory.
    if not compare_digest(open([slot], [custodian]), root):
        raise RuntimeError("a new slot does not give back the root key")
    return slot


def open(slots: Sequence[Slot], custodians: Sequence[Custodian]) -> bytes:  # noqa: A001 (callers write rootkey.open)
    """The root key, from the first slot that one of the custodians opens; else RootKeyClosed."""
    if not slots:
        raise RootKeyClosed(["there are no slots: the store was not set up, or its slots were removed"])
    if len(slots) > SLOTS_MAX:
        raise RootKeyClosed(
            [f"there are {len(slots)} slots, more than the {SLOTS_MAX} that are allowed: rows were added"]
        )
    tried: list[str] = []
    for slot in sorted(slots, key=lambda slot: slot.number):
        if slot.kind not in KINDS:
            tried.append(f"slot {slot.number}: this version knows no custodian of kind {slot.kind[:40]!r}")
            continue
        name = f"slot {slot.number} ({slot.kind})"
        able = [custodian for custodian in custodians if custodian.kind == slot.kind]
        if not able:
            tried.append(f"{name}: {KINDS[slot.kind].missing}")
        for custodian in able:
            try:
                return _open_slot(slot, custodian)
            except CustodianRefused as refusal:
                tried.append(f"{name}: {refusal}")
    unused = {custodian.kind for custodian in custodians} - {slot.kind for slot in slots}
    tried += [f"a custodian of kind {kind} was given, but no slot is of that kind" for kind in sorted(unused)]
    raise RootKeyClosed(tried)


def _open_slot(slot: Slot, custodian: Custodian) -> bytes:
    wrapped = slot.wrapped
    if len(wrapped) != SLOT_BYTES or not wrapped.startswith(START) or not 1 <= slot.number <= NUMBER_MAX:
        raise CustodianRefused("the row is not a slot of a known version")
    secret = custodian.secret(slot.parameters)
    key, commitment = _derive(secret, wrapped[:30], slot.number, slot.kind, slot.parameters)
    # Also what tells a wrong passphrase: before the cipher is touched, docs/format.md §8.
    if not compare_digest(commitment, wrapped[30:62]):
        raise CustodianRefused("what was given does not open it: it is the wrong one, or the row was altered")
    try:
        return AESGCM(key).decrypt(wrapped[18:30], wrapped[62:], wrapped[:62])
    except InvalidTag:
        raise CustodianRefused("the row was altered") from None


def _derive(secret: bytes, front: bytes, number: int, kind: str, parameters: Parameters) -> tuple[bytes, bytes]:
    texts = encode_map({name: str(value) for name, value in parameters.items()})
    digest = sha256(encode_list(front, kind.encode(), u32(number), texts)).digest()
    derived = derive(secret, LABEL, front[2:18] + digest, 64)
    return derived[:32], derived[32:]
