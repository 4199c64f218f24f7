"""How a grant ends: retired, revoked, gone with its key; and what the record says of its life."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from typing import Any

from keystead.domain import limits
from keystead.domain.caller import Principal
from keystead.services import granttokens
from tests.services.granting import OTHER_ROOT, ROOT, allow, done, grant, listed, policy, refused
from tests.services.office import ACCOUNT, ALLOW_ALL, OTHER, REGION, Office

# --- retiring ---------------------------------------------------------------------------------------------------------


def test_who_may_retire_a_grant(play: Any) -> None:
    async def story(office: Office) -> None:
        key, user, keeper = await office.make_key(), office.user("alice"), office.user("keeper")
        nobody, office_root = office.user("nobody"), office.principals[f"root of {ACCOUNT}"]
        delegated = office.user("delegated", policy(allow("kms:RetireGrant")))
        forbidden = office.user("forbidden", policy({"Effect": "Deny", "Action": "kms:RetireGrant", "Resource": "*"}))

        async def retires(who: Principal, *operations: str, **more: Any) -> bool:
            made = await grant(office, key, user.arn, *(operations or ("Decrypt",)), **more)
            status, answer = await office.call("RetireGrant", who, GrantToken=made["GrantToken"])
            assert status == 200 or answer["__type"] == "AccessDeniedException", answer
            left = {each["GrantId"] for each in await listed(office, key)}
            assert (made["GrantId"] in left) is (status != 200)
            return status == 200

        assert await retires(office_root)
        assert await retires(delegated)
        assert not await retires(nobody)
        assert not await retires(user)
        assert await retires(user, "Decrypt", "RetireGrant")
        constrained = {"Constraints": {"EncryptionContextEquals": {"a": "1"}}}
        assert await retires(user, "Decrypt", "RetireGrant", **constrained)
        assert not await retires(keeper)
        assert await retires(keeper, RetiringPrincipal=keeper.arn)
        assert not await retires(forbidden, RetiringPrincipal=forbidden.arn)
        assert await retires(delegated, RetiringPrincipal=keeper.arn)
        named = allow("kms:RetireGrant", Principal={"AWS": nobody.arn})
        await done(
            office, "PutKeyPolicy", KeyId=key["KeyId"], Policy=policy(allow("kms:*", Principal={"AWS": ROOT}), named)
        )
        assert not await retires(nobody), "a key policy has no say in it"

    play(story)


def test_abroad_the_retiring_principal_needs_an_identity_policy_if_the_keys_account_issued_the_grant(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        weak = office.user("weak", account=OTHER)
        strong = office.user("strong", policy(allow("kms:RetireGrant")), account=OTHER)
        stranger = office.user("stranger", ALLOW_ALL, account=OTHER)
        token = (await grant(office, key, ROOT, RetiringPrincipal=weak.arn))["GrantToken"]
        _, message = await refused(office, "RetireGrant", weak, GrantToken=token)
        assert message.endswith(
            "kms:RetireGrant on this resource because no identity-based policy allows the kms:RetireGrant action"
        )
        made = await grant(office, key, ROOT, RetiringPrincipal=strong.arn)
        hidden = await refused(office, "RetireGrant", stranger, KeyId=key["Arn"], GrantId=made["GrantId"])
        nothing = await refused(office, "RetireGrant", stranger, KeyId=key["Arn"], GrantId="0" * 64)
        no_key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000"
        absent = await refused(office, "RetireGrant", stranger, KeyId=no_key, GrantId="0" * 64)
        assert hidden == nothing == (absent[0], absent[1].replace(no_key, key["Arn"]))
        by_token = await refused(office, "RetireGrant", stranger, GrantToken=made["GrantToken"])
        assert by_token == (hidden[0], hidden[1].replace(f"on resource: {key['Arn']}", "on this resource"))
        stored = office.store.read(lambda reader: reader.grant(ACCOUNT, REGION, key["KeyId"], made["GrantId"]))
        assert stored is not None
        gone = granttokens.seal(office.hierarchy, replace(stored, key_id=no_key.rpartition("/")[2]), os.urandom)
        assert await refused(office, "RetireGrant", stranger, GrantToken=gone) == by_token
        await done(office, "RetireGrant", strong, GrantToken=made["GrantToken"])
        to_account = await grant(office, key, ROOT, RetiringPrincipal=OTHER_ROOT)
        assert (await refused(office, "RetireGrant", weak, GrantToken=to_account["GrantToken"]))[
            0
        ] == "AccessDeniedException"
        await done(office, "RetireGrant", strong, KeyId=key["Arn"], GrantId=to_account["GrantId"])

    play(story)


def test_a_grant_is_named_by_its_token_or_by_key_arn_and_id(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        made = await grant(office, key, ROOT)
        both = {"KeyId": key["Arn"], "GrantId": made["GrantId"]}
        for body in (
            {},
            {"KeyId": key["Arn"]},
            {"GrantId": made["GrantId"]},
            {**both, "GrantToken": made["GrantToken"]},
        ):
            assert (await refused(office, "RetireGrant", **body))[0] == "ValidationException"
        assert await refused(office, "RetireGrant", KeyId=key["KeyId"], GrantId=made["GrantId"]) == (
            "NotFoundException",
            f"Invalid arn {key['KeyId']}",
        )
        assert await refused(office, "RetireGrant", KeyId=key["Arn"], GrantId="nonsense") == (
            "InvalidGrantIdException",
            "",
        )
        assert await refused(office, "RetireGrant", GrantToken="nonsense") == ("InvalidGrantTokenException", "")
        elsewhere = await refused(office, "RetireGrant", region="eu-west-1", GrantToken=made["GrantToken"])
        assert elsewhere == ("InvalidGrantTokenException", "")
        await done(office, "RetireGrant", GrantToken=made["GrantToken"])
        for body in (both, {"GrantToken": made["GrantToken"]}):
            code, message = await refused(office, "RetireGrant", **body)
            assert (code, message) == ("NotFoundException", f"Grant '{made['GrantId']}' does not exist")

    play(story)


def test_what_can_be_retired_is_told_by_permission_on_the_retiring_principal_of_the_own_account(play: Any) -> None:
    async def story(office: Office) -> None:
        key, keeper, nobody = await office.make_key(), office.user("keeper"), office.user("nobody")
        about = {**allow("kms:ListRetirableGrants"), "Resource": keeper.arn}
        curious, abroad = office.user("curious", policy(about)), office.user("abroad", ALLOW_ALL, account=OTHER)
        made = await grant(office, key, ROOT, RetiringPrincipal=keeper.arn)
        foreign = await grant(office, key, ROOT, RetiringPrincipal=abroad.arn)

        async def told(who: Principal, named: str) -> list[str]:
            answer = await done(office, "ListRetirableGrants", who, RetiringPrincipal=named)
            return [each["GrantId"] for each in answer["Grants"]]

        for named in (keeper.arn, keeper.unique_id):
            assert await told(curious, named) == await told(office.admin, named) == [made["GrantId"]]
        assert await told(abroad, abroad.arn) == [foreign["GrantId"]]
        assert await told(office.admin, ROOT) == []
        for who, named in ((nobody, keeper.arn), (curious, nobody.arn), (curious, f"{keeper.arn}-missing")):
            assert (await refused(office, "ListRetirableGrants", who, RetiringPrincipal=named))[
                0
            ] == "AccessDeniedException"
        assert await refused(office, "ListRetirableGrants", RetiringPrincipal=abroad.arn) == (
            "InvalidArnException",
            f"ARN does not refer to a valid principal: {abroad.arn}",
        )
        assert await refused(office, "ListRetirableGrants", RetiringPrincipal=abroad.unique_id) == (
            "NotFoundException",
            f"Retiring principal {abroad.unique_id} could not be found",
        )
        elsewhere = await done(office, "ListRetirableGrants", region="eu-west-1", RetiringPrincipal=keeper.arn)
        assert elsewhere["Grants"] == []

    play(story)


def test_revoking_is_a_permission_on_the_key(play: Any) -> None:
    async def story(office: Office) -> None:
        key, user = await office.make_key(), office.user("alice")
        made = await grant(office, key, user.arn, "RetireGrant", "Decrypt")
        named = {"KeyId": key["KeyId"], "GrantId": made["GrantId"]}
        assert (await refused(office, "RevokeGrant", user, **named))[0] == "AccessDeniedException"
        assert await refused(office, "RevokeGrant", KeyId=key["KeyId"], GrantId="short") == (
            "InvalidGrantIdException",
            "",
        )
        await done(office, "RevokeGrant", **named)
        assert await refused(office, "RevokeGrant", **named) == (
            "NotFoundException",
            f"Grant '{made['GrantId']}' does not exist",
        )
        other = await office.make_key()
        made = await grant(office, key, user.arn)
        code, _ = await refused(office, "RevokeGrant", KeyId=other["KeyId"], GrantId=made["GrantId"])
        assert code == "NotFoundException"

    play(story)


def test_a_worker_that_has_nothing_in_memory_lists_what_may_be_retired(play: Any) -> None:
    """Keys are then read in the middle of the list; a read inside a read is refused by the store."""

    async def story(office: Office) -> None:
        key, keeper = await office.make_key(), office.user("keeper")
        await grant(office, key, ROOT, RetiringPrincipal=keeper.arn)
        office.snapshot._forget_everything()
        assert len((await done(office, "ListRetirableGrants", RetiringPrincipal=keeper.arn))["Grants"]) == 1

    play(story)


# --- the end of a key, and the record ---------------------------------------------------------------------------------


def test_the_grants_of_a_deleted_key_go_with_it(play: Any) -> None:
    async def story(office: Office) -> None:
        key, keeper = await office.make_key(), office.user("keeper")
        made = await grant(office, key, ROOT, RetiringPrincipal=keeper.arn)
        retirable = {"RetiringPrincipal": keeper.arn}
        assert len((await done(office, "ListRetirableGrants", **retirable))["Grants"]) == 1
        await done(office, "ScheduleKeyDeletion", KeyId=key["KeyId"], PendingWindowInDays=7)
        assert len(await listed(office, key)) == 1
        code, _ = await refused(
            office, "CreateGrant", KeyId=key["KeyId"], GranteePrincipal=ROOT, Operations=["Decrypt"]
        )
        assert code == "KMSInvalidStateException"
        office.now += 7 * limits.SECONDS_PER_DAY
        assert (await done(office, "ListRetirableGrants", **retirable))["Grants"] == []
        assert (await refused(office, "RetireGrant", GrantToken=made["GrantToken"]))[0] == "NotFoundException"
        assert office.sweep.run() == 1
        while office.store.read(lambda reader: reader.has_grants(ACCOUNT, REGION, key["KeyId"])):
            await asyncio.sleep(0.01)

    play(story)


def test_the_record_says_which_grant_and_never_a_token(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        asked = {
            "GranteePrincipal": ROOT,
            "RetiringPrincipal": ROOT,
            "Operations": ["Decrypt", "Encrypt"],
            "Constraints": {"EncryptionContextSubset": {"team": "IT"}},
            "Name": "unspoken",
        }
        made = await done(office, "CreateGrant", KeyId=key["KeyId"], **asked)
        await done(office, "CreateGrant", KeyId=key["KeyId"], **asked, GrantTokens=[made["GrantToken"]])
        await done(office, "ListGrants", KeyId=key["KeyId"], Limit=5)
        await done(office, "ListRetirableGrants", RetiringPrincipal=ROOT)
        await done(office, "RetireGrant", GrantToken=made["GrantToken"])
        await refused(office, "RevokeGrant", KeyId=key["KeyId"], GrantId=made["GrantId"])
        _, created, again, listing, retirable, retired, revoked = office.journal.lines
        assert created["requestParameters"] == {
            "keyId": key["KeyId"],
            "operations": ["Decrypt", "Encrypt"],
            "constraints": {"encryptionContextSubset": {"team": "IT"}},
            "granteePrincipal": ROOT,
            "retiringPrincipal": ROOT,
        }
        for line in (created, again):
            assert line["responseElements"] == {"grantId": made["GrantId"], "keyId": key["Arn"]}
            assert line["readOnly"] is False
        assert (listing["requestParameters"], listing["readOnly"]) == ({"keyId": key["KeyId"], "limit": 5}, True)
        assert retirable["requestParameters"] == {"retiringPrincipal": ROOT}
        assert (retired["requestParameters"], retired["responseElements"]) == (None, None)
        assert retired["additionalEventData"] == {"grantId": made["GrantId"]}
        assert retired["resources"][0]["ARN"] == key["Arn"]
        assert revoked["requestParameters"] == {"keyId": key["KeyId"], "grantId": made["GrantId"]}
        everything = json.dumps(office.journal.lines)
        assert made["GrantToken"] not in everything
        assert "unspoken" not in everything

    play(story)
