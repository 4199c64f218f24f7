"""Contract: what hangs on a key (facts of its material, grants, its last use, its relatives) comes back as it was put."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from keystead.domain import holdings
from keystead.domain.grants import Grant
from keystead.domain.key import Material, MaterialState
from keystead.store.interface import Store, Transaction
from tests.store import examples
from tests.store.examples import ACCOUNT, KEY_ID, REGION, USER_ID

any_rows = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@any_rows
@given(material=examples.material_facts)
def test_every_fact_of_material_comes_back_equal(store: Store, material: Material) -> None:
    def put(t: Transaction) -> None:
        t.put_key(examples.key())
        for old in t.material_facts(ACCOUNT, REGION, KEY_ID):
            t.delete_material_fact(ACCOUNT, REGION, KEY_ID, old.material_id)
        t.put_material_fact(material)

    store.transact(put)
    assert store.read(lambda r: r.material_facts(ACCOUNT, REGION, KEY_ID)) == [material]


@any_rows
@given(grant=examples.grants)
def test_every_grant_comes_back_equal_whichever_way_it_is_found(store: Store, grant: Grant) -> None:
    def put(t: Transaction) -> None:
        t.put_key(examples.key())
        for old in t.grants(ACCOUNT, REGION, KEY_ID, None, 10):
            t.delete_grant(ACCOUNT, REGION, KEY_ID, old.grant_id)
        t.put_grant(grant)

    store.transact(put)
    assert store.read(lambda r: r.grant(ACCOUNT, REGION, KEY_ID, grant.grant_id)) == grant
    sought = (grant.grantee, holdings.Sought(holdings.bits(grant.operations), (holdings.demand(grant),)))
    assert store.read(lambda r: r.grant_sought(ACCOUNT, REGION, KEY_ID, *sought, None)) == grant
    assert store.read(lambda r: r.grant_sought(ACCOUNT, REGION, KEY_ID, *sought, grant.issuing_account)) == grant
    assert store.read(lambda r: r.grant_shapes(ACCOUNT, REGION, KEY_ID, grant.grantee, 9)) == [holdings.shape(grant)]
    assert store.read(lambda r: r.count_grants(ACCOUNT, REGION, KEY_ID)) == 1
    assert store.read(lambda r: r.grants_like(grant)) == ([] if grant.name is None else [grant])
    if grant.retiring is not None and grant.grant_id:
        assert store.read(lambda r: r.retirable(REGION, grant.retiring or "", None, 10)) == [grant]


def test_related_keys_share_a_ref_across_regions_and_are_found_together(store: Store) -> None:
    here, there = examples.key(), examples.key(region="us-east-1")
    store.transact(lambda t: (t.put_key(there), t.put_key(here), t.put_key(examples.key("other"))))
    assert store.read(lambda r: r.related(here.ref)) == [here, there]
    assert store.read(lambda r: r.key_by_ref("us-east-1", here.ref)) == there
    store.transact(lambda t: t.delete_key(ACCOUNT, "us-east-1", KEY_ID))
    assert store.read(lambda r: r.related(here.ref)) == [here]


def test_the_bytes_of_one_material_go_and_what_is_known_of_it_stays(store: Store) -> None:
    def put(t: Transaction) -> None:
        examples.put_all(t)
        t.put_material(examples.material(version=2))
        t.put_material_fact(examples.material_fact(version=2, state=MaterialState.NON_CURRENT))

    store.transact(put)
    first = examples.material()
    store.transact(lambda t: t.delete_material(ACCOUNT, REGION, KEY_ID, first.material_id))
    assert store.read(lambda r: r.materials(ACCOUNT, REGION, KEY_ID)) == [examples.material(version=2)]
    assert [fact.version for fact in store.read(lambda r: r.material_facts(ACCOUNT, REGION, KEY_ID))] == [1, 2]
    store.transact(lambda t: t.delete_material_fact(ACCOUNT, REGION, KEY_ID, first.material_id))
    assert [fact.version for fact in store.read(lambda r: r.material_facts(ACCOUNT, REGION, KEY_ID))] == [2]
    store.transact(lambda t: t.delete_material(ACCOUNT, REGION, KEY_ID, first.material_id))


def test_grants_are_listed_in_pages_by_grantee_by_likeness_and_by_who_may_retire_them(store: Store) -> None:
    bob = USER_ID + "2"

    def put(t: Transaction) -> None:
        t.put_account("444455556666", "other", b"k", 1.0)
        t.put_key(examples.key())
        t.put_key(examples.key(account="444455556666", ref=b"r" * 16))
        t.put_key(examples.key(region="us-east-1"))
        for number in range(6):
            grantee = (USER_ID, bob)[number % 2]
            t.put_grant(examples.grant(number, grantee=grantee, name="odd" if number % 2 else None))
        t.put_grant(examples.grant(6, account="444455556666", name="odd"))
        t.put_grant(examples.grant(7, region="us-east-1", name="odd"))
        t.put_grant(examples.grant(8, retiring=None, grantee="carol"))

    def numbers(grants: list[Grant]) -> list[int]:
        return [int(grant.grant_id, 16) for grant in grants]

    store.transact(put)
    third = examples.grant(2).grant_id
    assert numbers(store.read(lambda r: r.grants(ACCOUNT, REGION, KEY_ID, None, 3))) == [0, 1, 2]
    assert numbers(store.read(lambda r: r.grants(ACCOUNT, REGION, KEY_ID, third, 3))) == [3, 4, 5]
    assert numbers(store.read(lambda r: r.grants(ACCOUNT, REGION, KEY_ID, third, 9, USER_ID))) == [4]
    assert numbers(store.read(lambda r: r.grants_like(examples.grant(grantee=bob, name="odd")))) == [1, 3, 5]
    assert numbers(store.read(lambda r: r.grants_like(examples.grant(grantee=USER_ID, name="odd")))) == []
    assert numbers(store.read(lambda r: r.grants_like(examples.grant(grantee=USER_ID, name=None)))) == []
    retiring = examples.grant().retiring or ""
    assert numbers(store.read(lambda r: r.retirable(REGION, retiring, None, 9))) == [0, 1, 2, 3, 4, 5, 6]
    assert numbers(store.read(lambda r: r.retirable(REGION, retiring, third, 2))) == [3, 4]
    store.transact(lambda t: t.put_grant(examples.grant(8, retiring=None, grantee="dora")))  # in another's place
    assert store.read(lambda r: r.count_grants(ACCOUNT, REGION, KEY_ID)) == 7
    assert store.read(lambda r: r.grant_shapes(ACCOUNT, REGION, KEY_ID, "carol", 9)) == []
    assert store.read(lambda r: r.grant_shapes(ACCOUNT, REGION, KEY_ID, "dora", 9)) == [holdings.EXACT]
    assert store.read(lambda r: r.has_grants(ACCOUNT, REGION, KEY_ID)) is True
    store.transact(lambda t: t.delete_grant(ACCOUNT, REGION, KEY_ID, third))
    assert store.read(lambda r: r.count_grants(ACCOUNT, REGION, KEY_ID)) == 6


def test_the_last_use_is_the_latest_however_late_it_is_written_and_of_no_key_that_is_gone(store: Store) -> None:
    store.transact(examples.put_all)
    later, earlier = examples.last_use(1_700_000_020.0), examples.last_use(1_700_000_010.0)
    store.transact(lambda t: (t.put_last_use(later), t.put_last_use(earlier)))
    assert store.read(lambda r: r.last_use(ACCOUNT, REGION, KEY_ID)) == later
    store.transact(lambda t: (t.delete_key(ACCOUNT, REGION, KEY_ID), t.put_last_use(later)))
    assert store.read(lambda r: r.last_use(ACCOUNT, REGION, KEY_ID)) is None
