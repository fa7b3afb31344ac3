"""A call in a task of its own: what fails is reported, and its line is closed in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hocket.stages.transport import Transport


def held(hold: Callable[[], Awaitable[None]], line: Transport, call_id: str) -> asyncio.Task[None]:
    """The task in which `hold` holds a call on its line. What it raises goes to the event loop's exception handler."""
    return asyncio.get_running_loop().create_task(_held(hold, line, call_id), name=f"call {call_id}")


async def _held(hold: Callable[[], Awaitable[None]], line: Transport, call_id: str) -> None:
    try:
        await hold()
    except Exception as error:
        about = {"message": f"call {call_id} failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(about)
    finally:
        await line.close()
