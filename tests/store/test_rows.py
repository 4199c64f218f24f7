"""Contract: what is put comes back equal, and is found by every name it has."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keystead.domain import holdings
from keystead.domain.key import Key, KeyState
from keystead.store import rows
from keystead.store.identities import StoredAccessKey
from keystead.store.interface import (
    DomainKeyRow,
    KeyName,
    SlotRow,
    Store,
    StoreConflict,
    Transaction,
)
from tests.store import examples
from tests.store.databases import Database
from tests.store.examples import ACCESS_KEY_ID, ACCOUNT, KEY_ID, REGION, USER

any_rows = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@any_rows
@given(key=examples.keys)
def test_every_key_comes_back_equal(store: Store, key: Key) -> None:
    def put(t: Transaction) -> None:
        for name in t.key_ids(ACCOUNT, key.region, None, 10):
            t.delete_key(ACCOUNT, key.region, name)
        other = t.key_by_ref(key.region, key.ref)
        if other is not None:
            t.delete_key(other.account, other.region, other.key_id)
        t.put_key(key)

    store.transact(put)
    assert store.read(lambda r: r.key(ACCOUNT, key.region, key.key_id)) == key
    assert store.read(lambda r: r.key_by_ref(key.region, key.ref)) == key


@any_rows
@given(row=examples.access_keys)
def test_every_access_key_comes_back_equal(store: Store, row: StoredAccessKey) -> None:
    def put(t: Transaction) -> None:
        examples.put_identities(t)
        t.put_access_key(row)

    store.transact(put)
    assert store.read(lambda r: r.access_key(row.access_key_id)) == row


columns = st.lists(
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(), max_size=6
)


@given(table=st.text(), values=columns)
def test_the_mac_input_of_a_row_can_be_read_back_so_no_two_rows_share_one(table: str, values: list[object]) -> None:
    inputs: list[bytes] = []

    def keep(data: bytes) -> bytes:
        inputs.append(data)
        return b""

    rows.Seal(keep).mac(table, tuple(values))
    label, back_table, *back = msgspec.msgpack.decode(inputs[-1])
    assert (label, back_table) == ("keystead row 1", table)
    assert [(type(one), one) for one in back] == [(type(one), one) for one in values]


def test_a_key_is_replaced_with_all_its_tags(store: Store) -> None:
    store.transact(lambda t: t.put_key(examples.key()))
    after = examples.key(state=KeyState.DISABLED, tags=(("only", "one"),), policy="{}")
    store.transact(lambda t: t.put_key(after))
    assert store.read(lambda r: r.key(ACCOUNT, REGION, KEY_ID)) == after
    assert store.read(lambda r: r.count_keys(ACCOUNT, REGION)) == 1


def test_aws_managed_keys_do_not_count_and_kinds_of_keys_are_told_apart(store: Store) -> None:
    def put(t: Transaction) -> None:
        t.put_key(examples.key())
        t.put_key(examples.key("b", manager="AWS"))
        t.put_key(examples.key("c", origin="EXTERNAL"))
        t.put_key(examples.key("d", origin="EXTERNAL", region="us-east-1", primary_region="us-east-1"))

    store.transact(lambda t: (examples.put_all(t), put(t)))
    assert store.read(lambda r: r.count_keys(ACCOUNT, REGION)) == 2
    assert store.read(lambda r: r.count_keys(ACCOUNT, "us-east-1")) == 1
    assert store.read(lambda r: r.kinds()) == [
        ("AWS", "AWS_KMS", 1),
        ("CUSTOMER", "AWS_KMS", 1),
        ("CUSTOMER", "EXTERNAL", 2),
    ]


def test_nothing_is_found_under_names_that_were_not_put(store: Store) -> None:
    store.transact(examples.put_all)
    assert store.read(lambda r: r.key(ACCOUNT, "us-east-1", KEY_ID)) is None
    assert store.read(lambda r: r.key("444455556666", REGION, KEY_ID)) is None
    assert store.read(lambda r: r.key_by_ref(REGION, bytes(16))) is None
    assert store.read(lambda r: r.key_by_ref("us-east-1", examples.key().ref)) is None
    assert store.read(lambda r: r.related(bytes(16))) == []
    assert store.read(lambda r: r.material_facts(ACCOUNT, REGION, "other")) == []
    assert store.read(lambda r: r.grant(ACCOUNT, REGION, "other", examples.grant().grant_id)) is None
    sought = holdings.Sought(holdings.bits(["Decrypt"]), (holdings.demand(examples.grant()),))
    assert store.read(lambda r: r.grant_sought(ACCOUNT, REGION, KEY_ID, "AIDAX", sought, None)) is None
    assert store.read(lambda r: r.grant_sought(ACCOUNT, REGION, KEY_ID, examples.USER_ID, sought, "nobody")) is None
    assert store.read(lambda r: r.grant_shapes(ACCOUNT, REGION, KEY_ID, "AIDAX", 9)) == []
    assert store.read(lambda r: r.has_grants(ACCOUNT, REGION, "other")) is False
    assert store.read(lambda r: r.last_use(ACCOUNT, REGION, "other")) is None
    assert store.read(lambda r: r.alias(ACCOUNT, REGION, "alias/Payroll")) is None
    assert store.read(lambda r: r.wrap_key(ACCOUNT, "us-east-1", KEY_ID)) is None
    assert store.read(lambda r: r.materials(ACCOUNT, REGION, "other")) == []
    assert store.read(lambda r: r.account_key("444455556666")) is None
    assert store.read(lambda r: r.identity(USER + "x")) is None
    assert store.read(lambda r: r.identity_with_id(examples.USER_ID + "x")) is None
    assert store.read(lambda r: r.user(ACCOUNT, "nobody")) is None
    assert store.read(lambda r: r.user("444455556666", "alice")) is None
    assert store.read(lambda r: r.role(ACCOUNT, "alice")) is None
    assert store.read(lambda r: r.group(ACCOUNT, "nobodies")) is None
    assert store.read(lambda r: r.managed_policy(examples.OF_AWS)) is None
    assert store.read(lambda r: r.access_keys(examples.ROLE_ID)) == []
    assert store.read(lambda r: r.credential_use("AKIA")) is None
    assert store.read(lambda r: r.access_key("AKIA")) is None
    assert store.read(lambda r: r.meta("x")) is None


def test_sealed_rows_come_back_equal_and_are_replaced(store: Store) -> None:
    def put(t: Transaction) -> None:
        examples.put_all(t)
        t.put_material(examples.material(version=2))
        t.put_slot(SlotRow(2, "passphrase", '{"lanes":4}', b"second"))
        t.put_slot(SlotRow(1, "file", "{}", b"first"))
        t.put_domain_key(DomainKeyRow(1, b"old domain", 1.0, 2.0))
        t.put_domain_key(DomainKeyRow(2, b"new domain", 2.0))
        t.put_meta("instance", b"\x00\xff")

    store.transact(put)
    assert store.read(lambda r: r.wrap_key(ACCOUNT, REGION, KEY_ID)) == examples.wrap_key()
    assert store.read(lambda r: r.materials(ACCOUNT, REGION, KEY_ID)) == [
        examples.material(),
        examples.material(version=2),
    ]
    assert store.read(lambda r: r.account_key(ACCOUNT)) == examples.scramble(f"account key of {ACCOUNT}", 92)
    assert store.read(lambda r: r.accounts()) == [ACCOUNT]
    assert store.read(lambda r: r.slots()) == [
        (1, "file", "{}", b"first"),
        (2, "passphrase", '{"lanes":4}', b"second"),
    ]
    assert store.read(lambda r: r.domain_keys()) == [(1, b"old domain", 1.0, 2.0), (2, b"new domain", 2.0, None)]
    assert store.read(lambda r: r.meta("instance")) == b"\x00\xff"

    def replace(t: Transaction) -> None:
        t.put_slot(SlotRow(1, "file", "{}", b"1st"))
        t.delete_slot(2)
        t.put_domain_key(DomainKeyRow(1, b"old domain, wrapped anew", 1.0, 2.0))
        t.put_meta("instance", b"x")
        t.put_account(ACCOUNT, "renamed", b"new key", 1.0)
        t.delete_access_key(ACCESS_KEY_ID)
        t.delete_access_key(ACCESS_KEY_ID)

    store.transact(replace)
    assert store.read(lambda r: r.slots()) == [(1, "file", "{}", b"1st")]
    assert [row.wrapped for row in store.read(lambda r: r.domain_keys())] == [
        b"old domain, wrapped anew",
        b"new domain",
    ]
    assert store.read(lambda r: r.meta("instance")) == b"x"
    assert store.read(lambda r: r.account_key(ACCOUNT)) == b"new key"
    assert store.read(lambda r: r.access_key(ACCESS_KEY_ID)) is None


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from("abcde"), st.none() | st.integers(1, 4)), max_size=30))
def test_sealed_bytes_of_different_keys_never_mix_whatever_is_put_and_deleted(
    store: Store, steps: list[tuple[str, int | None]]
) -> None:
    expected: dict[str, bytes] = {}

    def play(t: Transaction) -> None:
        for name in "abcde":
            t.delete_key(ACCOUNT, REGION, name)
        for number, (name, size) in enumerate(steps):
            if size is None:
                t.delete_key(ACCOUNT, REGION, name)
                expected.pop(name, None)
            else:
                row = examples.wrap_key(name)
                expected[name] = examples.scramble(f"{name} {number}", size * 8)
                t.put_key(examples.key(name))
                t.put_wrap_key(type(row)(ACCOUNT, REGION, name, expected[name]))

    store.transact(play)
    found = {name: store.read(lambda r, name=name: r.wrap_key(ACCOUNT, REGION, name)) for name in "abcde"}
    assert {name: row.wrapped for name, row in found.items() if row is not None} == expected


# --- lists ------------------------------------------------------------------------------------------------------------


def test_lists_come_in_order_in_pages_and_only_of_what_was_asked(store: Store) -> None:
    names = [f"{number:02}" for number in range(12)]

    def put(t: Transaction) -> None:
        t.put_account("444455556666", "other", b"k", 1.0)
        t.put_key(examples.key("zz", account="444455556666", ref=b"r" * 16))
        t.put_key(examples.key("zz", region="us-east-1", ref=b"s" * 16))
        for name in reversed(names):
            t.put_key(examples.key(name))
            t.put_alias(examples.alias(f"alias/{name}", names[int(name) % 2]))

    store.transact(put)
    assert store.read(lambda r: r.key_ids(ACCOUNT, REGION, None, 100)) == names
    assert store.read(lambda r: r.key_ids(ACCOUNT, REGION, None, 5)) == names[:5]
    assert store.read(lambda r: r.key_ids(ACCOUNT, REGION, "04", 5)) == names[5:10]
    assert store.read(lambda r: r.key_ids(ACCOUNT, REGION, "11", 5)) == []
    assert store.read(lambda r: r.count_keys(ACCOUNT, REGION)) == 12
    everything = store.read(lambda r: r.aliases(ACCOUNT, REGION, None, None, 100))
    assert [one.name for one in everything] == [f"alias/{name}" for name in names]
    of_first = store.read(lambda r: r.aliases(ACCOUNT, REGION, "00", "alias/02", 3))
    assert [one.name for one in of_first] == ["alias/04", "alias/06", "alias/08"]
    assert store.read(lambda r: r.count_aliases(ACCOUNT, REGION, "00")) == 6
    assert store.read(lambda r: r.accounts()) == ["444455556666", ACCOUNT]  # the first made first


def test_names_are_ordered_by_their_bytes(store: Store) -> None:
    names = ["B", "a", "b", "ä", "中", "😀"]
    store.transact(lambda t: [t.put_key(examples.key(name)) for name in sorted(names, reverse=True)])
    assert store.read(lambda r: r.key_ids(ACCOUNT, REGION, None, 10)) == names


def test_keys_are_due_from_their_deletion_date_on_and_only_while_pending(store: Store) -> None:
    def put(t: Transaction) -> None:
        t.put_key(examples.key("late", state=KeyState.PENDING_DELETION, deletion_date=300.0))
        t.put_key(examples.key("now", state=KeyState.PENDING_DELETION, deletion_date=200.0))
        t.put_key(examples.key("early", state=KeyState.PENDING_DELETION, deletion_date=100.0))
        t.put_key(examples.key("cancelled", state=KeyState.DISABLED, deletion_date=100.0))
        t.put_key(examples.key("never", state=KeyState.PENDING_DELETION))

    store.transact(put)
    early, now = KeyName(ACCOUNT, REGION, "early"), KeyName(ACCOUNT, REGION, "now")
    assert store.read(lambda r: r.due_for_deletion(200.0, 10)) == [early, now]
    assert store.read(lambda r: r.due_for_deletion(200.0, 1)) == [early]
    assert store.read(lambda r: r.due_for_deletion(99.9, 10)) == []


def test_keys_are_due_for_rotation_while_they_are_enabled_and_no_replica(store: Store) -> None:
    def put(t: Transaction) -> None:
        t.put_key(examples.key("late", next_rotation=300.0))
        t.put_key(examples.key("now", next_rotation=200.0, primary_region=None))
        t.put_key(examples.key("early", next_rotation=100.0))
        t.put_key(examples.key("disabled", next_rotation=100.0, state=KeyState.DISABLED))
        t.put_key(examples.key("replica", next_rotation=100.0, primary_region="us-east-1"))
        t.put_key(examples.key("off", next_rotation=None))

    store.transact(put)
    early, now = KeyName(ACCOUNT, REGION, "early"), KeyName(ACCOUNT, REGION, "now")
    assert store.read(lambda r: r.due_for_rotation(200.0, 10)) == [early, now]
    assert store.read(lambda r: r.due_for_rotation(200.0, 1)) == [early]
    assert store.read(lambda r: r.due_for_rotation(99.9, 10)) == []


def test_keys_are_due_for_expiry_from_their_valid_to_on_in_any_state(store: Store) -> None:
    def put(t: Transaction) -> None:
        t.put_key(examples.key("late", valid_to=300.0))
        t.put_key(examples.key("now", valid_to=200.0, state=KeyState.PENDING_DELETION))
        t.put_key(examples.key("early", valid_to=100.0, state=KeyState.DISABLED))
        t.put_key(examples.key("never", valid_to=None))

    store.transact(put)
    early, now = KeyName(ACCOUNT, REGION, "early"), KeyName(ACCOUNT, REGION, "now")
    assert store.read(lambda r: r.due_for_expiry(200.0, 10)) == [early, now]
    assert store.read(lambda r: r.due_for_expiry(200.0, 1)) == [early]
    assert store.read(lambda r: r.due_for_expiry(99.9, 10)) == []


# --- deletion and conflicts --------------------------------------------------------------------------------------------


def test_a_deleted_key_takes_all_that_is_its_own_along_and_nothing_else(store: Store) -> None:
    def put(t: Transaction) -> None:
        examples.put_all(t)
        t.put_key(examples.key("other"))
        t.put_alias(examples.alias("alias/other", "other"))
        t.put_wrap_key(examples.wrap_key("other"))
        t.put_material(examples.material("other"))
        t.put_material_fact(examples.material_fact("other"))
        t.put_grant(examples.grant(key_id="other"))
        t.put_last_use(examples.last_use(key_id="other"))

    store.transact(put)
    store.transact(lambda t: t.delete_key(ACCOUNT, REGION, KEY_ID))
    assert store.read(lambda r: r.key(ACCOUNT, REGION, KEY_ID)) is None
    assert store.read(lambda r: r.key_by_ref(REGION, examples.key().ref)) is None
    assert store.read(lambda r: r.alias(ACCOUNT, REGION, "alias/payroll")) is None
    assert store.read(lambda r: r.wrap_key(ACCOUNT, REGION, KEY_ID)) is None
    assert store.read(lambda r: r.materials(ACCOUNT, REGION, KEY_ID)) == []
    assert store.read(lambda r: r.material_facts(ACCOUNT, REGION, KEY_ID)) == []
    assert store.read(lambda r: r.grants(ACCOUNT, REGION, KEY_ID, None, 10)) == []
    assert store.read(lambda r: r.last_use(ACCOUNT, REGION, KEY_ID)) is None
    assert store.read(lambda r: r.material_facts(ACCOUNT, REGION, "other")) == [examples.material_fact("other")]
    assert store.read(lambda r: r.retirable(REGION, examples.grant().retiring or "", None, 10)) == [
        examples.grant(key_id="other")
    ]
    assert store.read(lambda r: r.last_use(ACCOUNT, REGION, "other")) == examples.last_use(key_id="other")
    assert store.read(lambda r: r.key(ACCOUNT, REGION, "other")) == examples.key("other")
    assert store.read(lambda r: r.alias(ACCOUNT, REGION, "alias/other")) == examples.alias("alias/other", "other")
    assert store.read(lambda r: r.wrap_key(ACCOUNT, REGION, "other")) == examples.wrap_key("other")
    assert store.read(lambda r: r.materials(ACCOUNT, REGION, "other")) == [examples.material("other")]
    store.transact(lambda t: t.delete_key(ACCOUNT, REGION, KEY_ID))


@pytest.mark.parametrize(
    "put",
    [
        pytest.param(lambda t: t.put_key(examples.key("new", ref=examples.key().ref)), id="a ref used twice"),
        pytest.param(lambda t: t.put_key(examples.key("new", account="999999999999")), id="a key without account"),
        pytest.param(lambda t: t.put_alias(examples.alias("alias/new", "no key")), id="an alias without key"),
        pytest.param(lambda t: t.put_wrap_key(examples.wrap_key("no key")), id="a wrap key without key"),
        pytest.param(lambda t: t.put_material(examples.material("no key")), id="material without key"),
        pytest.param(lambda t: t.put_material_fact(examples.material_fact("no key")), id="a fact without key"),
        pytest.param(lambda t: t.put_material_fact(examples.material_fact(material_id="x")), id="a version used twice"),
        pytest.param(lambda t: t.put_grant(examples.grant(key_id="no key")), id="a grant without key"),
        pytest.param(lambda t: t.put_access_key(examples.access_key("AKIA", "nobody")), id="an access key of nobody"),
        pytest.param(lambda t: t.put_outbox("event", b"again"), id="an event put twice"),
    ],
)
def test_rows_that_contradict_others_are_refused_and_nothing_is_written(
    database: Database, store: Store, put: object
) -> None:
    store.transact(lambda t: (examples.put_all(t), t.put_outbox("event", b"once")))

    def transaction(t: Transaction) -> None:
        t.put_meta("written", b"yes")
        put(t)  # type: ignore[operator]

    with pytest.raises(StoreConflict):
        store.transact(transaction)
    assert store.read(lambda r: r.meta("written")) is None
    assert database.open().read(lambda r: r.meta("written")) is None
    store.transact(lambda t: t.put_meta("written", b"later"))


def test_rows_of_one_transaction_come_in_any_order(store: Store) -> None:
    def backwards(t: Transaction) -> None:
        t.put_access_key(examples.access_key())
        examples.put_identities(t)
        t.put_alias(examples.alias())
        t.put_material(examples.material())
        t.put_wrap_key(examples.wrap_key())
        t.put_key(examples.key())

    store.transact(backwards)
    assert store.read(lambda r: r.alias(ACCOUNT, REGION, "alias/payroll")) == examples.alias()


def test_no_representation_of_a_row_shows_sealed_bytes() -> None:
    values = (
        SlotRow(1, "file", "{}", b"SEALED"),
        DomainKeyRow(1, b"SEALED", 1.0),
        StoredAccessKey("AKIA", examples.USER_ID, b"SEALED", True, 1.0),
    )
    assert not [one for one in values if "SEALED" in repr(one)]
