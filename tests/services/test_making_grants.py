"""Which grants may be made by whom: narrower ones by the power of a grant, what conditions of policies read, names, tokens, limits, dry
runs."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.domain import limits
from tests.services.granting import OTHER_ROOT, ROOT, X, allow, done, grant, listed, may, policy, refused
from tests.services.office import ACCOUNT, REGION, Office

# --- making grants by the power of a grant ----------------------------------------------------------------------------


def test_a_grantee_makes_narrower_grants_only(play: Any) -> None:
    async def story(office: Office) -> None:
        key, user, friend = await office.make_key(), office.user("alice"), office.user("bob")
        subset = {"EncryptionContextSubset": {"team": "IT"}}
        await grant(office, key, user.arn, "CreateGrant", "Decrypt", "Encrypt", Constraints=subset)
        await grant(office, key, user.arn, "GenerateDataKey")
        denied = (
            "AccessDeniedException",
            f"User: {user.arn} is not authorized to perform: kms:CreateGrant on resource: {key['Arn']} because no "
            "identity-based policy allows the kms:CreateGrant action",
        )
        too_wide = [
            {"Operations": ["Decrypt"]},
            {"Operations": ["Decrypt"], "Constraints": {"EncryptionContextSubset": {"more": "x"}}},
            {"Operations": ["Decrypt"], "Constraints": {"EncryptionContextEquals": {"team": "HR"}}},
            {"Operations": ["Decrypt", "GenerateDataKey"], "Constraints": subset},
            {"Operations": ["GenerateDataKey"], "Constraints": subset},
            {"Operations": ["DescribeKey"], "Constraints": subset},
        ]
        for body in too_wide:
            assert (
                await refused(office, "CreateGrant", user, KeyId=key["KeyId"], GranteePrincipal=friend.arn, **body)
                == denied
            )
        narrow = {"EncryptionContextEquals": {"Team": "IT", "more": "x"}}
        await grant(office, key, friend.arn, "Encrypt", "CreateGrant", by=user, Constraints=narrow)
        assert await may(office, friend, key, EncryptionContext={"team": "IT", "more": "x"})
        assert not await may(office, friend, key, EncryptionContext={"team": "IT"})
        await grant(office, key, user.arn, "Encrypt", by=friend, Constraints=narrow)

    play(story)


def test_a_grant_made_by_the_power_of_another_outlives_it(play: Any) -> None:
    async def story(office: Office) -> None:
        key, user, friend = await office.make_key(), office.user("alice"), office.user("bob")
        parent = await grant(office, key, user.arn, "CreateGrant", "Encrypt")
        await grant(office, key, friend.arn, "Encrypt", by=user)
        await done(office, "RevokeGrant", KeyId=key["KeyId"], GrantId=parent["GrantId"])
        assert await may(office, friend, key)
        body = {"KeyId": key["KeyId"], "GranteePrincipal": friend.arn, "Operations": ["Encrypt"]}
        assert (await refused(office, "CreateGrant", user, **body))[0] == "AccessDeniedException"

    play(story)


# --- what conditions read ---------------------------------------------------------------------------------------------


CONDITIONS = [
    ({"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}}, {}, {"Operations": ["Sign"]}),
    ({"StringEquals": {"kms:GranteePrincipal": ROOT}}, {}, {"GranteePrincipal": OTHER_ROOT}),
    (
        {"StringEquals": {"kms:RetiringPrincipal": ROOT}},
        {"RetiringPrincipal": ACCOUNT},
        {"RetiringPrincipal": OTHER_ROOT},
    ),
    (
        {"StringEquals": {"kms:GrantConstraintType": "EncryptionContextEquals"}},
        {"Constraints": {"EncryptionContextEquals": {"a": "1"}}},
        {"Constraints": {"EncryptionContextSubset": {"a": "1"}}},
    ),
    (
        {"StringEquals": {"kms:EncryptionContext:a": "1"}},
        {"Constraints": {"EncryptionContextSubset": {"a": "1"}}},
        {"Constraints": {"EncryptionContextSubset": {"a": "2"}}},
    ),
    ({"Bool": {"kms:GrantIsForAWSResource": "false"}}, {}, None),
    ({"Bool": {"kms:GrantIsForAWSResource": "true"}}, None, {}),
]


@pytest.mark.parametrize(("condition", "right", "wrong"), CONDITIONS)
def test_policies_say_which_grants_may_be_made(play: Any, condition: Any, right: Any, wrong: Any) -> None:
    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("maker", policy(allow("kms:CreateGrant", Condition=condition)))
        base = {"KeyId": key["KeyId"], "GranteePrincipal": ROOT, "Operations": ["Encrypt"]}
        if right is not None:
            await done(office, "CreateGrant", user, **(base | right))
        if wrong is not None:
            assert (await refused(office, "CreateGrant", user, **(base | wrong)))[0] == "AccessDeniedException"

    play(story)


def test_a_service_that_acts_for_somebody_makes_grants_for_its_resources(play: Any) -> None:
    async def story(office: Office) -> None:
        condition = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        actions = ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"]
        key, user = await office.make_key(), office.user("maker", policy(allow(actions, Condition=condition)))
        service = f"dynamodb.{REGION}.amazonaws.com"
        body = {"KeyId": key["KeyId"], "GranteePrincipal": service, "Operations": ["Decrypt"]}
        assert (await refused(office, "CreateGrant", user, **body))[0] == "AccessDeniedException"
        status, made = await office.call("CreateGrant", user, via=service, **body)
        assert status == 200, made
        status, answer = await office.call("ListGrants", user, via=service, KeyId=key["KeyId"])
        assert [each["GranteePrincipal"] for each in answer["Grants"]] == [service]
        named = {"KeyId": key["KeyId"], "GrantId": made["GrantId"]}
        assert (await refused(office, "RevokeGrant", user, **named))[0] == "AccessDeniedException"
        assert (await office.call("RevokeGrant", user, via=service, **named))[0] == 200

    play(story)


def test_a_grant_to_a_service_principal_is_shown_as_one(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        source = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"
        body = {
            "KeyId": key["KeyId"],
            "GranteeServicePrincipal": "sqs.amazonaws.com",
            "RetiringServicePrincipal": "sqs.amazonaws.com",
            "Operations": ["Decrypt"],
            "Constraints": {"SourceArn": source},
        }
        await done(office, "CreateGrant", **body)
        [shown] = await listed(office, key)
        assert (shown["GranteeServicePrincipal"], shown["RetiringServicePrincipal"]) == ("sqs.amazonaws.com",) * 2
        assert not {"GranteePrincipal", "RetiringPrincipal"} & shown.keys()
        assert shown["Constraints"] == {"SourceArn": source}
        for less in ("Constraints", "RetiringServicePrincipal"):
            lacking = {name: value for name, value in body.items() if name != less}
            assert (await refused(office, "CreateGrant", **lacking))[0] == "ValidationException"
        for more in ({"GranteePrincipal": ROOT}, {"RetiringPrincipal": ROOT}):
            assert (await refused(office, "CreateGrant", **body, **more))[0] == "ValidationException"
        alone = {"KeyId": key["KeyId"], "GranteePrincipal": ROOT, "Operations": ["Decrypt"]}
        code, _ = await refused(office, "CreateGrant", **alone, Constraints={"SourceArn": source})
        assert code == "ValidationException"
        code, message = await refused(office, "CreateGrant", **{**body, "GranteeServicePrincipal": "sqs.example.com"})
        assert (code, message) == (
            "InvalidArnException",
            "GranteeServicePrincipal does not refer to a valid principal.",
        )
        for operation, filters in (
            ("ListGrants", {"KeyId": key["KeyId"], "GranteeServicePrincipal": "sqs.amazonaws.com"}),
            ("ListRetirableGrants", {"RetiringServicePrincipal": "sqs.amazonaws.com"}),
        ):
            assert (await refused(office, operation, **filters))[0] == "ValidationException"

    play(story)


# --- names, tokens, limits, dry runs ----------------------------------------------------------------------------------


def test_a_name_makes_a_request_repeatable(play: Any) -> None:
    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        first = await grant(office, key, user.arn, "Encrypt", "Decrypt", Name="n")
        again = await grant(office, key, user.unique_id, "Decrypt", "Encrypt", "Decrypt", Name="n")
        assert again["GrantId"] == first["GrantId"]
        assert again["GrantToken"] != first["GrantToken"]
        assert len(await listed(office, key)) == 1
        others = [
            await grant(office, key, user.arn, "Decrypt", Name="n"),
            await grant(office, key, user.arn, "Encrypt", "Decrypt", Name="other"),
            await grant(office, key, user.arn, "Encrypt", "Decrypt"),
            await grant(office, key, user.arn, "Encrypt", "Decrypt"),
        ]
        assert len({each["GrantId"] for each in (first, *others)}) == 5
        for token in (first["GrantToken"], again["GrantToken"]):
            assert await may(office, user, key, GrantTokens=[token])
        await done(office, "RevokeGrant", KeyId=key["KeyId"], GrantId=first["GrantId"])
        anew = await grant(office, key, user.arn, "Encrypt", "Decrypt", Name="n")
        assert anew["GrantId"] != first["GrantId"]

    play(story)


def test_a_token_is_ours_or_refused_and_gives_nothing(play: Any) -> None:
    async def story(office: Office) -> None:
        key, user, nobody = await office.make_key(), office.user("alice"), office.user("nobody")
        made = await grant(office, key, user.arn)
        token = made["GrantToken"]
        assert await may(office, user, key, GrantTokens=[token])
        assert not await may(office, nobody, key, GrantTokens=[token])
        changed = token[:-6] + ("A" if token[-6] != "A" else "B") + token[-5:]
        for wrong in (["nonsense"], [token, "nonsense"], [changed], ["ü"], [token + "="]):
            for operation, body in (
                ("Encrypt", {"Plaintext": X}),
                ("DescribeKey", {}),
                ("CreateGrant", {"GranteePrincipal": ROOT, "Operations": ["Decrypt"]}),
            ):
                assert await refused(office, operation, KeyId=key["KeyId"], GrantTokens=wrong, **body) == (
                    "InvalidGrantTokenException",
                    "",
                )
        await done(office, "RevokeGrant", KeyId=key["KeyId"], GrantId=made["GrantId"])
        assert not await may(office, user, key, GrantTokens=[token])
        assert await may(office, office.admin, key, GrantTokens=[token])

    play(story)


def test_a_key_has_room_for_so_many_grants(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRANTS_PER_KEY", 2)

    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        await grant(office, key, user.arn, Name="n")
        made = await grant(office, key, user.arn)
        body = {"KeyId": key["KeyId"], "GranteePrincipal": user.arn, "Operations": ["Encrypt", "Decrypt"]}
        assert (await refused(office, "CreateGrant", **body))[0] == "LimitExceededException"
        await done(office, "CreateGrant", **body, Name="n")
        await done(office, "RevokeGrant", KeyId=key["KeyId"], GrantId=made["GrantId"])
        await done(office, "CreateGrant", **body)

    play(story)


def test_one_grantees_constraints_demand_so_many_sets_of_names(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRANT_SHAPES", 2)

    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        subsets = [{"a": "1"}, {"A": "2"}, {"a": "1", "b": "1"}, {"b": "2", "A": "1"}]
        for subset in subsets:
            made = await grant(office, key, user.arn, Constraints={"EncryptionContextSubset": subset})
        body = {"KeyId": key["KeyId"], "GranteePrincipal": user.arn, "Operations": ["Encrypt"]}
        for more in ({}, {"Constraints": {"EncryptionContextSubset": {"c": "1"}}}):
            assert (await refused(office, "CreateGrant", **body, **more))[0] == "LimitExceededException"
        for subset in subsets:
            assert await may(office, user, key, EncryptionContext=subset | {"more": "x"})
        assert not await may(office, user, key, EncryptionContext={"b": "2"})
        await grant(office, key, office.user("bob").arn)
        await done(office, "RevokeGrant", KeyId=key["KeyId"], GrantId=made["GrantId"])

    play(story)


def test_a_dry_run_says_what_would_be_and_does_nothing(play: Any) -> None:
    async def story(office: Office) -> None:
        key, nobody = await office.make_key(), office.user("nobody")
        body = {"KeyId": key["KeyId"], "GranteePrincipal": ROOT, "Operations": ["Decrypt"], "DryRun": True}
        would = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
        assert await refused(office, "CreateGrant", **body) == would
        assert (await refused(office, "CreateGrant", nobody, **body))[0] == "AccessDeniedException"
        assert (await refused(office, "CreateGrant", **{**body, "Operations": ["Sign"]}))[0] == "ValidationException"
        assert await listed(office, key) == []
        made = await grant(office, key, ROOT)
        named = {"KeyId": key["Arn"], "GrantId": made["GrantId"], "DryRun": True}
        for operation in ("RevokeGrant", "RetireGrant"):
            assert await refused(office, operation, **named) == would
            assert (await refused(office, operation, nobody, **named))[0] == "AccessDeniedException"
            code, _ = await refused(office, operation, **{**named, "GrantId": "0" * 64})
            assert code == "NotFoundException"
        assert len(await listed(office, key)) == 1

    play(story)
