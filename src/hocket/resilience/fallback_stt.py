"""Recognisers one after the other: when one is lost or deaf, the next hears again what was not settled."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from typing import Final

from hocket.audio.frame import FRAME_MS, Frame
from hocket.errors import SttError
from hocket.resilience.chain import Chain
from hocket.resilience.recognisers import Connection, Recognisers
from hocket.resilience.replay import BURST_MS, PACE, Backlog, Feed
from hocket.stages.notices import notify
from hocket.stages.stt import Stt, SttStream, Transcript
from hocket.stages.transcripts import Transcripts

log = logging.getLogger(__name__)

REOPEN_S: Final = (0.0, 0.25, 1.0, 3.0)
"""Waits before each attempt to replace a lost recogniser."""

HEALTHY_S: Final = 10.0
"""A recogniser that lived so long, or brought words, was not lost at once."""

IN_VAIN: Final = 3
"""Recognisers that may be lost over the same words; it may be these that break them."""

DEAF_MS: Final = 1500
"""Voice without a word: somebody speaks and is not heard. Recognisers show words 100 to 400 ms after they end."""

MOMENT_S: Final = 0.2
"""What a recogniser has to say something, when it has been given so much."""

UNHEARD_MS: Final = 200
"""Voice that an answer to finalize leaves out: a short word."""

DEAF_AGAIN_S: Final = 10.0
"""A recogniser is changed for deafness no more often: it may be noise that is no speech."""

CAUGHT_UP_S: Final = 0.5
"""After all was sent again its interims may still lack the last words."""


class FallbackStt:
    """The recognisers of a chain as one. Shared by all calls of a process.

    A stream holds a slot of its account until it is closed. When its recogniser is lost, or hears nothing though
    somebody speaks, another connection is opened at once, to the same provider while its breaker allows and it ever
    brought a word, else to the next. It is sent again what no final has settled, without long silences and at 1.25
    times real time, and what is said meanwhile queues behind. So words are neither lost nor doubled.
    """

    def __init__(self, chain: Chain[Stt]) -> None:
        self.name = chain.first.name
        self._chain = chain
        self._terse: set[str] = set()

    async def open(self, rate: int, language: str = "en") -> SttStream:
        """A stream of the first link that opens. Raises the last link's `SttError`.

        What the stream does later it gives notice of to whoever listens in this task.
        """
        links = Recognisers(self._chain, rate, language, self._terse)
        return _Stream(links, await links.open(), rate)


class _Stream:
    """Recognition for one call. A task of its own reads one recogniser after the other."""

    def __init__(self, links: Recognisers, connection: Connection, rate: int) -> None:
        self._links = links
        self._backlog = Backlog(rate)
        self._out = Transcripts()
        self._settled = 0
        """Position up to which words are final."""
        self._shown = ""
        """The words after it, as far as they have been given."""
        self._request: int | None = None
        """Position of the last finalize, until it is answered."""
        self._losses = 0
        """In a row."""
        self._in_vain = 0
        """How many recognisers in a row were lost before they settled anything."""
        self._deaf_s = -DEAF_AGAIN_S
        """When a recogniser was last left for deafness."""
        self._dropped = 0
        """Frames, with former recognisers."""
        self._closing: set[asyncio.Task[None]] = set()
        self._connection: Connection | None = connection
        self._feed = Feed(connection.stream, self._backlog, 0)
        self._task = asyncio.create_task(self._run(connection), name="recognition")

    @property
    def dropped(self) -> int:
        """Frames of 20 ms that no recogniser was given because a bound was full."""
        current = self._dropped_by(self._feed) if self._connection is not None else 0
        return self._dropped + current

    def push(self, frame: Frame) -> None:
        """Take a frame; never blocks. While there is no recogniser the newest 30 s are kept."""
        self._backlog.push(frame)
        connection = self._connection
        if connection is not None and self._feed.live:
            try:
                self._feed.push(frame)
            except Exception as error:
                connection.broken(error)
            self._notice_deafness(connection)

    def finalize(self) -> None:
        """Ask for a final of everything pushed so far; the recogniser is asked when it has been given all that."""
        self._request = self._backlog.end
        if self._connection is not None:
            self._feed.ask(self._request)

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        """Transcripts until `close`. Raises `SttError` when no recogniser is to be had any more."""
        while (transcript := await self._out.next()) is not None:
            yield transcript

    async def close(self) -> None:
        """Stop; the iterator ends. Each recogniser has `CLOSE_S` to close."""
        self._out.end(None)
        self._task.cancel()
        await asyncio.wait({self._task})
        if self._connection is not None:
            self._leave(self._connection)
        if self._closing:
            await asyncio.wait(set(self._closing))
        self._backlog.forget()

    async def _run(self, connection: Connection) -> None:
        try:
            while True:
                lost = await self._listen(connection)
                with self._links.awaiting():
                    connection = await self._replaced(connection, lost)
        except SttError as error:
            self._out.end(error)
        except Exception as error:
            log.exception("recognition failed")
            self._out.end(SttError(f"Recognition failed with {type(error).__name__}: an error in hocket."))

    async def _listen(self, connection: Connection) -> SttError:
        """Why it is lost, when it is."""
        tasks = [asyncio.create_task(work(connection)) for work in (self._read, self._send_again)]
        try:
            return await connection.lost
        finally:
            for task in tasks:
                task.cancel()

    async def _read(self, connection: Connection) -> None:
        try:
            async for transcript in connection.stream:
                if connection.lost.done():
                    return
                self._hear(connection, transcript)
            connection.lose(SttError(f"{connection.link.stage.name} ended in the middle of the call."))
        except Exception as error:
            connection.broken(error)

    async def _send_again(self, connection: Connection) -> None:
        """At the pace that vendors take, until it has caught up."""
        loop = asyncio.get_running_loop()
        began, feed = loop.time(), self._feed
        try:
            while not feed.live:
                feed.catch_up(round(self._backlog.rate * (BURST_MS / 1000 + PACE * (loop.time() - began))))
                self._notice_deafness(connection)
                if not feed.live:
                    await asyncio.sleep(FRAME_MS / 1000)
        except Exception as error:
            connection.broken(error)
            return
        if connection.caught_up_s == math.inf:
            connection.caught_up_s = loop.time()
            notify("stt", "replayed", "", feed.given * 1000 // self._backlog.rate)

    def _hear(self, connection: Connection, transcript: Transcript) -> None:
        if transcript.text:
            unannounced = transcript.final and self._feed.owed > self._samples(DEAF_MS) // 2
            self._links.spoke(connection, unannounced=unannounced)
            self._losses = 0
            self._feed.heard()
        if transcript.final:
            self._settle(connection, transcript)
        elif not self._is_behind(connection, transcript.text):
            self._shown = transcript.text
            self._out.put(transcript)

    def _is_behind(self, connection: Connection, text: str) -> bool:
        """It still hears again what has been shown, and has not come so far."""
        if asyncio.get_running_loop().time() >= connection.caught_up_s + CAUGHT_UP_S:
            return False
        return len(text.split()) < len(self._shown.split())

    def _settle(self, connection: Connection, final: Transcript) -> None:
        feed = self._feed
        settled = feed.settled_by(final)
        if final.finalized and feed.leaves_out(settled) > self._samples(UNHEARD_MS):
            self._suspect(connection, "gave a final without the last words")
            if connection.lost.done():
                return
        if settled > self._settled:
            self._settled = settled
            feed.heard()
        if final.finalized:
            self._answer(connection, settled)
        self._shown = ""
        until_ms = None if final.until_ms is None else settled * 1000 // self._backlog.rate
        self._out.put(Transcript(final.text, True, final.finalized, until_ms))

    def _answer(self, connection: Connection, settled: int) -> None:
        answered = self._feed.answered(settled)
        if answered is None:
            return
        connection.reported = True
        connection.link.breaker.succeeded(answered.ms)
        if self._request is not None and self._request <= answered.position:
            self._request = None

    def _notice_deafness(self, connection: Connection) -> None:
        feed = self._feed
        if feed.owed <= self._samples(DEAF_MS) or self._links.is_terse(connection):
            return
        now_s = asyncio.get_running_loop().time()
        if feed.overdue_s is None:
            feed.overdue_s = now_s
        # Frames may come in a burst: it needs a moment for them.
        if now_s - feed.overdue_s >= MOMENT_S:
            self._suspect(connection, f"heard no word in {DEAF_MS / 1000:g} s of speech")

    def _suspect(self, connection: Connection, why: str) -> None:
        """Leave it as deaf, unless that was done just before."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._deaf_s >= DEAF_AGAIN_S and not connection.lost.done():
            self._deaf_s = now_s
            connection.lose(SttError(f"{connection.link.stage.name} {why}."))

    async def _replaced(self, old: Connection, lost: SttError) -> Connection:
        """Raises the last error when all attempts have failed, or none can help."""
        notify("stt", "left", str(lost))
        old.reported = True
        self._links.failed(old.link, lost)
        self._leave(old)
        self._in_vain = 0 if self._settled > self._feed.since else self._in_vain + 1
        if self._in_vain > IN_VAIN and self._shown:
            self._make_do()
        if asyncio.get_running_loop().time() - old.opened_s >= HEALTHY_S:
            self._losses = 0
        self._losses += 1
        for wait_s in REOPEN_S[self._losses - 1 :]:
            if self._links.exhausted:
                break
            await asyncio.sleep(wait_s if lost.retryable else 0.0)
            try:
                connection = await self._links.open(old)
            except SttError as error:
                lost = error
                continue
            self._adopt(connection)
            return connection
        raise lost

    def _adopt(self, connection: Connection) -> None:
        """From now on it is this one that hears."""
        since = max(self._settled, self._backlog.start)
        # What nobody was given before it had to make room is lost; what was merely never settled was silence, or old.
        self._dropped += self._frames(max(0, since - max(self._settled, self._feed.reached)))
        self._settled = since
        self._feed = Feed(connection.stream, self._backlog, since)
        if self._request is not None:
            self._feed.ask(self._request)
        connection.caught_up_s = math.inf
        self._connection = connection

    def _make_do(self) -> None:
        """The words that were shown are final, and what was given to the last recogniser is not sent again."""
        self._settled, self._in_vain = self._feed.reached, 0
        answers = self._request is not None and self._request <= self._settled
        self._request = None if answers else self._request
        until_ms = self._settled * 1000 // self._backlog.rate
        self._out.put(Transcript(self._shown, True, answers, until_ms))
        self._shown = ""

    def _leave(self, connection: Connection) -> None:
        """Close it beside what goes on; its slot is free at once, so that the same account can be asked again."""
        self._connection = None
        self._dropped += self._dropped_by(self._feed)
        if not connection.reported:
            connection.link.breaker.abandoned()
        self._links.release(connection.link)
        task = asyncio.create_task(connection.close(), name="closing a recogniser")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _dropped_by(self, feed: Feed) -> int:
        return feed.stream.dropped + self._frames(feed.overrun)

    def _frames(self, samples: int) -> int:
        return samples // self._samples(FRAME_MS)

    def _samples(self, ms: int) -> int:
        return self._backlog.rate * ms // 1000
