"""Aliases, tags and key policies as an unmodified boto3 sees them."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.api.conftest import Refused
from tests.server import REGION, Server


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _admits_account(server: Server) -> dict[str, Any]:
    return {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{server.account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }


def test_an_alias_names_a_key_and_moves_to_another(kms: Any, key: Any, server: Server, refused: Refused) -> None:
    name = f"alias/app-{uuid.uuid4()}"
    arn = f"arn:aws:kms:{REGION}:{server.account}:{name}"
    other = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == key["KeyId"]
    assert refused(kms.create_alias, AliasName=name, TargetKeyId=other["KeyId"]) == (
        "AlreadyExistsException",
        f"An alias with the name {arn} already exists",
    )
    kms.update_alias(AliasName=name, TargetKeyId=other["Arn"])
    assert kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyId"] == other["KeyId"]
    [entry] = kms.list_aliases(KeyId=other["KeyId"])["Aliases"]
    assert (entry["AliasName"], entry["AliasArn"], entry["TargetKeyId"]) == (name, arn, other["KeyId"])
    assert entry["LastUpdatedDate"] >= entry["CreationDate"]
    kms.update_alias(AliasName=name, TargetKeyId=other["Arn"])
    [again] = kms.list_aliases(KeyId=other["KeyId"])["Aliases"]
    assert again["LastUpdatedDate"] > entry["LastUpdatedDate"], "naming the same key is an update"
    assert kms.list_aliases(KeyId=key["KeyId"])["Aliases"] == []
    kms.delete_alias(AliasName=name)
    gone = ("NotFoundException", f"Alias {arn} is not found.")
    assert refused(kms.describe_key, KeyId=name) == gone
    assert refused(kms.delete_alias, AliasName=name) == gone
    assert refused(kms.update_alias, AliasName=name, TargetKeyId=key["KeyId"]) == gone


def test_names_that_cannot_be_aliases(kms: Any, key: Any, refused: Refused) -> None:
    def create(name: str) -> tuple[str, str]:
        return refused(kms.create_alias, AliasName=name, TargetKeyId=key["KeyId"])

    assert create("app") == (
        "ValidationException",
        'Alias must start with the prefix "alias/". Please see '
        "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
    )
    assert create("alias/my:alias") == (
        "ValidationException",
        "alias/my:alias contains invalid characters for an alias",
    )
    assert create("alias/aws/mine") == ("NotAuthorizedException", "")
    assert create("alias/") == ("InvalidAliasNameException", "")
    code, message = create("alias/no spaces")
    assert code == "ValidationException"
    assert "satisfy regular expression pattern" in message
    assert refused(kms.create_alias, AliasName="alias/to-alias", TargetKeyId="alias/other") == (
        "ValidationException",
        "Aliases must refer to keys. Not aliases",
    )


def test_a_key_has_fifty_aliases_and_no_more(kms: Any, key: Any, refused: Refused) -> None:
    for number in range(50):
        kms.create_alias(AliasName=f"alias/{key['KeyId']}/{number:02}", TargetKeyId=key["KeyId"])
    assert refused(kms.create_alias, AliasName=f"alias/{key['KeyId']}/50", TargetKeyId=key["KeyId"]) == (
        "LimitExceededException",
        "Aliases per key quota for this account in this region is 50, current usage is 50.",
    )
    paginator = kms.get_paginator("list_aliases")
    pages = list(paginator.paginate(KeyId=key["KeyId"], PaginationConfig={"PageSize": 20}))
    names = [entry["AliasName"] for page in pages for entry in page["Aliases"]]
    assert [len(page["Aliases"]) for page in pages] == [20, 20, 10]
    assert names == sorted(set(names))
    assert len(names) == 50


def test_a_predefined_alias_names_an_aws_managed_key(kms: Any, server: Server, refused: Refused) -> None:
    def listed() -> dict[str, Any]:
        pages = kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 3})
        entries: list[dict[str, Any]] = [entry for page in pages for entry in page["Aliases"]]
        assert len({entry["AliasName"] for entry in entries}) == len(entries)
        return {entry["AliasName"]: entry for entry in entries}

    arn = f"arn:aws:kms:{REGION}:{server.account}:alias/aws/sqs"
    assert listed()["alias/aws/sqs"] == {"AliasName": "alias/aws/sqs", "AliasArn": arn}
    key = kms.describe_key(KeyId="alias/aws/sqs")["KeyMetadata"]
    assert (key["KeyManager"], key["Origin"], key["KeyState"]) == ("AWS", "AWS_KMS", "Enabled")
    assert kms.describe_key(KeyId=arn)["KeyMetadata"] == kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] == key
    assert listed()["alias/aws/sqs"]["TargetKeyId"] == key["KeyId"]
    assert key["KeyId"] in {
        entry["KeyId"] for page in kms.get_paginator("list_keys").paginate() for entry in page["Keys"]
    }
    assert f"sqs.{REGION}.amazonaws.com" in kms.get_key_policy(KeyId=key["KeyId"])["Policy"]
    for call, arguments in (
        (kms.encrypt, {"KeyId": "alias/aws/sqs", "Plaintext": b"x"}),
        (kms.disable_key, {"KeyId": key["KeyId"]}),
        (kms.schedule_key_deletion, {"KeyId": key["KeyId"]}),
        (kms.tag_resource, {"KeyId": key["KeyId"], "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
    ):
        code, message = refused(call, **arguments)
        assert code == "AccessDeniedException"
        assert "because no resource-based policy allows the kms:" in message


def test_many_who_ask_for_a_predefined_alias_at_once_get_one_key(server: Server) -> None:
    clients = [server.client("ap-south-2") for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as threads:
        found = list(threads.map(lambda kms: kms.describe_key(KeyId="alias/aws/kinesis")["KeyMetadata"], clients))
    assert found == [found[0]] * len(clients)
    assert [entry["KeyId"] for entry in clients[0].list_keys()["Keys"]] == [found[0]["KeyId"]]


def test_tags_are_added_replaced_removed_and_paged(kms: Any, key: Any) -> None:
    kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": f"k{n}", "TagValue": "1"} for n in range(5)])
    kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": "k0", "TagValue": "2"}])
    kms.untag_resource(KeyId=key["KeyId"], TagKeys=["k1", "never there"])
    pages = list(kms.get_paginator("list_resource_tags").paginate(KeyId=key["KeyId"], PaginationConfig={"PageSize": 2}))
    tags = {tag["TagKey"]: tag["TagValue"] for page in pages for tag in page["Tags"]}
    assert tags == {"k0": "2", "k2": "1", "k3": "1", "k4": "1"}
    assert [len(page["Tags"]) for page in pages] == [2, 2]


def test_tags_that_are_refused(kms: Any, key: Any, refused: Refused) -> None:
    def tag(*pairs: tuple[str, str]) -> tuple[str, str]:
        return refused(
            kms.tag_resource, KeyId=key["KeyId"], Tags=[{"TagKey": name, "TagValue": value} for name, value in pairs]
        )

    assert tag(("a", "1"), ("a", "2")) == ("TagException", "Duplicate tag keys")
    assert tag(("AWS:x", "1")) == ("TagException", "Tags beginning with aws: are reserved")
    assert tag(("team", "research & development")) == ("TagException", "Invalid tag")
    assert tag(("#", "1")) == ("TagException", "Invalid tag")
    assert refused(kms.create_key, Tags=[{"TagKey": "a", "TagValue": "{b}"}]) == ("TagException", "Invalid tag")
    kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": "größe 大小", "TagValue": "_.:/=+-@ ½ Ⅳ"}])
    kms.untag_resource(KeyId=key["KeyId"], TagKeys=["größe 大小"])
    assert tag(*((f"t{n}", "") for n in range(51))) == ("TagException", "Too many tags")
    kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": f"t{n}", "TagValue": ""} for n in range(50)])
    assert tag(("one more", "")) == ("TagException", "Too many tags")
    code, message = tag(("", "x" * 257))
    assert code == "ValidationException"
    assert message == (
        "2 validation errors detected: Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have "
        f"length greater than or equal to 1; Value '{'x' * 257}' at 'tags.1.member.tagValue' failed to satisfy "
        "constraint: Member must have length less than or equal to 256"
    )


def test_the_default_policy_admits_the_account(kms: Any, key: Any, server: Server) -> None:
    answer = kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")
    assert answer["PolicyName"] == "default"
    assert json.loads(answer["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [_admits_account(server)],
    }
    assert kms.list_key_policies(KeyId=key["KeyId"])["PolicyNames"] == ["default"]


def test_a_policy_decides_from_the_moment_it_is_put(kms: Any, key: Any, server: Server, refused: Refused) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"}
    denied = _policy(_admits_account(server), deny)
    kms.put_key_policy(KeyId=key["KeyId"], Policy=denied)
    caller = f"arn:aws:iam::{server.account}:user/admin"
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x") == (
        "AccessDeniedException",
        f"User: {caller} is not authorized to perform: kms:Encrypt on resource: {key['Arn']} "
        "with an explicit deny in a resource-based policy",
    )
    kms.put_key_policy(KeyId=key["KeyId"], Policy=_policy(_admits_account(server)))
    assert kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")


def test_a_condition_on_the_encryption_context(kms: Any, key: Any, server: Server, refused: Refused) -> None:
    only = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringNotEquals": {"kms:EncryptionContext:tenant": "a"}},
    }
    kms.put_key_policy(KeyId=key["KeyId"], Policy=_policy(_admits_account(server), only))
    for tenant, opens in (("a", True), ("b", False)):
        blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"tenant": tenant})["CiphertextBlob"]
        if opens:
            assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={"tenant": tenant})["Plaintext"] == b"x"
        else:
            code, _ = refused(
                kms.decrypt, CiphertextBlob=blob, EncryptionContext={"tenant": tenant}, KeyId=key["KeyId"]
            )
            assert code == "AccessDeniedException"


def test_policies_that_are_refused_change_nothing(kms: Any, key: Any, server: Server, refused: Refused) -> None:
    before = kms.get_key_policy(KeyId=key["KeyId"])["Policy"]

    def put(policy: str, **more: Any) -> tuple[str, str]:
        return refused(kms.put_key_policy, KeyId=key["KeyId"], Policy=policy, **more)

    stranger = {**_admits_account(server), "Principal": {"AWS": "arn:aws:iam::999999999999:root"}}
    assert put(_policy(stranger)) == (
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.",
    )
    nobody = {**_admits_account(server), "Principal": {"AWS": f"arn:aws:iam::{server.account}:user/nobody"}}
    assert put(_policy(_admits_account(server), nobody)) == (
        "MalformedPolicyDocumentException",
        "Policy contains a statement with one or more invalid principals.",
    )
    assert put("{")[0] == "MalformedPolicyDocumentException"
    assert put(_policy({"Effect": "Allow", "Action": "kms:*", "Resource": "*"})) == (
        "MalformedPolicyDocumentException",
        "Policy contains a statement with no principal.",
    )
    assert put(_policy(_admits_account(server)) + " " * 32_768)[0] == "LimitExceededException"
    assert put(_policy(_admits_account(server)), PolicyName="other") == ("NotFoundException", "No such policy exists")
    assert kms.get_key_policy(KeyId=key["KeyId"])["Policy"] == before


def test_the_lockout_check_can_be_bypassed_and_then_holds(kms: Any, key: Any, server: Server, refused: Refused) -> None:
    stranger = {**_admits_account(server), "Principal": {"AWS": "arn:aws:iam::999999999999:root"}}
    kms.put_key_policy(KeyId=key["KeyId"], Policy=_policy(stranger), BypassPolicyLockoutSafetyCheck=True)
    code, message = refused(kms.describe_key, KeyId=key["KeyId"])
    assert code == "AccessDeniedException"
    assert "because no resource-based policy allows the kms:DescribeKey action" in message
