"""IAM's sentences about requests that break a constraint, where they are not those of other services."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from keystead.errors import Refusal
from keystead.model import query

IAM = query.Codec("iam").operations


@pytest.mark.parametrize(
    ("operation", "body", "sentence"),
    [
        (
            "CreateUser",
            {"UserName": "a b"},
            "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
        ),
        (
            "UpdateGroup",
            {"GroupName": "a", "NewGroupName": "a/b"},
            "The specified value for newGroupName is invalid. "
            "It must contain only alphanumeric characters and/or the following: +=,.@_-",
        ),
        (
            "CreateGroup",
            {"GroupName": "a", "Path": "/a"},
            "The specified value for path is invalid. "
            "It must begin and end with / and contain only alphanumeric characters and/or / characters.",
        ),
        (
            "ListUsers",
            {"PathPrefix": "a"},
            "The specified value for pathPrefix is invalid. "
            "It must begin with the / character and contain only alphanumeric characters and/or / characters.",
        ),
        (
            "PutUserPolicy",
            {"UserName": "a", "PolicyName": "p", "PolicyDocument": "\u0101"},
            "The specified value for policyDocument is invalid. It must contain only printable ASCII characters.",
        ),
        (
            "UpdateAccessKey",
            {"AccessKeyId": "A" * 16, "Status": "None"},
            "1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum value set",
        ),
        (
            "UntagUser",
            {"UserName": "a", "TagKeys.member.1": "a*"},
            "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: "
            "[Member must have length less than or equal to 128, Member must have length greater than or equal to 1, "
            r"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+, Member must not be null]",
        ),
        (
            "CreateUser",
            {"UserName": "a" * 65},
            "1 validation error detected: Value at 'userName' failed to satisfy constraint: "
            "Member must have length less than or equal to 64",
        ),
    ],
)
def test_iam_words_what_is_wrong_in_its_own_way(operation: str, body: dict[str, str], sentence: str) -> None:
    with pytest.raises(Refusal) as caught:
        IAM[operation].decode(urlencode(body).encode())
    assert (caught.value.code, caught.value.message) == ("ValidationException", sentence)
