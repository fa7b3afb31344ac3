"""What all contract checks are given: a way to make a stage, a way to run a coroutine, and audio in frames."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeAlias, TypeVar

from hocket.audio.frame import FRAME_MS, Frame, Samples

S = TypeVar("S")
T = TypeVar("T")
Make: TypeAlias = Callable[[], S | AbstractAsyncContextManager[S]]
"""Returns a fresh stage, or an asynchronous context manager that opens and closes one."""

ANSWER_S = 10.0
"""How long a check waits, in time of the loop, for what has been promised."""


class Run(Protocol):
    """`hocket.sim.loop.run`, or `asyncio.run` where real threads or processes matter."""

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T: ...


@asynccontextmanager
async def opened(make: Make[S]) -> AsyncIterator[S]:
    made = make()
    if isinstance(made, AbstractAsyncContextManager):
        async with made as stage:
            yield stage
    else:
        yield made


def frames_of(samples: Samples, rate: int) -> list[Frame]:
    """The whole frames of 20 ms in some audio."""
    size = rate * FRAME_MS // 1000
    return [Frame(samples[at : at + size], rate, at) for at in range(0, len(samples) - size + 1, size)]
