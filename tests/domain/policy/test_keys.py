"""Every condition key there is: what it reads, when it is absent, and when its value is computed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.domain.policy.cast import (
    FEDERATED,
    FEDERATED_ARN,
    HOME,
    KEY,
    REGION,
    ROLE_ARN,
    ROOT,
    SERVICE,
    SESSION,
    USER,
    USER_ARN,
    caller,
    identity,
    key_policy,
    statement,
)
from tests.domain.policy.test_conditions import ARN, applies, policy_applies, tagged

from keystead.domain.caller import PrincipalKind, Session, Via
from keystead.domain.policy import document
from keystead.domain.policy.conditions import KEYS, PREFIXES, Comparison, Context, Facts

OF_SESSION = Facts(
    caller=caller(
        replace(
            SESSION,
            tags=(("team", "red"),),
            session=Session(
                PrincipalKind.ASSUMED_ROLE,
                HOME,
                "AROAWORKERWORKERWRK1",
                "night",
                issued=0.0,
                expires=3600.0,
                source_identity="alice",
                provider="token.example.com",
                claims=(("token.example.com:sub", "s"), ("token.example.com:amr", "a"), ("token.example.com:amr", "b")),
            ),
        )
    )
)
VIA = caller(SESSION, Via("ec2", ("athena.amazonaws.com", "ec2.amazonaws.com")))

# What each condition key reads: the key, facts in which it is there, and its values.
READINGS: list[tuple[str, Facts, tuple[str, ...]]] = [
    ("aws:CalledVia", Facts(caller=VIA), ("athena.amazonaws.com", "ec2.amazonaws.com")),
    ("aws:CalledVia", Facts(caller=caller(via=Via("ec2"))), ("ec2.amazonaws.com",)),
    ("aws:CalledViaFirst", Facts(caller=VIA), ("athena.amazonaws.com",)),
    ("aws:CalledViaLast", Facts(caller=VIA), ("ec2.amazonaws.com",)),
    ("aws:CurrentTime", Facts(now=1893456000.9), ("2030-01-01T00:00:00Z",)),
    ("aws:EpochTime", Facts(now=1893456000.9), ("1893456000",)),
    ("aws:FederatedProvider", Facts(federated_provider="p"), ("p",)),
    ("aws:MultiFactorAuthAge", Facts(mfa_age=5), ("5",)),
    ("aws:MultiFactorAuthPresent", Facts(mfa_present=True), ("true",)),
    ("aws:PrincipalAccount", Facts(caller=caller(SESSION)), (HOME,)),
    ("aws:PrincipalArn", Facts(caller=caller(USER)), (USER_ARN,)),
    ("aws:PrincipalArn", Facts(caller=caller(SESSION)), (ROLE_ARN,)),
    ("aws:PrincipalArn", Facts(caller=caller(FEDERATED)), (FEDERATED_ARN,)),
    ("aws:PrincipalArn", Facts(caller=caller(ROOT)), (f"arn:aws:iam::{HOME}:root",)),
    ("aws:PrincipalIsAWSService", Facts(caller=caller(USER)), ("false",)),
    ("aws:PrincipalIsAWSService", Facts(caller=VIA), ("false",)),
    ("aws:PrincipalIsAWSService", Facts(caller=caller(SERVICE)), ("true",)),
    ("aws:PrincipalServiceName", Facts(caller=caller(SERVICE)), (SERVICE.arn,)),
    ("aws:PrincipalServiceNamesList", Facts(caller=caller(SERVICE)), (SERVICE.arn,)),
    ("aws:PrincipalTag/Team", Facts(caller=caller()), ("blue",)),
    ("aws:PrincipalTag/Team", OF_SESSION, ("red",)),
    ("aws:FederatedProvider", OF_SESSION, ("token.example.com",)),
    ("aws:MultiFactorAuthPresent", OF_SESSION, ("false",)),
    ("aws:SourceIdentity", OF_SESSION, ("alice",)),
    ("aws:TokenIssueTime", OF_SESSION, ("1970-01-01T00:00:00Z",)),
    ("token.example.com:sub", OF_SESSION, ("s",)),
    ("token.example.com:amr", OF_SESSION, ("a", "b")),
    ("aws:PrincipalType", Facts(caller=caller(ROOT)), ("Account",)),
    ("aws:PrincipalType", Facts(caller=caller(USER)), ("User",)),
    ("aws:PrincipalType", Facts(caller=caller(SESSION)), ("AssumedRole",)),
    ("aws:PrincipalType", Facts(caller=caller(FEDERATED)), ("FederatedUser",)),
    ("aws:RequestTag/Team", tagged(("team", "red")), ("red",)),
    ("aws:RequestedRegion", Facts(caller=caller()), (REGION,)),
    ("aws:RequestedRegion", Facts(caller=caller(), requested_region="x"), ("x",)),
    ("aws:ResourceAccount", Facts(key=KEY), (HOME,)),
    ("aws:ResourceAccount", Facts(resource_account="1"), ("1",)),
    ("aws:ResourceTag/team", Facts(key=KEY), ("blue",)),
    ("aws:SecureTransport", Facts(secure_transport=False), ("false",)),
    ("aws:SourceAccount", Facts(source_account=HOME), (HOME,)),
    ("aws:SourceArn", Facts(source_arn=ARN), (ARN,)),
    ("aws:SourceIdentity", Facts(source_identity="i"), ("i",)),
    ("aws:SourceIp", Facts(source_ip="::1"), ("::1",)),
    ("aws:TagKeys", tagged(("a", "1"), ("b", "2")), ("a", "b")),
    ("aws:TagKeys", Facts(tag_keys=["a"]), ("a",)),
    ("aws:TokenIssueTime", Facts(token_issued=0), ("1970-01-01T00:00:00Z",)),
    ("aws:UserAgent", Facts(user_agent="aws-cli"), ("aws-cli",)),
    ("aws:ViaAWSService", Facts(caller=caller()), ("false",)),
    ("aws:ViaAWSService", Facts(caller=VIA), ("true",)),
    ("aws:userid", Facts(caller=caller(SESSION)), (SESSION.unique_id,)),
    ("aws:userid", Facts(caller=caller(ROOT)), (HOME,)),
    ("aws:username", Facts(caller=caller(USER)), ("alice",)),
    ("iam:PermissionsBoundary", Facts(permissions_boundary=ARN), (ARN,)),
    ("iam:PolicyARN", Facts(policy_arn=ARN), (ARN,)),
    ("iam:ResourceTag/Team", Facts(resource_tags=[("team", "red")]), ("red",)),
    ("aws:ResourceTag/Team", Facts(resource_tags=[("team", "red")]), ("red",)),
    ("kms:BypassPolicyLockoutSafetyCheck", Facts(bypass_lockout=True), ("true",)),
    ("kms:CallerAccount", Facts(caller=caller()), (HOME,)),
    ("kms:CallerAccount", Facts(caller=caller(), action="kms:CreateKey"), (HOME,)),
    ("kms:CustomerMasterKeySpec", Facts(key=KEY), ("SYMMETRIC_DEFAULT",)),
    ("kms:CustomerMasterKeyUsage", Facts(key=KEY), ("ENCRYPT_DECRYPT",)),
    ("kms:DataKeyPairSpec", Facts(data_key_pair_spec="RSA_2048"), ("RSA_2048",)),
    ("kms:EncryptionAlgorithm", Facts(encryption_algorithm="SYMMETRIC_DEFAULT"), ("SYMMETRIC_DEFAULT",)),
    ("kms:EncryptionContext:Aws:S3:Arn", Facts(encryption_context={"aws:s3:arn": "Value"}), ("Value",)),
    ("kms:EncryptionContextKeys", Facts(encryption_context={"A": "1", "b": "2"}), ("A", "b")),
    ("kms:ExpirationModel", Facts(expiration_model="KEY_MATERIAL_EXPIRES"), ("KEY_MATERIAL_EXPIRES",)),
    ("kms:GrantConstraintSourceArn", Facts(grant_constraint_source_arn=ARN), (ARN,)),
    ("kms:GrantConstraintType", Facts(grant_constraint_type="EncryptionContextEquals"), ("EncryptionContextEquals",)),
    ("kms:GrantIsForAWSResource", Facts(grant_is_for_aws_resource=True), ("true",)),
    ("kms:GrantOperations", Facts(grant_operations=["Encrypt", "Decrypt"]), ("Encrypt", "Decrypt")),
    ("kms:GranteePrincipal", Facts(grantee_principal=ARN), (ARN,)),
    ("kms:GranteeServicePrincipal", Facts(grantee_service_principal="s"), ("s",)),
    ("kms:KeyAgreementAlgorithm", Facts(key_agreement_algorithm="ECDH"), ("ECDH",)),
    ("kms:KeyOrigin", Facts(key=KEY), ("AWS_KMS",)),
    ("kms:KeyOrigin", Facts(key_origin="EXTERNAL"), ("EXTERNAL",)),
    ("kms:KeySpec", Facts(key=KEY, key_spec="RSA_2048"), ("SYMMETRIC_DEFAULT",)),
    ("kms:KeySpec", Facts(key_spec="RSA_2048"), ("RSA_2048",)),
    ("kms:KeyUsage", Facts(key=KEY), ("ENCRYPT_DECRYPT",)),
    ("kms:MacAlgorithm", Facts(mac_algorithm="HMAC_SHA_256"), ("HMAC_SHA_256",)),
    ("kms:MessageType", Facts(message_type="RAW"), ("RAW",)),
    ("kms:MultiRegion", Facts(key=KEY), ("false",)),
    ("kms:MultiRegion", Facts(multi_region=True), ("true",)),
    ("kms:MultiRegionKeyType", Facts(multi_region_key_type="PRIMARY"), ("PRIMARY",)),
    ("kms:PrimaryRegion", Facts(primary_region="r"), ("r",)),
    ("kms:ReEncryptOnSameKey", Facts(reencrypt_on_same_key=False), ("false",)),
    ("kms:RecipientAttestation:PCR0", Facts(recipient_attestation={"PCR0": "ab"}), ("ab",)),
    ("kms:ReplicaRegion", Facts(replica_region="r"), ("r",)),
    ("kms:RequestAlias", Facts(request_alias="alias/a"), ("alias/a",)),
    ("kms:ResourceAliases", Facts(aliases=["alias/a", "alias/b"]), ("alias/a", "alias/b")),
    ("kms:ResourceAliases", Facts(aliases=lambda: ["alias/a"]), ("alias/a",)),
    ("kms:RetiringPrincipal", Facts(retiring_principal=ARN), (ARN,)),
    ("kms:RetiringServicePrincipal", Facts(retiring_service_principal="s"), ("s",)),
    ("kms:RotationPeriodInDays", Facts(rotation_period_days=365), ("365",)),
    ("kms:ScheduleKeyDeletionPendingWindowInDays", Facts(pending_window_days=7), ("7",)),
    ("kms:SigningAlgorithm", Facts(signing_algorithm="ECDSA_SHA_256"), ("ECDSA_SHA_256",)),
    ("kms:TrailingDaysWithoutKeyUsage", Facts(trailing_days_without_use=90), ("90",)),
    ("kms:ValidTo", Facts(valid_to=1893456000.0), ("1893456000",)),
    ("kms:ViaService", Facts(caller=VIA), (f"ec2.{REGION}.amazonaws.com",)),
    ("kms:ViaService", Facts(caller=caller(via=Via("ec2.amazonaws.com"))), (f"ec2.{REGION}.amazonaws.com",)),
    ("kms:ViaService", Facts(caller=caller(via=Via("ec2.r.amazonaws.com"))), ("ec2.r.amazonaws.com",)),
    ("kms:WrappingAlgorithm", Facts(wrapping_algorithm="RSAES_OAEP_SHA_256"), ("RSAES_OAEP_SHA_256",)),
    ("kms:WrappingKeySpec", Facts(wrapping_key_spec="RSA_4096"), ("RSA_4096",)),
    ("sts:ExternalId", Facts(external_id="e"), ("e",)),
    ("sts:RoleSessionName", Facts(role_session_name="night"), ("night",)),
    ("sts:SourceIdentity", Facts(session_source_identity="i", source_identity="other"), ("i",)),
    ("sts:TransitiveTagKeys", Facts(transitive_tag_keys=["a", "b"]), ("a", "b")),
    ("token.example.com:sub", Facts(claims=[("Token.example.com:sub", "s"), ("other.example.com:sub", "t")]), ("s",)),
    ("oidc.example.com/id/A1:aud", Facts(claims=[("oidc.example.com/id/A1:aud", "sts")]), ("sts",)),
    ("localhost:8443/realm:amr", Facts(claims=[("localhost:8443/realm:amr", name) for name in "ab"]), ("a", "b")),
]


@pytest.mark.parametrize(
    ("key", "facts", "values"), READINGS, ids=[f"{key}-{at}" for at, (key, *_) in enumerate(READINGS)]
)
def test_a_condition_key_reads_its_fact(key: str, facts: Facts, values: tuple[str, ...]) -> None:
    for name in (key, key.lower(), key.upper()):
        policy = document.parse_identity_policy(
            json.dumps(
                {
                    "Statement": {
                        "Effect": "Allow",
                        "Action": "*",
                        "Resource": "*",
                        "Condition": {"ForAnyValue:StringEquals": {name: "x"}},
                    }
                }
            )
        )
        (test,) = policy.allows[0].tests
        assert isinstance(test, Comparison)
        assert Context(facts).values(test.key) == values
        assert Context(Facts()).values(test.key) is None


def test_every_condition_key_is_in_the_table_of_readings() -> None:
    read = {key.lower() for key, *_ in READINGS}
    assert set(KEYS) <= read
    for prefix in PREFIXES:
        assert any(key.startswith(prefix) for key in read)
    assert all(name == name.lower() for name in (*KEYS, *PREFIXES))


def test_the_list_keys_are_those_of_aws() -> None:
    assert {name for name, row in KEYS.items() if row.many} == {
        "aws:calledvia",
        "aws:principalservicenameslist",
        "aws:tagkeys",
        "kms:encryptioncontextkeys",
        "kms:grantoperations",
        "kms:resourcealiases",
        "sts:transitivetagkeys",
    }


def test_a_fact_that_does_not_apply_leaves_its_key_absent() -> None:
    service, direct = Facts(caller=caller(SERVICE)), Facts(caller=caller(SESSION))
    for key, facts in [
        ("aws:username", direct),
        ("aws:username", OF_SESSION),
        ("aws:MultiFactorAuthPresent", Facts(caller=caller(USER))),
        ("aws:TokenIssueTime", Facts(caller=caller(USER))),
        ("aws:FederatedProvider", Facts(caller=caller(USER))),
        ("aws:MultiFactorAuthAge", OF_SESSION),
        ("aws:username", Facts(caller=caller(ROOT))),
        ("aws:PrincipalArn", service),
        ("aws:PrincipalServiceName", direct),
        ("kms:CallerAccount", service),
        ("kms:CallerAccount", Facts(caller=caller(), action="kms:ListKeys")),
        ("kms:CallerAccount", Facts(caller=caller(), action="iam:CreateUser")),
        ("kms:ViaService", Facts(caller=VIA, action="kms:GenerateRandom")),
        ("kms:ViaService", direct),
        ("aws:CalledVia", direct),
        ("aws:TagKeys", Facts(tag_keys=[])),
        ("kms:EncryptionContextKeys", Facts(encryption_context={})),
        ("kms:ResourceAliases", Facts(aliases=[])),
        ("kms:ValidTo", Facts(valid_to=float("inf"))),
        ("aws:CurrentTime", Facts(now=float("nan"))),
        ("kms:NoSuchKey", direct),
        ("other:key", direct),
    ]:
        assert applies({"Null": {key: "true"}}, facts), key


def test_a_time_beyond_the_calendar_is_still_a_number_of_seconds() -> None:
    assert applies({"DateGreaterThan": {"aws:CurrentTime": "2030-01-01"}}, Facts(now=1e13))


def test_resource_aliases_are_absent_in_key_policies() -> None:
    condition = {"Null": {"kms:ResourceAliases": "true"}}
    facts = Facts(aliases=["alias/a"])
    assert not applies(condition, facts)
    assert policy_applies(key_policy(statement(Principal="*", Condition=condition)), facts)


def test_a_value_is_computed_only_when_asked_and_once() -> None:
    asked: list[int] = []

    def find() -> list[str]:
        asked.append(1)
        return ["alias/a"]

    policy = identity(
        statement(
            Condition={
                "StringEquals": {"aws:username": "nobody"},
                "ForAnyValue:StringLike": {"kms:ResourceAliases": "*"},
            }
        ),
        statement(Condition={"ForAnyValue:StringLike": {"kms:ResourceAliases": "*"}}),
        statement(Condition={"ForAllValues:StringLike": {"kms:ResourceAliases": "*"}}),
    )
    context = Context(Facts(caller=caller(), aliases=find))
    first, second, third = policy.allows
    assert not first.applies(KEY.arn, context)
    assert asked == []
    assert second.applies(KEY.arn, context)
    assert third.applies(KEY.arn, context)
    assert asked == [1]
