"""Closing what a stage holds: processes, sockets, threads."""

from __future__ import annotations

import asyncio
import inspect
from typing import Final

CLOSE_S: Final = 5.0
"""What a stage has to close; it is left to itself then."""


async def close_stage(stage: object, within_s: float = CLOSE_S) -> None:
    """Close a stage that can be closed. Raises what it raises, and `TimeoutError` when it takes longer."""
    if close := getattr(stage, "close", None):
        async with asyncio.timeout(within_s):
            closing = close()
            if inspect.isawaitable(closing):
                await closing
