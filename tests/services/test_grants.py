"""What a grant gives to whom, across accounts too, and what is remembered meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.domain.policy import decide as policies
from keystead.services import facts
from tests.services.granting import OTHER_ROOT, ROOT, X, allow, done, grant, listed, may, policy, refused
from tests.services.office import ACCOUNT, ALLOW_ALL, OTHER, Office

# --- what a grant gives -----------------------------------------------------------------------------------------------


def test_a_grant_is_in_force_at_once_for_what_it_names_and_no_longer_when_it_is_revoked(play: Any) -> None:
    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        assert not await may(office, user, key)
        made = await grant(office, key, user.arn, "Encrypt")
        assert await may(office, user, key)
        assert not await may(office, user, key, "DescribeKey")
        assert not await may(office, office.user("bob"), key)
        await done(office, "RevokeGrant", KeyId=key["KeyId"], GrantId=made["GrantId"])
        assert not await may(office, user, key)

    play(story)


def test_one_of_two_grants_is_enough(play: Any) -> None:
    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        one, two = [await grant(office, key, user.arn, "Encrypt") for _ in range(2)]
        assert one["GrantId"] != two["GrantId"]
        for made, left in ((one, True), (two, False)):
            await done(office, "RevokeGrant", KeyId=key["KeyId"], GrantId=made["GrantId"])
            assert await may(office, user, key) is left

    play(story)


@pytest.mark.parametrize(
    ("kind", "right"),
    [
        ("EncryptionContextEquals", [{"team": "IT"}, {"TEAM": "IT"}]),
        ("EncryptionContextSubset", [{"team": "IT"}, {"Team": "IT", "more": "x"}]),
    ],
)
def test_a_constraint_is_asked_of_every_call(play: Any, kind: str, right: list[dict[str, str]]) -> None:
    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        await grant(office, key, user.arn, "Encrypt", "DescribeKey", Constraints={kind: {"team": "IT"}})
        for _ in range(2):  # what is remembered of one call must not decide another
            for context in right:
                assert await may(office, user, key, EncryptionContext=context)
                for wrong in ({"team": "HR"}, {}, {"more": "x"}, {"team": "IT", "TEAM": "HR"}):
                    assert not await may(office, user, key, EncryptionContext=wrong)
        assert not await may(office, user, key)
        assert await may(office, user, key, "DescribeKey")

    play(story)


def test_a_blob_opens_for_the_bearer_of_a_grant_without_naming_the_key(play: Any) -> None:
    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        blob = (await done(office, "Encrypt", KeyId=key["KeyId"], Plaintext=X))["CiphertextBlob"]
        assert (await refused(office, "Decrypt", user, CiphertextBlob=blob))[0] == "AccessDeniedException"
        await grant(office, key, user.arn, "Decrypt")
        assert (await done(office, "Decrypt", user, CiphertextBlob=blob))["Plaintext"] == X

    play(story)


def test_reencrypt_needs_a_grant_on_either_key(play: Any) -> None:
    async def story(office: Office) -> None:
        source, aim, user = await office.make_key(), await office.make_key(), office.user("alice")
        blob = (await done(office, "Encrypt", KeyId=source["KeyId"], Plaintext=X))["CiphertextBlob"]
        body = {"CiphertextBlob": blob, "DestinationKeyId": aim["KeyId"]}
        await grant(office, source, user.arn, "ReEncryptFrom")
        assert "kms:ReEncryptTo" in (await refused(office, "ReEncrypt", user, **body))[1]
        await grant(office, aim, user.arn, "ReEncryptTo")
        await done(office, "ReEncrypt", user, **body)

    play(story)


def test_a_deny_outweighs_a_grant(play: Any) -> None:
    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        forbidden = office.user("carol", policy({"Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*"}))
        for who in (user, forbidden):
            await grant(office, key, who.arn, "Encrypt", "DescribeKey")
        assert await may(office, user, key)
        assert not await may(office, forbidden, key)
        assert await may(office, forbidden, key, "DescribeKey")
        deny = {"Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"}
        trust = allow("kms:*", Principal={"AWS": ROOT})
        await done(office, "PutKeyPolicy", KeyId=key["KeyId"], Policy=policy(trust, deny))
        assert not await may(office, user, key)

    play(story)


def test_a_disabled_key_stays_disabled_for_its_grantees(play: Any) -> None:
    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        await grant(office, key, user.arn, "Encrypt")
        await done(office, "DisableKey", KeyId=key["KeyId"])
        code, _ = await refused(office, "Encrypt", user, KeyId=key["KeyId"], Plaintext=X)
        assert code == "DisabledException"
        code, message = await refused(
            office, "CreateGrant", KeyId=key["KeyId"], GranteePrincipal=user.arn, Operations=["Decrypt"]
        )
        assert (code, message) == ("DisabledException", f"{key['Arn']} is disabled.")

    play(story)


# --- what is remembered -----------------------------------------------------------------------------------------------


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The identities whose grants were asked for."""
    asked: list[str] = []
    bears = facts.bears

    def noting(known: Any, loaded: Any, use: Any, identity: str, issuer: str | None) -> bool:
        asked.append(identity)
        return bears(known, loaded, use, identity, issuer)

    monkeypatch.setattr("keystead.services.call.bears", noting)
    return asked


def test_what_policies_allow_is_decided_without_a_look_at_grants(play: Any, lookups: list[str]) -> None:
    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        for _ in range(2):
            assert await may(office, office.admin, key)
            assert not await may(office, user, key)
        assert lookups == [], "a key without grants"
        await grant(office, key, user.arn, "Encrypt")
        assert await may(office, office.admin, key)
        assert lookups == [], "a caller who needs none"
        conditional = office.user(
            "dave", policy(allow("kms:Encrypt", Condition={"StringEquals": {"kms:CallerAccount": ACCOUNT}}))
        )
        timely = allow("kms:Encrypt", Condition={"DateGreaterThan": {"aws:CurrentTime": "2000-01-01T00:00:00Z"}})
        for who in (conditional, office.user("erin", policy(timely))):
            assert await may(office, who, key)
            assert await may(office, who, key)
        assert lookups == [], "nor one whose policies must be read anew for each call"
        assert await may(office, user, key)
        assert lookups == [user.unique_id], "the closest identity settles it"

    play(story)


def test_a_look_at_grants_has_the_whole_bound_of_work_for_itself(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What policies cost when they were asked alone is not taken from the decision with what grants say."""
    contexts: list[Any] = []
    decide = policies.decide

    def noting(question: Any, *found: Any) -> Any:
        contexts.append(question.context)
        return decide(question, *found)

    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        await grant(office, key, user.arn, "Encrypt")
        monkeypatch.setattr(policies, "decide", noting)
        assert await may(office, user, key)
        assert len({id(context) for context in contexts}) == len({id(context.work) for context in contexts}) == 2

    play(story)


def test_a_decision_that_was_remembered_is_right_when_grants_come_and_go(play: Any) -> None:
    """Denied, allowed by a grant, allowed by policy, by both, by neither: always what is true now."""

    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        trust = allow("kms:*", Principal={"AWS": ROOT})
        named = allow("kms:Encrypt", Principal={"AWS": user.arn})
        for _ in range(2):
            assert not await may(office, user, key)
            made = await grant(office, key, user.arn, "Encrypt")
            assert await may(office, user, key)
            await done(office, "PutKeyPolicy", KeyId=key["KeyId"], Policy=policy(trust, named))
            assert await may(office, user, key)
            await done(office, "RevokeGrant", KeyId=key["KeyId"], GrantId=made["GrantId"])
            assert await may(office, user, key)
            made = await grant(office, key, user.arn, "Encrypt")
            await done(office, "PutKeyPolicy", KeyId=key["KeyId"], Policy=policy(trust))
            assert await may(office, user, key)
            await done(office, "RevokeGrant", KeyId=key["KeyId"], GrantId=made["GrantId"])
            assert not await may(office, user, key)

    play(story)


def test_a_request_dependent_policy_and_a_grant_are_both_asked_every_time(play: Any) -> None:
    async def story(office: Office) -> None:
        reads = allow("kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionContext:a": "1"}})
        key, user = await office.make_key(), office.user("alice", policy(reads))
        await grant(office, key, user.arn, "Encrypt", Constraints={"EncryptionContextEquals": {"b": "2"}})
        for _ in range(2):
            for context, allowed in (({"a": "1"}, True), ({"b": "2"}, True), ({"c": "3"}, False), ({"a": "2"}, False)):
                assert await may(office, user, key, EncryptionContext=context) is allowed

    play(story)


# --- who bears a grant ------------------------------------------------------------------------------------------------


def test_a_grant_to_a_role_is_for_its_sessions_and_not_for_the_next_role_of_that_name(play: Any) -> None:
    async def story(office: Office) -> None:
        key, role = await office.make_key(), office.role("Worker", path="/app/")
        made = await grant(office, key, role.arn, "Encrypt", RetiringPrincipal=role.arn)
        assert await may(office, office.session(role, "one"), key)
        assert await may(office, office.session(role, "two"), key)
        capped = office.session(role, "three", policy(allow("kms:DescribeKey")))
        assert (
            "because no session policy allows"
            in (await refused(office, "Encrypt", capped, KeyId=key["KeyId"], Plaintext=X))[1]
        )
        assert [each["GranteePrincipal"] for each in await listed(office, key)] == [role.arn]
        another = office.role("Worker", path="/app/", number=2)
        assert not await may(office, office.session(another, "one"), key)
        [shown] = await listed(office, key)
        assert (shown["GranteePrincipal"], shown["RetiringPrincipal"]) == (role.unique_id, role.unique_id)
        assert (await grant(office, key, another.arn, "Encrypt"))["GrantId"] != made["GrantId"]
        assert await may(office, office.session(another, "one"), key)

    play(story)


def test_a_grant_to_a_session_is_for_that_session_however_it_is_limited(play: Any) -> None:
    async def story(office: Office) -> None:
        key, role = await office.make_key(), office.role("Worker", path="/app/")
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/Worker/night"
        await grant(office, key, arn, "Encrypt")  # nobody has assumed the role yet
        session = office.session(role, "night", policy(allow("kms:DescribeKey")))
        assert session.arn == arn
        assert await may(office, session, key)
        assert not await may(office, office.session(role, "day"), key)
        by_id = await grant(office, key, f"{role.unique_id}:night", "DescribeKey")
        [shown] = [each for each in await listed(office, key) if each["GrantId"] == by_id["GrantId"]]
        assert shown["GranteePrincipal"] == arn

    play(story)


def test_a_grant_to_an_account_lets_its_administrators_decide(play: Any) -> None:
    async def story(office: Office) -> None:
        silent = policy(allow("kms:*", Principal={"AWS": office.admin.arn}))
        key = await office.make_key(Policy=silent)
        nobody, allowed = office.user("nobody"), office.user("allowed", policy(allow("kms:Encrypt")))
        abroad = office.user("abroad", policy(allow("kms:Encrypt")), account=OTHER)
        for account in (ACCOUNT, OTHER_ROOT):
            await grant(office, key, account, "Encrypt")
        assert not await may(office, nobody, key)
        assert await may(office, allowed, key)
        assert await may(office, abroad, key)
        assert not await may(office, office.user("weak", account=OTHER), key)
        assert await may(office, office.principals[f"root of {ACCOUNT}"], key)
        assert sorted(each["GranteePrincipal"] for each in await listed(office, key)) == sorted([ROOT, OTHER_ROOT])

    play(story)


PRINCIPALS = [
    (f"arn:aws:iam::{ACCOUNT}:user/missing", "ARN does not refer to a valid principal: {0}"),
    (f"arn:aws:iam::{ACCOUNT}:role/missing", "ARN does not refer to a valid principal: {0}"),
    (f"arn:aws:sts::{ACCOUNT}:assumed-role/missing/s", "ARN does not refer to a valid principal: {0}"),
    ("arn:aws:iam::999988887777:root", "ARN does not refer to a valid principal: {0}"),
    ("arn:aws:sts::999988887777:federated-user/f", "ARN does not refer to a valid principal: {0}"),
    (f"arn:aws:sts::{ACCOUNT}:assumed-role/app/Worker/s", "ARN is not valid: {0}"),
    (f"arn:aws:iam::{ACCOUNT}:group/staff", "ARN is not valid: {0}"),
    ("AROAGONEGONEGONEGONE1:future", "{1} does not refer to a valid principal."),
    ("AIDAGONEGONEGONEGONE1", "{1} does not refer to a valid principal."),
    ("somebody", "{1} does not refer to a valid principal."),
    ("999988887777", "{1} does not refer to a valid principal."),
]


@pytest.mark.parametrize("member", ["GranteePrincipal", "RetiringPrincipal"])
@pytest.mark.parametrize(("text", "sentence"), PRINCIPALS)
def test_who_does_not_exist_gets_no_grant(play: Any, member: str, text: str, sentence: str) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        body = {"GranteePrincipal": ROOT, "Operations": ["Decrypt"], member: text}
        assert await refused(office, "CreateGrant", KeyId=key["KeyId"], **body) == (
            "InvalidArnException",
            sentence.format(text, member),
        )

    play(story)


def test_whoever_may_not_make_grants_does_not_learn_who_exists(play: Any) -> None:
    async def story(office: Office) -> None:
        key, nobody = await office.make_key(), office.user("nobody")
        answers = {
            await refused(office, "CreateGrant", nobody, KeyId=key["Arn"], GranteePrincipal=who, Operations=["Decrypt"])
            for who in (office.admin.arn, f"arn:aws:iam::{ACCOUNT}:user/missing")
        }
        assert len(answers) == 1
        assert answers.pop()[0] == "AccessDeniedException"

    play(story)


# --- across accounts --------------------------------------------------------------------------------------------------


def test_a_grant_of_the_keys_account_needs_an_identity_policy_abroad(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        weak = office.user("weak", account=OTHER)
        strong = office.user("strong", policy(allow("kms:Encrypt")), account=OTHER)
        assert (
            "no resource-based policies allow access"
            in (await refused(office, "Encrypt", strong, KeyId=key["Arn"], Plaintext=X))[1]
        )
        for who in (weak, strong):
            await grant(office, key, who.arn, "Encrypt")
        assert await may(office, strong, key)
        _, message = await refused(office, "Encrypt", weak, KeyId=key["Arn"], Plaintext=X)
        assert message.endswith(
            "kms:Encrypt on this resource because no identity-based policy allows the kms:Encrypt action"
        )

    play(story)


def test_a_grant_that_the_callers_account_issued_suffices_abroad(play: Any) -> None:
    async def story(office: Office) -> None:
        issuer = office.user("issuer", ALLOW_ALL, account=OTHER)
        both = policy(allow("kms:*", Principal={"AWS": ROOT}), allow("kms:CreateGrant", Principal={"AWS": OTHER_ROOT}))
        key, weak = await office.make_key(Policy=both), office.user("weak", account=OTHER)
        await grant(office, key, weak.arn, "Encrypt", by=issuer)
        assert await may(office, weak, key)
        [shown] = await listed(office, key)
        assert shown["IssuingAccount"] == OTHER_ROOT
        assert "on resource" in (await refused(office, "ListGrants", weak, KeyId=key["Arn"]))[1]

    play(story)
