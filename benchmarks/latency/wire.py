"""The cloud behind the system under test: three wire servers whose every delay is drawn, and noted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from contextvars import ContextVar
from random import Random
from typing import Any, Final, Literal, Self, TypeAlias

import msgspec

from benchmarks.latency.line import Line, LineEar, Lines
from benchmarks.latency.sentences import BODIES, LONG_REPLY, NAMES, OPENING_WORDS
from hocket.clock import SECOND
from hocket.sim.delays import Delays, Distribution
from hocket.sim.wire.cartesia import CartesiaServer
from hocket.sim.wire.deepgram import DeepgramServer
from hocket.sim.wire.exchange import Exchange
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.openai import OpenAiServer
from hocket.sim.wire.replies import Asked, Reply

DrawKind: TypeAlias = Literal["final", "token", "byte"]

OPENERS: Final = 48
"""Distinct ones that a warm agent knows."""

STALL_S: Final = 3.0
PLANNED_FAULTS: Final = 20_000


_EAR: Final[ContextVar[LineEar | None]] = ContextVar("ear", default=None)
"""Of the recogniser's connection that the running task serves."""


class Draw(msgspec.Struct):
    """A delay: final (the recogniser's), token (the model's first), byte (the voice's first)."""

    at_s: float
    """Of the loop, when it began."""
    kind: DrawKind
    delay_s: float
    line: Line | None = None
    """Of a final: whose words they are."""
    said: str = ""
    """Of a token: what the model was asked."""
    text: str = ""
    """Of a token: the whole reply. Of a byte: what is spoken."""

    @property
    def end_s(self) -> float:
        return self.at_s + self.delay_s


class NotedDelays(Delays):
    """The uniform delays; every draw is kept."""

    __slots__ = ("_speaking", "draws")

    def __init__(self, rng: Random, stt: Distribution, llm: Distribution, tts: Distribution) -> None:
        super().__init__(rng, stt, llm, tts)
        self.draws: list[Draw] = []
        self._speaking: dict[asyncio.Task[object] | None, Draw] = {}

    def stt_finalize(self) -> int:
        delay_ns = super().stt_finalize()
        ear = _EAR.get()
        self._note("final", delay_ns).line = None if ear is None else ear.line
        return delay_ns

    def llm_first_token(self) -> int:
        delay_ns = super().llm_first_token()
        self._note("token", delay_ns)
        return delay_ns

    def tts_first_byte(self) -> int:
        delay_ns = super().tts_first_byte()
        self._speaking[asyncio.current_task()] = self._note("byte", delay_ns)
        return delay_ns

    def clear(self) -> None:
        """Forget what was drawn."""
        self.draws.clear()
        self._speaking.clear()

    def asked(self, said: str, reply: str) -> None:
        """What the token is of that was drawn last."""
        draw = self.draws[-1]
        draw.said, draw.text = said, reply

    def spoken(self, text: str) -> None:
        """What the byte is of that this task has drawn."""
        self._speaking.pop(asyncio.current_task()).text = text

    def _note(self, kind: DrawKind, delay_ns: int) -> Draw:
        draw = Draw(asyncio.get_running_loop().time(), kind, delay_ns / SECOND)
        self.draws.append(draw)
        return draw


class NotedVoice(CartesiaServer):
    """Notes what each delay was for."""

    noted: NotedDelays

    async def _say(self, exchange: Exchange, asked: Any, text: str, before_ms: int) -> int:
        self.noted.spoken(text)
        return await super()._say(exchange, asked, text, before_ms)


class Answers:
    """What the model says: an opener of a few words and two short sentences."""

    def __init__(self, seed: int, delays: NotedDelays) -> None:
        self._delays = delays
        self._rng = Random(seed)
        every = [f"{words} {name}." for words in OPENING_WORDS for name in NAMES]
        self._rng.shuffle(every)
        self._known, self._fresh = every[:OPENERS], every[OPENERS:]
        self._opener: Callable[[], str] = self._distinct
        self._long = False

    def teach(self) -> None:
        """The openers of a warm agent, one after the other."""
        waiting: list[str] = []

        def next_one() -> str:
            waiting[:] = waiting or self._known
            return waiting.pop()

        self._opener, self._long = next_one, False

    def be_warm(self) -> None:
        """The k-th opener comes with a weight of 1 / k, as words do."""
        weights = [1 / rank for rank in range(1, len(self._known) + 1)]
        self._opener, self._long = lambda: self._rng.choices(self._known, weights)[0], False

    def be_long(self) -> None:
        """Replies of half a minute, for callers who talk over them."""
        self._opener, self._long = self._distinct, True

    def __call__(self, asked: Asked) -> Reply:
        text = f"{self._opener()} {LONG_REPLY if self._long else self._rng.choice(BODIES)}"
        self._delays.asked(asked.said, text)
        return Reply(text)

    def _distinct(self) -> str:
        assert self._fresh, "there are no more openers that were not used yet"
        return self._fresh.pop()


class Wires:
    """Deepgram (Nova), OpenAI and Cartesia on loopback, in this process: it hears what the callers say."""

    def __init__(self, seed: int) -> None:
        self.lines = Lines()
        delays = NotedDelays.uniform(Random(seed))
        assert isinstance(delays, NotedDelays)
        self.delays = delays
        self.answers = Answers(seed, delays)
        self._rng = Random(seed)
        self._stt = DeepgramServer(lambda _: self._ear(), delays=self.delays)
        self._llm = OpenAiServer(self.answers, delays=self.delays)
        self._tts = NotedVoice(delays=self.delays)
        self._tts.noted = self.delays
        self._open = AsyncExitStack()

    def stall(self, part: float) -> None:
        """Let this part of the model's answers send nothing for 3 s before they begin; 0 for none."""
        faults = self._llm.faults
        faults.clear()
        if part:
            stall = Fault("stall", seconds=STALL_S)
            faults.plan(*(stall if self._rng.random() < part else None for _ in range(PLANNED_FAULTS)))

    @property
    def arguments(self) -> list[str]:
        """Where they listen, as the systems' programs are told."""
        return ["--deepgram", self._stt.url, "--openai", self._llm.url, "--cartesia", self._tts.url]

    def _ear(self) -> LineEar:
        ear = LineEar(self.lines)
        # The tasks that serve this connection are begun from here, and inherit it.
        _EAR.set(ear)
        return ear

    async def __aenter__(self) -> Self:
        for server in (self._stt, self._llm, self._tts):
            await self._open.enter_async_context(server)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()
