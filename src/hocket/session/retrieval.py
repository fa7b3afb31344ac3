"""Knowledge for the words so far: looked up while the caller speaks, never waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from hocket.ids import NO_REPLY
from hocket.stages.llm import Passage
from hocket.stages.retriever import Retriever
from hocket.trace.records import Mark

log = logging.getLogger(__name__)

GRACE_S: Final = 0.005
"""What a reply gives a lookup that is under way: an index in this process is done by then, a remote one is not."""

SEARCH_S: Final = 2.0
"""A lookup that takes longer is given up: its words are old by then."""


class Retrieval:
    """The newest passages. One lookup at a time; of the words that come meanwhile only the newest wait.

    A lookup that fails or takes too long leaves what was found before: a call goes on without its knowledge.
    """

    def __init__(
        self,
        retriever: Retriever,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        mark: Callable[[Mark], None],
    ) -> None:
        self.passages: tuple[Passage, ...] = ()
        self._retriever = retriever
        self._spawn = spawn
        self._mark = mark
        self._next = ""
        self._done = asyncio.Event()
        self._done.set()

    def start(self, query: str) -> None:
        self._next = query
        if self._done.is_set():
            self._done.clear()
            self._spawn(self._work())

    async def newest(self) -> tuple[Passage, ...]:
        """What has been found by now."""
        if not self._done.is_set():
            try:
                async with asyncio.timeout(GRACE_S):
                    await self._done.wait()
            except TimeoutError:
                pass
        return self.passages

    async def _work(self) -> None:
        try:
            while query := self._next:
                self._next = ""
                await self._search(query)
        finally:
            self._done.set()

    async def _search(self, query: str) -> None:
        self._mark(Mark("retrieval", "started", NO_REPLY, query))
        try:
            async with asyncio.timeout(SEARCH_S):
                self.passages = await self._retriever.search(query)
        except Exception as error:
            log.warning("a lookup failed", exc_info=error)
            self._mark(Mark("retrieval", "failed", NO_REPLY, type(error).__name__))
        else:
            self._mark(Mark("retrieval", "ended", NO_REPLY, count=len(self.passages)))
