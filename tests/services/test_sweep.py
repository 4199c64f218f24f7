"""The sweep: rows that cannot be dealt with do not keep those behind them waiting."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import apsw
import pytest

from keystead.services.kms import sweep as sweeping
from tests.services.office import ACCOUNT, REGION, Office

DAY = 86_400.0


@pytest.mark.parametrize("is_broken", [True, False])
def test_a_broken_row_that_is_due_does_not_keep_the_next_from_deletion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_broken: bool
) -> None:
    async def story() -> None:
        office = Office(tmp_path)
        try:
            monkeypatch.setattr(sweeping, "_AT_ONCE", 1)
            first, second = [(await office.make_key())["KeyId"] for _ in range(2)]
            for key in (first, second):
                office.now += 1
                await office.call("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
            if is_broken:  # the row's MAC does not hold any more
                with apsw.Connection(str(tmp_path / "office.db")) as database:
                    database.execute("UPDATE keys SET description = 'mine' WHERE key_id = ?", (first,))
            office.now += 8 * DAY
            for _ in range(3):
                office.sweep.run()
                while office.sweep._under_way:
                    await asyncio.sleep(0.001)
            left: Any = office.store.read(lambda reader: reader.key_ids(ACCOUNT, REGION, None, 10))
            assert left == ([first] if is_broken else [])
        finally:
            office.close()

    asyncio.run(story())
