"""Session tags and source identities: who may set them, what they stand over, how they go along a chain of roles."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.sts.counter import ACCOUNT, Counter, allowing, denied, trusting

USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deployer"


def tags(**pairs: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def test_tags_need_a_permission_of_their_own(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        counter.role("deployer", trust=trusting(USER, ["sts:AssumeRole"]))
        asked = {"RoleArn": ROLE, "RoleSessionName": "me"}
        assert await counter.refused("AssumeRole", alice, **asked, Tags=tags(a="b")) == denied(alice, "sts:TagSession")
        assert await counter.refused("AssumeRole", alice, **asked, SourceIdentity="al") == denied(
            alice, "sts:SetSourceIdentity"
        )

    play(story)


def test_tags_of_the_session_stand_over_those_of_the_role(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        role = counter.role("deployer", trust=trusting(USER), tags=(("Team", "x"), ("Cost", "1")))
        bearer = counter.bearer(await counter.assume(alice, role, Tags=tags(team="y")))
        assert bearer.tags == (("Cost", "1"), ("team", "y"))

    play(story)


def test_conditions_read_the_tags_that_are_passed(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        role = counter.role("deployer", trust=trusting(USER, StringEquals={"aws:RequestTag/team": "y"}))
        await counter.assume(alice, role, Tags=tags(team="y"))
        asked = {"RoleArn": ROLE, "RoleSessionName": "me"}
        assert await counter.refused("AssumeRole", alice, **asked, Tags=tags(team="z")) == denied(alice)

    play(story)


@pytest.mark.parametrize(
    ("given", "code", "sentence"),
    [
        (
            {"Tags": tags(a="1", A="2")},
            "InvalidParameterValue",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
        (
            {"Tags": tags(a="1"), "TransitiveTagKeys": ["b"]},
            "InvalidParameterValue",
            "The specified transitive tag key must be included in the requested tags.",
        ),
        (
            {"Tags": [{"Key": "AWS:x", "Value": "1"}]},
            "ValidationError",
            "Tag keys beginning with aws: are reserved for system use.",
        ),
        (
            {"SourceIdentity": "aws:me"},
            "ValidationError",
            "Source identities beginning with aws: are reserved for system use.",
        ),
    ],
)
def test_tags_that_cannot_be_are_refused(play: Any, given: dict[str, Any], code: str, sentence: str) -> None:
    async def story(counter: Counter) -> None:
        counter.role("deployer", trust=trusting(USER))
        refusal = await counter.refused(
            "AssumeRole", counter.user("alice"), RoleArn=ROLE, RoleSessionName="me", **given
        )
        assert refusal == (code, sentence)

    play(story)


def test_transitive_tags_and_the_source_identity_go_along_a_chain(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        first = counter.role("first", allowing("sts:*"), trust=trusting(USER))
        second = counter.role("second", allowing("sts:*"), trust=trusting(first.arn))
        third = counter.role("third", trust=trusting(second.arn))
        one = counter.bearer(
            await counter.assume(
                alice, first, Tags=tags(keep="1", drop="2"), TransitiveTagKeys=["Keep"], SourceIdentity="alice"
            )
        )
        answer = await counter.assume(one, second, Tags=tags(more="3"))
        assert answer["SourceIdentity"] == "alice"
        two = counter.bearer(answer)
        assert two.tags == (("keep", "1"), ("more", "3"))
        three = counter.bearer(await counter.assume(two, third, SourceIdentity="alice"))
        assert three.tags == (("keep", "1"),)
        assert three.session is not None
        assert three.session.source_identity == "alice"
        asked = {"RoleArn": second.arn, "RoleSessionName": "me"}
        code, sentence = await counter.refused("AssumeRole", one, **asked, Tags=tags(KEEP="4"))
        assert (code, "conflicts with a transitive tag key" in sentence) == ("InvalidParameterValue", True)
        code, sentence = await counter.refused("AssumeRole", one, **asked, SourceIdentity="bob")
        assert (code, sentence) == ("AccessDenied", "The source identity is already set for this assume role session")

    play(story)


def test_what_is_handed_on_must_be_permitted_by_each_role(play: Any) -> None:
    async def story(counter: Counter) -> None:
        alice = counter.user("alice")
        first = counter.role("first", allowing("sts:*"), trust=trusting(USER))
        second = counter.role("second", trust=trusting(first.arn, ["sts:AssumeRole"]))
        tagged = counter.bearer(await counter.assume(alice, first, Tags=tags(a="1"), TransitiveTagKeys=["a"]))
        named = counter.bearer(await counter.assume(alice, first, SourceIdentity="alice"))
        plain = counter.bearer(await counter.assume(alice, first, Tags=tags(a="1")))
        asked = {"RoleArn": second.arn, "RoleSessionName": "me"}
        assert await counter.refused("AssumeRole", tagged, **asked) == denied(tagged, "sts:TagSession", second.arn)
        assert await counter.refused("AssumeRole", named, **asked) == denied(named, "sts:SetSourceIdentity", second.arn)
        await counter.assume(plain, second)

    play(story)
