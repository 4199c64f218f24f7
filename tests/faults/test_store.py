"""The look into the store finds what is torn there: rows and indices that contradict one another."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.faults import running
from tests.faults.store import torn

HARMS = {
    "an attachment is not noted": "DELETE FROM attachments",
    "an attachment is noted that is none": "INSERT INTO attachments VALUES ('1', 'policy', 'User', 'admin', 0, NULL)",
    "a member is noted who is none": "INSERT INTO group_members VALUES ('1', 'group', 'admin')",
    "an access key is nobody's": "UPDATE access_keys SET identity_id = 'AIDAGONE'",
    "an access key's secret is wiped": "INSERT INTO wiped SELECT slot, 1 FROM access_keys",
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_torn_is_found(founded: Path, tmp_path: Path, harm: str) -> None:
    store = running.copied(founded, tmp_path / "home") / "data" / "keystead.db"
    assert torn(store) == []
    with closing(apsw.Connection(str(store))) as connection:
        connection.execute(HARMS[harm])
    assert torn(store)
