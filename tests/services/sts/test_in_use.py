"""Sessions in use: what they may do follows what their role or user may do now, in every worker, at the next call."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from keystead.domain import awspolicies
from keystead.domain.identity import Identity
from keystead.services import change
from tests.services.sts.counter import ACCOUNT, Counter, allowing, trusting

X = base64.b64encode(b"x").decode()
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
KMS = allowing("kms:*")


async def encrypts(counter: Counter, answer: dict[str, Any], key: str) -> bool:
    """Whether the bearer of these credentials may use the key at the next call."""
    found = counter.credential(answer)
    if found is None or (found.expires is not None and counter.now >= found.expires):
        return False
    status, told = await counter.call("Encrypt", found.principal, KeyId=key, Plaintext=X)
    assert status == 200 or told["__type"] == "AccessDeniedException", told
    return status == 200


def revoked(counter: Counter, role: Identity) -> Identity:
    """What the console of AWS does to revoke sessions."""
    before = "2027-01-15T08:00:01Z"  # the office opens at 08:00:00
    deny = allowing("*", effect="Deny", DateLessThan={"aws:TokenIssueTime": before})
    return replace(role, inline=(*role.inline, ("AWSRevokeOlderSessions", deny)))


CHANGES: dict[str, Callable[[Counter, Identity], Identity | None]] = {
    "its policy is taken away": lambda _, role: replace(role, inline=()),
    "its policy denies": lambda _, role: replace(role, inline=(*role.inline, ("z", allowing("kms:*", effect="Deny")))),
    "its boundary does not allow": lambda counter, role: replace(
        role, boundary=counter.managed("nothing", allowing("s3:*")).arn
    ),
    "its sessions are revoked": revoked,
    "it is deleted": lambda _, role: None,
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_the_role_is_in_force_for_its_sessions_at_the_next_call(play: Any, what: str) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        role = counter.role("worker", KMS, trust=trusting(USER))
        answer = await counter.assume(counter.user("alice"), role)
        assert await encrypts(counter, answer, key)
        before = counter.stored(role)
        after = CHANGES[what](counter, before)
        if after is None:
            counter.delete(before)
        else:
            counter.put(after)
        assert not await encrypts(counter, answer, key)
        if after is not None:
            counter.put(before)
            assert await encrypts(counter, answer, key)

    play(story)


def test_sessions_that_were_issued_later_are_not_revoked_with_the_others(play: Any) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        alice, role = counter.user("alice"), counter.role("worker", KMS, trust=trusting(USER))
        old = await counter.assume(alice, role)
        counter.put(revoked(counter, counter.stored(role)))
        counter.now += 2
        new = await counter.assume(alice, role)
        assert not await encrypts(counter, old, key)
        assert await encrypts(counter, new, key)

    play(story)


def test_a_change_of_trust_ends_no_session_and_begins_none(play: Any) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        alice, role = counter.user("alice"), counter.role("worker", KMS, trust=trusting(USER))
        answer = await counter.assume(alice, role)
        counter.put(replace(counter.stored(role), trust=trusting(f"arn:aws:iam::{ACCOUNT}:user/bob")))
        assert (await counter.refused("AssumeRole", alice, RoleArn=role.arn, RoleSessionName="me"))[0] == "AccessDenied"
        assert await encrypts(counter, answer, key)

    play(story)


def test_a_new_role_of_the_name_does_not_get_the_sessions_of_the_old(play: Any) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        role = counter.role("worker", KMS, trust=trusting(USER))
        answer = await counter.assume(counter.user("alice"), role)
        before = counter.stored(role)
        counter.delete(before)
        counter.put(replace(before, unique_id="AROANEW"))
        assert not await encrypts(counter, answer, key)

    play(story)


@pytest.mark.parametrize("operation", ["GetSessionToken", "GetFederationToken"])
def test_what_a_users_sessions_may_do_follows_the_user(play: Any, operation: str) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        alice = counter.user("alice", allowing("kms:*", "sts:*"))
        asked = {} if operation == "GetSessionToken" else {"Name": "bob", "Policy": KMS}
        answer = await counter.issued(operation, alice, **asked)
        assert await encrypts(counter, answer, key)
        before = counter.stored(alice)
        counter.put(replace(before, inline=()))
        assert not await encrypts(counter, answer, key)
        counter.put(before)
        assert await encrypts(counter, answer, key)
        counter.delete(before)
        assert not await encrypts(counter, answer, key)

    play(story)


def test_a_session_ends_when_it_ends(play: Any) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        answer = await counter.assume(counter.user("alice"), counter.role("worker", KMS, trust=trusting(USER)))
        counter.now += 3_599
        assert await encrypts(counter, answer, key)
        counter.now += 1
        assert not await encrypts(counter, answer, key)

    play(story)


def test_session_policies_narrow_and_never_widen(play: Any) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        alice = counter.user("alice", allowing("sts:*", "kms:*"))
        worker = counter.role("worker", KMS, trust=trusting(USER))
        idle = counter.role("idle", trust=trusting(USER))
        signing = counter.managed("signing", allowing("kms:Sign"))
        assert await encrypts(counter, await counter.assume(alice, worker, Policy=allowing("kms:Encrypt")), key)
        assert not await encrypts(counter, await counter.assume(alice, worker, Policy=allowing("kms:Sign")), key)
        assert not await encrypts(counter, await counter.assume(alice, worker, PolicyArns=[{"arn": signing.arn}]), key)
        both = {"Policy": allowing("kms:Encrypt"), "PolicyArns": [{"arn": signing.arn}]}
        assert await encrypts(counter, await counter.assume(alice, worker, **both), key)
        assert not await encrypts(counter, await counter.assume(alice, idle, Policy=KMS), key)
        assert not await encrypts(counter, await counter.issued("GetFederationToken", alice, Name="bob"), key)

    play(story)


def test_a_managed_session_policy_that_is_gone_denies_everything_and_breaks_nothing(play: Any) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        policy = counter.managed("limits", KMS)
        role = counter.role("worker", KMS, trust=trusting(USER))
        answer = await counter.assume(counter.user("alice"), role, PolicyArns=[{"arn": policy.arn}])
        assert await encrypts(counter, answer, key)

        def remove(transaction: Any) -> int:
            transaction.delete_managed_policy(policy.arn)
            touched = change.touch_policy(policy)
            return int(transaction.log_change(touched.kind, touched.account, touched.region, touched.subject))

        counter.epochs.publish(1, counter.store.transact(remove))
        assert not await encrypts(counter, answer, key)
        assert counter.bearer(answer).session_policies == (awspolicies.POLICIES[awspolicies.DENY_ALL].text,)

    play(story)


def test_a_key_policy_that_names_the_federated_user_needs_no_session_policy(play: Any) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        alice = counter.user("alice", allowing("sts:*"))
        answer = await counter.issued("GetFederationToken", alice, Name="bob")
        assert not await encrypts(counter, answer, key)
        named = counter.bearer(answer).arn
        policy = (
            '{"Version":"2012-10-17","Statement":['
            f'{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}},"Action":"kms:*","Resource":"*"}},'
            f'{{"Effect":"Allow","Principal":{{"AWS":"{named}"}},"Action":"kms:Encrypt","Resource":"*"}}]}}'
        )
        status, told = await counter.call("PutKeyPolicy", KeyId=key, PolicyName="default", Policy=policy)
        assert status == 200, told
        assert await encrypts(counter, answer, key)

    play(story)


@pytest.mark.parametrize("who", ["the session", "the role", "another session", "another role"])
def test_grants_to_a_role_or_its_session_work_with_real_sessions(play: Any, who: str) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        alice, role = counter.user("alice"), counter.role("worker", trust=trusting(USER))
        counter.role("other", trust=trusting(USER))
        answer = await counter.assume(alice, role)
        assert not await encrypts(counter, answer, key)
        grantee = {
            "the session": counter.bearer(answer).arn,
            "the role": role.arn,
            "another session": counter.bearer(answer).arn + "2",
            "another role": f"arn:aws:iam::{ACCOUNT}:role/other",
        }[who]
        status, told = await counter.call("CreateGrant", KeyId=key, GranteePrincipal=grantee, Operations=["Encrypt"])
        assert status == 200, told
        assert await encrypts(counter, answer, key) is ("another" not in who)

    play(story)


def test_grants_to_a_federated_user_work_with_a_real_one(play: Any) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        alice = counter.user("alice", allowing("sts:*"))
        answer = await counter.issued("GetFederationToken", alice, Name="bob")
        named = counter.bearer(answer).arn
        status, told = await counter.call("CreateGrant", KeyId=key, GranteePrincipal=named, Operations=["Encrypt"])
        assert status == 200, told
        assert await encrypts(counter, answer, key)

    play(story)


def test_conditions_know_sessions(play: Any) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        alice = counter.user("alice", allowing("sts:*"))
        asked: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({"StringEquals": {"aws:SourceIdentity": "alice"}}, {"SourceIdentity": "alice"}),
            ({"StringEquals": {"aws:PrincipalTag/team": "x"}}, {"Tags": [{"Key": "Team", "Value": "x"}]}),
            ({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, {}),
            ({"Null": {"aws:TokenIssueTime": "false"}}, {}),
            ({"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/worker"}}, {}),
            ({"StringLike": {"aws:userid": "AROA*:me"}}, {}),
        ]
        for number, (condition, body) in enumerate(asked):
            role = counter.role("worker", allowing("kms:*", **condition), trust=trusting(USER), number=number)
            assert await encrypts(counter, await counter.assume(alice, role, **body), key), condition
        other = counter.role(
            "other", allowing("kms:*", StringEquals={"aws:SourceIdentity": "bob"}), trust=trusting(USER)
        )
        assert not await encrypts(counter, await counter.assume(alice, other, SourceIdentity="alice"), key)
        owner = counter.user("owner", allowing("kms:*", Null={"aws:TokenIssueTime": "false"}))
        assert (await counter.call("Encrypt", owner, KeyId=key, Plaintext=X))[0] == 400

    play(story)


def test_a_token_is_opened_once_and_the_bearer_stays_the_same(play: Any) -> None:
    async def story(counter: Counter) -> None:
        answer = await counter.assume(counter.user("alice"), counter.role("worker", KMS, trust=trusting(USER)))
        opened: list[str] = []
        real = counter.snapshot._open_session

        def count(access_key_id: str, token: str) -> Any:
            opened.append(access_key_id)
            return real(access_key_id, token)

        counter.snapshot._open_session = count  # type: ignore[method-assign]
        first = counter.credential(answer)
        assert first is not None
        assert all(counter.credential(answer) is first for _ in range(5))
        assert counter.snapshot.policies(first.principal) is counter.snapshot.policies(first.principal)
        assert len(opened) == 1

    play(story)


def test_two_sessions_of_one_name_keep_their_own_limits(play: Any) -> None:
    async def story(counter: Counter) -> None:
        key = (await counter.make_key())["KeyId"]
        alice, role = counter.user("alice"), counter.role("worker", KMS, trust=trusting(USER))
        wide = await counter.assume(alice, role)
        narrow = await counter.assume(alice, role, Policy=allowing("kms:Sign"))
        for _ in range(2):
            assert await encrypts(counter, wide, key)
            assert not await encrypts(counter, narrow, key)

    play(story)
