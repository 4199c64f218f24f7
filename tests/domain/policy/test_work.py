"""The work of one call is bounded whatever the policy and the request; below the bound the compiled tests are the tests
as they are defined.
"""

# length: the table of hostile shapes stands beside the laws it is held against

from __future__ import annotations

import itertools
import json
import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from tests.domain.policy import naive
from tests.domain.policy.cast import HOME, KEY, LAW, USER, ask, caller, key_policy, statement

from keystead.domain.caller import Principal, PrincipalKind
from keystead.domain.policy import alternatives, decide, document
from keystead.domain.policy.conditions import OPERATORS, Comparison, Context, Facts, compile_test
from keystead.domain.policy.decide import Question, Why
from keystead.domain.policy.statements import Policy
from keystead.domain.policy.variables import Ambiguous
from keystead.domain.policy.wildcard import Piece, any_of, pattern
from keystead.domain.policy.work import LIMIT, Exhausted, Work

POLICY_SIZE = 32 * 1024

# --- below the bound: what is compiled is what is defined ------------------------------------------------------------

VARIABLES = [
    "${aws:username}",
    "${aws:PrincipalTag/team}",
    "${aws:PrincipalTag/none}",
    "${aws:PrincipalTag/none, 'b'}",
    "${aws:RequestTag/twice}",
    "${kms:EncryptionContextKeys}",
    "${*}",
]
SHORT = st.text(alphabet="ab*?:", max_size=5)
TEXTS = st.one_of(
    SHORT, SHORT, st.lists(st.sampled_from(["a", "*", "b?", *VARIABLES]), min_size=1, max_size=3).map("".join)
)
ARN_PARTS = st.sampled_from(["*", "*", "*", "?*", "a", "b", "?", "a*", "*b", "", "ab"])
ARNS = st.one_of(
    st.just("*"),
    st.lists(ARN_PARTS, min_size=4, max_size=4).flatmap(
        lambda heads: st.sampled_from(["a", "ab", "*", "a*", "*a*", "a:?", *VARIABLES[:5]]).map(
            lambda last: ":".join(["arn", *heads, last])
        )
    ),
    st.just("arn:a:b${aws:RequestTag/twice}:*:*:a"),
    st.just("${aws:PrincipalTag/team}"),
)
PLAIN_ARNS = st.lists(st.sampled_from(["a", "b", "ab", ""]), min_size=4, max_size=4).flatmap(
    lambda heads: st.sampled_from(["a", "ab", "a:b", "c"]).map(lambda last: ":".join(["arn", *heads, last]))
)
NUMBERS = st.sampled_from(["0", "1", "01", "-1", "1.5", "1e2", "100", "7"])
DATES = st.sampled_from(["2030-01-01", "1893456000", "2030-01-01T00:00:01Z", "0", "2020"])
NETWORKS = st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "::/0", "2001:db8::/32", "::1"])
BOOLS = st.sampled_from(["true", "false", "TRUE", "x", "${aws:username}"])
BINARIES = st.sampled_from(["YQ==", "Yg==", ""])
ODD = st.sampled_from(["", "x", "NaN"])
KINDS: dict[str, tuple[st.SearchStrategy[str], st.SearchStrategy[str]]] = {
    "String": (TEXTS, st.text(alphabet="ab*AB:", max_size=5)),
    "Arn": (ARNS, st.one_of(PLAIN_ARNS, PLAIN_ARNS, ODD)),
    "Numeric": (NUMBERS, st.one_of(NUMBERS, ODD)),
    "Date": (st.sampled_from(["2030-01-01", "1893456000", "0"]), st.one_of(DATES, ODD)),
    "IpAddress": (NETWORKS, st.sampled_from(["10.1.2.3", "10.9.9.9", "192.0.2.1", "2001:db8::1", "::1", "x"])),
    "NotIpAddress": (NETWORKS, st.sampled_from(["10.1.2.3", "192.0.2.1", "2001:db8::1", "x"])),
    "Bool": (BOOLS, BOOLS),
    "Binary": (BINARIES, BINARIES),
}
TAGGED = Principal(
    kind=PrincipalKind.USER,
    account=HOME,
    arn=USER.arn,
    unique_id=USER.unique_id,
    name="ab",
    tags=(("team", "a*"),),
)


class Case:
    """One condition and one request."""

    def __init__(self, prefix: str, name: str, literals: list[str], values: list[str], deny: bool) -> None:
        self.prefix, self.name, self.literals, self.values, self.deny = prefix, name, literals, values, deny

    def __repr__(self) -> str:
        return f"Case({self.__dict__})"

    @property
    def key(self) -> str:
        return "aws:TagKeys" if self.prefix else "aws:RequestTag/value"

    def context(self) -> Context:
        spelled = ("".join(each) for each in itertools.product("Vv", "Aa", "Ll"))  # one name, but for case
        tags = [(f"{name}ue", value) for name, value in zip(spelled, self.values, strict=False)]
        twice = [("twice", "a"), ("Twice", "b")]
        return Context(Facts(caller=caller(TAGGED), request_tags=[*tags, *twice], tag_keys=self.values))

    def compiled(self) -> bool | None:
        test = compile_test(
            self.prefix + self.name, self.key, self.literals, deny=self.deny, key_policy=False, with_variables=True
        )
        try:
            return test.passes(self.context())
        except Ambiguous:
            return None

    def defined(self) -> bool | None:
        try:
            return naive.passes(self.prefix, self.name, self.key, self.literals, deny=self.deny, context=self.context())
        except Ambiguous:
            return None


@st.composite
def cases(draw: st.DrawFn, operator: str | None = None) -> Case:
    name = operator or draw(st.sampled_from(sorted(OPERATORS)))
    literals, values = next(both for start, both in KINDS.items() if name.startswith(start))
    return Case(
        draw(st.sampled_from(["", "ForAllValues:", "ForAnyValue:"])),
        name,
        draw(st.lists(literals, min_size=1, max_size=6)),
        draw(st.lists(values, min_size=1, max_size=4)),
        draw(st.booleans()),
    )


def test_the_reference_knows_every_operator() -> None:
    assert set(naive.ROWS) == set(OPERATORS)


@settings(LAW, max_examples=1500)
@given(cases())
def test_the_compiled_test_is_the_defined_one(case: Case) -> None:
    assert case.compiled() == case.defined()


def test_the_cases_reach_every_answer() -> None:
    for answer in (True, False, None):
        find(cases(), lambda case, answer=answer: case.defined() is answer, settings=SEARCH)  # type: ignore[misc]


SEARCH = settings(LAW, max_examples=5000, database=None, phases=[Phase.generate], derandomize=True)


def _least_instead_of_greatest(literals: Any) -> alternatives.Match:
    return lambda value, _: value < min(literals)


def _first_pattern_only(literals: Any) -> alternatives.Match:
    return alternatives.like(literals[:1])


def _heads_of_arns_only(literals: Any) -> alternatives.Match:
    whole = [each._replace(parts=each.parts and (*each.parts[:4], pattern([Piece("*")]))) for each in literals]
    return alternatives.arns(whole)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("NumericLessThan", _least_instead_of_greatest),
        ("StringNotLike", _first_pattern_only),
        ("ArnLike", _heads_of_arns_only),
    ],
)
def test_a_planted_fault_is_found(name: str, fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "keystead.domain.policy.conditions.OPERATORS",
        {**OPERATORS, name: OPERATORS[name]._replace(gather=fault)},
    )
    find(cases(name), lambda case: case.compiled() != case.defined(), settings=SEARCH)


def test_a_literal_after_one_that_cannot_be_settled_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    ambiguous, broken = "${aws:RequestTag/twice}", "arn:a:${aws:PrincipalTag/none, 'a'}"
    for literals, value, expected in [
        (["a", ambiguous, "b"], "a", True),
        (["a", ambiguous, "b"], "b", None),
        (["${aws:username}", "b", ambiguous], "b", True),
    ]:
        case = Case("", "StringEquals", literals, [value], deny=False)
        assert case.compiled() is case.defined() is expected
    for deny in (True, False):
        case = Case("", "ArnNotLike", ["arn:a:a:a:a:b", broken, "arn:a:a:a:a:a"], ["arn:a:a:a:a:a"], deny=deny)
        assert case.compiled() is case.defined() is deny


# --- the bound --------------------------------------------------------------------------------------------------------


def distinct(shape: str, room: int, literal_overhead: int = 3) -> list[str]:
    """Different texts of a shape, ``%`` standing for a few letters, that fill so much of a policy."""
    found: list[str] = []
    for letters in _letters():
        text = shape.replace("%", letters)
        room -= len(text) + literal_overhead
        if room < 0:
            return found
        found.append(text)
    raise AssertionError


def _letters() -> Iterator[str]:
    for size in (1, 2, 3):
        for letters in itertools.product(string.ascii_lowercase, repeat=size):
            yield "".join(letters)


SMALL = Facts(caller=caller(), key=KEY, encryption_context={"app": "blue"})
ROOM = POLICY_SIZE - 600
NAMES = ["".join(each) for each in itertools.product(string.ascii_letters + string.digits + "-_", repeat=2)][:4000]
MANY_PAIRS = Facts(caller=caller(), key=KEY, encryption_context=dict.fromkeys(NAMES, ""))
MANY_NUMBERS = Facts(caller=caller(), key=KEY, encryption_context={str(at): "" for at in range(2000)})
MANY_ARNS = Facts(caller=caller(), key=KEY, encryption_context={f"arn:a:a:::{each}": "" for each in NAMES[:600]})
MANY_ADDRESSES = Facts(caller=caller(), key=KEY, encryption_context={f"::{at:x}a": "" for at in range(1500)})
LONG = Facts(
    caller=caller(), key=KEY, encryption_context={"a": "a" * 8190}, request_tags=[("a", "a" * 8190)], tag_keys=NAMES
)
SPELLINGS = Facts(  # one name in every case, so that one key has 4096 values
    caller=caller(),
    key=KEY,
    encryption_context={
        "".join(each): str(at)
        for at, each in enumerate(itertools.product(*zip("abcdefghijkl", "ABCDEFGHIJKL", strict=True)))
    },
)
MULTIVALUED = "kms:EncryptionContextKeys"


def spelled(name: str) -> Iterator[str]:
    """The name in different cases: different members of a JSON object, one condition key."""
    letters = [(each.lower(), each.upper()) if each.isalpha() else (each,) for each in name]
    return ("".join(each) for each in itertools.product(*letters))


def many_keys(operator: str, name: str, literal: Any) -> dict[str, Any]:
    count = ROOM // (len(name) + len(json.dumps(literal)) + 6)
    return {operator: dict.fromkeys(itertools.islice(spelled(name), count), literal)}


def many_statements(condition: dict[str, Any]) -> list[dict[str, Any]]:
    one = statement("Deny", Principal="*", Action="*", Condition=condition)
    return [one] * (ROOM // (len(json.dumps(one)) + 2))


def one(operator: str, name: str, shape: str) -> list[dict[str, Any]]:
    return [statement("Deny", Principal="*", Condition={operator: {name: distinct(shape, ROOM)}})]


def deny(condition: dict[str, Any], **elements: Any) -> list[dict[str, Any]]:
    return [statement("Deny", Principal="*", Condition=condition, **elements)]


SHAPES: dict[str, tuple[list[dict[str, Any]], Facts]] = {
    "the same question mark": (deny({"ForAnyValue:StringLike": {MULTIVALUED: ["?"] * 7501}}), MANY_PAIRS),
    "question marks": (one("ForAnyValue:StringLike", MULTIVALUED, "?%~?"), MANY_PAIRS),
    "question marks first": (one("ForAnyValue:StringLike", MULTIVALUED, "*%~?"), MANY_PAIRS),
    "inner texts": (one("ForAnyValue:StringLike", MULTIVALUED, "*~%*"), MANY_PAIRS),
    "short inner texts": (one("ForAnyValue:StringLike", MULTIVALUED, "*%~*"), MANY_PAIRS),
    "two stars": (one("ForAnyValue:StringLike", MULTIVALUED, "a*%~*"), MANY_PAIRS),
    "prefixes": (one("ForAnyValue:StringLike", MULTIVALUED, "%~*"), MANY_PAIRS),
    "suffixes": (one("ForAnyValue:StringLike", MULTIVALUED, "*~%"), MANY_PAIRS),
    "exact texts": (one("ForAnyValue:StringEquals", MULTIVALUED, "%~"), MANY_PAIRS),
    "folded texts": (one("ForAnyValue:StringEqualsIgnoreCase", MULTIVALUED, "%~"), MANY_PAIRS),
    "ARN resources": (one("ForAnyValue:ArnLike", MULTIVALUED, "arn:*:*:*:*:?%~?"), MANY_ARNS),
    "numbers": (deny({"ForAnyValue:NumericLessThan": {MULTIVALUED: [-each for each in range(4500)]}}), MANY_NUMBERS),
    "networks": (
        deny({"ForAnyValue:IpAddress": {MULTIVALUED: [f"11.{at % 256}.0.0/{8 + at % 25}" for at in range(1500)]}}),
        MANY_ADDRESSES,
    ),
    "spellings of one name": (one("StringLike", "kms:EncryptionContext:abcdefghijkl", "?%~?"), SPELLINGS),
    "a long value, inner texts": (
        deny({"StringLike": {"kms:EncryptionContext:a": ["*" + "a" * size + "b*" for size in range(20, 220)]}}),
        LONG,
    ),
    "a long value, question marks": (one("StringLike", "kms:EncryptionContext:a", "*%?~*"), LONG),
    "a long value, two stars": (
        deny({"StringLike": {"kms:EncryptionContext:a": ["*" + "a*" * size + "b*" for size in range(20, 160)]}}),
        LONG,
    ),
    "a long value, a long pattern": (deny({"StringLike": {"kms:EncryptionContext:a": "*?a" * 4000 + "b*"}}), LONG),
    "many tests of many values": (
        deny(many_keys("ForAllValues:StringNotEquals", MULTIVALUED, "~")),
        MANY_PAIRS,
    ),
    "many numbers of many values": (deny(many_keys("ForAllValues:NumericNotEquals", MULTIVALUED, -1)), MANY_NUMBERS),
    "many addresses of many values": (deny(many_keys("ForAllValues:NotIpAddress", MULTIVALUED, "::1")), MANY_ADDRESSES),
    "many statements": (many_statements({"ForAnyValue:StringEquals": {MULTIVALUED: "~"}}), MANY_PAIRS),
    "many statements of wildcards": (many_statements({"ForAnyValue:StringLike": {MULTIVALUED: "*?~"}}), MANY_PAIRS),
    "many names among many pairs": (
        deny({"StringNotEquals": {f"kms:EncryptionContext:{name}~": "x" for name in NAMES[:900]}}),
        MANY_PAIRS,
    ),
    "templates of a long value": (
        deny({"StringLike": {"kms:EncryptionContext:a": ["?${kms:EncryptionContext:a}" * 20] * 50}}),
        LONG,
    ),
    "templates for many values": (
        deny({"ForAnyValue:StringLike": {"aws:TagKeys": ["?${aws:RequestTag/a}~" + each for each in NAMES[:700]]}}),
        LONG,
    ),
    "one template again and again": (
        deny({"StringEquals": {"kms:EncryptionContext:a": "${kms:EncryptionContext:a}" * 1200 + "~"}}),
        LONG,
    ),
    "resources": (
        [statement("Deny", Principal="*", Resource=distinct("arn:*?%~?*", ROOM))],
        SMALL,
    ),
    "resources with variables": (
        [
            statement(
                "Deny", Principal="*", Resource=[f"arn:?{each}*${{kms:EncryptionContext:a}}?*" for each in NAMES[:700]]
            )
        ],
        LONG,
    ),
    "actions": (
        [
            statement(
                "Deny",
                Principal="*",
                Action=["?*:*" + each.replace("_", "a").replace("-", "b") + "z?" for each in NAMES[:2500]],
            )
        ],
        SMALL,
    ),
}
ALLOWED = statement(Principal={"AWS": USER.arn})


class Counted(Work):
    """Counts how often it was asked."""

    __slots__ = ("asked", "limit")

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.asked, self.limit = 0, limit

    def spend(self, units: int) -> None:
        assert units > 0 or type(units) is int
        self.asked += 1
        super().spend(units)


def question(statements: list[dict[str, Any]], facts: Facts, limit: int = LIMIT) -> tuple[Question, Counted]:
    policy = key_policy(ALLOWED, *statements)
    work = Counted(limit)
    return ask(policy=policy, facts=facts, context=Context(facts, work)), work


@pytest.mark.parametrize("shape", SHAPES)
def test_no_policy_and_no_request_cost_more_than_the_bound(shape: str) -> None:
    statements, facts = SHAPES[shape]
    asked, work = question(statements, facts)
    decision = decide.decide(asked)
    assert work.asked <= LIMIT
    assert decision.because.exhausted is work.exhausted
    if work.exhausted:
        assert (decision.allowed, decision.because.kind) == (False, Why.DENY_RESOURCE)


def exhausting(effect: str) -> dict[str, Any]:
    literals = distinct("?%~?", ROOM)
    return statement(effect, Principal={"AWS": USER.arn}, Condition={"ForAnyValue:StringLike": {MULTIVALUED: literals}})


def decided(*statements: dict[str, Any], limit: int = LIMIT, facts: Facts = MANY_PAIRS) -> decide.Decision:
    policy = key_policy(*statements)
    return decide.decide(ask(policy=policy, facts=facts, context=Context(facts, Work(limit))))


@pytest.mark.parametrize("prefix", ["ForAnyValue:", "ForAllValues:"])
@pytest.mark.parametrize("name", ["StringLike", "StringNotLike"])
def test_beyond_the_bound_a_deny_denies_and_an_allow_does_not_allow(prefix: str, name: str) -> None:
    condition = {prefix + name: {MULTIVALUED: ["?a?", "a?", "*?b"]}}
    denied = decided(ALLOWED, statement("Deny", Principal="*", Condition=condition), limit=2)
    assert (denied.allowed, denied.because.kind, denied.because.position) == (False, Why.DENY_RESOURCE, 1)
    refused = decided(statement(Principal={"AWS": USER.arn}, Condition=condition), limit=2)
    assert (refused.allowed, refused.because.kind) == (False, Why.NO_RESOURCE_ALLOW)
    assert denied.because.exhausted
    assert refused.because.exhausted


def test_beyond_the_bound_what_needs_no_work_still_allows() -> None:
    decision = decided(exhausting("Allow"), ALLOWED)
    assert decision.allowed
    assert decision.because.exhausted


def test_beyond_the_bound_no_later_condition_is_weighed() -> None:
    lenient = statement(Principal="*", Condition={"StringEquals": {"aws:username": "alice"}})
    assert decided(lenient).allowed
    assert not decided(exhausting("Allow"), lenient).allowed


def test_used_up_stays_used_up() -> None:
    work = Work(5)
    work.spend(5)
    assert not work.exhausted
    for _ in range(2):
        with pytest.raises(Exhausted):
            work.spend(1)
        assert work.exhausted


@settings(LAW, max_examples=300)
@given(cases(), st.integers(0, 200))
def test_a_bound_only_ever_closes(case: Case, limit: int) -> None:
    effect = "Deny" if case.deny else "Allow"
    condition = {case.prefix + case.name: {case.key: case.literals}}
    policy = document.parse_identity_policy(
        json.dumps({"Version": "2012-10-17", "Statement": [statement(effect, Condition=condition)]})
    )
    (compiled,) = (*policy.denies, *policy.allows)
    facts = case.context().facts
    free = compiled.applies(KEY.arn, Context(facts))
    bound = Context(facts, Work(limit))
    assert compiled.applies(KEY.arn, bound) is (case.deny if bound.work.exhausted else free)


def cost(policy: Policy, facts: Facts) -> int:
    context = Context(facts)
    decide.decide(ask(policy=policy, facts=facts, context=context))
    return LIMIT - context.work.left


def test_realistic_policies_are_far_from_the_bound() -> None:
    tags = {f"name-of-a-tag-{at}": f"a value of some length {at}" for at in range(50)}
    facts = Facts(caller=caller(), key=KEY, encryption_context=tags, tag_keys=tuple(tags), source_ip="192.0.2.1")
    everyday = statement(
        "Deny",
        Principal="*",
        Condition={
            "ForAllValues:StringNotLike": {MULTIVALUED: ["team-*", "*-secret", "*pii*", "app-??-*"]},
            "StringNotLike": {"kms:ViaService": "s3.*.amazonaws.com", "kms:EncryptionContext:app": "b*"},
            "NotIpAddress": {"aws:SourceIp": [f"10.{at}.0.0/16" for at in range(30)]},
            "ArnNotLike": {"aws:PrincipalArn": [f"arn:aws:iam::{HOME}:role/team-{at}-*" for at in range(30)]},
        },
    )
    assert cost(key_policy(ALLOWED, everyday), facts) < LIMIT // 100
    assert cost(key_policy(ALLOWED, *[everyday] * 30), facts) < LIMIT // 2
    hundred = Facts(caller=caller(), key=KEY, encryption_context={f"name-of-a-pair-{at:05}": "" for at in range(100)})
    for shape, share in (("StringLike", 3), ("StringEquals", 6)):
        many = {f"ForAnyValue:{shape}": {MULTIVALUED: [f"team-{at}-*" for at in range(500)]}}
        assert (
            cost(key_policy(ALLOWED, *[statement("Deny", Principal="*", Condition=many)] * 50), hundred)
            < LIMIT // share
        )
    for name, tries in (("n*-{}-*", 150), ("n*-{}-?", 38)):
        tried = [
            statement(
                "Deny",
                Principal="*",
                Condition={"ForAnyValue:StringLike": {MULTIVALUED: [name.format(at) for at in range(tries)]}},
            )
        ]
        assert cost(key_policy(ALLOWED, *tried), hundred) <= LIMIT
    lists = {"ForAnyValue:StringLike": {"aws:TagKeys": [f"team-{at}-*" for at in range(1000)]}}
    assert cost(key_policy(ALLOWED, *[statement("Deny", Principal="*", Condition=lists)] * 20), facts) < LIMIT // 4


# --- many literals as one ---------------------------------------------------------------------------------------------


def test_equal_patterns_are_tried_once() -> None:
    many = any_of([(Piece("a?"),), (Piece("a"), Piece("?")), (Piece("*x*"),), (Piece("**x*"),)] * 100)
    assert (len(many.others), many.inner) == (1, ("x",))
    assert len(any_of([(Piece("a?"),), (Piece("a?", wild=False), Piece("?")), (Piece("a??"),)]).others) == 3


def test_texts_are_looked_up_by_their_length() -> None:
    for shape in ("%~*", "*%~"):
        literals = distinct(shape, ROOM)
        work = Work()
        assert len(literals) > 3000
        assert not any_of([(Piece(each),) for each in literals]).matches("name", work)
        assert LIMIT - work.left < 20


def test_the_pairs_of_a_request_are_sorted_once() -> None:
    class Pairs(dict[str, str]):
        read = 0

        def items(self) -> Any:
            Pairs.read += 1
            return super().items()

    context = Context(Facts(encryption_context=Pairs(a="1", A="2", b="3")))
    seen: list[Any] = []
    for name in ("a", "A", "b", "c"):
        test = compile_test(
            "StringEquals", f"kms:EncryptionContext:{name}", ["x"], deny=False, key_policy=True, with_variables=True
        )
        assert isinstance(test, Comparison)
        seen.append(context.values(test.key))
    assert seen == [("1", "2"), ("1", "2"), ("3",), None]
    assert Pairs.read == 1
