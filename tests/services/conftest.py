"""An office for a test, and the loop that it lives in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.services.office import Office

Story = Callable[[Office], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Run a story in an office of its own, made as the story wants it."""

    def run(story: Story, **made: Any) -> None:
        async def main() -> None:
            office = Office(tmp_path, **made)
            try:
                await asyncio.wait_for(story(office), 30)
            finally:
                office.close()

        asyncio.run(main())

    return run
