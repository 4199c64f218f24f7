"""Every SQL statement of the store, as text that SQLite and PostgreSQL both understand.

Guarantees: values are always parameters (``?``), never part of a text. Column orders are those of `rows`. Does not
guarantee durability, isolation or access: that is what each database's file is for.
"""

# ruff: noqa: S608 - the texts are put together from names in this file only.

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# Column orders. The MAC of a protected row is over these columns in this order (see rows.py): append only.
KEY: Final = (
    "account",
    "region",
    "key_id",
    "ref",
    "spec",
    "usage",
    "origin",
    "manager",
    "state",
    "description",
    "created",
    "policy",
    "material_id",
    "deletion_date",
    "multi_region",
    "tags",
    "primary_region",
    "rotation_period_days",
    "next_rotation",
    "expiration_model",
    "valid_to",
    "pending_window_days",
)
MATERIAL: Final = (
    "account",
    "region",
    "key_id",
    "material_id",
    "version",
    "state",
    "present",
    "created",
    "rotation_date",
    "rotation_type",
    "expiration_model",
    "valid_to",
    "description",
)
GRANT: Final = (
    "account",
    "region",
    "key_id",
    "grant_id",
    "grantee",
    "operations",
    "issuing_account",
    "created",
    "name",
    "grantee_service",
    "retiring",
    "retiring_service",
    "context_equals",
    "context_subset",
    "source_arn",
    "likeness",
    "demand",
    "bits",
    "describes",
)
ALIAS: Final = ("account", "region", "name", "key_id", "created", "updated")
IDENTITY: Final = (
    "unique_id",
    "arn",
    "account",
    "kind",
    "path",
    "name",
    "folded",
    "created",
    "tags",
    "inline",
    "attached",
    "boundary",
    "member_of",
    "trust",
    "description",
    "max_session",
)
GROUP: Final = ("unique_id", "account", "path", "name", "folded", "created", "inline", "attached")
MANAGED_POLICY: Final = (
    "arn",
    "account",
    "path",
    "name",
    "folded",
    "unique_id",
    "created",
    "updated",
    "description",
    "default_version",
    "newest_version",
    "versions",
    "tags",
)


def _put(table: str, columns: Sequence[str], primary: int) -> str:
    """Insert a row, or replace the one with the same primary key, which is the first ``primary`` columns."""
    marks = ", ".join("?" * len(columns))
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns[primary:])
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) "
        f"ON CONFLICT ({', '.join(columns[:primary])}) DO UPDATE SET {changes}"
    )


_KEYS: Final = f"SELECT {', '.join(KEY)}, mac FROM keys "
_ALIASES: Final = f"SELECT {', '.join(ALIAS)}, mac FROM aliases "
_IDENTITIES: Final = f"SELECT {', '.join(IDENTITY)}, mac FROM identities "
_GROUPS: Final = f"SELECT {', '.join(GROUP)}, mac FROM user_groups "
_MANAGED_POLICIES: Final = f"SELECT {', '.join(MANAGED_POLICY)}, mac FROM managed_policies "
_ACCESS_KEYS: Final = (
    "SELECT access_key_id, identity_id, sealed.data, active, created, mac FROM access_keys "
    "JOIN sealed ON sealed.slot = access_keys.slot "
)
_GRANTS: Final = f"SELECT {', '.join(GRANT)}, mac FROM grants "
_OF_KEY: Final = "WHERE account = ? AND region = ? AND key_id = ?"
# Of two parameters, the number of characters and the prefix: LIKE would read wildcards into it.
_IN_PATH: Final = "substr(path, 1, ?) = ? AND name > ? ORDER BY name LIMIT ?"

# --- reads ------------------------------------------------------------------------------------------------------------

READ_KEY: Final = _KEYS + _OF_KEY
READ_KEY_BY_REF: Final = _KEYS + "WHERE ref = ? AND region = ?"
READ_RELATED: Final = _KEYS + "WHERE ref = ? ORDER BY region"
READ_KEY_IDS: Final = "SELECT key_id FROM keys WHERE account = ? AND region = ? AND key_id > ? ORDER BY key_id LIMIT ?"
COUNT_KEYS: Final = "SELECT COUNT(*) FROM keys WHERE account = ? AND region = ?"
COUNT_AWS_MANAGED: Final = "SELECT COUNT(*) FROM keys WHERE account = ? AND region = ? AND manager = 'AWS'"
COUNT_KINDS: Final = "SELECT manager, origin, COUNT(*) FROM keys GROUP BY manager, origin ORDER BY manager, origin"
READ_DUE_FOR_DELETION: Final = (
    "SELECT account, region, key_id FROM keys WHERE state = 'PendingDeletion' AND deletion_date <= ? "
    "ORDER BY deletion_date, account, region, key_id LIMIT ?"
)
READ_DUE_FOR_ROTATION: Final = (
    "SELECT account, region, key_id FROM keys WHERE state = 'Enabled' AND next_rotation <= ? "
    "AND (primary_region IS NULL OR primary_region = region) ORDER BY next_rotation, account, region, key_id LIMIT ?"
)
READ_DUE_FOR_EXPIRY: Final = (
    "SELECT account, region, key_id FROM keys WHERE valid_to <= ? ORDER BY valid_to, account, region, key_id LIMIT ?"
)

READ_ALIAS: Final = _ALIASES + "WHERE account = ? AND region = ? AND name = ?"
READ_ALIASES: Final = _ALIASES + "WHERE account = ? AND region = ? AND name > ? ORDER BY name LIMIT ?"
READ_ALIASES_OF_KEY: Final = _ALIASES + _OF_KEY + " AND name > ? ORDER BY name LIMIT ?"
COUNT_ALIASES: Final = f"SELECT COUNT(*) FROM aliases {_OF_KEY}"

READ_WRAP_KEY: Final = (
    "SELECT sealed.data FROM wrap_keys JOIN sealed ON sealed.slot = wrap_keys.slot "
    "WHERE account = ? AND region = ? AND key_id = ?"
)
READ_MATERIALS: Final = (
    "SELECT material_id, version, spec, sealed.data, created FROM materials "
    "JOIN sealed ON sealed.slot = materials.slot WHERE account = ? AND region = ? AND key_id = ? ORDER BY version"
)

READ_MATERIAL_FACTS: Final = f"SELECT {', '.join(MATERIAL)}, mac FROM material_facts {_OF_KEY} ORDER BY version"

READ_GRANT: Final = f"{_GRANTS}{_OF_KEY} AND grant_id = ?"
READ_GRANTS: Final = f"{_GRANTS}{_OF_KEY} AND grant_id > ? ORDER BY grant_id LIMIT ?"
READ_GRANTS_OF_GRANTEE: Final = f"{_GRANTS}{_OF_KEY} AND grantee = ? AND grant_id > ? ORDER BY grant_id LIMIT ?"
READ_GRANT_DEMANDING: Final = f"{_GRANTS}{_OF_KEY} AND grantee = ? AND demand = ? AND (bits & ?) = ? LIMIT 1"
READ_GRANT_DEMANDING_OF_ISSUER: Final = (
    f"{_GRANTS}{_OF_KEY} AND grantee = ? AND demand = ? AND (bits & ?) = ? AND issuing_account = ? LIMIT 1"
)
READ_GRANT_DESCRIBING: Final = f"{_GRANTS}{_OF_KEY} AND grantee = ? AND describes = ? LIMIT 1"
READ_GRANT_DESCRIBING_OF_ISSUER: Final = (
    f"{_GRANTS}{_OF_KEY} AND grantee = ? AND describes = ? AND issuing_account = ? LIMIT 1"
)
READ_GRANT_SHAPES: Final = f"SELECT shape FROM grant_shapes {_OF_KEY} AND grantee = ? ORDER BY shape LIMIT ?"
READ_GRANTS_LIKE: Final = f"{_GRANTS}{_OF_KEY} AND likeness = ? ORDER BY grant_id"
READ_RETIRABLE: Final = f"{_GRANTS}WHERE region = ? AND retiring = ? AND grant_id > ? ORDER BY grant_id LIMIT ?"
COUNT_GRANTS: Final = f"SELECT COALESCE(SUM(held), 0) FROM grant_counts {_OF_KEY}"
HAS_GRANTS: Final = f"SELECT COUNT(*) FROM (SELECT 1 FROM grants {_OF_KEY} LIMIT 1) AS found"

READ_LAST_USE: Final = f"SELECT account, region, key_id, operation, at, event_id, request_id FROM last_uses {_OF_KEY}"

READ_ACCOUNT_KEY: Final = (
    "SELECT sealed.data FROM accounts JOIN sealed ON sealed.slot = accounts.slot WHERE account = ?"
)
READ_ACCOUNTS: Final = "SELECT account FROM accounts ORDER BY created, account"
READ_IDENTITY: Final = f"{_IDENTITIES}WHERE arn = ?"
READ_IDENTITY_WITH_ID: Final = f"{_IDENTITIES}WHERE unique_id = ?"
READ_IDENTITY_NAMED: Final = f"{_IDENTITIES}WHERE account = ? AND kind = ? AND folded = ?"
READ_IDENTITIES: Final = f"{_IDENTITIES}WHERE account = ? AND kind = ? AND {_IN_PATH}"
COUNT_IDENTITIES: Final = "SELECT COUNT(*) FROM identities WHERE account = ? AND kind = ?"
READ_GROUP_WITH_ID: Final = f"{_GROUPS}WHERE unique_id = ?"
READ_GROUP_NAMED: Final = f"{_GROUPS}WHERE account = ? AND folded = ?"
READ_GROUPS: Final = f"{_GROUPS}WHERE account = ? AND {_IN_PATH}"
COUNT_GROUPS: Final = "SELECT COUNT(*) FROM user_groups WHERE account = ?"
READ_MEMBERS: Final = (
    "SELECT member FROM group_members WHERE account = ? AND name = ? AND member > ? ORDER BY member LIMIT ?"
)
READ_MANAGED_POLICY: Final = f"{_MANAGED_POLICIES}WHERE arn = ?"
READ_MANAGED_POLICY_NAMED: Final = f"{_MANAGED_POLICIES}WHERE account = ? AND folded = ?"
READ_MANAGED_POLICIES: Final = f"{_MANAGED_POLICIES}WHERE account = ? AND {_IN_PATH}"
COUNT_MANAGED_POLICIES: Final = "SELECT COUNT(*) FROM managed_policies WHERE account = ?"
READ_ATTACHED_TO: Final = (
    "SELECT kind, name, as_boundary FROM attachments WHERE account = ? AND policy_arn = ? "
    "AND (kind, name, as_boundary) > (?, ?, ?) ORDER BY kind, name, as_boundary LIMIT ?"
)
COUNT_ATTACHMENTS: Final = "SELECT COUNT(*) FROM attachments WHERE account = ? AND policy_arn = ? AND as_boundary = ?"
READ_ACCESS_KEY: Final = f"{_ACCESS_KEYS}WHERE access_key_id = ?"
READ_ACCESS_KEYS: Final = f"{_ACCESS_KEYS}WHERE identity_id = ? ORDER BY created, access_key_id"
READ_CREDENTIAL_USE: Final = "SELECT subject, at, service, region FROM credential_uses WHERE subject = ?"

READ_SLOTS: Final = (
    "SELECT number, kind, parameters, sealed.data FROM slots JOIN sealed ON sealed.slot = slots.slot ORDER BY number"
)
READ_DOMAIN_KEYS: Final = (
    "SELECT version, sealed.data, created, retired FROM domain_keys "
    "JOIN sealed ON sealed.slot = domain_keys.slot ORDER BY version"
)

READ_CHANGES: Final = "SELECT seq, kind, account, region, subject FROM changes WHERE seq > ? ORDER BY seq LIMIT ?"
READ_LAST_CHANGE: Final = "SELECT MAX(seq) FROM changes"
READ_FIRST_CHANGE: Final = "SELECT MIN(seq) FROM changes"
READ_OUTBOX: Final = "SELECT seq, event_id, record, mac FROM outbox ORDER BY seq LIMIT ?"
READ_META: Final = "SELECT value FROM meta WHERE name = ?"

# --- writes -----------------------------------------------------------------------------------------------------------

PUT_KEY: Final = _put("keys", (*KEY, "mac"), 3)
DELETE_KEY: Final = f"DELETE FROM keys {_OF_KEY}"
PUT_ALIAS: Final = _put("aliases", (*ALIAS, "mac"), 3)
DELETE_ALIAS: Final = "DELETE FROM aliases WHERE account = ? AND region = ? AND name = ?"
DELETE_ALIASES_OF_KEY: Final = f"DELETE FROM aliases {_OF_KEY}"
PUT_IDENTITY: Final = _put("identities", (*IDENTITY, "mac"), 1)
DELETE_IDENTITY: Final = "DELETE FROM identities WHERE unique_id = ?"
PUT_GROUP: Final = _put("user_groups", (*GROUP, "mac"), 1)
DELETE_GROUP: Final = "DELETE FROM user_groups WHERE unique_id = ?"
PUT_MANAGED_POLICY: Final = _put("managed_policies", (*MANAGED_POLICY, "mac"), 1)
DELETE_MANAGED_POLICY: Final = "DELETE FROM managed_policies WHERE arn = ?"
ADD_MEMBER: Final = "INSERT INTO group_members (account, name, member) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
DELETE_MEMBER: Final = "DELETE FROM group_members WHERE account = ? AND name = ? AND member = ?"
ADD_ATTACHMENT: Final = (
    "INSERT INTO attachments (account, policy_arn, kind, name, as_boundary, of_account) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO NOTHING"
)
DELETE_ATTACHMENT: Final = (
    "DELETE FROM attachments WHERE account = ? AND policy_arn = ? AND kind = ? AND name = ? AND as_boundary = ?"
)

PUT_WRAP_KEY: Final = _put("wrap_keys", ("account", "region", "key_id", "slot"), 3)
DELETE_WRAP_KEY: Final = f"DELETE FROM wrap_keys {_OF_KEY}"
PUT_MATERIAL: Final = _put(
    "materials", ("account", "region", "key_id", "material_id", "version", "spec", "slot", "created"), 4
)
DELETE_MATERIALS: Final = f"DELETE FROM materials {_OF_KEY}"
DELETE_MATERIAL: Final = f"DELETE FROM materials {_OF_KEY} AND material_id = ?"
PUT_MATERIAL_FACT: Final = _put("material_facts", (*MATERIAL, "mac"), 4)
DELETE_MATERIAL_FACT: Final = f"DELETE FROM material_facts {_OF_KEY} AND material_id = ?"
DELETE_MATERIAL_FACTS: Final = f"DELETE FROM material_facts {_OF_KEY}"
PUT_GRANT: Final = _put("grants", (*GRANT, "mac"), 4)
DELETE_GRANT: Final = f"DELETE FROM grants {_OF_KEY} AND grant_id = ?"
DELETE_GRANTS: Final = f"DELETE FROM grants {_OF_KEY}"
ADD_TO_GRANT_COUNT: Final = (
    "INSERT INTO grant_counts (account, region, key_id, held) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (account, region, key_id) DO UPDATE SET held = grant_counts.held + excluded.held"
)
ADD_TO_GRANT_SHAPE: Final = (
    "INSERT INTO grant_shapes (account, region, key_id, grantee, shape, held) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (account, region, key_id, grantee, shape) DO UPDATE SET held = grant_shapes.held + excluded.held"
)
DELETE_EMPTY_GRANT_SHAPE: Final = f"DELETE FROM grant_shapes {_OF_KEY} AND grantee = ? AND shape = ? AND held <= 0"
DELETE_GRANT_COUNT: Final = f"DELETE FROM grant_counts {_OF_KEY}"
DELETE_GRANT_SHAPES: Final = f"DELETE FROM grant_shapes {_OF_KEY}"
# Only for a key that is still there, and never back in time: it is written long after the use.
PUT_LAST_USE: Final = (
    "INSERT INTO last_uses (account, region, key_id, operation, at, event_id, request_id) "
    "SELECT keys.account, keys.region, keys.key_id, ?, ?, ?, ? FROM keys "
    "WHERE keys.account = ? AND keys.region = ? AND keys.key_id = ? "
    "ON CONFLICT (account, region, key_id) DO UPDATE SET operation = excluded.operation, at = excluded.at, "
    "event_id = excluded.event_id, request_id = excluded.request_id WHERE excluded.at >= last_uses.at"
)
DELETE_LAST_USE: Final = f"DELETE FROM last_uses {_OF_KEY}"
PUT_ACCOUNT: Final = _put("accounts", ("account", "name", "slot", "created"), 1)
PUT_ACCESS_KEY: Final = _put("access_keys", ("access_key_id", "identity_id", "slot", "active", "created", "mac"), 1)
DELETE_ACCESS_KEY: Final = "DELETE FROM access_keys WHERE access_key_id = ?"
PUT_CREDENTIAL_USE: Final = (
    "INSERT INTO credential_uses (subject, at, service, region) SELECT ?, ?, ?, ? "
    "WHERE EXISTS (SELECT 1 FROM access_keys WHERE access_key_id = ?) "
    "OR EXISTS (SELECT 1 FROM identities WHERE unique_id = ? AND kind = 'Role') "
    "ON CONFLICT (subject) DO UPDATE SET at = excluded.at, service = excluded.service, region = excluded.region "
    "WHERE excluded.at >= credential_uses.at"
)
DELETE_CREDENTIAL_USE: Final = "DELETE FROM credential_uses WHERE subject = ?"
PUT_SLOT: Final = _put("slots", ("number", "kind", "parameters", "slot"), 1)
DELETE_SLOT: Final = "DELETE FROM slots WHERE number = ?"
PUT_DOMAIN_KEY: Final = _put("domain_keys", ("version", "slot", "created", "retired"), 1)
PUT_META: Final = _put("meta", ("name", "value"), 1)

LOG_CHANGE: Final = "INSERT INTO changes (kind, account, region, subject) VALUES (?, ?, ?, ?) RETURNING seq"
# The newest entry stays, so that the log's end is known whatever is trimmed.
TRIM_CHANGES: Final = "DELETE FROM changes WHERE seq <= ? AND seq < (SELECT MAX(seq) FROM changes) RETURNING seq"
PUT_OUTBOX: Final = "INSERT INTO outbox (event_id, record, mac) VALUES (?, ?, ?) RETURNING seq"
DELETE_OUTBOX: Final = "DELETE FROM outbox WHERE seq = ?"

# --- sealed bytes (see vault.py) --------------------------------------------------------------------------------------

SLOT_OF_WRAP_KEY: Final = f"SELECT slot FROM wrap_keys {_OF_KEY}"
SLOTS_OF_MATERIALS: Final = f"SELECT slot FROM materials {_OF_KEY}"
SLOT_OF_MATERIAL: Final = f"SELECT slot FROM materials {_OF_KEY} AND material_id = ?"
SLOT_OF_ACCOUNT: Final = "SELECT slot FROM accounts WHERE account = ?"
SLOT_OF_ACCESS_KEY: Final = "SELECT slot FROM access_keys WHERE access_key_id = ?"
SLOT_OF_SLOT: Final = "SELECT slot FROM slots WHERE number = ?"
SLOT_OF_DOMAIN_KEY: Final = "SELECT slot FROM domain_keys WHERE version = ?"

READ_SEALED: Final = "SELECT data FROM sealed WHERE slot = ?"
ADD_SEALED: Final = "INSERT INTO sealed (data) VALUES (?) RETURNING slot"
OVERWRITE_SEALED: Final = "UPDATE sealed SET data = ? WHERE slot = ?"
FIND_WIPED: Final = "SELECT slot FROM wiped WHERE size = ? ORDER BY slot LIMIT 1"
ADD_WIPED: Final = "INSERT INTO wiped (slot, size) VALUES (?, ?)"
DELETE_WIPED: Final = "DELETE FROM wiped WHERE slot = ?"
