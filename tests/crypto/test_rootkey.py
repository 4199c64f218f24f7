"""Custodian slots: any one opens the root key, and when none does, the error says of each why and what to do."""

from __future__ import annotations

import copy
import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.crypto import stranger
from tests.crypto.vectors import gives, load

from keystead.crypto import rootkey
from keystead.crypto.derivation import Random
from keystead.crypto.rootkey import Cost, CustodianRefused, Passphrase, RootKeyClosed, Slot, passphrase, slots
from keystead.crypto.rootkey.custodian import Parameters

VECTORS = load("keys-v1.json")
ROOT = bytes.fromhex(VECTORS["root"])
CHEAP = Cost(memory=64, iterations=1, lanes=1)
WORDS = b"correct horse battery staple"


class Told:
    """A custodian that gives whatever secret it is told to: what a slot does with it is under test, not where it
    comes from."""

    def __init__(self, secret: bytes, kind: str = "file", parameters: Parameters | None = None) -> None:
        self.kind = kind
        self._secret = secret
        self._parameters: Parameters = parameters or {"file": "00" * 8}

    def enrol(self, random: Random) -> tuple[Parameters, bytes]:
        return self._parameters, self._secret

    def secret(self, parameters: Parameters) -> bytes:
        return self._secret


def with_passphrase(words: bytes = WORDS, number: int = 1, root: bytes = ROOT) -> Slot:
    return rootkey.create(root, Passphrase(words, CHEAP), number, os.urandom)


def why(slots: list[Slot], *custodians: Any) -> str:
    with pytest.raises(RootKeyClosed) as closed:
        rootkey.open(slots, custodians)
    return str(closed.value)


# --- vectors ----------------------------------------------------------------------------------------------------------


def test_slots_are_those_of_the_vectors() -> None:
    for vector in VECTORS["slots"]:
        secret, drawn, wrapped = (bytes.fromhex(vector[part]) for part in ("secret", "random", "wrapped"))
        told = Told(secret, vector["kind"], vector["parameters"])
        slot = rootkey.create(ROOT, told, vector["number"], gives(drawn))
        assert slot.wrapped == wrapped
        assert rootkey.open([slot], [told]) == ROOT
        assert stranger.open_slot(secret, vector["number"], vector["kind"], vector["parameters"], wrapped) == ROOT


def test_the_passphrase_of_the_vectors_opens_its_slot() -> None:
    vector = VECTORS["slots"][1]
    slot = Slot.read(
        vector["number"], vector["kind"], json.dumps(vector["parameters"]), bytes.fromhex(vector["wrapped"])
    )
    assert rootkey.open([slot], [Passphrase(bytes.fromhex(vector["passphrase"]))]) == ROOT


def slots_that_open() -> list[str]:
    """Names of the slots that must be refused and are not."""
    opened = []
    for vector in VECTORS["refused"]["slots"]:
        slot = Slot(vector["number"], vector["kind"], vector["parameters"], bytes.fromhex(vector["wrapped"]))
        try:
            rootkey.open([slot], [Told(bytes.fromhex(vector["secret"]), vector["kind"])])
        except RootKeyClosed:
            continue
        opened.append(vector["name"])
    return opened


def test_slots_that_were_altered_do_not_open() -> None:
    assert slots_that_open() == []
    for vector in VECTORS["refused"]["slots"]:
        secret, wrapped = bytes.fromhex(vector["secret"]), bytes.fromhex(vector["wrapped"])
        with pytest.raises(stranger.Refused):
            stranger.open_slot(secret, vector["number"], vector["kind"], vector["parameters"], wrapped)


def test_the_vectors_notice_a_slot_whose_commitment_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "compare_digest", lambda one, other: True)
    assert slots_that_open() == ["commitment of zeros, tag over it right"]


@pytest.mark.parametrize(
    ("forgotten", "noticed"),
    [
        ("number", ["another number"]),
        ("kind", ["another kind"]),
        ("parameters", ["another parameter", "one parameter more"]),
    ],
)
def test_the_vectors_notice_a_part_of_the_slot_that_is_not_bound(
    forgotten: str, noticed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right, original = slots._derive, VECTORS["slots"][0]

    def careless(secret: bytes, front: bytes, number: int, kind: str, parameters: Parameters) -> tuple[bytes, bytes]:
        bound = {"number": number, "kind": kind, "parameters": parameters, forgotten: original[forgotten]}
        return right(secret, front, **bound)

    monkeypatch.setattr(slots, "_derive", careless)
    assert slots_that_open() == noticed


# --- any one opens ----------------------------------------------------------------------------------------------------


def test_any_one_of_several_slots_opens_the_root_key() -> None:
    one, other = with_passphrase(b"the first passphrase", 1), with_passphrase(b"the second passphrase", 2)
    for words in (b"the first passphrase", b"the second passphrase"):
        assert rootkey.open([one, other], [Passphrase(words)]) == ROOT
        assert rootkey.open([other, one], [Passphrase(b"some other words"), Passphrase(words)]) == ROOT


def test_a_damaged_slot_does_not_keep_another_from_opening() -> None:
    damaged = [
        Slot.read(1, "passphrase", "no JSON", b""),
        Slot.read(2, "passphrase", "[" * 1000, b"\x01\x01" + bytes(108)),
        Slot.read(3, "passphrase", '{"salt": 1}', b"\x01\x01" + bytes(108)),
        Slot(0, "passphrase", {}, bytes(110)),
        Slot(4, "another kind", {}, bytes(110)),
    ]
    assert rootkey.open([*damaged, with_passphrase(number=9)], [Passphrase(WORDS)]) == ROOT


def test_a_slot_survives_the_store() -> None:
    slot = with_passphrase()
    read = Slot.read(slot.number, slot.kind, slot.parameters_text, slot.wrapped)
    assert read == slot
    assert rootkey.open([read], [Passphrase(WORDS)]) == ROOT


def test_a_new_root_key_is_32_random_bytes() -> None:
    assert rootkey.new(lambda length: bytes(range(length))) == bytes(range(32))
    assert rootkey.new(os.urandom) != rootkey.new(os.urandom)


@settings(max_examples=5)
@given(st.binary(min_size=32, max_size=32), st.integers(1, slots.NUMBER_MAX))
def test_no_bit_of_a_slot_can_be_flipped(secret: bytes, number: int) -> None:
    told = Told(secret)
    slot = rootkey.create(ROOT, told, number, os.urandom)
    for bit in range(8 * len(slot.wrapped)):
        flipped = bytearray(slot.wrapped)
        flipped[bit // 8] ^= 1 << bit % 8
        assert "altered" in why([replace(slot, wrapped=bytes(flipped))], told) or bit < 16


def test_a_slot_that_does_not_open_again_is_never_handed_out() -> None:
    class Forgetful(Told):
        def secret(self, parameters: Parameters) -> bytes:
            return os.urandom(32)

    with pytest.raises(RootKeyClosed):
        rootkey.create(ROOT, Forgetful(bytes(32)), 1, os.urandom)


@pytest.mark.parametrize(("root", "number"), [(bytes(31), 1), (ROOT, 0), (ROOT, 1 << 32)])
def test_a_root_key_or_number_out_of_bounds_makes_no_slot(root: bytes, number: int) -> None:
    with pytest.raises(ValueError, match=r"32 bytes|numbered"):
        rootkey.create(root, Told(bytes(32)), number, os.urandom)


# --- what the error says ----------------------------------------------------------------------------------------------


def test_the_error_names_each_slot_and_what_was_missing() -> None:
    custodian_file = Slot(2, "file", {"file": "00" * 8}, b"\x01\x01" + bytes(108))
    said = why([with_passphrase(), custodian_file], Passphrase(b"wrong words here"))
    assert "slot 1 (passphrase): what was given does not open it: it is the wrong one, or the row was altered" in said
    assert "slot 2 (file): no custodian file was given" in said


def test_the_error_names_a_custodian_that_no_slot_knows() -> None:
    assert "a custodian of kind passphrase was given, but no slot is of that kind" in why(
        [Slot(1, "file", {}, bytes(110))], Passphrase(WORDS)
    )


def test_the_error_quotes_an_unknown_kind_shortened_and_without_control_characters() -> None:
    said = why([Slot(1, "\x1b[31m" + "x" * 1000, {}, bytes(110))], Passphrase(WORDS))
    assert "\x1b" not in said
    assert len(said) < 300


def test_no_slots_at_all_is_said_so() -> None:
    assert "the store was not set up" in why([], Passphrase(WORDS))


def test_nothing_shown_holds_a_secret() -> None:
    secret = os.urandom(32)
    slot = rootkey.create(ROOT, Told(secret), 1, os.urandom)
    shown = (
        repr(slot)
        + repr(Passphrase(WORDS))
        + str(Passphrase(WORDS))
        + why([with_passphrase()], Passphrase(b"wrong words"))
    )
    for hidden in (ROOT, secret, slot.wrapped):
        assert hidden.hex()[:10] not in shown
        assert repr(hidden)[2:12] not in shown
    assert "horse" not in shown
    assert "wrong words" not in shown


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_passphrase_is_not_pickled_or_copied(act: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="not pickled or copied"):
        act(Passphrase(WORDS))


# --- hostile rows -----------------------------------------------------------------------------------------------------

GOOD: dict[str, Any] = {"salt": "00" * 16, "memory": 64, "iterations": 1, "lanes": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"memory": 1 << 21}, {"memory": (1 << 20) + 1}, {"memory": 7}, {"memory": -1}, {"memory": True},
        {"memory": "64"}, {"memory": 64.0}, {"memory": None}, {"memory": 1 << 20, "iterations": 5},
        {"iterations": 0}, {"iterations": 17}, {"iterations": True}, {"lanes": True}, {"iterations": 1 << 40},
        {"lanes": 0}, {"lanes": 17, "memory": 1024}, {"lanes": 9}, {"salt": ""}, {"salt": "00" * 15},
        {"salt": "00" * 17}, {"salt": "AA" * 16}, {"salt": "zz" * 16}, {"salt": 0}, {"salt": "00" * 16 + "\n"},
        {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_hostile_row_takes_no_memory_and_no_time(change: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def never(**options: Any) -> None:
        pytest.fail(f"Argon2id was started with {options}")

    monkeypatch.setattr(passphrase, "Argon2id", never)
    with pytest.raises(CustodianRefused, match="the row was altered"):
        Passphrase(WORDS).secret({**GOOD, **change})


@pytest.mark.parametrize("missing", GOOD)
def test_a_row_without_one_of_the_parameters_is_refused(missing: str) -> None:
    with pytest.raises(CustodianRefused, match="the row was altered"):
        Passphrase(WORDS).secret({name: value for name, value in GOOD.items() if name != missing})


def test_more_slots_than_are_allowed_are_not_even_tried() -> None:
    asked = []

    class Counting(Told):
        def secret(self, parameters: Parameters) -> bytes:
            asked.append(1)
            raise CustodianRefused("no")

    slot = Slot(1, "file", {}, b"\x01\x01" + bytes(108))
    assert "more than the 16" in why([slot] * 17, Counting(bytes(32)))
    assert asked == []
    why([slot] * 16, Counting(bytes(32)))
    assert len(asked) == 16


def test_too_little_memory_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**options: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(passphrase, "Argon2id", full)
    with pytest.raises(CustodianRefused, match="needs 64 MiB of memory"):
        Passphrase(WORDS).secret({**GOOD, "memory": 65536})


# --- passphrases ------------------------------------------------------------------------------------------------------


def test_the_default_cost_is_the_second_that_rfc_9106_recommends() -> None:
    assert Cost() == Cost(memory=1 << 16, iterations=3, lanes=4)
    parameters, secret = Passphrase(WORDS).enrol(os.urandom)
    assert {name: parameters[name] for name in ("memory", "iterations", "lanes")} == {
        "memory": 65536, "iterations": 3, "lanes": 4,
    }  # fmt: skip
    assert secret == stranger.passphrase_secret(WORDS, parameters)


def test_each_slot_has_a_salt_of_its_own() -> None:
    one, other = with_passphrase(), with_passphrase()
    assert one.parameters["salt"] != other.parameters["salt"]
    assert one.wrapped != other.wrapped


@pytest.mark.parametrize("words", [b"", b"elevenbytes", bytes(1025)])
def test_a_passphrase_of_a_wrong_length_is_not_taken(words: bytes) -> None:
    with pytest.raises(CustodianRefused, match="12 to 1024"):
        Passphrase(words, CHEAP).enrol(os.urandom)


@pytest.mark.parametrize("words", [b"", bytes(1025)])
def test_a_passphrase_that_cannot_be_right_is_not_tried(words: bytes) -> None:
    with pytest.raises(CustodianRefused, match="at most 1024"):
        Passphrase(words).secret(GOOD)


@pytest.mark.parametrize("words", [WORDS + b"\n", WORDS.upper(), WORDS + b" ", WORDS[:-1]])
def test_a_passphrase_is_its_bytes_exactly(words: bytes) -> None:
    assert "wrong one" in why([with_passphrase()], Passphrase(words))


def test_cheaper_parameters_put_into_the_row_do_not_open_it() -> None:
    slot = rootkey.create(ROOT, Passphrase(WORDS, Cost(memory=128, iterations=2, lanes=1)), 1, os.urandom)
    for change in ({"memory": 64}, {"iterations": 1}):
        assert "altered" in why([replace(slot, parameters={**slot.parameters, **change})], Passphrase(WORDS))
