"""Connections that are open before they are needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar

from hocket.errors import StageError
from hocket.stages.notices import notify

T = TypeVar("T")

SIZE: Final = 5
TEND_S: Final = 30.0
MAX_AGE_S: Final = 300.0
CHECK_S: Final = 1.0
"""Between two looks at what waits: one that has died is replaced so soon."""

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 30.0
"""Before a connection that could not be opened is tried again: doubled each time, and never under what the provider
asks for."""

YOUNG_S: Final = 10.0
"""A connection that dies so soon has not been opened either: vendors refuse some requests over the open connection."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    item: T
    opened_s: float
    warm_s: float
    """When it was opened or tended last."""


class _Patience:
    """How long to wait before the next attempt, after those that failed."""

    def __init__(self) -> None:
        self._wait_s = 0.0
        self._due_s = 0.0

    def failed(self, at_least_s: float = 0.0) -> None:
        self._wait_s = min(max(self._wait_s * 2, FIRST_WAIT_S), LONGEST_WAIT_S)
        self._due_s = asyncio.get_running_loop().time() + max(self._wait_s, at_least_s)

    def worked(self) -> None:
        self._wait_s = 0.0

    async def wait(self) -> None:
        """At once, unless the last attempt failed."""
        if (wait_s := self._due_s - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(wait_s)


class _Terms(NamedTuple):
    size: int
    tend_s: float
    max_age_s: float


class Pool(Generic[T]):
    """Connections of one kind, all alike. `fill` makes it keep some ready until `close`; before, it only dials."""

    def __init__(
        self,
        dial: Callable[[], Awaitable[T]],
        *,
        alive: Callable[[T], bool],
        close: Callable[[T], Awaitable[None]],
        name: str,
        tend: Callable[[T], Awaitable[None]] | None = None,
        size: int = SIZE,
        tend_s: float = TEND_S,
        max_age_s: float = MAX_AGE_S,
    ) -> None:
        """`dial`, `tend` and `close` end within a deadline of their own. `dial` and `tend` raise `StageError`.

        `tend`: primes what has been opened to wait, and says after every `tend_s` seconds that it is still wanted; what
        `take` has to dial is used at once, and is not tended.
        `max_age_s`: older ones are replaced. `name`: the provider's, for notices.
        """
        assert size > 0
        self._dial = dial
        self._alive = alive
        self._end = close
        self._tend = tend
        self._name = name
        self._terms = _Terms(size, tend_s, max_age_s)
        self._patience = _Patience()
        self._waiting: list[_Waiting[T]] = []
        """Oldest first."""
        self._tasks: list[asyncio.Task[None]] = []
        """They keep it filled, from `fill` until `close`."""
        self._closing: set[asyncio.Task[None]] = set()
        self._short = asyncio.Event()
        """There may be fewer than `size`."""
        self._dialing = asyncio.Lock()
        """The pool dials for itself one at a time."""
        self._closed = 0
        """How often."""

    @property
    def ready(self) -> int:
        """How many wait and are alive. It is no length: an empty pool would count as false, as if there were none."""
        return sum(self._alive(waiting.item) for waiting in self._waiting)

    async def fill(self) -> None:
        """Have one ready now, and `size` soon and until `close`. Legal many times.

        Raises `StageError` when there is none and none can be opened; if trying again may help, that goes on.
        """
        closed = self._closed
        try:
            async with self._dialing:
                if not self.ready:
                    self._add(await self._open(), closed)
        except StageError as error:
            self._patience.failed(error.retry_after_s)
            if error.retryable and closed == self._closed:
                self.keep()
            raise
        if closed == self._closed:
            self.keep()

    def keep(self) -> None:
        """The same, all in the background."""
        if not self._tasks:
            self._short.set()
            self._tasks = [_apart(self._replenish(), self._name), _apart(self._look_after(), self._name)]

    async def take(self) -> T:
        """The warmest of the living, for the caller alone, who has to close it. Waits for nothing when there is one.

        An empty pool dials, and gives notice of it. Raises `StageError`.
        """
        warmest = self._warmest()
        self._short.set()
        if warmest is not None:
            self._waiting.remove(warmest)
            return warmest.item
        with _noticed(self._name):
            return await self._dial()

    async def share(self) -> T:
        """The warmest of the living, which stays for others too. An empty pool dials once for all who ask."""
        if (warmest := self._warmest()) is not None:
            return warmest.item
        closed = self._closed
        with _noticed(self._name):
            async with self._dialing:
                if (warmest := self._warmest()) is not None:
                    return warmest.item
                item = await self._open()
                self._add(item, closed)
                return item

    async def close(self) -> None:
        """Close all that waits and keep none any more. Legal twice, and the pool may be filled again."""
        self._closed += 1
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        while self._waiting:
            self._close_later(self._waiting.pop().item)
        # Not `gather`: a close that is cancelled must not keep the connections from being closed.
        if tasks:
            await asyncio.wait(tasks)
        if self._closing:
            await asyncio.wait(self._closing)

    def _warmest(self) -> _Waiting[T] | None:
        """Of the living; the dead are closed."""
        dead = [waiting for waiting in self._waiting if not self._alive(waiting.item)]
        for waiting in dead:
            self._drop(waiting)
        if any(self._age_s(waiting) < YOUNG_S for waiting in dead):
            self._patience.failed()
        return max(reversed(self._waiting), key=lambda waiting: waiting.warm_s, default=None)

    async def _open(self) -> T:
        """One that is to wait."""
        item = await self._dial()
        if self._tend is not None:
            try:
                await self._tend(item)
            except BaseException:
                self._close_later(item)
                raise
        return item

    def _add(self, item: T, closed: int) -> None:
        """The oldest makes room. A pool that has been closed since takes nothing."""
        if closed != self._closed:
            self._close_later(item)
            return
        self._warmest()
        while len(self._waiting) >= self._terms.size:
            self._drop(self._waiting[0])
        now_s = asyncio.get_running_loop().time()
        self._waiting.append(_Waiting(item, now_s, now_s))

    def _drop(self, waiting: _Waiting[T]) -> None:
        self._waiting.remove(waiting)
        self._close_later(waiting.item)

    def _close_later(self, item: T) -> None:
        async def end() -> None:
            with suppress(StageError):
                await self._end(item)

        task = _apart(end(), self._name)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _wanted(self) -> int:
        """How many to open: what has become old stays until its successor is there."""
        fresh = [each for each in self._waiting if self._alive(each.item) and self._age_s(each) < self._terms.max_age_s]
        return self._terms.size - len(fresh)

    @staticmethod
    def _age_s(waiting: _Waiting[T]) -> float:
        return asyncio.get_running_loop().time() - waiting.opened_s

    async def _replenish(self) -> None:
        while True:
            await self._short.wait()
            self._short.clear()
            while self._wanted() > 0:
                await self._patience.wait()
                try:
                    async with self._dialing:
                        if self._wanted() > 0:
                            self._add(await self._open(), self._closed)
                except StageError as error:
                    self._patience.failed(error.retry_after_s)

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            self._warmest()
            if any(self._age_s(waiting) >= YOUNG_S for waiting in self._waiting):
                self._patience.worked()
            if self._tend is not None:
                due_s = asyncio.get_running_loop().time() - self._terms.tend_s
                due = [waiting for waiting in self._waiting if waiting.warm_s <= due_s]
                await asyncio.gather(*(self._warm(waiting, self._tend) for waiting in due))
            if self._wanted() > 0:
                self._short.set()

    async def _warm(self, waiting: _Waiting[T], tend: Callable[[T], Awaitable[None]]) -> None:
        if waiting not in self._waiting:
            return  # taken in the meantime: it is no longer ours to write to
        try:
            await tend(waiting.item)
            waiting.warm_s = asyncio.get_running_loop().time()
        except StageError:
            if waiting in self._waiting:
                self._drop(waiting)


def _apart(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """A task that gives notice to nobody: no caller waits for it."""
    return asyncio.get_running_loop().create_task(work, name=f"{name}: pool", context=Context())


@contextmanager
def _noticed(name: str) -> Iterator[None]:
    notify("connect", "started", name)
    try:
        yield
    except BaseException:
        notify("connect", "failed", name)
        raise
    notify("connect", "ended", name)
