"""Names of principals are exchanged in a policy's text, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.domain.policy.naming import exchanged, named

ANN, BOB = "arn:aws:iam::111122223333:user/ann", "arn:aws:iam::111122223333:user/bob"
ID = "AIDAANNAAAAAAAAAAAAAA"


def statement(**members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "kms:*", "Resource": "*", **members}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.mark.parametrize("element", ["Principal", "NotPrincipal"])
@pytest.mark.parametrize("names", [ANN, [ANN], [BOB, ANN]])
@pytest.mark.parametrize("alone", [True, False])
def test_a_principal_is_exchanged_wherever_it_may_stand(element: str, names: Any, alone: bool) -> None:
    one = statement(**{element: {"AWS": names}})
    document = {"Version": "2012-10-17", "Statement": one} if alone else policy(statement(Principal="*"), one)
    text = json.dumps(document, indent=2)
    assert exchanged(text, {ANN: ID}) == text.replace(ANN, ID)
    assert exchanged(exchanged(text, {ANN: ID}), {ID: ANN}) == text


@pytest.mark.parametrize(
    "document",
    [
        policy(statement(Principal={"AWS": BOB}, Condition={"ArnEquals": {"aws:PrincipalArn": ANN}})),
        policy(statement(Principal={"Federated": ANN})),
        policy(statement(Principal={"AWS": BOB}, Resource=ANN)),
        policy(statement(Principal={"AWS": BOB}, Condition={"Principal": {"AWS": ANN}})),
        {**policy(statement(Principal={"AWS": BOB})), "Id": ANN},
        {"Principal": {"AWS": ANN}, "Statement": []},
    ],
)
def test_the_same_text_elsewhere_stays(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert exchanged(text, {ANN: ID}) == text


def test_what_json_spells_otherwise_is_the_same_name() -> None:
    text = '{"Statement":{"Princip\\u0061l":{"AWS":"arn:aws:iam::111122223333:user\\/ann"}}}'
    assert json.loads(exchanged(text, {ANN: ID})) == {"Statement": {"Principal": {"AWS": ID}}}


def test_all_names_are_found() -> None:
    document = policy(statement(Principal={"AWS": [ANN, ID]}), statement(NotPrincipal={"AWS": "111122223333"}))
    assert named(json.dumps(document)) == {ANN, ID, "111122223333"}
    assert named(json.dumps(policy(statement(Principal="*")))) == frozenset()


def test_signs_inside_texts_are_no_structure() -> None:
    text = json.dumps(policy(statement(Sid='],}{[":"', Principal={"AWS": [ANN, BOB]})))
    assert exchanged(text, {ANN: ID, BOB: "AIDABOB"}) == text.replace(ANN, ID).replace(BOB, "AIDABOB")


texts = st.sampled_from([ANN, BOB, "AWS", "Principal", "Statement", '"', "\\", "x"])
trees = st.recursive(
    texts | st.none() | st.integers() | st.booleans(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3),
    max_leaves=20,
)


@given(trees, st.sampled_from([None, 1]))
def test_exchanging_is_what_it_would_be_on_the_parsed_document(tree: Any, indent: int | None) -> None:
    document = {"Statement": [tree, statement(Principal={"AWS": [ANN, "other"]})], "Other": tree}
    text = json.dumps(document, indent=indent)
    assert exchanged(text, {}) == text
    assert json.loads(exchanged(text, {ANN: ID})) == _walked(document, ())


def _walked(node: Any, members: tuple[str, ...]) -> Any:
    if isinstance(node, dict):
        return {name: _walked(below, (*members, name)) for name, below in node.items()}
    if isinstance(node, list):
        return [_walked(below, members) for below in node]
    within = len(members) == 3 and members[0] == "Statement" and members[1] in {"Principal", "NotPrincipal"}
    return ID if node == ANN and within and members[2] == "AWS" else node
