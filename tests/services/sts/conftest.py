"""A counter for a test, and the loop that it lives in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.services.sts.counter import Counter

Story = Callable[[Counter], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Story], None]:
    """Run a story at a counter of its own."""

    def run(story: Story) -> None:
        async def main() -> None:
            counter = Counter(tmp_path)
            try:
                await asyncio.wait_for(story(counter), 30)
            finally:
                counter.close()

        asyncio.run(main())

    return run
