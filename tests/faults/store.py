"""A look into the store itself, behind the server's back.

Who is in a group and what is attached to whom stands in rows and, the other way round, in indices. Both must say the
same, whatever died between.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import apsw


def torn(database: Path) -> list[str]:
    """Where the indices of the store and its rows contradict one another."""
    with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)) as store:
        members, attached = set(), set()
        for account, kind, name, policies, boundary, groups in store.execute(
            "SELECT account, kind, name, attached, boundary, member_of FROM identities"
        ):
            members |= {(account, group, name) for group in json.loads(groups)}
            attached |= {(account, policy, kind, name, 0) for policy in json.loads(policies)}
            attached |= {(account, boundary, kind, name, 1)} if boundary is not None else set()
        for account, name, policies in store.execute("SELECT account, name, attached FROM user_groups"):
            attached |= {(account, policy, "Group", name, 0) for policy in json.loads(policies)}
        there = set(store.execute("SELECT account, policy_arn, kind, name, as_boundary FROM attachments"))
        wrong = [f"members: {one}" for one in members ^ set(store.execute("SELECT * FROM group_members"))]
        wrong += [f"attachments: {one}" for one in attached ^ there]
        lost = "SELECT access_key_id FROM access_keys WHERE identity_id NOT IN (SELECT unique_id FROM identities)"
        wrong += [f"access key of nobody: {one}" for (one,) in store.execute(lost)]
        wiped = "SELECT access_key_id FROM access_keys WHERE slot NOT IN (SELECT slot FROM sealed) OR slot IN (SELECT slot FROM wiped)"
        wrong += [f"access key without its secret: {one}" for (one,) in store.execute(wiped)]
        return wrong
