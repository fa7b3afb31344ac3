"""One connection to Deepgram: audio out, transcripts in, in both of its dialects."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from enum import Enum
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from hocket.audio.frame import FRAME_MS, Frame
from hocket.audio.g711 import ulaw_of
from hocket.errors import SttError
from hocket.providers.deepgram_messages import Failure, Results, TurnInfo, Word, decode, text_after
from hocket.stages.bell import Bell
from hocket.stages.stt import Transcript
from hocket.stages.transcripts import Transcripts

if TYPE_CHECKING:
    from hocket.providers.cloud_socket import Socket

FINALIZE_S = 0.5
"""How long an answer to finalize is waited for. Peers count on 350 ms for 99 % of Deepgram's finals."""

KEEPALIVE_S = 4.0
"""Without audio for so long we say that we are still there; Deepgram hangs up after 10 s."""

KEEPALIVE = '{"type":"KeepAlive"}'
"""Of Nova; Flux knows none."""

WAITING_MS = 10_000
"""Of audio that could not be sent yet; the oldest is dropped first."""

JOINED_MS = 1_000
"""Of such audio goes out in one message."""

ANSWER_SLACK_S = 0.3
"""An answer covers a request when it reaches so near to the audio sent before it."""


class Dialect(Enum):
    """How the two APIs say the same."""

    NOVA = "Finalize"
    FLUX = "ForceEndTurn"


def quiet(samples: int, *, mulaw: bool) -> bytes:
    """So much silence, encoded."""
    return b"\xff" * samples if mulaw else bytes(2 * samples)


class _Request(NamedTuple):
    """A finalize that has not been answered."""

    at_s: float
    """The audio pushed before it, in seconds."""
    deadline: asyncio.TimerHandle


class DeepgramStream:
    """Recognition for one call."""

    def __init__(
        self,
        socket: Socket,
        rate: int,
        encoding: Literal["linear16", "mulaw"],
        dialect: Dialect,
        *,
        sent_before: int = 0,
    ) -> None:
        """`sent_before`: samples that the connection has been sent already, to prime it."""
        self._socket = socket
        self._rate = rate
        self._mulaw = encoding == "mulaw"
        self._dialect = dialect
        self._outgoing = _Outgoing(socket, rate // 1000 * (1 if self._mulaw else 2))
        self._transcripts = Transcripts()
        self._requests: deque[_Request] = deque()
        self._pushed = 0
        """Samples that have been or will be sent."""
        self._unpushed = sent_before
        """Samples that were sent besides: Deepgram counts its times from the first of them, the stream does not."""
        self._settled_s = 0.0
        """Words that begin before this have been given as final."""
        self._shown_s = 0.0
        """Where the words of the interim end."""
        self._given_up_s = 0.0
        """The audio before a request that was answered from the interim."""
        self._interim = ""
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._receive())]

    @property
    def dropped(self) -> int:
        """Frames of 20 ms that Deepgram was not sent, because it took none."""
        return self._unsent * 1000 // (self._rate * FRAME_MS)

    def push(self, frame: Frame) -> None:
        """Take a frame; never blocks."""
        data = ulaw_of(frame) if self._mulaw else frame.samples.astype("<i2").tobytes()
        before, count = self._unsent, len(frame.samples)
        self._outgoing.audio(data)
        self._pushed += count - (self._unsent - before)

    def finalize(self) -> None:
        """Ask for a final of everything pushed so far; it comes within `FINALIZE_S`, from the interims if need be."""
        now_s = self._pushed / self._rate
        if self._requests and self._requests[-1].at_s == now_s:
            return  # its answer is yet to come, and answers this one too
        loop = asyncio.get_running_loop()
        self._requests.append(_Request(now_s, loop.call_later(FINALIZE_S, self._give_up, now_s)))
        self._outgoing.text(f'{{"type":"{self._dialect.value}"}}')

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        """Transcripts until `close`. Raises `SttError` when Deepgram is lost."""
        while (transcript := await self._transcripts.next()) is not None:
            yield transcript

    async def close(self) -> None:
        """Stop; the iterator ends."""
        self._transcripts.end(None)
        while self._requests:
            self._requests.popleft().deadline.cancel()
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._socket.alive:
                await self._socket.send('{"type":"CloseStream"}')
        except SttError:
            pass  # it is gone already
        finally:
            await self._socket.close()

    async def _send(self) -> None:
        try:
            while True:
                await self._socket.send(await self._outgoing.next(KEEPALIVE_S) or self._sign_of_life())
        except SttError as error:
            self._transcripts.end(error)

    def _sign_of_life(self) -> str | bytes:
        if self._dialect is Dialect.NOVA:
            return KEEPALIVE
        # Flux knows no such message, but silence.
        self._unpushed += self._rate // 50
        return quiet(self._rate // 50, mulaw=self._mulaw)

    async def _receive(self) -> None:
        try:
            while True:
                message = decode(await self._socket.receive())
                if isinstance(message, Results):
                    self._hear_nova(message)
                elif isinstance(message, TurnInfo):
                    self._hear_flux(message)
                elif isinstance(message, Failure):
                    said = message.description[:200] or message.code or message.variant or "no reason"
                    raise SttError(f'Deepgram gave up: "{said}".')
        except SttError as error:
            self._transcripts.end(error)
        except msgspec.MsgspecError as error:
            self._transcripts.end(SttError(f"Deepgram sent a message that cannot be read ({error})."))

    def _hear_nova(self, results: Results) -> None:
        alternatives = results.channel.alternatives
        words = alternatives[0].words if alternatives else ()
        since_s = self._settled_s + self._unpushed_s
        text = text_after(alternatives[0].transcript, words, since_s) if alternatives else ""
        until_s = results.start + results.duration
        if results.is_final:
            self._settle(text, until_s - self._unpushed_s, answer=results.from_finalize)
        else:
            self._show(text, words, until_s)

    def _hear_flux(self, turn: TurnInfo) -> None:
        text = text_after(turn.transcript, turn.words, self._settled_s + self._unpushed_s)
        if turn.event == "EndOfTurn":
            self._settle(text, turn.audio_window_end - self._unpushed_s, answer=True)
        else:
            self._show(text, turn.words, turn.audio_window_end)

    @property
    def _unpushed_s(self) -> float:
        return self._unpushed / self._rate

    @property
    def _unsent(self) -> int:
        """Samples that were pushed and will not be sent."""
        return self._outgoing.dropped // (1 if self._mulaw else 2)

    def _show(self, text: str, words: tuple[Word, ...], until_s: float) -> None:
        """Give an interim. What its last word does not say, how far the audio was heard, does."""
        end_s = words[-1].end if words else None
        self._shown_s = (until_s if end_s is None else end_s) - self._unpushed_s
        if text != self._interim:
            self._interim = text
            self._transcripts.put(Transcript(text, final=False))

    def _settle(self, text: str, until_s: float, *, answer: bool) -> None:
        """Give a final; as the answer to those requests whose audio it covers."""
        answered = False
        while answer and self._requests and self._requests[0].at_s <= until_s + ANSWER_SLACK_S:
            self._requests.popleft().deadline.cancel()
            answered = True
        # A late answer to a request that had been given up says nothing new, and nothing about what has come since.
        late = until_s <= max(self._settled_s, self._given_up_s) + ANSWER_SLACK_S
        if text or answered or (self._interim and not late):
            self._give(text, max(until_s, self._settled_s), finalized=answered)

    def _give_up(self, at_s: float) -> None:
        """The deadline of a request: nothing better is known than the interim."""
        self._requests.popleft()
        self._given_up_s = at_s
        if self._interim:
            # Words after those may still come, and would be heard by another recogniser.
            self._settled_s = max(self._settled_s, min(self._shown_s, at_s))
        self._give(self._interim, self._settled_s, finalized=True)

    def _give(self, text: str, until_s: float, *, finalized: bool) -> None:
        """Give a final that settles the audio so far."""
        until_ms = int(until_s * 1000) + self._unsent * 1000 // self._rate
        self._transcripts.put(Transcript(text, final=True, finalized=finalized, until_ms=max(0, until_ms)))
        self._interim = ""


class _Outgoing:
    """What is sent, in order: at once while the connection takes it, else when it does. Audio beyond the bound is
    dropped, oldest first; requests are not."""

    def __init__(self, socket: Socket, bytes_per_ms: int) -> None:
        self.dropped = 0
        """Bytes of audio."""
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._spoke_s = self._loop.time()
        """When something was sent last."""
        self._waiting: deque[bytes | str] = deque()
        self._waiting_bytes = 0
        """Of audio."""
        self._waiting_most = WAITING_MS * bytes_per_ms
        self._joined_most = JOINED_MS * bytes_per_ms
        self._news = Bell()

    def audio(self, data: bytes) -> None:
        """The caller's."""
        if self._sent(data):
            return
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        while self._waiting_bytes > self._waiting_most:
            oldest = next(item for item in self._waiting if isinstance(item, bytes))
            self._waiting.remove(oldest)
            self._waiting_bytes -= len(oldest)
            self.dropped += len(oldest)
        self._news.ring()

    def text(self, data: str) -> None:
        """A request, behind all audio so far."""
        if self._sent(data):
            return
        if not self._waiting or self._waiting[-1] != data:
            self._waiting.append(data)
        self._news.ring()

    async def next(self, patience_s: float) -> bytes | str | None:
        """What could not be sent at once: the next message, or up to a second of audio. None when nothing has been
        sent for so long."""
        while not self._waiting:
            try:
                async with asyncio.timeout_at(self._spoke_s + patience_s):
                    await self._news.rung()
            except TimeoutError:
                if self._loop.time() - self._spoke_s >= patience_s:
                    self._spoke_s = self._loop.time()
                    return None
        self._spoke_s = self._loop.time()
        first = self._waiting.popleft()
        if isinstance(first, str):
            return first
        audio = bytearray(first)
        while self._waiting and isinstance(more := self._waiting[0], bytes):
            if len(audio) + len(more) > self._joined_most:
                break
            audio += more
            self._waiting.popleft()
        self._waiting_bytes -= len(audio)
        return bytes(audio)

    def _sent(self, data: bytes | str) -> bool:
        if self._waiting or not self._socket.offer(data):
            return False
        self._spoke_s = self._loop.time()
        return True
