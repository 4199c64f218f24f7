"""The key hierarchy: what is wrapped opens in its own place under its own root, and nowhere else."""

from __future__ import annotations

import copy
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

from keystead.crypto import wrapping
from keystead.crypto.derivation import derive
from keystead.crypto.hierarchy import BRANCHES, Hierarchy, NotAuthentic
from keystead.crypto.wrapping import Place
from keystead.domain.key import WrappedKey, WrappedMaterial

ACCOUNT, REGION, KEY_ID = "111122223333", "eu-central-1", "1234abcd-12ab-34cd-56ef-1234567890ab"
VECTORS = load("keys-v1.json")
ROOT = bytes.fromhex(VECTORS["root"])


class House:
    """A hierarchy with one account, one key and one material, as a store would hold them."""

    def __init__(
        self, root: bytes | None = None, account: str = ACCOUNT, region: str = REGION, key: str = KEY_ID
    ) -> None:
        self.root = root or os.urandom(32)
        version, wrapped = Hierarchy(self.root, {}, 0).new_domain(os.urandom)
        self.domains = {version: wrapped}
        self.hierarchy = Hierarchy(self.root, self.domains, version)
        self.account_key = self.hierarchy.new_account_key(account, os.urandom)
        wrap_key = self.hierarchy.new_wrap_key(account, region, key, self.account_key, os.urandom)
        self.wrap_key = WrappedKey(account, region, key, wrap_key)
        self.material = os.urandom(32)
        row = WrappedMaterial(account, region, key, "ab" * 32, 1, "SYMMETRIC_DEFAULT", b"", 0.0)
        self.row = self.hierarchy.wrap_material(row, self.material, self.wrap_key, self.account_key, os.urandom)

    def unwrap(self) -> bytes:
        return self.hierarchy.unwrap_material(self.row, self.wrap_key, self.account_key)


# --- vectors ----------------------------------------------------------------------------------------------------------


def test_branches_are_those_of_the_vectors() -> None:
    assert {name: derive(ROOT, label, b"", 32).hex() for name, label in BRANCHES.items()} == VECTORS["branches"]
    assert len(set(VECTORS["branches"].values())) == 6


def test_wrapped_rows_are_those_of_the_vectors() -> None:
    for vector in VECTORS["wrapped"]:
        key, drawn, content, wrapped = (
            bytes.fromhex(vector[part]) for part in ("key", "random", "plaintext", "wrapped")
        )
        place = Place(**vector["place"])
        assert wrapping.wrap(key, place, content, gives(drawn), parent=vector["parent"]) == wrapped
        assert wrapping.unwrap(key, place, wrapped) == content
        assert stranger.unwrap(key, wrapped, **vector["place"]) == content


def rows_that_open(unwrap: Callable[[bytes, Place, bytes], bytes]) -> list[str]:
    """Names of the wrapped rows that must be refused and are not."""
    opened = []
    for vector in VECTORS["refused"]["wrapped"]:
        try:
            unwrap(bytes.fromhex(vector["key"]), Place(**vector["place"]), bytes.fromhex(vector["wrapped"]))
        except (NotAuthentic, stranger.Refused):
            continue
        opened.append(vector["name"])
    return opened


def test_rows_that_were_altered_or_moved_do_not_open() -> None:
    assert rows_that_open(wrapping.unwrap) == []
    assert rows_that_open(lambda key, place, wrapped: stranger.unwrap(key, wrapped, **place._asdict())) == []


FORGOTTEN = {
    "table": "another table",
    "account": "another account",
    "region": "another region",
    "key_id": "another key",
    "material_id": "another material id",
    "spec": "another spec",
    "version": "another version",
}


@pytest.mark.parametrize("forgotten", FORGOTTEN)
def test_the_vectors_notice_a_part_of_the_place_that_is_not_authenticated(
    forgotten: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, original = wrapping._additional, Place(**VECTORS["wrapped"][-1]["place"])

    def careless(front: bytes, place: Place) -> bytes:
        return right(front, place._replace(**{forgotten: getattr(original, forgotten)}))

    monkeypatch.setattr(wrapping, "_additional", careless)
    assert rows_that_open(wrapping.unwrap) == [FORGOTTEN[forgotten]]


def test_the_vectors_notice_a_place_that_is_joined_without_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = VECTORS["wrapped"][-1]
    place, key = Place(**vector["place"]), bytes.fromhex(vector["key"])

    def joined(front: bytes, place: Place) -> bytes:
        return front + "".join(str(part) for part in place).encode()

    monkeypatch.setattr(wrapping, "_additional", joined)
    wrapped = wrapping.wrap(key, place, b"x", os.urandom)
    assert wrapping.unwrap(key, place._replace(account=ACCOUNT + "e", region=REGION[1:]), wrapped) == b"x"


def test_the_row_mac_and_the_audit_key_are_those_of_the_vectors() -> None:
    hierarchy = Hierarchy(ROOT, {}, 0)
    assert hierarchy.row_mac(bytes.fromhex(VECTORS["row_mac"]["row"])).hex() == VECTORS["row_mac"]["mac"]
    segment = bytes.fromhex(VECTORS["audit_key"]["segment"])
    assert hierarchy.audit_key(segment).hex() == VECTORS["audit_key"]["key"]


# --- the hierarchy itself ---------------------------------------------------------------------------------------------


def test_material_comes_back_through_the_whole_hierarchy() -> None:
    house = House()
    assert house.unwrap() == house.material
    assert Hierarchy(house.root, house.domains, 1).unwrap_material(house.row, house.wrap_key, house.account_key)


def test_wrapping_is_what_the_format_says_all_the_way_down() -> None:
    house = House(ROOT)
    domain = stranger.unwrap(stranger.branch(ROOT, "domain-keys"), house.domains[1], table="domain_keys", version=1)
    account_key = stranger.unwrap(domain, house.account_key, table="account_keys", account=ACCOUNT)
    place: dict[str, str] = {"account": ACCOUNT, "region": REGION, "key_id": KEY_ID}
    wrap_key = stranger.unwrap(account_key, house.wrap_key.wrapped, table="wrap_keys", **place)
    opened = stranger.unwrap(
        wrap_key,
        house.row.wrapped,
        table="materials",
        material_id="ab" * 32,
        spec="SYMMETRIC_DEFAULT",
        version=1,
        **place,
    )
    assert opened == house.material
    assert len({domain, account_key, wrap_key, opened}) == 4


CHANGES: dict[str, Any] = {
    "account": "444455556666",
    "region": "eu-west-1",
    "key_id": "another",
    "material_id": "cd" * 32,
    "version": 2,
    "spec": "HMAC_256",
}


@pytest.mark.parametrize("part", CHANGES)
def test_material_whose_row_says_something_else_does_not_open(part: str) -> None:
    house = House()
    house.row = replace(house.row, **{part: CHANGES[part]})
    with pytest.raises(NotAuthentic, match=r"materials .* does not open"):
        house.unwrap()


@pytest.mark.parametrize("part", ["account", "region", "key_id"])
def test_a_wrap_key_whose_row_says_something_else_does_not_open(part: str) -> None:
    house = House()
    house.wrap_key = replace(house.wrap_key, **{part: CHANGES[part]})
    with pytest.raises(NotAuthentic, match=r"(wrap|account)_keys .* does not open"):
        house.unwrap()


@pytest.mark.parametrize("part", ["account_key", "wrap_key", "row"])
@pytest.mark.parametrize(
    "other",
    [
        pytest.param({}, id="another root"),
        pytest.param({"same_root": True, "account": "444455556666"}, id="another account"),
        pytest.param({"same_root": True, "key": "another"}, id="another key"),
        pytest.param({"same_root": True, "region": "eu-west-1"}, id="another region"),
    ],
)
def test_a_row_of_another_place_does_not_open_here(part: str, other: dict[str, Any]) -> None:
    house = House()
    elsewhere = dict(other)
    if elsewhere.pop("same_root", False):
        stranger_house = House(house.root, **elsewhere)
        stranger_house.hierarchy = house.hierarchy
    else:
        stranger_house = House(**elsewhere)
    setattr(house, part, getattr(stranger_house, part))
    with pytest.raises(NotAuthentic):
        house.unwrap()


@settings(max_examples=25)
@given(st.data())
def test_no_bit_of_a_wrapped_row_can_be_flipped(data: st.DataObject) -> None:
    house = House()
    part = data.draw(st.sampled_from(["account_key", "wrap_key", "row"]))
    whole = getattr(house, part)
    wrapped = whole if isinstance(whole, bytes) else whole.wrapped
    for bit in range(8 * len(wrapped)):
        flipped = bytearray(wrapped)
        flipped[bit // 8] ^= 1 << bit % 8
        setattr(house, part, bytes(flipped) if isinstance(whole, bytes) else replace(whole, wrapped=bytes(flipped)))
        with pytest.raises(NotAuthentic):
            house.unwrap()


PARTS = st.text(max_size=4)
PLACES = st.builds(Place, PARTS, PARTS, PARTS, PARTS, PARTS, PARTS, st.integers(0, 3))


@given(PLACES, PLACES, st.integers(0, 3))
def test_a_row_opens_only_in_its_own_place(one: Place, other: Place, parent: int) -> None:
    key = bytes(32)
    wrapped = wrapping.wrap(key, one, b"content", os.urandom, parent=parent)
    assert wrapping.unwrap(key, one, wrapped) == b"content"
    assert wrapping.parent(wrapped) == parent
    if one != other:
        with pytest.raises(NotAuthentic):
            wrapping.unwrap(key, other, wrapped)


@pytest.mark.parametrize("length", [0, 65537])
def test_a_content_out_of_bounds_is_not_wrapped(length: int) -> None:
    with pytest.raises(ValueError, match="65536"):
        wrapping.wrap(bytes(32), Place("materials"), bytes(length), os.urandom)


@pytest.mark.parametrize("length", [0, 65537])
def test_a_row_with_a_content_out_of_bounds_does_not_open_even_if_its_tag_is_right(length: int) -> None:
    wrapped = stranger.wrap(bytes(32), 0, bytes(12), bytes(length), table="materials")
    with pytest.raises(NotAuthentic, match="not a wrapped key of a known version"):
        wrapping.unwrap(bytes(32), Place("materials"), wrapped)


def test_destroying_the_wrap_key_destroys_the_key() -> None:
    house = House()
    again = house.hierarchy.new_wrap_key(ACCOUNT, REGION, KEY_ID, house.account_key, os.urandom)
    house.wrap_key = WrappedKey(ACCOUNT, REGION, KEY_ID, again)
    with pytest.raises(NotAuthentic):
        house.unwrap()


def test_the_root_key_of_another_store_is_refused_at_once() -> None:
    house = House()
    with pytest.raises(NotAuthentic, match="domain_keys 1 does not open"):
        Hierarchy(os.urandom(32), house.domains, 1)


def test_material_is_not_wrapped_under_the_wrap_key_of_another_key() -> None:
    house = House()
    row = replace(house.row, key_id="another")
    with pytest.raises(ValueError, match="its own key"):
        house.hierarchy.wrap_material(row, b"material", house.wrap_key, house.account_key, os.urandom)


@pytest.mark.parametrize(("domains", "current"), [({}, 1), ({1}, 0), ({1}, 2)])
def test_the_current_domain_key_must_be_one_of_those_given(domains: set[int], current: int) -> None:
    house = House()
    with pytest.raises(ValueError, match="not among"):
        Hierarchy(house.root, dict.fromkeys(domains, house.domains[1]), current)


def test_a_root_key_of_another_length_is_no_root_key() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Hierarchy(bytes(16), {}, 0)


def test_without_a_domain_key_no_account_key_is_made() -> None:
    with pytest.raises(ValueError, match="no domain key"):
        Hierarchy(bytes(32), {}, 0).new_account_key(ACCOUNT, os.urandom)


# --- new domain keys --------------------------------------------------------------------------------------------------


def test_a_new_domain_key_takes_over_and_the_old_one_can_go() -> None:
    house = House()
    version, wrapped = house.hierarchy.new_domain(os.urandom)
    both = Hierarchy(house.root, {**house.domains, version: wrapped}, version)
    moved = both.rewrap_account_key(ACCOUNT, house.account_key, os.urandom)
    assert (wrapping.parent(house.account_key), wrapping.parent(moved)) == (1, 2)

    only_new = Hierarchy(house.root, {version: wrapped}, version)
    assert only_new.unwrap_material(house.row, house.wrap_key, moved) == house.material
    with pytest.raises(NotAuthentic, match="names domain key 1, which is not kept"):
        only_new.unwrap_material(house.row, house.wrap_key, house.account_key)


def test_an_account_key_cannot_be_passed_off_as_wrapped_under_another_domain_key() -> None:
    house = House()
    version, wrapped = house.hierarchy.new_domain(os.urandom)
    both = Hierarchy(house.root, {**house.domains, version: wrapped}, version)
    claimed = house.account_key[:2] + version.to_bytes(4, "big") + house.account_key[6:]
    with pytest.raises(NotAuthentic):
        both.rewrap_account_key(ACCOUNT, claimed, os.urandom)


def test_two_domain_keys_cannot_be_exchanged() -> None:
    house = House()
    version, wrapped = house.hierarchy.new_domain(os.urandom)
    with pytest.raises(NotAuthentic):
        Hierarchy(house.root, {version: house.domains[1], 1: wrapped}, 1)


# --- row MACs and audit keys --------------------------------------------------------------------------------------------


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_row_macs_of_different_rows_differ(one: bytes, other: bytes) -> None:
    hierarchy = Hierarchy(ROOT, {}, 0)
    assert (hierarchy.row_mac(one) == hierarchy.row_mac(other)) == (one == other)
    assert hierarchy.row_mac(one) == stranger.row_mac(ROOT, one)
    assert hierarchy.row_mac(one) != Hierarchy(bytes(32), {}, 0).row_mac(one)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_each_audit_segment_has_a_key_of_its_own(one: bytes, other: bytes) -> None:
    hierarchy = Hierarchy(ROOT, {}, 0)
    assert (hierarchy.audit_key(one) == hierarchy.audit_key(other)) == (one == other)


# --- what it shows ----------------------------------------------------------------------------------------------------


def test_nothing_shown_holds_a_key() -> None:
    house = House()
    shown = repr(house.hierarchy) + repr(house.row) + repr(house.wrap_key)
    with pytest.raises(NotAuthentic) as refused:
        house.hierarchy.unwrap_material(replace(house.row, version=7), house.wrap_key, house.account_key)
    shown += repr(refused.value)
    for secret in (house.root, house.material, house.row.wrapped, house.wrap_key.wrapped):
        assert secret.hex()[:12] not in shown
        assert repr(secret)[2:14] not in shown
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_hierarchy_is_not_pickled_or_copied(act: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="not pickled or copied"):
        act(House().hierarchy)
