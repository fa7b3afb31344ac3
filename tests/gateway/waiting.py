"""Waiting for what other processes and sockets do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], object], patience_s: float = 60.0) -> None:
    """Return when it is true; fail when it is not for so long that it never will be."""
    async with asyncio.timeout(patience_s):
        while not true():  # noqa: ASYNC110 - what others do is polled
            await asyncio.sleep(0.01)
