"""What applies to an identity is put together from all rows that it refers to, or it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from keystead.domain import awspolicies
from keystead.domain.caller import Principal, PrincipalKind
from keystead.domain.identity import Identity, PolicySource
from keystead.domain.policy.statements import Policy
from keystead.services import effective
from keystead.services.effective import Library
from keystead.services.facts import Rows
from keystead.store.interface import StoreTampered
from tests.services.identities import ACCOUNT, World, allowing, group, managed, role, session, user

GET, PUT, LIST, DENY = allowing("kms:Get*"), allowing("kms:Put*"), allowing("kms:List*"), allowing("*", effect="Deny")
LIMITS = managed("Limits", DENY)
READERS = managed("Readers", GET)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.put(LIMITS, READERS)
    yield made
    made.close()


def principal(world: World, identity: Identity) -> Principal:
    return world.store.read(lambda reader: effective.principal(reader, identity))


def edit(world: World, text: str, *values: str) -> None:
    """Change a row behind the store's back."""
    connection = apsw.Connection(str(world.path))
    connection.execute(text, values)
    connection.close()


def test_a_user_has_its_own_policies_and_those_of_its_groups_and_each_name_tells_where_it_comes_from(
    world: World,
) -> None:
    world.put(group(inline=(("deny", DENY),), attached=(LIMITS.arn,)), group("readers", attached=(READERS.arn,)))
    alice = user(
        inline=(("get", GET), ("put", PUT)),
        attached=(awspolicies.ADMINISTRATOR_ACCESS, READERS.arn),
        groups=("keepers", "readers"),
        boundary=READERS.arn,
        tags=(("team", "a"),),
    )
    world.put(alice)
    found = principal(world, alice)
    assert found.policies == (
        ("inline:get", GET),
        ("inline:put", PUT),
        (
            f"attached:{awspolicies.ADMINISTRATOR_ACCESS}",
            awspolicies.POLICIES[awspolicies.ADMINISTRATOR_ACCESS].text,
        ),
        (f"attached:{READERS.arn}", GET),
        ("group:keepers/inline:deny", DENY),
        (f"group:keepers/attached:{LIMITS.arn}", DENY),
        (f"group:readers/attached:{READERS.arn}", GET),
    )
    assert PolicySource.read(found.policies[4][0]) == PolicySource("deny", inline=True, group="keepers")
    assert PolicySource.read(found.policies[5][0]) == PolicySource(LIMITS.arn, inline=False, group="keepers")
    assert found.boundary == GET
    assert (found.kind, found.arn, found.unique_id, found.name) == (
        PrincipalKind.USER,
        alice.arn,
        alice.unique_id,
        "alice",
    )
    assert (found.tags, found.session_policies, found.session) == ((("team", "a"),), None, None)


def test_the_root_user_has_no_policies_and_no_name(world: World) -> None:
    root = world.store.read(lambda reader: reader.identity(f"arn:aws:iam::{ACCOUNT}:root"))
    assert root is not None
    found = principal(world, root)
    assert (found.kind, found.unique_id, found.name, found.policies) == (PrincipalKind.ROOT, ACCOUNT, None, ())


def test_a_managed_policy_speaks_in_its_default_version(world: World) -> None:
    second = replace(READERS, versions=(*READERS.versions, READERS.versions[0]._replace(number=2, text=PUT)), newest=2)
    world.put(second)
    alice = user(attached=(READERS.arn,))
    assert principal(world, alice).policies[0][1] == GET
    world.put(replace(second, default=2))
    assert principal(world, alice).policies[0][1] == PUT


def test_a_session_of_a_role_has_the_policies_of_the_role_and_says_who_it_is(world: World) -> None:
    worker = role(inline=(("get", GET),), tags=(("team", "a"), ("Stage", "b")))
    world.put(worker)
    token = session(worker, policy=PUT, policy_arns=(READERS.arn,), tags=(("stage", "c"),), source_identity="eve")
    found = world.store.read(lambda reader: effective.in_session(reader, principal_of(worker), token))
    assert found.kind is PrincipalKind.ASSUMED_ROLE
    assert found.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/Worker/night", "without the role's path"
    assert (found.unique_id, found.role_arn) == (f"{worker.unique_id}:night", worker.arn)
    assert found.identity_id == worker.unique_id
    assert found.policies == (("inline:get", GET),)
    assert found.session_policies == (PUT, GET)
    assert found.tags == (("team", "a"), ("stage", "c")), "the session has the last word, whatever the case"
    assert found.session is token


def principal_of(identity: Identity) -> Principal:
    """Of an identity that refers to nothing."""
    return effective.principal(None, identity)  # type: ignore[arg-type]


def test_a_session_without_policies_of_its_own_is_not_limited_but_that_of_a_federated_user_is(world: World) -> None:
    alice, root = user(), Identity.root(ACCOUNT, 1.0)
    cases = ((alice, PrincipalKind.USER), (root, PrincipalKind.ROOT), (role(), PrincipalKind.ASSUMED_ROLE))
    for identity, kind in cases:
        token = session(identity, name="", kind=kind)
        found = world.store.read(lambda reader, i=identity, t=token: effective.in_session(reader, principal_of(i), t))
        assert (found.kind, found.session_policies) == (kind, None)
    federated = session(alice, name="bob", kind=PrincipalKind.FEDERATED_USER)
    found = world.store.read(lambda reader: effective.in_session(reader, principal_of(alice), federated))
    assert (found.kind, found.session_policies) == (PrincipalKind.FEDERATED_USER, ())
    assert (found.arn, found.unique_id) == (f"arn:aws:sts::{ACCOUNT}:federated-user/bob", f"{ACCOUNT}:bob")
    assert (found.role_arn, found.identity_id) == (alice.arn, alice.unique_id)


# --- a row that is referred to and not there --------------------------------------------------------------------------


def test_a_group_that_was_taken_out_takes_no_deny_along(world: World) -> None:
    world.put(group(inline=(("deny", DENY),)))
    alice = user(inline=(("get", GET),), groups=("keepers",))
    world.put(alice)
    edit(world, "DELETE FROM user_groups")
    with pytest.raises(StoreTampered, match="user_groups"):
        principal(world, alice)


def test_a_policy_that_was_taken_out_is_missed_wherever_it_is_referred_to(world: World) -> None:
    world.put(group(attached=(LIMITS.arn,)))
    holders = [
        user(attached=(LIMITS.arn,)),
        user(boundary=LIMITS.arn),
        user(groups=("keepers",)),
        role(attached=(LIMITS.arn,)),
    ]
    for holder in holders:
        assert principal(world, holder)
    edit(world, "DELETE FROM managed_policies")
    for holder in holders:
        with pytest.raises(StoreTampered, match="managed_policies"):
            principal(world, holder)


def test_a_session_whose_managed_policy_is_gone_may_do_nothing_since_nobody_knows_what_that_denied(
    world: World,
) -> None:
    worker = role(inline=(("get", GET),))
    token = session(worker, policy=GET, policy_arns=(READERS.arn, LIMITS.arn))
    found = world.store.read(lambda reader: effective.in_session(reader, principal_of(worker), token))
    assert found.session_policies == (GET, GET, DENY)
    world.write(lambda t: t.delete_managed_policy(LIMITS.arn))
    found = world.store.read(lambda reader: effective.in_session(reader, principal_of(worker), token))
    assert found.session_policies == (awspolicies.POLICIES[awspolicies.DENY_ALL].text,)


def test_a_group_of_another_spelling_is_not_the_one_that_was_meant(world: World) -> None:
    world.put(group("Keepers"))
    with pytest.raises(StoreTampered):
        principal(world, user(groups=("keepers",)))


TAMPERED = (
    ("UPDATE identities SET inline = '[]' WHERE kind = 'User'", "identities"),
    ("UPDATE identities SET member_of = '[]' WHERE kind = 'User'", "identities"),
    ("UPDATE identities SET attached = '[]' WHERE kind = 'User'", "identities"),
    ("UPDATE identities SET boundary = NULL WHERE kind = 'User'", "identities"),
    ("UPDATE user_groups SET inline = '[]'", "user_groups"),
    ("UPDATE managed_policies SET default_version = 2 WHERE name = 'Limits'", "managed_policies"),
)


@pytest.mark.parametrize(("text", "table"), TAMPERED)
def test_a_deny_that_was_taken_out_of_its_row_refuses_the_access_key(world: World, text: str, table: str) -> None:
    world.put(group(inline=(("deny", DENY),)))
    alice = user(inline=(("deny", DENY),), attached=(LIMITS.arn,), groups=("keepers",), boundary=LIMITS.arn)
    world.put(alice)
    world.key(alice)
    edit(world, text)
    with pytest.raises(StoreTampered, match=table):
        world.credential()


# --- inside a transaction ---------------------------------------------------------------------------------------------


def test_the_second_decision_reads_what_the_rows_say_now(world: World) -> None:
    worker, alice = role(inline=(("get", GET),)), user(inline=(("get", GET),))
    world.put(worker, alice)
    token = world.token(worker, policy=PUT)
    world.key(alice)
    credentials = [world.credential("ASIA1", token), world.credential("AKIA1")]
    callers = [credential.principal for credential in credentials if credential is not None]
    world.put(replace(worker, inline=(("list", LIST),)), replace(alice, inline=(("list", LIST),)))
    for caller in callers:
        found = world.store.transact(lambda t, who=caller: effective.current(t, who))
        assert found == replace(caller, policies=(("inline:list", LIST),))
        policies = world.store.transact(lambda t, who=caller: Rows(t, frozenset()).policies(who))
        assert [name for name, _ in policies.identity] == ["inline:list"]
        assert (policies.session is None) is (caller.session is None)
    assert len(callers) == 2


def test_the_second_decision_gives_nothing_to_who_is_gone_or_came_later_under_the_same_name(world: World) -> None:
    alice = user(inline=(("get", GET),))
    caller = principal(world, alice)
    assert world.store.read(lambda reader: Rows(reader, frozenset()).policies(caller)) == effective.NO_POLICIES
    world.put(replace(alice, unique_id="AIDALATER"))
    assert world.store.read(lambda reader: Rows(reader, frozenset()).policies(caller)) == effective.NO_POLICIES


def test_the_second_decision_gives_nothing_to_a_session_that_does_not_say_what_limits_it(world: World) -> None:
    worker = role(inline=(("get", GET),))
    world.put(worker)
    caller = replace(principal(world, worker), unique_id=f"{worker.unique_id}:night")
    assert world.store.read(lambda reader: Rows(reader, frozenset()).policies(caller)) == effective.NO_POLICIES


def test_a_user_that_gets_another_name_while_its_call_is_decided_keeps_its_policies(world: World) -> None:
    alice = user(inline=(("get", GET),))
    caller = principal(world, alice)
    world.put(replace(alice, name="carol"))
    policies = world.store.read(lambda reader: Rows(reader, frozenset()).policies(caller))
    assert [name for name, _ in policies.identity] == ["inline:get"]


# --- compiled -------------------------------------------------------------------------------------------------------


def test_a_library_compiles_each_text_once_and_keeps_no_more_than_it_may() -> None:
    compiled: list[str] = []

    def compile_policy(text: str) -> Policy:
        compiled.append(text)
        return effective.compile_policy(text)

    library = Library(3, compile_policy)
    who = principal_of(user(inline=(("a", GET), ("b", str(bytes(GET, "ascii"), "ascii")))))
    first, second = library.compile(who), library.compile(replace(who))
    assert compiled == [GET]
    assert first.identity[0][1] is second.identity[1][1]
    for text in (PUT, LIST, DENY, PUT):
        library.policy(text)
    assert compiled == [GET, PUT, LIST, DENY]
    library.policy(GET)
    assert compiled == [GET, PUT, LIST, DENY, GET], "it was the oldest and went"


def test_principals_share_the_texts_that_they_have_in_common() -> None:
    library = Library(9)
    copies = [GET.encode().decode() for _ in range(4)]
    assert copies[0] is not copies[1]
    one = library.share(replace(principal_of(user(inline=(("a", copies[0]),))), boundary=copies[1]))
    other = library.share(replace(principal_of(user(inline=(("b", copies[2]),))), session_policies=(copies[3],)))
    assert one.policies[0][1] is one.boundary is other.policies[0][1]
    assert other.session_policies is not None
    assert other.session_policies[0] is one.boundary
