"""Waiting for something on the other side of a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(holds: Callable[[], bool], at_most_s: float = 5.0) -> None:
    """Return as soon as it holds; `TimeoutError` when it does not come to that."""
    async with asyncio.timeout(at_most_s):
        while not holds():  # noqa: ASYNC110 - what is waited for is in the kernel's hands, and tells nobody
            await asyncio.sleep(0.001)
