"""The two evaluators that `test_policy_evaluators` asks the same question: Keystead's own, and a program beside it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import pytest

from keystead.domain.caller import Caller, Principal, PrincipalKind
from keystead.domain.key import Key, KeyState
from keystead.domain.policy.conditions import Context, Facts
from keystead.domain.policy.decide import Decision, Question, decide, decide_trust
from keystead.domain.policy.document import parse_identity_policy, parse_key_policy, parse_trust_policy
from tests.clients.policy_cases import HOME, KEY_ID, PEOPLE, REGION, Case, values

FOLDER: Final = Path(__file__).parent / "evaluator"
AHEAD: Final = 64  # questions that are on their way to the program at once

_KEY: Final = Key(
    account=HOME,
    region=REGION,
    key_id=KEY_ID,
    ref=b"r" * 16,
    spec="SYMMETRIC_DEFAULT",
    usage="ENCRYPT_DECRYPT",
    origin="AWS_KMS",
    manager="CUSTOMER",
    state=KeyState.ENABLED,
    description="",
    created=0.0,
    policy="",
    tags=(),
)

_EVERYTHING: Final = {
    "name": "root",
    "policy": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},
}
_TAG: Final = "aws:RequestTag/"
_CONTEXT: Final = "kms:EncryptionContext:"
_FACTS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "aws:UserAgent": ("user_agent", str),
    "aws:MultiFactorAuthAge": ("mfa_age", str),
    "aws:CurrentTime": ("now", lambda text: datetime.fromisoformat(text).timestamp()),
    "aws:TokenIssueTime": ("token_issued", lambda text: datetime.fromisoformat(text).timestamp()),
    "aws:SecureTransport": ("secure_transport", lambda text: text == "true"),
    "aws:MultiFactorAuthPresent": ("mfa_present", lambda text: text == "true"),
    "aws:SourceIp": ("source_ip", str),
    "aws:SourceArn": ("source_arn", str),
    "aws:TagKeys": ("tag_keys", list),
    "kms:RotationPeriodInDays": ("rotation_period_days", str),
    "kms:ScheduleKeyDeletionPendingWindowInDays": ("pending_window_days", str),
    "kms:BypassPolicyLockoutSafetyCheck": ("bypass_lockout", lambda text: text == "true"),
    "kms:GranteePrincipal": ("grantee_principal", str),
    "sts:ExternalId": ("external_id", str),
    "sts:RoleSessionName": ("role_session_name", str),
}


def question(case: Case) -> Question:
    """The case as Keystead's question."""
    who = PEOPLE[case["who"]]
    tags = tuple(
        (key.partition("/")[2], value) for key, value in who.keys.items() if key.startswith("aws:PrincipalTag/")
    )
    principal = Principal(
        kind=PrincipalKind(who.kind),
        account=who.account,
        arn=who.arn,
        unique_id=who.unique_id,
        name=who.keys.get("aws:username"),
        role_arn=who.role,
        tags=tags,
    )
    caller = Caller(principal, "AKIAEXAMPLE", REGION)
    given: dict[str, Any] = {"tag_keys": ()}
    for key, value in case["context"].items():
        if key in _FACTS:
            name, read = _FACTS[key]
            given[name] = read(value)
    context = {key.removeprefix(_CONTEXT): value for key, value in case["context"].items() if key.startswith(_CONTEXT)}
    keyless, trust = case["key_policy"] is None, bool(case.get("trust"))
    parse = parse_trust_policy if trust else parse_key_policy
    facts = Facts(
        caller=caller,
        key=None if keyless or trust else _KEY,
        encryption_context=context or None,
        request_tags=[
            (key.removeprefix(_TAG), value) for key, value in case["context"].items() if key.startswith(_TAG)
        ],
        **given,
    )
    return Question(
        caller=caller,
        action=case["action"],
        resource=case["resource"],
        context=Context(facts),
        resource_account=None if keyless else HOME,
        key_policy=None if keyless else parse(json.dumps(case["key_policy"])),
        identity=tuple(
            (f"policy {at}", parse_identity_policy(json.dumps(each))) for at, each in enumerate(case["identity"])
        ),
        boundary=None if case["boundary"] is None else parse_identity_policy(json.dumps(case["boundary"])),
        session=None if case["session"] is None else (parse_identity_policy(json.dumps(case["session"])),),
    )


def ours(case: Case) -> Decision:
    asked = question(case)
    return decide_trust(asked) if case.get("trust") else decide(asked)


def simulation(case: Case) -> dict[str, Any]:
    """The case as the program wants it.

    The program does not take ``kms:EncryptionContext:name`` for a key that a call to KMS supplies. The family follows
    the rules of ``aws:RequestTag/name`` (a text of one value), so it is asked about under such a name. It does not know
    that a root user has every permission in its account without any policy (IAM user guide, "AWS account root user"), so
    it is told as an identity policy.
    """
    known = json.loads(json.dumps(case), object_hook=_renamed)
    who = PEOPLE[case["who"]]
    identity = [{"name": f"policy {at}", "policy": each} for at, each in enumerate(known["identity"])]
    return {
        "request": {
            "principal": who.arn,
            "action": case["action"],
            "resource": {
                "resource": case["resource"],
                "accountId": HOME if case["key_policy"] is not None else who.account,
            },
            "contextVariables": _renamed(values(case)),
        },
        "identityPolicies": [_EVERYTHING] if who.kind == "Root" else identity,
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
        **({} if case["key_policy"] is None else {"resourcePolicy": known["key_policy"]}),
        **({} if case["session"] is None else {"sessionPolicy": known["session"]}),
        **(
            {}
            if case["boundary"] is None
            else {"permissionBoundaryPolicies": [{"name": "boundary", "policy": known["boundary"]}]}
        ),
    }


def _renamed(found: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{_TAG}context-{key[len(_CONTEXT) :]}" if key.lower().startswith(_CONTEXT.lower()) else key: value
        for key, value in found.items()
    }


class Program:
    """The other evaluator: one process, one line to it and one line from it per question."""

    def __enter__(self) -> Self:
        if shutil.which("node") is None:
            pytest.skip("Node.js is not installed")
        if not (FOLDER / "node_modules" / "@cloud-copilot" / "iam-simulate").exists():
            pytest.skip("the second evaluator is not installed")
        self.process = subprocess.Popen(
            ["node", str(FOLDER / "evaluate.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        return self

    def answers(self, cases: Iterator[Case]) -> Iterator[tuple[Case, dict[str, Any]]]:
        """Each case with what the program says of it; some are sent ahead."""
        waiting: list[Case] = []
        for each in cases:
            self._send(each)
            waiting.append(each)
            if len(waiting) == AHEAD:
                yield waiting.pop(0), self._receive()
        for each in waiting:
            yield each, self._receive()

    def answer(self, case: Case) -> dict[str, Any]:
        self._send(case)
        return self._receive()

    def _send(self, case: Case) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(simulation(case)) + "\n")
        self.process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the second evaluator ended with {self.process.wait(30)}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __exit__(self, *_about: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)
        self.process.stdout.close()
