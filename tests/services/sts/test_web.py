"""AssumeRoleWithWebIdentity: whoever a provider vouches for gets a session of a role that trusts just him."""

# length: one operation, from its token to its record

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from keystead import errors
from keystead.domain.caller import Principal, PrincipalKind
from keystead.model.generated.sts import AssumeRoleWithWebIdentityRequest
from keystead.oidc import fetch
from keystead.oidc.issuers import Issuers
from keystead.oidc.settings import Settings
from keystead.services.sts import introductions
from keystead.services.sts.introductions import Introductions
from keystead.services.turns import Seat
from tests.oidc import provider
from tests.services.office import OTHER, Peer
from tests.services.sts.counter import ACCOUNT, Counter, allowing

HOST = "idp.example.com/tenant"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/builder"
TAGS = "https://aws.amazon.com/tags"
ACTIONS = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"]


def trusting(federated: str = PROVIDER, actions: list[str] | None = None, **condition: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"Federated": federated}, "Action": actions or ACTIONS}
    condition = condition or {"StringEquals": {f"{HOST}:sub": provider.SUBJECT}}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition}]})


def desk(counter: Counter, **more: Any) -> Introductions:
    """Introductions for the provider of the tests, whose clock is the counter's."""
    settings = Settings(
        issuer=provider.ISSUER, audiences=(provider.AUDIENCE,), jwks_url="https://idp.example.com/k", **more
    )

    def keys(_url: str, _authority: Path | None) -> bytes:
        return provider.published()

    assert counter.now == provider.NOW
    return Introductions(Issuers((settings,), from_url=keys), counter.workshop, counter._report)


async def introduced(counter: Counter, token: str, role: str = ROLE, at: Introductions | None = None) -> Principal:
    """Whom the token names; raises the refusal."""
    told: asyncio.Future[Principal | errors.Refusal] = asyncio.get_running_loop().create_future()
    request = AssumeRoleWithWebIdentityRequest(role_arn=role, role_session_name="me", web_identity_token=token)
    (at or desk(counter)).introduce(request, counter.now, Seat("192.0.2.1", "", Peer()), told.set_result)
    found = await asyncio.wait_for(told, 10)
    if isinstance(found, errors.Refusal):
        raise found
    return found


async def assume(
    counter: Counter, role: str = ROLE, token: str | None = None, **body: Any
) -> tuple[int, dict[str, Any]]:
    text = token or provider.token()
    who = await introduced(counter, text, role)
    asked = {"RoleArn": role, "RoleSessionName": "me", "WebIdentityToken": text, **body}
    return await counter.ask("AssumeRoleWithWebIdentity", who, **asked)


def test_whom_the_role_trusts_gets_a_session(play: Any) -> None:
    async def story(counter: Counter) -> None:
        role = counter.role("builder", allowing("kms:*"), trust=trusting())
        status, answer = await assume(counter)
        assert status == 200, answer
        assert answer["SubjectFromWebIdentityToken"] == provider.SUBJECT
        assert (answer["Audience"], answer["Provider"]) == (provider.AUDIENCE, PROVIDER)
        bearer = counter.bearer(answer)
        assert (bearer.kind, bearer.role_arn) == (PrincipalKind.ASSUMED_ROLE, role.arn)
        assert bearer.session is not None
        assert bearer.session.provider == PROVIDER
        assert answer["Credentials"]["Expiration"] == counter.now + 3_600

    play(story)


@pytest.mark.parametrize(
    ("trust", "claims"),
    [
        (trusting(f"arn:aws:iam::{OTHER}:oidc-provider/{HOST}"), {}),
        (trusting(f"arn:aws:iam::{ACCOUNT}:oidc-provider/idp.example.com"), {}),
        (trusting(), {"sub": "system:serviceaccount:default:other"}),
        (trusting(StringEquals={f"{HOST}:aud": "other"}), {}),
        (trusting(StringEquals={f"{HOST}:groups": "admins"}), {"groups": 1}),
        (trusting(StringEquals={f"{HOST}:repository": "x"}), {}),
        (trusting(actions=["sts:AssumeRole"]), {}),
        (
            json.dumps(
                {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:*"}]}
            ),
            {},
        ),
    ],
)
def test_whom_the_role_does_not_trust_learns_nothing_of_it(play: Any, trust: str, claims: dict[str, Any]) -> None:
    async def story(counter: Counter) -> None:
        counter.role("builder", trust=trust)
        status, answer = await assume(counter, token=provider.token(**claims))
        nowhere = await assume(counter, f"arn:aws:iam::{ACCOUNT}:role/nobody")
        assert (status, answer) == nowhere
        assert answer == {"Code": "AccessDenied", "Message": "Not authorized to perform sts:AssumeRoleWithWebIdentity"}

    play(story)


@pytest.mark.parametrize(
    ("condition", "claims"),
    [
        ({"StringEquals": {f"{HOST}:aud": provider.AUDIENCE}}, {}),
        ({"StringEquals": {f"{HOST}:aud": "app"}}, {"azp": "app"}),
        ({"StringLike": {f"{HOST}:sub": "system:serviceaccount:default:*"}}, {}),
        ({"ForAnyValue:StringEquals": {f"{HOST}:amr": "mfa"}}, {"amr": ["pwd", "mfa"]}),
        ({"StringEquals": {f"{HOST}:repository": "a/b"}}, {"repository": "a/b"}),
        ({"Bool": {f"{HOST}:email_verified": "true"}}, {"email_verified": True}),
        ({"NumericEquals": {f"{HOST}:run": "7"}}, {"run": 7}),
        ({"StringEquals": {"sts:RoleSessionName": "me"}}, {}),
        ({"StringEquals": {"aws:FederatedProvider": PROVIDER}}, {}),
    ],
)
def test_trust_policies_can_ask_for_claims(play: Any, condition: dict[str, Any], claims: dict[str, Any]) -> None:
    async def story(counter: Counter) -> None:
        counter.role("builder", trust=trusting(**condition))
        status, answer = await assume(counter, token=provider.token(**claims))
        assert status == 200, answer

    play(story)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("x.y.z", "InvalidIdentityToken"),
        (provider.token(number=1), "InvalidIdentityToken"),
        (provider.token(iss="https://other.example"), "InvalidIdentityToken"),
        (provider.token(exp=provider.NOW - 1), "ExpiredTokenException"),
        (provider.forged({"alg": "none"}), "InvalidIdentityToken"),
    ],
)
def test_what_proves_nothing_is_refused_before_anything_is_asked(play: Any, token: str, code: str) -> None:
    async def story(counter: Counter) -> None:
        with pytest.raises(errors.Refusal) as caught:
            await introduced(counter, token)
        assert (caught.value.code, caught.value.status) == (code, 400)
        assert not counter.journal.lines

    play(story)


def test_a_provider_is_one_in_its_accounts_alone(play: Any) -> None:
    async def story(counter: Counter) -> None:
        at = desk(counter, accounts=(OTHER,))
        with pytest.raises(errors.Refusal, match="No OpenIDConnect provider found in your account"):
            await introduced(counter, provider.token(), ROLE, at)
        found = await introduced(counter, provider.token(), f"arn:aws:iam::{OTHER}:role/builder", at)
        assert found.arn == f"arn:aws:iam::{OTHER}:oidc-provider/{HOST}"

    play(story)


def test_a_provider_out_of_reach_is_said_and_reported_once_a_minute(play: Any) -> None:
    async def story(counter: Counter) -> None:
        def unreachable(_url: str, _authority: Path | None) -> bytes:
            raise fetch.Unreachable("no route")

        settings = Settings(issuer=provider.ISSUER, audiences=(provider.AUDIENCE,))
        at = Introductions(Issuers((settings,), from_url=unreachable), counter.workshop, counter._report)
        for number in range(8):
            with pytest.raises(errors.Refusal) as caught:
                await introduced(counter, provider.token(exp=provider.NOW + 9_999), at=at)
            assert caught.value.code == "IDPCommunicationError"
            assert len(counter.reported) == 1 + number // 6
            counter.now += 10
        assert {what for what, _ in counter.reported} == {"an identity provider cannot be reached"}

    play(story)


class Slow:
    """Providers, one of which answers when it is told to."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked: list[str] = []

    def __call__(self, url: str, _authority: Path | None) -> bytes:
        self.asked.append(url)
        if "slow" in url and not self.answers.wait(10):
            raise fetch.Unreachable("no answer")
        return provider.published()

    def desk(self, counter: Counter) -> Introductions:
        both = tuple(
            Settings(issuer=issuer, audiences=(provider.AUDIENCE,), jwks_url=f"{issuer}/keys")
            for issuer in (provider.ISSUER, "https://slow.example")
        )
        return Introductions(Issuers(both, from_url=self), counter.workshop, counter._report)


def test_a_slow_provider_keeps_nobody_from_the_others_and_is_asked_once(play: Any) -> None:
    async def story(counter: Counter) -> None:
        providers = Slow()
        at = providers.desk(counter)
        of_the_slow = provider.token(iss="https://slow.example")
        try:
            waiting = [
                asyncio.ensure_future(introduced(counter, of_the_slow, at=at))
                for _ in range(introductions.MOST_WAITING + 1)
            ]
            await asyncio.sleep(0)
            assert (await introduced(counter, provider.token(), at=at)).name == provider.SUBJECT
            assert not any(one.done() for one in waiting)
            with pytest.raises(errors.Refusal) as caught:
                await introduced(counter, of_the_slow, at=at)
            assert caught.value.code == "ThrottlingException"
        finally:
            providers.answers.set()
        assert {one.name for one in await asyncio.gather(*waiting)} == {provider.SUBJECT}
        assert sorted(providers.asked) == ["https://idp.example.com/tenant/keys", "https://slow.example/keys"]

    play(story)


def test_who_brings_a_key_that_is_known_does_not_wait_for_one_that_is_not(play: Any) -> None:
    async def story(counter: Counter) -> None:
        providers = Slow()
        at = providers.desk(counter)
        text = provider.token(iss="https://slow.example")
        providers.answers.set()
        await introduced(counter, text, at=at)
        providers.answers.clear()
        counter.now += 11
        try:
            guess = provider.token(key_id="guess", iss="https://slow.example")
            guesses = [asyncio.ensure_future(introduced(counter, guess, at=at)) for _ in range(8)]
            await asyncio.sleep(0)
            assert (await introduced(counter, text, at=at)).name == provider.SUBJECT
            assert not any(one.done() for one in guesses)
        finally:
            providers.answers.set()
        refused = await asyncio.gather(*guesses, return_exceptions=True)
        assert {getattr(one, "code", one) for one in refused} == {"InvalidIdentityToken"}
        assert len(providers.asked) == 2

    play(story)


def test_when_who_asks_gives_up_the_next_one_asks(play: Any) -> None:
    async def story(counter: Counter) -> None:
        providers = Slow()
        providers.answers.set()
        at = providers.desk(counter)
        told: list[Principal | errors.Refusal] = []
        for peer in (Peer(gone=True), Peer(), Peer()):
            request = AssumeRoleWithWebIdentityRequest(
                role_arn=ROLE, role_session_name="me", web_identity_token=provider.token()
            )
            at.introduce(request, counter.now, Seat("192.0.2.1", "", peer), told.append)
        while len(told) < 3:
            await asyncio.sleep(0.01)
        assert sorted(getattr(one, "code", "") for one in told) == ["", "", "RequestAbortedException"]
        assert len(providers.asked) == 1

    play(story)


def test_forged_tokens_do_not_fill_the_log(play: Any) -> None:
    async def story(counter: Counter) -> None:
        at = desk(counter)
        for text in ("x.y.z", provider.token(number=1), provider.token(key_id="k" * 9_000), provider.token(exp=1)):
            with pytest.raises(errors.Refusal):
                await introduced(counter, text, at=at)
        assert not counter.reported

    play(story)


@pytest.mark.parametrize(
    "claims",
    [
        {TAGS: {"principal_tags": {"team": ["x"]}, "transitive_tag_keys": ["team"]}},
        {f"{TAGS}/principal_tags/team": ["x"], f"{TAGS}/transitive_tag_keys": ["team"]},
    ],
)
def test_tags_and_source_identity_come_in_the_token(play: Any, claims: dict[str, Any]) -> None:
    async def story(counter: Counter) -> None:
        counter.role("builder", trust=trusting())
        claims["https://aws.amazon.com/source_identity"] = "alice"
        status, answer = await assume(counter, token=provider.token(**claims))
        assert status == 200, answer
        session = counter.bearer(answer).session
        assert session is not None
        assert (session.tags, session.transitive, session.source_identity) == ((("team", "x"),), ("team",), "alice")
        counter.role("builder", trust=trusting(actions=ACTIONS[:1]), number=2)
        status, answer = await assume(counter, token=provider.token(**claims))
        assert (status, answer["Message"]) == (403, "Not authorized to perform sts:TagSession")

    play(story)


@pytest.mark.parametrize(
    "claims",
    [
        {TAGS: 5},
        {TAGS: {"principal_tags": []}},
        {TAGS: {"principal_tags": {"team": ["x", "y"]}}},
        {TAGS: {"principal_tags": {"team": 5}}},
        {TAGS: {"principal_tags": {"t" * 129: ["x"]}}},
        {TAGS: {"principal_tags": {"team": ["x" * 257]}}},
        {TAGS: {"principal_tags": {"": ["x"]}}},
        {TAGS: {"principal_tags": {"a*": ["x"]}}},
        {TAGS: {"principal_tags": {"team": ["x\n"]}}},
        {TAGS: {"principal_tags": {"team": ["${aws:PrincipalTag/a}"]}}},
        {f"{TAGS}/principal_tags/te?m": ["x"]},
        {TAGS: {"principal_tags": {}, "transitive_tag_keys": "team"}},
        {TAGS: {"principal_tags": {}, "transitive_tag_keys": ["te,m"]}},
        {"https://aws.amazon.com/source_identity": "a b"},
        {"https://aws.amazon.com/source_identity": 5},
    ],
)
def test_tags_that_cannot_be_read_are_refused(play: Any, claims: dict[str, Any]) -> None:
    async def story(counter: Counter) -> None:
        with pytest.raises(errors.Refusal) as caught:
            await introduced(counter, provider.token(**claims))
        assert caught.value.code == "InvalidIdentityToken"

    play(story)


def test_tags_in_a_token_are_spelt_as_in_a_request(play: Any) -> None:
    async def story(counter: Counter) -> None:
        tags = {"größe @-+=/:._ 1": [""], "k" * 128: ["é" * 256]}
        who = await introduced(counter, provider.token(**{TAGS: {"principal_tags": tags}}))
        assert who.session is not None
        assert dict(who.session.tags) == {key: value for key, [value] in tags.items()}

    play(story)


def test_the_record_names_the_web_identity_and_not_its_token(play: Any) -> None:
    async def story(counter: Counter) -> None:
        counter.role("builder", trust=trusting())
        text = provider.token()
        _, answer = await assume(counter, token=text)
        line = counter.journal.lines[-1]
        assert line["userIdentity"] == {
            "type": "WebIdentityUser",
            "principalId": f"{PROVIDER}:{provider.AUDIENCE}:{provider.SUBJECT}",
            "userName": provider.SUBJECT,
            "identityProvider": PROVIDER,
        }
        assert line["recipientAccountId"] == ACCOUNT
        assert line["requestParameters"] == {"roleArn": ROLE, "roleSessionName": "me"}
        shown = line["responseElements"]
        assert (shown["subjectFromWebIdentityToken"], shown["provider"]) == (provider.SUBJECT, PROVIDER)
        everything = json.dumps(counter.journal.lines)
        for secret in (text, answer["Credentials"]["SecretAccessKey"], answer["Credentials"]["SessionToken"]):
            assert secret not in everything

    play(story)


def test_nobody_gets_in_without_an_introduction(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice", allowing("*"))
        counter.role("builder", trust=trusting())
        asked = {"RoleArn": ROLE, "RoleSessionName": "me", "WebIdentityToken": provider.token()}
        status, _ = await counter.ask("AssumeRoleWithWebIdentity", alice, **asked)
        assert status == 500
        assert counter.reported

    play(story)


def test_a_web_identity_may_do_nothing_but_ask_for_a_session(play: Any) -> None:
    async def story(counter: Counter) -> None:
        counter.role("builder", trust=trusting())
        who = await introduced(counter, provider.token())
        key = (await counter.make_key())["KeyId"]
        status, told = await counter.call("DescribeKey", who, KeyId=key)
        assert (status, told["__type"]) == (400, "AccessDeniedException")
        assert (await counter.refused("AssumeRole", who, RoleArn=ROLE, RoleSessionName="me"))[0] == "AccessDenied"

    play(story)


@pytest.mark.parametrize("key", ["aws:TokenIssueTime", "aws:MultiFactorAuthPresent", "aws:SourceIdentity"])
def test_whoever_asks_for_a_session_has_none_yet(play: Any, key: str) -> None:
    async def story(counter: Counter) -> None:
        counter.role("builder", trust=trusting(Null={key: "true"}))
        token = provider.token(**{"https://aws.amazon.com/source_identity": "alice"})
        status, answer = await assume(counter, token=token)
        assert status == 200, answer

    play(story)
