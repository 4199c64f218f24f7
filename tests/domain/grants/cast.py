"""Grants, callers and uses for the tests of grants, and the same rules said once more in the plainest way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from tests.domain.policy.cast import AWAY, HOME, KEY, REGION

from keystead.domain.arn import root_arn
from keystead.domain.grants import Grant, Use
from keystead.domain.key import Key

GRANTEE = "AIDAALICEALICEALICE1"
OPERATIONS = ("Decrypt", "Encrypt", "CreateGrant", "RetireGrant", "DescribeKey")


def key(spec: str = "SYMMETRIC_DEFAULT", usage: str = "ENCRYPT_DECRYPT") -> Key:
    return replace(KEY, spec=spec, usage=usage)


def grant(*operations: str, **more: Any) -> Grant:
    """A grant on `KEY`; constraints as dictionaries."""
    for name in ("context_equals", "context_subset"):
        if more.get(name) is not None:
            more[name] = tuple(sorted(more[name].items()))
    what: dict[str, Any] = {
        "grant_id": "0" * 64,
        "grantee": GRANTEE,
        "issuing_account": root_arn(HOME),
        "created": 0.0,
    }
    return Grant(HOME, REGION, KEY.key_id, operations=operations or ("Decrypt",), **(what | more))


# Few names in two spellings and few values, so that chance meets.
PAIRS = st.dictionaries(st.sampled_from(["a", "A", "b", "c"]), st.sampled_from(["1", "2"]), max_size=4)
SOME_PAIRS = PAIRS.filter(bool)
SOURCES = st.sampled_from([None, None, None, "arn:aws:s3:eu-central-1:111122223333:one", "arn:aws:s3:::two"])


@st.composite
def grants(draw: st.DrawFn) -> Grant:
    kind = draw(st.sampled_from(["", "context_equals", "context_subset"]))
    constraints = {kind: draw(SOME_PAIRS)} if kind else {}
    return grant(
        *draw(st.lists(st.sampled_from(OPERATIONS), min_size=1, unique=True)),
        grant_id=draw(st.integers(0, 30).map(lambda number: f"{number:064x}")),
        issuing_account=root_arn(draw(st.sampled_from([HOME, AWAY]))),
        source_arn=draw(SOURCES),
        **constraints,
    )


USES = st.builds(Use, st.sampled_from(OPERATIONS), PAIRS, SOURCES, st.none() | grants())


def plainly_allows(grant: Grant, use: Use) -> bool:
    """`grants.allows`, said in another way: each demand by itself."""
    demands = [use.operation in grant.operations]
    if use.operation != "RetireGrant":
        demands.append(grant.source_arn in (None, use.source_arn))
    if use.operation in ("Encrypt", "Decrypt"):
        demands.append(plainly_satisfies(grant, use.context or {}))
    if use.operation == "CreateGrant":
        demands.append(use.wanted is not None and plainly_within(use.wanted, grant))
    return all(demands)


def plainly_satisfies(grant: Grant, context: Any) -> bool:
    lowered = Counter((name.lower(), value) for name, value in dict(context).items())
    if grant.context_equals is not None:
        return lowered == Counter((name.lower(), value) for name, value in grant.context_equals)
    if grant.context_subset is not None:
        for name, _ in grant.context_subset:
            demanded = {value for other, value in grant.context_subset if other.lower() == name.lower()}
            if {value for other, value in lowered if other == name.lower()} != demanded:
                return False
    return True


def plainly_within(child: Grant, parent: Grant) -> bool:
    if any(operation not in parent.operations for operation in child.operations):
        return False
    if parent.source_arn is not None and parent.source_arn != child.source_arn:
        return False
    if parent.context_equals is not None:
        return child.context_equals is not None and plainly_satisfies(parent, child.context_equals)
    if parent.context_subset is not None:
        named = child.context_equals if child.context_equals is not None else child.context_subset
        return named is not None and plainly_satisfies(parent, named)
    return True
