"""Each operation answers only with codes that its model declares, and swallows no member of a request.

Read from the syntax trees (`reach`); `tests/declared.py` lists what may be answered besides. The tests of the API hold
every refusal that they provoke against the same list."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from keystead.domain.keytypes import KeyTypes
from keystead.model import awsjson, query
from keystead.services.kms.operations import KMS
from keystead.services.table import Row
from tests import declared
from tests.house.conftest import Plant
from tests.house.reach import CUT, ERRORS, House
from tests.house.reading import PACKAGE, ROOT, none, server

HOUSE = House(server(ROOT))
MEMBERS = {
    f"{service}:{name}": codec.members
    for service in declared.SERVICES
    for name, codec in (query if service in declared.QUERY else awsjson).Codec(service).operations.items()
}


#: Members that are read before any function is run, and where.
ELSEWHERE = {"grant_tokens": "services.dispatch", "web_identity_token": "services.sts.introductions"}


def undeclared(house: House, row: Row) -> list[str]:
    """What the function of a row can come to and its model does not declare."""
    found = [
        f"{row.name} can come to errors.{name}: {code} is neither declared by its model nor listed in tests/declared.py"
        for name, codes in sorted(house.refusals(row).items())
        if name not in declared.ALWAYS and (row.name, name) not in declared.UNREACHED
        for code in sorted(codes)
        if not declared.may_come_to(row, code)
    ]
    return found + [
        f"{row.name} refuses by state with {code}, which its model does not declare"
        for code in sorted(declared.of_states(row))
        if not declared.may_come_to(row, code)
    ]


def swallowed(house: House, row: Row) -> list[str]:
    """Members of the request that the function neither reads nor withholds."""
    read = house.spoken_members(row)
    return [
        f"{row.name} takes {wire} and never looks at it: read it, or withhold it by name"
        for wire, attribute in MEMBERS[f"{row.service}:{row.name}"].items()
        if attribute not in read and attribute not in row.withheld and attribute not in ELSEWHERE
    ]


@pytest.mark.parametrize("name", sorted(declared.ROWS))
def test_an_operation_answers_only_with_what_its_model_declares(name: str) -> None:
    none(undeclared(HOUSE, declared.ROWS[name]))


@pytest.mark.parametrize("name", sorted(declared.ROWS))
def test_an_operation_swallows_no_member(name: str) -> None:
    none(swallowed(HOUSE, declared.ROWS[name]))


def test_what_is_reached_is_what_is_there() -> None:
    assert set(HOUSE.refusals(KMS.rows["CreateAlias"])) >= {
        "alias_exists",
        "alias_reserved",
        "access_denied",
        "key_not_found",
        "invalid_key_id",
        "too_many_aliases",
        "validation",
    }
    assert set(HOUSE.refusals(KMS.rows["Decrypt"])) >= {
        "invalid_ciphertext",
        "incorrect_key",
        "dry_run",
        "unreadable_ciphertext",
        "alias_not_found",
        "invalid_key_usage",
    }
    assert "malformed_policy" in HOUSE.refusals(KMS.rows["PutKeyPolicy"])
    assert "invalid_ciphertext" not in HOUSE.refusals(KMS.rows["DescribeKey"])
    assert HOUSE.codes["policy_lockout"] == {"MalformedPolicyDocumentException"}
    assert HOUSE.codes["audit_unavailable"] == {"ServiceUnavailable"}


PLANTED = """\
\"\"\"Planted.\"\"\"

from keystead import errors
from keystead.services.call import Call


class Limit:
    def check(self, number: int) -> None:
        if number > 1:
            raise errors.limit_exceeded("too many")


TABLE = {1: errors.invalid_marker}


def _refuse(call: Call) -> None:
    Limit().check(2)


def by_a_method(call: Call) -> None:
    _refuse(call)


def by_a_table(call: Call) -> None:
    raise TABLE[1]()


def by_the_call(call: Call) -> None:
    call.end_dry_run(True)


def by_nothing(call: Call) -> None:
    limit = Limit()
    del limit
"""


@pytest.mark.parametrize(
    ("function", "found"),
    [
        ("by_a_method", {"limit_exceeded"}),
        ("by_a_table", {"invalid_marker"}),
        ("by_the_call", {"dry_run"}),
        ("by_nothing", set()),
    ],
)
def test_a_planted_refusal_is_found_however_it_is_reached(plant: Plant, function: str, found: set[str]) -> None:
    path = "src/keystead/services/kms/planted.py"
    planted = [module for module in server(plant({path: PLANTED})) if module.path == path]
    house = House([*server(ROOT), *planted])
    assert {
        name for home, name in house.reached((f"{PACKAGE}.services.kms.planted", function)) if home == ERRORS
    } == found


def test_a_planted_row_that_refuses_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(KMS.rows["ListKeys"], function=KMS.rows["CreateAlias"].function, keys=KeyTypes.NONE)
    assert "ListKeys can come to errors.alias_exists: AlreadyExistsException" in " ".join(undeclared(HOUSE, row))
    stated = replace(KMS.rows["GetKeyLastUsage"], states=KMS.rows["Encrypt"].states)
    assert undeclared(HOUSE, stated) == [
        "GetKeyLastUsage refuses by state with DisabledException, which its model does not declare",
        "GetKeyLastUsage refuses by state with KMSInvalidStateException, which its model does not declare",
    ]
    monkeypatch.delitem(declared.BEYOND, ("ListKeyPolicies", "InvalidMarkerException"))
    assert len(undeclared(HOUSE, KMS.rows["ListKeyPolicies"])) == 1


def test_a_member_that_nobody_reads_is_found() -> None:
    row = replace(KMS.rows["GenerateRandom"], withheld=())
    assert swallowed(HOUSE, row) == [
        "GenerateRandom takes CustomKeyStoreId and never looks at it: read it, or withhold it by name",
        "GenerateRandom takes Recipient and never looks at it: read it, or withhold it by name",
    ]


def test_the_lists_of_exceptions_are_no_longer_than_they_must_be() -> None:
    for dotted in CUT:
        module, _, name = dotted.rpartition(".")
        assert (module, name) in HOUSE.trees, f"{dotted} is cut and not there any more"
    rows = {row.name: row for row in declared.ROWS.values()}
    for operation, constructor in declared.UNREACHED:
        assert operation not in rows or constructor in HOUSE.refusals(rows[operation])
    for operation, code in declared.BEYOND:
        model = declared.MODELS[rows[operation].service]
        assert code not in model.operations[operation].errors, f"the model declares {code} for {operation} now"


def test_refusals_are_made_in_one_place() -> None:
    none(
        [
            f"{module.at(node)} makes a refusal by itself: a constructor in errors/ is what tests and readers look for"
            for module in server(ROOT)
            if module.room != "errors"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Refusal"
        ]
    )


def test_no_two_refusals_have_one_name() -> None:
    homes: dict[str, list[str]] = {}
    for module in server(ROOT):
        if module.room == "errors":
            for node in module.tree.body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    homes.setdefault(node.name, []).append(module.at(node))
    assert len(homes) > 50
    none([f"errors.{name} means two things: {' and '.join(at)}" for name, at in homes.items() if len(at) > 1])


def test_the_store_and_the_journal_know_no_refusals() -> None:
    none(
        [
            f"{module.path} imports the refusals"
            for module in server(ROOT)
            if module.room in {"store", "audit"} and ERRORS in HOUSE.types.imported[module.name].values()
        ]
    )
