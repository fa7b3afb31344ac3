"""The recognisers of a chain as one call asks them: who is opened next, and what is open."""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import AbstractContextManager
from typing import Final

from hocket.errors import SttError
from hocket.resilience.chain import Chain, Link
from hocket.stages.notices import notify
from hocket.stages.stt import Stt, SttStream

log = logging.getLogger(__name__)

OPEN_S: Final = 5.0
"""What a recogniser has to open a stream."""

ALL_OPEN_S: Final = 9.0
"""What those of a chain have together: a call waits 10 s for the first stream."""

CLOSE_S: Final = 5.0
"""What a stream has to close before it is left to itself."""


class Connection:
    """One recogniser of one link, whose slot it holds."""

    def __init__(self, link: Link[Stt], stream: SttStream) -> None:
        loop = asyncio.get_running_loop()
        self.link = link
        self.stream = stream
        self.opened_s = loop.time()
        self.lost: asyncio.Future[SttError] = loop.create_future()
        self.spoke = False
        """It has brought a word."""
        self.caught_up_s = -math.inf
        """When it had been given all that was sent again; `math.inf` until then."""
        self.reported = False
        """Its breaker knows of it."""

    def broken(self, error: Exception) -> None:
        """It raised this."""
        if isinstance(error, SttError):
            self.lose(error)
            return
        log.error("the recogniser failed", exc_info=error)
        self.lose(SttError(f"{self.link.stage.name} failed with {type(error).__name__}."))

    async def close(self) -> None:
        """Close the stream, within `CLOSE_S`. Raises nothing: nobody reads it any more."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.stream.close()
        except Exception as error:
            log.warning("a recogniser could not be closed", exc_info=error)

    def lose(self, error: SttError) -> None:
        """It is to be replaced. Only the first reason counts."""
        if not self.lost.done():
            self.lost.set_result(error)


class Recognisers:
    """The chain as one call sees it."""

    def __init__(self, chain: Chain[Stt], rate: int, language: str, terse: set[str]) -> None:
        """`terse`: names of those that say nothing before they are asked; kept up to date for all calls."""
        self._chain = chain
        self._terse = terse
        self._rate = rate
        self._language = language
        self._barred: list[Link[Stt]] = []
        """Trying them again cannot help."""

    @property
    def exhausted(self) -> bool:
        return len(self._barred) == len(self._chain.links)

    async def open(self, lost: Connection | None = None) -> Connection:
        """The first link that opens, each asked once; others first if `lost` never brought a word.

        Raises the last link's `SttError`.
        """
        tried = list(self._barred)
        failed: SttError | None = None
        while (link := self._pick(tried, lost)) is not None:
            if failed is not None:
                notify("stt", "left", str(failed))
            try:
                return Connection(link, await self._opened(link, again=lost is not None))
            except SttError as error:
                failed = error
                tried.append(link)
                self.failed(link, error)
        raise failed or SttError(
            f"All streams that the accounts of {self._chain.first.name} and its stand-ins allow are taken, so nobody "
            "hears this caller; raise the limits, or take fewer calls."
        )

    def spoke(self, connection: Connection, *, unannounced: bool) -> None:
        """It has brought words; `unannounced`: long ones, of which no interim had told."""
        connection.spoke = True
        (self._terse.add if unannounced else self._terse.discard)(connection.link.stage.name)

    def is_terse(self, connection: Connection) -> bool:
        """That no interims come says nothing."""
        return connection.link.stage.name in self._terse

    def failed(self, link: Link[Stt], error: SttError) -> None:
        """Remember a failure, for this call and for others."""
        link.breaker.failed(error)
        if not error.retryable:
            self._barred.append(link)

    def awaiting(self) -> AbstractContextManager[None]:
        """While the call has no recogniser, a slot is kept for it from new calls."""
        return self._chain.slots.awaiting()

    def release(self, link: Link[Stt]) -> None:
        """Give back its slot."""
        self._chain.slots.give(link.stage.name)

    def _pick(self, tried: list[Link[Stt]], lost: Connection | None) -> Link[Stt] | None:
        if lost is not None and not lost.spoke and lost.link not in tried:
            other = self._chain.pick([*tried, lost.link])
            if other is not None:
                return other
        return self._chain.pick(tried)

    async def _opened(self, link: Link[Stt], *, again: bool) -> SttStream:
        """Raises `SttError`, whatever happened."""
        stage = link.stage
        if again:
            notify("connect", "started", stage.name)
        try:
            stream = await self._asked(stage)
        except SttError as error:
            self.release(link)
            if again:
                notify("connect", "failed", str(error))
            raise
        except BaseException:
            self.release(link)
            link.breaker.abandoned()
            raise
        if again:
            notify("connect", "ended", stage.name)
        return stream

    async def _asked(self, stage: Stt) -> SttStream:
        patience_s = min(OPEN_S, ALL_OPEN_S / len(self._chain.links))
        try:
            async with asyncio.timeout(patience_s):
                return await stage.open(self._rate, self._language)
        except SttError:
            raise
        except TimeoutError:
            raise SttError(f"{stage.name} could not be opened within {patience_s:g} s.") from None
        except Exception as error:
            log.exception("a recogniser could not be opened")
            raise SttError(f"{stage.name} failed with {type(error).__name__}.") from error
