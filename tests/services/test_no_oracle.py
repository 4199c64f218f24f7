"""Nobody finds out by being refused what they may not know: a key or a role that is not there, one that they may not use
and one whose policy denies them answer alike wherever AWS's do, whatever state, type or tags it has.

Within its own account AWS says that a key is not there (NotFoundException), so those two differ; what a key is like is
not told there either. How long an answer takes is not looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from keystead import errors
from keystead.domain.caller import Principal
from keystead.domain.key import Key
from keystead.services.call import Call
from keystead.services.kms.operations import KMS
from tests.services.office import ACCOUNT, ALLOW_ALL, OTHER, REGION, Office
from tests.services.requests import names_a_key, smallest

Answer = tuple[int, dict[str, Any]]

ROOT = f"arn:aws:iam::{OTHER}:root"
MISSING = "00000000-0000-4000-8000-000000000000"
OPERATIONS = sorted(name for name in KMS.rows if names_a_key(name))
BY_ALIAS = sorted(name for name in OPERATIONS if KMS.rows[name].aliases)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


DENY_ALL = document({"Effect": "Deny", "Action": "*", "Resource": "*"})
DENY_TAGGED = document(
    {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/secret": "yes"}},
    }
)
ELSE = document({"Effect": "Allow", "Action": "iam:*", "Resource": "*"})
TRUSTS_ITS_ACCOUNT = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}
DENIES_STRANGERS = {
    "Effect": "Deny",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "kms:*",
    "Resource": "*",
}


def strangers(office: Office) -> dict[str, Principal]:
    """Callers whom no key of the other account trusts."""
    everything = office.user("everything", ALLOW_ALL)
    return {
        "with nothing": office.user("nobody"),
        "with everything": everything,
        "whom everything is denied": office.user("denied", ALLOW_ALL, DENY_ALL),
        "whom what is tagged is denied": office.user("tagged", ALLOW_ALL, DENY_TAGGED),
        "within a boundary": office.user("bounded", ALLOW_ALL, boundary=ELSE),
        "in a session of a role": office.session(office.role("acting", ALLOW_ALL), "s", ELSE),
        "the root user": office.principals[f"root of {ACCOUNT}"],
    }


async def keys_of(office: Office, owner: Principal) -> dict[str, str]:
    """Ids of keys of all kinds, of whoever makes them."""

    async def key(**members: Any) -> str:
        return str((await office.make_key(owner, **members))["KeyId"])

    async def sure(operation: str, **members: Any) -> None:
        status, told = await office.call(operation, owner, **members)
        assert status == 200, told

    disabled, pending, granted = await key(), await key(), await key()
    await sure("DisableKey", KeyId=disabled)
    await sure("ScheduleKeyDeletion", KeyId=pending)
    grantee = f"arn:aws:iam::{owner.account}:root"
    await sure("CreateGrant", KeyId=granted, GranteePrincipal=grantee, Operations=["Encrypt", "Decrypt"])
    return {
        "enabled": await key(),
        "disabled": disabled,
        "pending deletion": pending,
        "tagged": await key(Tags=[{"TagKey": "secret", "TagValue": "yes"}]),
        "for codes": await key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC"),
        "for signatures": await key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"),
        "without material": await key(Origin="EXTERNAL"),
        "multi-Region": await key(MultiRegion=True),
        "granted to others": granted,
    }


#: What an operation asks for before it asks about the key.
SIZE = {"KeySpec": "AES_256"}
BESIDES: dict[str, dict[str, Any]] = {
    "CreateAlias": {"AliasName": "alias/new"},
    "UpdateAlias": {"AliasName": "alias/mine"},
    "Decrypt": {"CiphertextBlob": "aGVsbG8="},
    "ReEncrypt": {"CiphertextBlob": "aGVsbG8="},
    "GenerateDataKey": SIZE,
    "GenerateDataKeyWithoutPlaintext": SIZE,
    "RevokeGrant": {"GrantId": "0" * 64},
    "PutKeyPolicy": {"Policy": document(TRUSTS_ITS_ACCOUNT)},
}


async def refusal(office: Office, operation: str, who: Principal, name: str, typed: str) -> Answer:
    """What comes of the smallest request that names a key so, without the name."""
    status, told = await office.call(operation, who, **{**smallest(operation, name), **BESIDES.get(operation, {})})
    assert status != 200, (operation, who.arn, told)
    return status, json.loads(json.dumps(told).replace(typed, "<as typed>"))


def key_arn(account: str, key_id: str) -> str:
    return f"arn:aws:kms:{REGION}:{account}:key/{key_id}"


def alias_arn(account: str, name: str) -> str:
    return f"arn:aws:kms:{REGION}:{account}:{name}"


async def foreign_keys_look_alike(office: Office) -> None:
    stranger = office.user("stranger", ALLOW_ALL, account=OTHER)
    keys = await keys_of(office, stranger)
    policy = document(TRUSTS_ITS_ACCOUNT, DENIES_STRANGERS)
    mine = (await office.make_key())["KeyId"]
    await office.call("CreateAlias", AliasName="alias/mine", TargetKeyId=mine)
    keys["that denies"] = (await office.make_key(stranger, Policy=policy))["KeyId"]
    for described, who in strangers(office).items():
        for operation in OPERATIONS:
            missing = key_arn(OTHER, MISSING)
            expected = await refusal(office, operation, who, missing, missing)
            assert expected[1]["__type"] == "AccessDeniedException", (operation, expected)
            for kind, key_id in keys.items():
                arn = key_arn(OTHER, key_id)
                assert await refusal(office, operation, who, arn, arn) == expected, (operation, described, kind)


def test_a_key_of_another_account_answers_alike_whether_it_is_there_or_not(play: Callable[..., None]) -> None:
    play(foreign_keys_look_alike)


def missing_keys_are_told(call: Call[Any], reference: Any, _permission: str) -> Any:
    loaded = call._resolve(reference)
    if loaded is None:
        raise errors.key_not_found(reference.arn)
    return loaded


def states_are_told(call: Call[Any], _permission: str, key: Key, *_rest: Any) -> errors.Refusal:
    return errors.access_denied(f"not this key, which is {key.state}")


@pytest.mark.parametrize(("place", "fault"), [("_existing", missing_keys_are_told), ("_out_of_reach", states_are_told)])
def test_a_planted_oracle_is_found(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch, place: str, fault: Any
) -> None:
    monkeypatch.setattr(Call, place, fault)
    with pytest.raises(AssertionError):
        play(foreign_keys_look_alike)


def test_an_alias_of_another_account_answers_alike_whether_it_is_there_or_not(play: Callable[..., None]) -> None:
    async def story(office: Office) -> None:
        stranger = office.user("stranger", ALLOW_ALL, account=OTHER)
        keys = await keys_of(office, stranger)
        names = [f"alias/of-{number}" for number in range(len(keys))]
        for name, key_id in zip(names, keys.values(), strict=True):
            await office.call("CreateAlias", stranger, AliasName=name, TargetKeyId=key_id)
        for described, who in strangers(office).items():
            for operation in BY_ALIAS:
                missing = alias_arn(OTHER, "alias/missing")
                expected = await refusal(office, operation, who, missing, missing)
                assert expected[1]["__type"] == "AccessDeniedException", (operation, expected)
                for kind, name in zip(keys, names, strict=True):
                    arn = alias_arn(OTHER, name)
                    assert await refusal(office, operation, who, arn, arn) == expected, (operation, described, kind)

    play(story)


def test_another_accounts_key_id_and_alias_name_mean_the_callers_own_account(play: Callable[..., None]) -> None:
    """So they are missing there, whether the other account has them or not."""

    async def story(office: Office) -> None:
        stranger = office.user("stranger", ALLOW_ALL, account=OTHER)
        there = (await office.make_key(stranger))["KeyId"]
        await office.call("CreateAlias", stranger, AliasName="alias/there", TargetKeyId=there)
        for described, who in strangers(office).items():
            for operation in OPERATIONS:
                if operation == "RetireGrant":  # takes an ARN alone
                    continue
                expected = await refusal(office, operation, who, MISSING, MISSING)
                assert await refusal(office, operation, who, there, there) == expected, (operation, described)
            for operation in BY_ALIAS:
                expected = await refusal(office, operation, who, "alias/missing", "alias/missing")
                found = await refusal(office, operation, who, "alias/there", "alias/there")
                assert found == expected, (operation, described)

    play(story)


def test_a_key_of_the_own_account_that_is_forbidden_does_not_tell_what_it_is_like(play: Callable[..., None]) -> None:
    """AWS tells that there is none, and that is all."""

    async def story(office: Office) -> None:
        keys = await keys_of(office, office.admin)
        forbidden = {name: who for name, who in strangers(office).items() if name in FORBIDDEN}
        for described, who in forbidden.items():
            for operation in OPERATIONS:
                arns = {kind: key_arn(ACCOUNT, key_id) for kind, key_id in keys.items()}
                answers = {kind: await refusal(office, operation, who, arn, arn) for kind, arn in arns.items()}
                assert all(one == answers["enabled"] for one in answers.values()), (operation, described, answers)
                assert answers["enabled"][1]["__type"] == "AccessDeniedException"
                if operation in OF_ALIASES:
                    continue
                missing = key_arn(ACCOUNT, MISSING)
                _, told = await refusal(office, operation, who, missing, missing)
                assert told["__type"] == "NotFoundException", (operation, described)

    play(story)


FORBIDDEN = {"with nothing", "whom everything is denied"}
#: The alias is asked about before its key, so that nothing is told of the key at all.
OF_ALIASES = {"CreateAlias", "UpdateAlias", "ListAliases"}


def test_a_ciphertext_tells_nothing_of_its_key(play: Callable[..., None]) -> None:
    """One of another account's key, one of a key of the own account that is forbidden, and one of none."""

    async def story(office: Office) -> None:
        stranger = office.user("stranger", ALLOW_ALL, account=OTHER)
        callers = strangers(office)
        blobs: dict[str, str] = {}
        for whose, owner in (("theirs", stranger), ("own", office.admin)):
            for kind in ("enabled", "DisableKey", "ScheduleKeyDeletion"):
                key_id = (await office.make_key(owner))["KeyId"]
                _, sealed = await office.call("Encrypt", owner, KeyId=key_id, Plaintext="aGVsbG8=")
                blobs[f"{whose}, {kind}"] = sealed["CiphertextBlob"]
                if kind != "enabled":
                    await office.call(kind, owner, KeyId=key_id)
        here = (await office.make_key())["KeyId"]
        forged = blobs["own, enabled"]
        blobs["nobody's"] = forged[:8] + ("A" if forged[8] != "A" else "B") * 16 + forged[24:]
        for described, who in callers.items():
            seen = {}
            for kind, blob in blobs.items():
                if kind.startswith("own") and described not in FORBIDDEN:
                    continue
                seen[kind] = [
                    await office.call("Decrypt", who, CiphertextBlob=blob),
                    await office.call("ReEncrypt", who, CiphertextBlob=blob, DestinationKeyId=here),
                ]
            assert all(one == seen["nobody's"] for one in seen.values()), (described, seen)
            assert seen["nobody's"][0][1]["__type"] == "AccessDeniedException"

    play(story)


TRUSTS_NOBODY = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
DENIES_EVERYBODY = document({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"})


@pytest.mark.parametrize("account", [ACCOUNT, OTHER], ids=["of the own account", "of another account"])
@pytest.mark.parametrize("described", ["with nothing", "with everything", "whom everything is denied"])
def test_a_role_that_is_not_there_and_one_that_does_not_trust_the_caller_answer_alike(
    play: Callable[..., None], account: str, described: str
) -> None:
    async def story(office: Office) -> None:
        who = strangers(office)[described]
        office.role("closed", account=account, trust=TRUSTS_NOBODY)
        if account == OTHER:  # in the own account AWS tells of an explicit deny
            office.role("denying", account=account, trust=DENIES_EVERYBODY)

        async def assumed(name: str) -> Answer:
            arn = f"arn:aws:iam::{account}:role/{name}"
            status, told = await office.ask("sts:AssumeRole", who, RoleArn=arn, RoleSessionName="me")
            return status, json.loads(json.dumps(told).replace(arn, "<as typed>"))

        missing = await assumed("missing")
        assert missing[1]["Code"] == "AccessDenied"
        assert await assumed("closed") == missing
        if account == OTHER:
            assert await assumed("denying") == missing

    play(story)


def test_users_groups_roles_and_policies_are_hidden_from_whoever_may_not_look(play: Callable[..., None]) -> None:
    async def story(office: Office) -> None:
        office.user("there")
        office.role("there", trust=TRUSTS_NOBODY)
        there = office.managed("there", ELSE).arn
        await office.ask("iam:CreateGroup", GroupName="there")
        named = {
            "iam:GetUser": "UserName",
            "iam:ListUserPolicies": "UserName",
            "iam:ListAccessKeys": "UserName",
            "iam:DeleteUser": "UserName",
            "iam:GetGroup": "GroupName",
            "iam:DeleteGroup": "GroupName",
            "iam:GetRole": "RoleName",
            "iam:ListAttachedRolePolicies": "RoleName",
            "iam:DeleteRole": "RoleName",
            "iam:GetPolicy": "PolicyArn",
            "iam:DeletePolicy": "PolicyArn",
        }
        for described in FORBIDDEN:
            who = strangers(office)[described]
            for operation, member in named.items():
                seen = []
                for name in ("there", "gone"):
                    value = there.replace("policy/there", f"policy/{name}") if member == "PolicyArn" else name
                    status, told = await office.ask(operation, who, **{member: value})
                    seen.append((status, json.loads(json.dumps(told).replace(value, "<as typed>"))))
                assert seen[0] == seen[1], (operation, described)
                assert seen[0][1]["Code"] == "AccessDenied"

    play(story)


def test_whose_an_access_key_is_only_those_are_told_who_may_ask(play: Callable[..., None]) -> None:
    async def story(office: Office) -> None:
        _, made = await office.ask("iam:CreateUser", UserName="holder")
        _, made = await office.ask("iam:CreateAccessKey", UserName="holder")
        known, unknown = made["AccessKey"]["AccessKeyId"], "AKIAIOSFODNN7EXAMPLE"
        for described in FORBIDDEN:
            who = strangers(office)[described]
            for operation in ("sts:GetAccessKeyInfo", "iam:GetAccessKeyLastUsed"):
                seen = []
                for one in (known, unknown):
                    status, told = await office.ask(operation, who, AccessKeyId=one)
                    seen.append((status, json.loads(json.dumps(told).replace(one, "<as typed>"))))
                assert seen[0] == seen[1], (operation, described)
                assert seen[0][1]["Code"] == "AccessDenied"

    play(story)
