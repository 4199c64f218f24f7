"""Contract: a row that Keystead did not write is refused by name, and its content is told to nobody."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from keystead.domain import holdings
from keystead.store import rows
from keystead.store import statements as sql
from keystead.store.interface import Reader, Store, StoreTampered
from keystead.store.reader import SqlReader
from tests.store import examples
from tests.store.databases import Database, mac
from tests.store.examples import ACCESS_KEY_ID, ACCOUNT, GROUP_ID, KEY_ID, POLICY, REGION, USER, USER_ID


class Kind(NamedTuple):
    """A protected table: its primary key in the example, its other columns, and how its example row is read."""

    table: str
    key: tuple[str, ...]
    others: tuple[str, ...]
    read: Callable[[Reader], object]


ALIAS = "alias/payroll"
GRANT = examples.grant().grant_id
SOUGHT = holdings.Sought(holdings.bits(examples.grant().operations), (holdings.demand(examples.grant()),))
SEEKING = (
    sql.READ_GRANT_DEMANDING,
    sql.READ_GRANT_DEMANDING_OF_ISSUER,
    sql.READ_GRANT_DESCRIBING,
    sql.READ_GRANT_DESCRIBING_OF_ISSUER,
)
RETIRING = examples.grant().retiring or ""
KINDS = (
    Kind("keys", (ACCOUNT, REGION, KEY_ID), sql.KEY[3:], lambda r: r.key(ACCOUNT, REGION, KEY_ID)),
    Kind("aliases", (ACCOUNT, REGION, ALIAS), sql.ALIAS[3:], lambda r: r.alias(ACCOUNT, REGION, ALIAS)),
    Kind(
        "material_facts",
        (ACCOUNT, REGION, KEY_ID, examples.material_fact().material_id),
        sql.MATERIAL[4:],
        lambda r: r.material_facts(ACCOUNT, REGION, KEY_ID),
    ),
    Kind("grants", (ACCOUNT, REGION, KEY_ID, GRANT), sql.GRANT[4:], lambda r: r.grant(ACCOUNT, REGION, KEY_ID, GRANT)),
    Kind("identities", (USER_ID,), sql.IDENTITY[1:], lambda r: r.identity_with_id(USER_ID)),
    Kind("user_groups", (GROUP_ID,), sql.GROUP[1:], lambda r: r.group_with_id(GROUP_ID)),
    Kind("managed_policies", (POLICY,), sql.MANAGED_POLICY[1:], lambda r: r.managed_policy(POLICY)),
    Kind("access_keys", (ACCESS_KEY_ID,), ("identity_id", "active", "created"), lambda r: r.access_key(ACCESS_KEY_ID)),
)
COLUMNS = [
    pytest.param(kind, column, id=f"{kind.table}.{column}") for kind in KINDS for column in (*kind.others, "mac")
]


def edited(value: Any) -> Any:
    """Another value that fits the same column: the smallest edit."""
    if value is None:
        return 1.5
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    return value + ("SECRET" if isinstance(value, str) else 1)


def quotes(error: BaseException | None) -> bool:
    """Whether the error, or one that it drags along, holds the content of the edited row."""
    while error is not None:
        if "SECRET" in f"{error}{error!r}{error.args}":
            return True
        error = error.__cause__ or error.__context__
    return False


def refused(store: Store, read: Callable[[Reader], object]) -> StoreTampered:
    with pytest.raises(StoreTampered) as caught:
        store.read(read)
    return caught.value


@pytest.mark.parametrize(("kind", "column"), COLUMNS)
def test_an_edited_column_is_refused_by_table_and_key_without_its_content(
    database: Database, store: Store, kind: Kind, column: str
) -> None:
    store.transact(examples.put_all)
    assert store.read(kind.read) is not None
    [(value,)] = database.look(f"SELECT {column} FROM {kind.table}")
    database.edit(f"UPDATE {kind.table} SET {column} = ?", edited(value))
    error = refused(store, kind.read)
    assert (error.table, error.key) == (kind.table, kind.key)
    assert not quotes(error)
    database.edit(f"UPDATE {kind.table} SET {column} = ?", value)
    assert store.read(kind.read) is not None, "put back, it is accepted: the edit was the reason"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.table)
def test_a_text_that_is_no_text_is_refused_without_quoting_it(database: Database, store: Store, kind: Kind) -> None:
    store.transact(examples.put_all)
    text = {
        "keys": "description",
        "aliases": "key_id",
        "material_facts": "description",
        "grants": "source_arn",
        "identities": "trust",
        "user_groups": "path",
        "managed_policies": "description",
        "access_keys": "identity_id",
    }
    database.edit(f"UPDATE {kind.table} SET {text[kind.table]} = CAST(? AS TEXT)", b"SECRET\xff")
    error = refused(store, kind.read)
    whole = 3 if kind.table == "material_facts" else None  # these are read together, and refused together
    assert (error.table, error.key) == (kind.table, kind.key[:whole])
    assert not quotes(error)


def test_another_sealed_secret_under_an_access_key_is_refused(database: Database, store: Store) -> None:
    store.transact(examples.put_all)
    [(slot,)] = database.look("SELECT slot FROM access_keys")
    [(data,)] = database.look("SELECT data FROM sealed WHERE slot = ?", slot)
    database.edit("UPDATE sealed SET data = ? WHERE slot = ?", edited(data), slot)
    refused(store, lambda r: r.access_key(ACCESS_KEY_ID))


def test_an_authentic_row_under_another_name_is_refused(database: Database, store: Store) -> None:
    """The row of one key, alias or user moved to the name of another, MAC and all."""
    store.transact(examples.put_all)
    database.edit("UPDATE keys SET region = 'us-east-1'")
    refused(store, lambda r: r.key(ACCOUNT, "us-east-1", KEY_ID))
    database.edit("UPDATE aliases SET name = 'alias/other'")
    refused(store, lambda r: r.alias(ACCOUNT, REGION, "alias/other"))
    database.edit("UPDATE grants SET grant_id = 'other'")
    refused(store, lambda r: r.grant(ACCOUNT, REGION, KEY_ID, "other"))
    database.edit("UPDATE grants SET grantee = 'somebody'")
    refused(store, lambda r: r.grant_sought(ACCOUNT, REGION, KEY_ID, "somebody", SOUGHT, None))
    database.edit("UPDATE material_facts SET region = 'us-east-1'")
    refused(store, lambda r: r.material_facts(ACCOUNT, "us-east-1", KEY_ID))
    database.edit("UPDATE identities SET arn = ?", USER + "2")
    refused(store, lambda r: r.identity(USER + "2"))
    database.edit("UPDATE identities SET unique_id = 'AIDA2'")
    refused(store, lambda r: r.identity_with_id("AIDA2"))
    database.edit("UPDATE user_groups SET folded = 'others'")
    refused(store, lambda r: r.group(ACCOUNT, "others"))
    database.edit("UPDATE managed_policies SET arn = ?", POLICY + "2")
    refused(store, lambda r: r.managed_policy(POLICY + "2"))
    database.edit("UPDATE access_keys SET access_key_id = 'AKIA2'")
    refused(store, lambda r: r.access_key("AKIA2"))


def test_the_mac_of_one_row_does_not_serve_another(database: Database, store: Store) -> None:
    store.transact(lambda t: (examples.put_all(t), t.put_key(examples.key("other"))))
    database.edit("UPDATE keys SET mac = (SELECT mac FROM keys WHERE key_id = 'other')")
    refused(store, lambda r: r.key(ACCOUNT, REGION, KEY_ID))
    assert store.read(lambda r: r.key(ACCOUNT, REGION, "other")) == examples.key("other")


def test_a_row_written_under_another_root_is_refused(database: Database, store: Store) -> None:
    stranger = database.open(row_mac=lambda data: mac(b"another root" + data))
    stranger.transact(examples.put_all)
    for kind in KINDS:
        refused(store, kind.read)


def test_an_edited_alias_is_refused_in_lists_too(database: Database, store: Store) -> None:
    store.transact(examples.put_all)
    database.edit("UPDATE aliases SET updated = 5.0")
    error = refused(store, lambda r: r.aliases(ACCOUNT, REGION, None, None, 10))
    assert error.key == (ACCOUNT, REGION, ALIAS)
    refused(store, lambda r: r.aliases(ACCOUNT, REGION, KEY_ID, None, 10))


def test_an_edited_grant_is_refused_in_every_list(database: Database, store: Store) -> None:
    store.transact(examples.put_all)
    database.edit("UPDATE grants SET operations = '[\"Sign\"]'")
    for read in (
        lambda r: r.grants(ACCOUNT, REGION, KEY_ID, None, 10),
        lambda r: r.grants(ACCOUNT, REGION, KEY_ID, None, 10, examples.USER_ID),
        lambda r: r.grant_sought(ACCOUNT, REGION, KEY_ID, examples.USER_ID, SOUGHT, None),
        lambda r: r.grant_sought(ACCOUNT, REGION, KEY_ID, examples.USER_ID, SOUGHT, examples.grant().issuing_account),
        lambda r: r.grants_like(examples.grant()),
        lambda r: r.retirable(REGION, RETIRING, None, 10),
    ):
        assert refused(store, read).key == (ACCOUNT, REGION, KEY_ID, GRANT)


def test_a_tampered_row_does_not_keep_a_transaction_from_its_other_work(database: Database, store: Store) -> None:
    """A sweep meets the row, notes it and goes on."""
    store.transact(examples.put_all)
    database.edit("UPDATE keys SET description = 'x'")

    def sweep(t: Any) -> None:
        with pytest.raises(StoreTampered):
            t.key(ACCOUNT, REGION, KEY_ID)
        t.put_meta("swept", b"1")

    store.transact(sweep)
    assert store.read(lambda r: r.meta("swept")) == b"1"


def test_an_authentic_row_that_was_not_asked_for_is_refused(store: Store) -> None:
    """What a doctored index does: the look-up of one row leads to another."""
    store.transact(examples.put_all)
    authentic: dict[str, Any] = {}

    def keep(r: Any) -> None:
        for text, name in (
            (sql.READ_KEY, (ACCOUNT, REGION, KEY_ID)),
            (sql.READ_ALIAS, (ACCOUNT, REGION, ALIAS)),
            (sql.READ_MATERIAL_FACTS, (ACCOUNT, REGION, KEY_ID)),
            (sql.READ_GRANT, (ACCOUNT, REGION, KEY_ID, GRANT)),
            (sql.READ_IDENTITY, (USER,)),
            (sql.READ_GROUP_WITH_ID, (GROUP_ID,)),
            (sql.READ_MANAGED_POLICY, (POLICY,)),
            (sql.READ_ACCESS_KEY, (ACCESS_KEY_ID,)),
        ):
            authentic[text] = r._execute(text, name)
        authentic[sql.READ_KEY_BY_REF] = authentic[sql.READ_RELATED] = authentic[sql.READ_KEY]
        for text in (sql.READ_GRANTS, sql.READ_GRANTS_OF_GRANTEE, sql.READ_GRANTS_LIKE, *SEEKING):
            authentic[text] = authentic[sql.READ_GRANT]
        for text in (sql.READ_IDENTITY_WITH_ID, sql.READ_IDENTITY_NAMED, sql.READ_IDENTITIES):
            authentic[text] = authentic[sql.READ_IDENTITY]
        authentic[sql.READ_GROUP_NAMED] = authentic[sql.READ_GROUPS] = authentic[sql.READ_GROUP_WITH_ID]
        for text in (sql.READ_MANAGED_POLICY_NAMED, sql.READ_MANAGED_POLICIES):
            authentic[text] = authentic[sql.READ_MANAGED_POLICY]
        authentic[sql.READ_ACCESS_KEYS] = authentic[sql.READ_ACCESS_KEY]
        authentic[sql.READ_RETIRABLE] = authentic[sql.READ_GRANT]
        authentic[sql.READ_ALIASES] = authentic[sql.READ_ALIASES_OF_KEY] = authentic[sql.READ_ALIAS]

    store.read(keep)
    misled = SqlReader(lambda text, _: authentic[text], rows.Seal(mac))
    assert misled.key(ACCOUNT, REGION, KEY_ID) == examples.key()
    asked: list[Callable[[], object]] = [
        lambda: misled.key(ACCOUNT, REGION, "other"),
        lambda: misled.key("444455556666", REGION, KEY_ID),
        lambda: misled.key_by_ref(REGION, bytes(16)),
        lambda: misled.key_by_ref("us-east-1", examples.key().ref),
        lambda: misled.related(bytes(16)),
        lambda: misled.material_facts(ACCOUNT, REGION, "other"),
        lambda: misled.grant(ACCOUNT, REGION, KEY_ID, "other"),
        lambda: misled.grants(ACCOUNT, REGION, "other", None, 10),
        lambda: misled.grants(ACCOUNT, REGION, KEY_ID, None, 10, USER + "2"),
        lambda: misled.grant_sought(ACCOUNT, REGION, KEY_ID, "AIDA2", SOUGHT, None),
        lambda: misled.grant_sought(ACCOUNT, REGION, KEY_ID, examples.USER_ID, SOUGHT, "another issuer"),
        lambda: misled.grant_sought(ACCOUNT, REGION, KEY_ID, "AIDA2", holdings.Sought(1, sources=("",)), None),
        lambda: misled.grants_like(examples.grant(name="other")),
        lambda: misled.grants_like(examples.grant(operations=("Sign",))),
        lambda: misled.retirable(REGION, USER, None, 10),
        lambda: misled.retirable("us-east-1", RETIRING, None, 10),
        lambda: misled.alias(ACCOUNT, REGION, "alias/other"),
        lambda: misled.aliases("444455556666", REGION, None, None, 10),
        lambda: misled.aliases(ACCOUNT, REGION, "other", None, 10),
        lambda: misled.identity(USER + "2"),
        lambda: misled.identity_with_id("AIDA2"),
        lambda: misled.user(ACCOUNT, "bob"),
        lambda: misled.role(ACCOUNT, "alice"),
        lambda: misled.user("444455556666", "alice"),
        lambda: misled.users("444455556666", "/", None, 10),
        lambda: misled.users(ACCOUNT, "/other/", None, 10),
        lambda: misled.roles(ACCOUNT, "/", None, 10),
        lambda: misled.group_with_id("AGPA2"),
        lambda: misled.group(ACCOUNT, "Others"),
        lambda: misled.group("444455556666", "Keepers"),
        lambda: misled.groups("444455556666", "/", None, 10),
        lambda: misled.groups(ACCOUNT, "/other/", None, 10),
        lambda: misled.managed_policy(POLICY + "2"),
        lambda: misled.managed_policy_named(ACCOUNT, "Others"),
        lambda: misled.managed_policies("444455556666", "/", None, 10),
        lambda: misled.managed_policies(ACCOUNT, "/other/", None, 10),
        lambda: misled.access_key("AKIA2"),
        lambda: misled.access_keys("AIDA2"),
    ]
    for ask in asked:
        with pytest.raises(StoreTampered):
            ask()


def test_a_row_that_makes_no_sense_is_refused_even_without_row_macs(database: Database, store: Store) -> None:
    store.transact(examples.put_all)
    tool = database.open(row_mac=None)
    database.edit("UPDATE keys SET state = 'SECRET'")
    database.edit("UPDATE material_facts SET rotation_type = 'SECRET'")
    database.edit("UPDATE grants SET context_equals = 'SECRET'")
    database.edit("UPDATE identities SET inline = 'SECRET'")
    database.edit("UPDATE user_groups SET attached = 'SECRET'")
    database.edit("UPDATE managed_policies SET versions = 'SECRET'")
    for table in ("keys", "material_facts", "grants", "identities", "user_groups", "managed_policies"):
        [kind] = [kind for kind in KINDS if kind.table == table]
        error = refused(tool, kind.read)
        assert not quotes(error)


def test_a_row_without_its_sealed_bytes_is_not_there(database: Database, store: Store) -> None:
    store.transact(examples.put_all)
    database.edit("DELETE FROM sealed")
    assert store.read(lambda r: r.wrap_key(ACCOUNT, REGION, KEY_ID)) is None
    assert store.read(lambda r: r.access_key(ACCESS_KEY_ID)) is None


def test_the_refusal_survives_being_sent_to_another_process() -> None:
    error = StoreTampered("keys", ("a", "b"))
    again = pickle.loads(pickle.dumps(error))
    assert (again.table, again.key, str(again)) == (error.table, error.key, str(error))
