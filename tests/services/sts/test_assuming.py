"""AssumeRole: who may have a session of a role, for how long, with which tags, and what AWS says otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.services.office import OTHER
from tests.services.sts.counter import ACCOUNT, Counter, allowing, denied, trusting

USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deployer"


def test_a_user_that_the_role_names_gets_a_session_of_an_hour(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        role = counter.role("deployer", path="/team/", trust=trusting(USER))
        answer = await counter.assume(alice, role)
        given = answer["Credentials"]
        assert given["AccessKeyId"].startswith("ASIA")
        assert len(given["SecretAccessKey"]) == 40
        assert given["Expiration"] == counter.now + 3_600
        assert answer["AssumedRoleUser"] == {
            "AssumedRoleId": f"{role.unique_id}:me",
            "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/me",
        }
        assert answer["SessionTokenSize"] == len(given["SessionToken"])
        assert (
            answer["SessionTokenUtilization"] == answer["PackedPolicySize"] == -(-len(given["SessionToken"]) // 40.96)
        )
        bearer = counter.credential(answer)
        assert bearer is not None
        assert (bearer.secret.decode(), bearer.expires) == (given["SecretAccessKey"], given["Expiration"])
        assert bearer.principal.arn == answer["AssumedRoleUser"]["Arn"]

    play(story)


def test_a_role_that_trusts_the_account_leaves_it_to_the_users_policies(play: Any) -> None:
    async def story(counter: Counter) -> None:
        role = counter.role("deployer", trust=trusting(ROOT))
        assert await counter.refused(
            "AssumeRole", alice := counter.user("alice"), RoleArn=ROLE, RoleSessionName="me"
        ) == denied(alice)
        await counter.assume(counter.user("alice", allowing("sts:AssumeRole", resource=ROLE)), role)

    play(story)


def test_a_role_of_another_account_needs_both_sides(play: Any) -> None:
    async def story(counter: Counter) -> None:
        there = f"arn:aws:iam::{OTHER}:role/deployer"
        role = counter.role("deployer", account=OTHER, trust=trusting(ROOT))
        alice = counter.user("alice")
        assert await counter.refused("AssumeRole", alice, RoleArn=there, RoleSessionName="me") == denied(
            alice, role=there
        )
        alice = counter.user("alice", allowing("sts:AssumeRole", resource=there))
        answer = await counter.assume(alice, role)
        assert counter.bearer(answer).account == OTHER
        counter.role("deployer", account=OTHER, trust=trusting(f"arn:aws:iam::{OTHER}:root"), number=2)
        assert await counter.refused("AssumeRole", alice, RoleArn=there, RoleSessionName="me") == denied(
            alice, role=there
        )

    play(story)


def test_a_role_that_is_not_there_looks_like_one_that_does_not_trust(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice", allowing("sts:*"))
        nobody = f"arn:aws:iam::{ACCOUNT}:role/nobody"
        assert await counter.refused("AssumeRole", alice, RoleArn=nobody, RoleSessionName="me") == denied(
            alice, role=nobody
        )
        counter.role("deployer", trust=trusting(f"arn:aws:iam::{OTHER}:root"))
        assert await counter.refused("AssumeRole", alice, RoleArn=ROLE, RoleSessionName="me") == denied(alice)
        counter.role("path", path="/a/", trust=trusting(ROOT))
        wrong = f"arn:aws:iam::{ACCOUNT}:role/path"
        assert await counter.refused("AssumeRole", alice, RoleArn=wrong, RoleSessionName="me") == denied(
            alice, role=wrong
        )

    play(story)


def test_an_explicit_deny_is_told(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice", allowing("sts:AssumeRole", effect="Deny"))
        counter.role("deployer", trust=trusting(USER))
        _, sentence = await counter.refused("AssumeRole", alice, RoleArn=ROLE, RoleSessionName="me")
        assert sentence == denied(alice)[1] + " with an explicit deny in an identity-based policy"

    play(story)


@pytest.mark.parametrize(
    "arn", [USER, "deployer", f"arn:aws:iam::{ACCOUNT}:group/x", f"arn:aws:sts::{ACCOUNT}:assumed-role/x/y"]
)
def test_what_is_no_role_by_its_arn_is_invalid(play: Any, arn: str) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        assert await counter.refused("AssumeRole", alice, RoleArn=arn, RoleSessionName="me") == (
            "ValidationError",
            f"{arn} is invalid",
        )

    play(story)


def test_root_users_may_not_assume_roles(play: Any) -> None:
    async def story(counter: Counter) -> None:
        counter.role("deployer", trust=trusting(ROOT))
        root = counter.principals[f"root of {ACCOUNT}"]
        refusal = await counter.refused("AssumeRole", root, RoleArn=ROLE, RoleSessionName="me")
        assert refusal == ("AccessDenied", "Roles may not be assumed by root accounts.")

    play(story)


def test_an_external_id_is_a_condition_of_the_trust_policy(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        role = counter.role("deployer", trust=trusting(USER, StringEquals={"sts:ExternalId": "secret"}))
        for given in ({}, {"ExternalId": "other"}):
            assert await counter.refused("AssumeRole", alice, RoleArn=ROLE, RoleSessionName="me", **given) == denied(
                alice
            )
        await counter.assume(alice, role, ExternalId="secret")

    play(story)


def test_the_session_name_is_a_condition_of_the_trust_policy(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        role = counter.role("deployer", trust=trusting(USER, StringEquals={"sts:RoleSessionName": "${aws:username}"}))
        assert await counter.refused("AssumeRole", alice, RoleArn=ROLE, RoleSessionName="me") == denied(alice)
        await counter.assume(alice, role, RoleSessionName="alice")

    play(story)


def test_a_session_lasts_as_long_as_the_role_allows(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        role = counter.role("deployer", trust=trusting(USER), max_session=7_200)
        answer = await counter.assume(alice, role, DurationSeconds=7_200)
        assert answer["Credentials"]["Expiration"] == counter.now + 7_200
        refusal = await counter.refused("AssumeRole", alice, RoleArn=ROLE, RoleSessionName="me", DurationSeconds=7_201)
        assert refusal == (
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )

    play(story)


def test_a_chained_session_lasts_an_hour_at_most(play: Any) -> None:
    async def story(counter: Counter) -> None:
        first = counter.role("first", allowing("sts:*"), trust=trusting(ROOT))
        second = counter.role("second", trust=trusting(first.arn), max_session=43_200)
        session = counter.session(first, "one")
        assert (await counter.assume(session, second))["Credentials"]["Expiration"] == counter.now + 3_600
        refusal = await counter.refused(
            "AssumeRole", session, RoleArn=second.arn, RoleSessionName="me", DurationSeconds=3_601
        )
        assert (
            refusal[1]
            == "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        )

    play(story)


def test_a_session_of_a_user_is_no_link_of_a_chain(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        role = counter.role("deployer", trust=trusting(USER), max_session=43_200)
        own = counter.bearer(await counter.issued("GetSessionToken", alice))
        assert (await counter.assume(own, role, DurationSeconds=43_200))["Credentials"][
            "Expiration"
        ] == counter.now + 43_200

    play(story)


def test_a_federated_user_assumes_no_role(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice", allowing("sts:*"))
        federated = counter.bearer(
            await counter.issued("GetFederationToken", alice, Name="bob", Policy=allowing("sts:*"))
        )
        counter.role("deployer", trust=trusting(federated.arn))
        assert await counter.refused("AssumeRole", federated, RoleArn=ROLE, RoleSessionName="me") == denied(federated)

    play(story)


# --- session policies -----------------------------------------------------------------------------------------------


def test_a_session_policy_is_checked_when_it_is_passed(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        counter.role("deployer", trust=trusting(USER))
        asked = {"RoleArn": ROLE, "RoleSessionName": "me"}
        for wrong in ("{", "[]", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}', trusting(USER)):
            assert (await counter.refused("AssumeRole", alice, **asked, Policy=wrong))[0] == "MalformedPolicyDocument"

    play(story)


def test_managed_session_policies_must_be_there_and_of_the_roles_account(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        role = counter.role("deployer", allowing("kms:*"), trust=trusting(USER))
        own, other = (
            counter.managed("limits", allowing("kms:Encrypt")),
            counter.managed("theirs", allowing("*"), account=OTHER),
        )
        asked = {"RoleArn": ROLE, "RoleSessionName": "me"}
        for arn in (other.arn, f"arn:aws:iam::{ACCOUNT}:policy/none", "arn:aws:iam::aws:policy/None"):
            code, sentence = await counter.refused("AssumeRole", alice, **asked, PolicyArns=[{"arn": arn}])
            assert (code, sentence) == ("MalformedPolicyDocument", f"Policy {arn} does not exist or is not attachable.")
        assert (await counter.refused("AssumeRole", alice, **asked, PolicyArns=[{"arn": "x"}]))[0] == "ValidationError"
        many = [{"arn": f"arn:aws:iam::{ACCOUNT}:policy/p{number}"} for number in range(11)]
        assert (await counter.refused("AssumeRole", alice, **asked, PolicyArns=many))[0] == "ValidationError"
        arns = [{"arn": own.arn}, {"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}]
        bearer = counter.bearer(await counter.assume(alice, role, PolicyArns=arns, Policy=allowing("kms:Sign")))
        assert bearer.session_policies is not None
        assert bearer.session_policies[:2] == (allowing("kms:Sign"), own.text)
        assert len(bearer.session_policies) == 3

    play(story)


def test_a_filled_token_is_as_long_as_was_asked(play: Any) -> None:
    async def story(counter: Counter) -> None:
        role = counter.role("deployer", trust=trusting(USER))
        answer = await counter.assume(counter.user("alice"), role, MinimumSessionTokenSize=4_096)
        assert answer["SessionTokenSize"] == 4_096
        assert answer["SessionTokenUtilization"] == 100
        assert counter.bearer(answer).arn == answer["AssumedRoleUser"]["Arn"]

    play(story)


def test_the_record_shows_the_role_and_neither_secret_nor_token(play: Any) -> None:
    async def story(counter: Counter) -> None:
        role = counter.role("deployer", trust=trusting(USER))
        answer = await counter.assume(counter.user("alice"), role, SourceIdentity="alice", Policy=allowing("kms:*"))
        line = counter.journal.lines[-1]
        assert (line["eventSource"], line["eventName"], line["readOnly"]) == ("sts.amazonaws.com", "AssumeRole", True)
        assert line["requestParameters"]["roleArn"] == ROLE
        assert line["resources"] == [{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": ROLE}]
        shown = line["responseElements"]
        assert set(shown["credentials"]) == {"accessKeyId", "expiration"}
        assert shown["assumedRoleUser"]["arn"] == answer["AssumedRoleUser"]["Arn"]
        for secret in (answer["Credentials"]["SecretAccessKey"], answer["Credentials"]["SessionToken"]):
            assert secret not in json.dumps(counter.journal.lines)

    play(story)


def test_multi_factor_authentication_is_refused_by_name(play: Any) -> None:
    async def story(counter: Counter) -> None:
        counter.role("deployer", trust=trusting(USER))
        asked = {"RoleArn": ROLE, "RoleSessionName": "me", "SerialNumber": "GAHT12345678", "TokenCode": "123456"}
        code, sentence = await counter.refused("AssumeRole", counter.user("alice"), **asked)
        assert code == "UnsupportedOperation"
        assert "SerialNumber" in sentence

    play(story)


def test_another_role_of_the_name_gets_nothing_of_the_old_ones_trust(play: Any) -> None:
    async def story(counter: Counter) -> None:
        first = counter.role("first", allowing("sts:*"), trust=trusting(USER))
        answer = await counter.assume(counter.user("alice"), first)
        counter.role("second", trust=trusting(first.unique_id))
        again = counter.stored(first)
        counter.delete(again)
        counter.put(replace(again, unique_id="AROAANOTHERROLE1234567"[:21]))
        assert counter.credential(answer) is None
        session = counter.session(counter.role("first", allowing("sts:*"), number=3), "me")
        second = f"arn:aws:iam::{ACCOUNT}:role/second"
        assert await counter.refused("AssumeRole", session, RoleArn=second, RoleSessionName="me") == denied(
            session, role=second
        )

    play(story)
