"""The worlds of the policy laws as cases: the same questions, in texts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from tests.domain.policy.cast import HOME, KEY, caller, text
from tests.domain.policy.test_properties import WORLDS, World

from keystead.domain.grantees import NO_STANDING, Standing
from keystead.domain.policy.cases import Case, Document, Place, read_document
from keystead.domain.policy.facts import Facts


def document(place: Place, name: str, statements: list[dict[str, Any]]) -> Document:
    return read_document(place, name, text(*statements))


def case_of(world: World) -> Case:
    """The question of a world, whose decision the case must share. Two policies have one name, as those of a user and
    of a group may."""
    asker = caller(world.who)
    known = {name: getattr(world.facts, name) for name in Facts.__struct_fields__} | {"caller": asker}
    return Case(
        caller=asker,
        action="kms:Encrypt",
        resource="*" if world.key is None else KEY.arn,
        facts=Facts(**known),
        account=None if world.key is None else HOME,
        key_policy=None if world.key is None else document(Place.KEY, "default", world.key),
        identity=tuple(document(Place.IDENTITY, "twice", each) for each in world.own),
        boundary=None if world.boundary is None else document(Place.BOUNDARY, "limits", world.boundary),
        session=None
        if world.session is None
        else tuple(document(Place.SESSION, "session", each) for each in world.session),
        standing=Standing(*world.grants),
    )


def of_role(case: Case) -> Case:
    """The same question about a role that is to be assumed: the policy of the resource is a trust policy."""
    if case.key_policy is None:
        return case
    trusted = [
        {name: value for name, value in (each or {}).items() if name not in ("Resource", "NotResource")}
        for each in case.key_policy.elements
    ]
    return replace(
        case,
        key_policy=document(Place.TRUST, "trust", trusted),
        standing=NO_STANDING,
    )


CASES: st.SearchStrategy[Case] = WORLDS.map(case_of) | WORLDS.map(case_of).map(of_role)
