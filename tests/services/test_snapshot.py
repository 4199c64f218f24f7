"""Whom an access key proves: every change of a user, role, group, policy or access key is in force at the next call of
every worker, and what did not change stays the very same object."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.domain.caller import Principal, PrincipalKind, Token
from keystead.domain.policy import document
from keystead.domain.policy.decide import Candidates
from keystead.services import change, effective
from keystead.services.epochs import Epochs
from keystead.services.facts import Answer
from keystead.services.snapshot import Snapshot
from keystead.store.interface import Transaction
from tests.services.identities import OTHER, World, allowing, group, managed, role, session, user

GET, PUT, LIST, DENY = allowing("kms:Get*"), allowing("kms:Put*"), allowing("kms:List*"), allowing("*", effect="Deny")
READERS = managed("Readers", GET)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


# --- changes are in force --------------------------------------------------------------------------------------------


def test_a_change_of_the_users_own_policies_is_in_force_at_the_next_call_in_every_worker(world: World) -> None:
    alice = user(inline=(("get", GET),))
    world.put(alice)
    world.key(alice)
    assert world.actions() == [[f"inline:get {GET}"]] * 2
    world.put(replace(alice, inline=(("get", DENY),)))
    assert world.actions() == [[f"inline:get {DENY}"]] * 2


def test_a_change_of_a_group_is_in_force_for_its_members(world: World) -> None:
    world.put(group(), user(groups=("keepers",)))
    world.key(user())
    assert world.actions() == [[]] * 2
    world.put(group(inline=(("deny", DENY),)))
    assert world.actions() == [[f"group:keepers/inline:deny {DENY}"]] * 2


def test_joining_and_leaving_a_group_is_a_change_of_the_user(world: World) -> None:
    world.put(group(inline=(("deny", DENY),)), user())
    world.key(user())
    assert world.actions() == [[]] * 2
    world.put(user(groups=("keepers",)))
    assert world.actions() == [[f"group:keepers/inline:deny {DENY}"]] * 2
    world.put(user())
    assert world.actions() == [[]] * 2


def test_a_change_of_a_managed_policy_is_in_force_wherever_it_is_attached(world: World) -> None:
    world.put(READERS, group(attached=(READERS.arn,)))
    holders = [user("a", attached=(READERS.arn,)), user("b", groups=("keepers",)), user("c", boundary=READERS.arn)]
    world.put(*holders)
    for number, holder in enumerate(holders):
        world.key(holder, f"AKIA{number}")
    worker = role(attached=(READERS.arn,))
    world.put(worker)
    token = world.token(worker, policy_arns=(READERS.arn,))

    def said(worker: int) -> list[str | None]:
        a, b, c, of_role = [
            world.credential(*asked, worker=worker) for asked in (("AKIA0",), ("AKIA1",), ("AKIA2",), ("ASIA1", token))
        ]
        assert a is not None
        assert b is not None
        assert c is not None
        assert of_role is not None
        limits = of_role.principal.session_policies or ("",)
        return [a.principal.policies[0][1], b.principal.policies[0][1], c.principal.boundary, *limits]

    assert said(0) == said(1) == [GET] * 4
    world.put(replace(READERS, versions=(READERS.versions[0]._replace(text=PUT),)))
    assert said(0) == said(1) == [PUT] * 4


def test_a_change_of_a_role_is_in_force_for_the_sessions_that_were_issued_before(world: World) -> None:
    worker = role(inline=(("get", GET),))
    world.put(worker)
    token = world.token(worker)
    assert world.actions("ASIA1", token) == [[f"inline:get {GET}"]] * 2
    world.put(replace(worker, inline=(("deny", DENY),)))
    assert world.actions("ASIA1", token) == [[f"inline:deny {DENY}"]] * 2


def test_a_change_of_the_user_behind_a_federated_one_is_in_force(world: World) -> None:
    alice = user(inline=(("get", GET),))
    world.put(alice)
    token = world.token(alice, kind=PrincipalKind.FEDERATED_USER, name="bob", policy=GET)
    assert world.actions("ASIA1", token) == [[f"inline:get {GET}"]] * 2
    world.put(replace(alice, inline=(("put", PUT),)))
    assert world.actions("ASIA1", token) == [[f"inline:put {PUT}"]] * 2


def test_an_access_key_that_is_made_inactive_or_deleted_is_so_at_the_next_call(world: World) -> None:
    world.put(user())
    world.key(user())
    for worker in (0, 1):
        found = world.credential(worker=worker)
        assert found is not None
        assert found.active
    world.key(user(), active=False)
    for worker in (0, 1):
        found = world.credential(worker=worker)
        assert found is not None
        assert not found.active
    touch = change.touch_access_key(user().account, "AKIA1")
    world.write(lambda t: t.delete_access_key("AKIA1"), touches=(touch,))
    assert [world.credential(worker=worker) for worker in (0, 1)] == [None, None]


def test_sessions_end_with_the_identity_behind_them_and_do_not_come_back_with_its_name(world: World) -> None:
    worker = role()
    world.put(worker)
    token = world.token(worker)
    assert world.credential("ASIA1", token) is not None
    world.write(lambda t: t.delete_identity(worker.unique_id), touches=(change.touch_identity(worker),))
    assert [world.credential("ASIA1", token, worker) for worker in (0, 1)] == [None, None]
    world.put(replace(worker, unique_id="AROALATER"))
    assert [world.credential("ASIA1", token, worker) for worker in (0, 1)] == [None, None]


def test_a_change_that_a_newer_version_logs_forgets_everything(world: World) -> None:
    world.put(user())
    world.key(user())
    before = world.credential()
    world.write(touches=(change.Touch("of the future", "", "", ""),))
    assert world.credential() is not before


# --- what is not changed stays ---------------------------------------------------------------------------------------


def test_a_principal_that_nothing_of_changed_is_the_same_object_with_the_same_policies(world: World) -> None:
    alice, bob, stranger = user(inline=(("get", GET),)), user("bob"), user("carol", account=OTHER)
    world.put(alice, bob, stranger)
    world.key(alice, "AKIA1")
    world.key(alice, "AKIA2")
    world.key(stranger, "AKIA3")
    first, second, foreign = world.credential("AKIA1"), world.credential("AKIA2"), world.credential("AKIA3")
    assert first is not None
    assert second is not None
    assert first.principal is second.principal, "two access keys of one user"
    policies = world.workers[0].policies(first.principal)
    world.put(replace(bob, inline=(("deny", DENY),)))
    world.key(bob, "AKIA4")
    again = world.credential("AKIA1")
    assert again is first
    assert world.workers[0].policies(again.principal) is policies
    world.put(group(inline=(("deny", DENY),)))
    assert world.credential("AKIA1") is not first, "a group of the account: everybody in it is looked up again"
    assert world.credential("AKIA3") is foreign, "and nobody else"


def test_two_sessions_of_one_name_have_each_their_own_policies(world: World) -> None:
    worker = role(inline=(("get", GET),))
    world.put(worker)
    narrow, wide = world.token(worker, "ASIA1", policy=LIST), world.token(worker, "ASIA2")
    first, second = world.credential("ASIA1", narrow), world.credential("ASIA2", wide)
    assert first is not None
    assert second is not None
    assert first.principal.arn == second.principal.arn
    snapshot = world.workers[0]
    for _ in range(2):
        assert snapshot.policies(first.principal).session is not None
        assert snapshot.policies(second.principal).session is None
    assert snapshot.policies(first.principal) is snapshot.policies(first.principal)


# --- temporary credentials -------------------------------------------------------------------------------------------


def test_a_session_has_the_secret_the_token_and_the_expiry_of_its_token(world: World) -> None:
    worker = role()
    world.put(worker)
    token = world.token(worker)
    found = world.credential("ASIA1", token)
    assert found is not None
    assert (found.secret, found.session_token, found.active) == (b"secret", token, True)
    assert found.expires == session(worker).expires
    assert world.credential("ASIA1", token) is found


def test_what_is_no_token_of_this_access_key_makes_no_credential(world: World) -> None:
    worker, stranger = role(), role(account=OTHER)
    world.put(worker)
    token = world.token(worker, "ASIA1")
    assert world.credential("ASIA1", "rubbish") is None
    assert world.credential("ASIA1") is None
    assert world.credential("ASIA2", token) is None
    world.tokens["foreign"] = Token("ASIA3", b"secret", session(stranger))
    assert world.credential("ASIA3", "foreign") is None, "the same unique id in another account"


def test_a_token_beside_a_lasting_access_key_is_not_opened(world: World) -> None:
    world.put(user(), role())
    world.key(user())
    token = world.token(role(), "AKIA1")
    found = world.credential("AKIA1", token)
    assert found is not None
    assert found.session_token is None, "whoever verifies compares the tokens"


# --- cost ------------------------------------------------------------------------------------------------------------


def test_all_users_of_a_group_cost_one_compilation_of_its_policies(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    one = document.parse_identity_policy
    monkeypatch.setattr(document, "parse_identity_policy", lambda text: compiled.append(text) or one(text))
    world.put(READERS, group(inline=(("put", PUT),), attached=(READERS.arn,)))
    users = [user(f"u{number}", groups=("keepers",)) for number in range(100)]

    def many(transaction: Transaction) -> None:
        for each in users:
            transaction.put_identity(each)

    world.write(many)
    for number, each in enumerate(users):
        world.key(each, f"AKIA{number}")
    found = [world.credential(f"AKIA{number}") for number in range(100)]
    policies = [world.workers[0].policies(each.principal) for each in found if each is not None]
    assert len(policies) == 100
    assert sorted(compiled) == sorted([GET, PUT])
    assert len({id(policy) for each in policies for _, policy in each.identity}) == 2


def test_however_many_identities_change_at_once_what_is_kept_is_searched_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = user("carol", account=OTHER)
    users = [user(f"u{number}") for number in range(50)]
    world.put(stranger, *users)
    world.key(stranger, "AKIA0")
    for number, each in enumerate(users):
        world.key(each, f"AKIA1{number}")
    names = ["AKIA0", *(f"AKIA1{number}" for number in range(50))]
    snapshot = world.workers[0]
    before = {name: world.credential(name) for name in names}
    for found in before.values():
        assert found is not None
        snapshot.policies(found.principal)
    searches: list[int] = []
    search = Snapshot._forget_principals

    def counted(self: Snapshot, changed: Callable[[Principal], bool]) -> None:
        looked: list[Principal] = []
        search(self, lambda principal: looked.append(principal) or changed(principal))  # type: ignore[func-returns-value]
        searches.append(len(looked))

    monkeypatch.setattr(Snapshot, "_forget_principals", counted)
    changed = [replace(each, inline=(("get", GET),)) for each in users[:40]]

    def many(transaction: Transaction) -> None:
        for each in changed:
            transaction.put_identity(each)

    world.write(many, touches=tuple(change.touch_identity(each) for each in changed))
    snapshot.refresh()
    assert searches == [3 * 51], "once each: access keys, principals, compiled policies"
    gone = {f"AKIA1{number}" for number in range(40)}
    assert {name for name in names if name not in snapshot._credentials.entries} == gone
    assert {name for name in names if world.credential(name) is not before[name]} == gone


KINDS = (change.PRINCIPAL, change.GROUP, change.POLICY, change.ACCESS_KEY)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 7)), max_size=6))
def test_changes_that_come_together_forget_what_they_forget_one_by_one(changes: list[tuple[str, int]]) -> None:
    holders = [user(f"u{number}", account=OTHER if number % 2 else user().account) for number in range(8)]
    touches = []
    for kind, number in changes:
        holder = holders[number]
        if kind == change.ACCESS_KEY:
            touches.append(change.touch_access_key(holder.account, f"AKIA{number}"))
        elif kind == change.PRINCIPAL:
            touches.append(change.touch_identity(holder))
        else:
            touches.append(change.Touch(kind, holder.account, "", "of all"))
    with TemporaryDirectory() as place:
        world = World(Path(place))
        world.put(*holders)
        for number, holder in enumerate(holders):
            world.key(holder, f"AKIA{number}")
        together, single = world.workers
        for snapshot in (together, single):
            snapshot.refresh()
            for number in range(8):
                found = snapshot.credential(f"AKIA{number}")
                assert found is not None
                snapshot.policies(found.principal)
        for touch in touches:
            world.write(touches=(touch,))
            single.refresh()
        together.refresh()
        left = [
            (set(one._credentials.entries), set(one._principals.entries), len(one._policies.entries))
            for one in (together, single)
        ]
        world.close()
    assert left[0] == left[1]


def test_what_is_kept_is_bounded(world: World) -> None:
    world.put(role())
    small = Snapshot(world.store.connect(), Epochs(1), lambda row: b"", world.opened, credentials=10)
    for number in range(50):
        found = small.credential(f"ASIA{number}", world.token(role(), f"ASIA{number}"))
        assert found is not None
        small.policies(found.principal)
    for kept in (small._credentials, small._policies, small._principals):
        assert 0 < len(kept.entries) <= 10
    small._store.close()


def test_answers_are_bounded_over_all_keys_and_the_first_goes_first(world: World) -> None:
    small = Snapshot(world.store.connect(), Epochs(1), lambda row: b"", answers=3)
    nobody = Principal(PrincipalKind.USER, OTHER, "", "")
    answer = Answer(nobody, effective.NO_POLICIES, Candidates(True, (), (), (), (), (), ()), None)
    for number in range(5):
        small.remember((number, 0, "kms:Encrypt"), answer)
    assert [number for number, *_ in small.answers] == [2, 3, 4]
    small._forget_everything()
    assert not small.answers
    small._store.close()


def test_a_look_up_that_is_in_memory_is_a_matter_of_microseconds(world: World) -> None:
    world.put(user(inline=(("get", GET),)))
    world.key(user())
    snapshot = world.workers[0]
    found = world.credential()
    assert found is not None
    snapshot.policies(found.principal)
    best = 1.0
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(1_000):
            snapshot.credential("AKIA1", None)
            snapshot.policies(found.principal)
        best = min(best, time.perf_counter() - begun)
    assert best < 0.01, f"{best * 1000:.1f} µs for both"
