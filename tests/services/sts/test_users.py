"""GetSessionToken, GetFederationToken, GetAccessKeyInfo: who may ask, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from keystead import errors
from keystead.domain.caller import Caller, PrincipalKind
from keystead.services import dispatch, founding
from keystead.services.iam.operations import IAM
from tests.services.sts.counter import ACCOUNT, Counter, allowing, trusting

ROOT = f"root of {ACCOUNT}"


def test_a_user_gets_a_session_of_its_own_without_any_permission(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice", allowing("sts:*", effect="Deny"))
        answer = await counter.issued("GetSessionToken", alice)
        assert answer["Credentials"]["Expiration"] == counter.now + 43_200
        bearer = counter.bearer(answer)
        assert (bearer.kind, bearer.arn, bearer.unique_id) == (PrincipalKind.USER, alice.arn, alice.unique_id)
        assert bearer.policies == alice.policies
        assert bearer.session_policies is None

    play(story)


def test_the_root_user_gets_an_hour(play: Any) -> None:
    async def story(counter: Counter) -> None:
        root = counter.principals[ROOT]
        answer = await counter.issued("GetSessionToken", root)
        assert answer["Credentials"]["Expiration"] == counter.now + 3_600
        assert counter.bearer(answer).kind is PrincipalKind.ROOT
        assert (await counter.refused("GetSessionToken", root, DurationSeconds=3_601))[0] == "ValidationError"
        federated = await counter.issued("GetFederationToken", root, Name="bob", DurationSeconds=900)
        assert federated["Credentials"]["Expiration"] == counter.now + 900

    play(story)


@pytest.mark.parametrize(("operation", "asked"), [("GetSessionToken", {}), ("GetFederationToken", {"Name": "carol"})])
def test_no_session_asks_for_another(play: Any, operation: str, asked: dict[str, Any]) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice", allowing("sts:*"))
        role = counter.role("deployer", allowing("sts:*"), trust=trusting(alice.arn))
        for answer in (
            await counter.issued("GetSessionToken", alice),
            await counter.issued("GetFederationToken", alice, Name="bob", Policy=allowing("sts:*")),
            await counter.assume(alice, role),
        ):
            refusal = await counter.refused(operation, counter.bearer(answer), **asked)
            assert refusal == ("AccessDenied", f"Cannot call {operation} with session credentials")

    play(story)


def test_a_federated_user_is_named_by_whom_it_is_of(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice", allowing("sts:GetFederationToken"))
        answer = await counter.issued("GetFederationToken", alice, Name="bob")
        arn = f"arn:aws:sts::{ACCOUNT}:federated-user/bob"
        assert answer["FederatedUser"] == {"FederatedUserId": f"{ACCOUNT}:bob", "Arn": arn}
        bearer = counter.bearer(answer)
        assert (bearer.kind, bearer.arn, bearer.role_arn) == (PrincipalKind.FEDERATED_USER, arn, alice.arn)
        assert bearer.session_policies == ()

    play(story)


def test_federation_needs_permission_on_the_federated_user_and_tags_their_own(play: Any) -> None:
    async def story(counter: Counter) -> None:
        arn = f"arn:aws:sts::{ACCOUNT}:federated-user"
        alice = counter.user("alice", allowing("sts:GetFederationToken", resource=f"{arn}/bob"))
        await counter.issued("GetFederationToken", alice, Name="bob")
        for asked, action, who in (
            ({"Name": "carol"}, "sts:GetFederationToken", "carol"),
            ({"Name": "bob", "Tags": [{"Key": "a", "Value": "b"}]}, "sts:TagSession", "bob"),
        ):
            code, sentence = await counter.refused("GetFederationToken", alice, **asked)
            start = f"User: {alice.arn} is not authorized to perform: {action} on resource: {arn}/{who}"
            assert (code, sentence.startswith(start)) == ("AccessDenied", True)

    play(story)


def test_a_federated_user_has_the_tags_of_both(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice", allowing("sts:*"))
        answer = await counter.issued("GetFederationToken", alice, Name="bob", Tags=[{"Key": "a", "Value": "b"}])
        assert counter.bearer(answer).tags == (("a", "b"),)

    play(story)


def test_records_show_neither_secret_nor_token(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice", allowing("sts:*"))
        for operation, asked in (("GetSessionToken", {}), ("GetFederationToken", {"Name": "bob"})):
            answer = await counter.issued(operation, alice, **asked)
            shown = counter.journal.lines[-1]["responseElements"]["credentials"]
            assert set(shown) == {"accessKeyId", "expiration"}
            assert shown["accessKeyId"] == answer["Credentials"]["AccessKeyId"]

    play(story)


def test_a_long_term_access_key_tells_its_account_to_whom_is_permitted(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice", allowing("sts:GetAccessKeyInfo"))
        row = founding.seal_access_key(
            counter.hierarchy, "AKIAABCDEFGHIJKLMNOP", counter.stored(alice), "s" * 40, counter.now, lambda n: bytes(n)
        )
        counter.store.transact(lambda transaction: transaction.put_access_key(row))
        assert await counter.issued("GetAccessKeyInfo", alice, AccessKeyId=row.access_key_id) == {"Account": ACCOUNT}
        assert (await counter.refused("GetAccessKeyInfo", alice, AccessKeyId="AKIA" + "Z" * 16))[0] == "ValidationError"
        nobody = counter.user("nobody")
        assert (await counter.refused("GetAccessKeyInfo", nobody, AccessKeyId=row.access_key_id))[0] == "AccessDenied"

    play(story)


@pytest.mark.parametrize(("operation", "asked"), [("GetSessionToken", {}), ("GetFederationToken", {"Name": "bob"})])
def test_of_sts_a_users_session_may_call_little_and_of_iam_nothing(
    play: Any, operation: str, asked: dict[str, str]
) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice", allowing("*"))
        given = {**asked, "Policy": allowing("*")} if asked else asked
        bearer = counter.bearer(await counter.issued(operation, alice, **given))
        assert (await counter.issued("GetCallerIdentity", bearer))["Arn"] == bearer.arn
        refusal = await counter.refused("GetAccessKeyInfo", bearer, AccessKeyId="AKIA" + "Z" * 16)
        assert refusal == ("AccessDenied", "Cannot call GetAccessKeyInfo with session credentials")
        with pytest.raises(errors.Refusal, match="The security token included in the request is invalid"):
            dispatch._check_session(Caller(bearer, "ASIA", "us-east-1"))
        role = counter.role("deployer", allowing("*"), trust=trusting(alice.arn))
        dispatch._check_session(Caller(counter.bearer(await counter.assume(alice, role)), "ASIA", "us-east-1"))
        assert IAM.sessions_of_roles_only

    play(story)
