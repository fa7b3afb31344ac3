"""Recognisers that hear only what they are really given, and break when they are told to; and a caller for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hocket.audio.frame import FRAME_MS, Frame, Samples
from hocket.errors import SttError
from hocket.resilience.chain import Chain
from hocket.resilience.fallback_stt import FallbackStt
from hocket.resilience.slots import Slots
from hocket.sim.script import Word
from hocket.stages.notices import Notice, listen
from hocket.stages.stt import Stt, SttStream, Transcript

RATE = 8000
FRAME = RATE * FRAME_MS // 1000
PART = 0.6
"""Of a word, that has to come without a break for it to be heard."""

WORDS = tuple(
    Word(text, start_ms, start_ms + length_ms)
    for text, start_ms, length_ms in (
        ("I", 300, 90),
        ("would", 390, 170),
        ("like", 560, 210),
        ("a", 800, 60),
        ("table", 860, 340),
        ("for", 2100, 150),
        ("two", 2250, 260),
        ("on", 2650, 140),
        ("Friday", 2790, 420),
    )
)
"""Three pauses between them: 30, 900 and 140 ms."""

ALL = " ".join(word.text for word in WORDS)
LASTS_MS = 3600


def loud_for(words: Sequence[Word], lasts_ms: int = LASTS_MS) -> Samples:
    """Noise where there are words, next to nothing elsewhere."""
    rng = np.random.default_rng(1)
    level = np.full(RATE * lasts_ms // 1000, 4.0)
    for word in words:
        level[word.start_ms * RATE // 1000 : word.end_ms * RATE // 1000] = 3000.0
    return (level * rng.standard_normal(len(level))).astype(np.int16)


def frames(samples: Samples) -> list[Frame]:
    return [Frame(samples[at : at + FRAME], RATE, at) for at in range(0, len(samples) - FRAME + 1, FRAME)]


class EarStt:
    """Knows the words by the media time of the frames it is given."""

    def __init__(
        self,
        words: Sequence[Word] = WORDS,
        *,
        name: str = "ear",
        openings: Sequence[float | Exception] = (0.0,),
        final_s: float = 0.1,
        tells: bool = True,
        interims: bool = True,
    ) -> None:
        """`openings`: of each stream, the last for ever: seconds it takes, or what it fails with. `tells`: finals say
        how far they reach."""
        self.name = name
        self.words = words
        self.openings = openings
        self.final_s = final_s
        self.tells = tells
        self.interims = interims
        self.opened_at: list[float] = []
        self.streams: list[EarStream] = []

    @property
    def last(self) -> EarStream:
        return self.streams[-1]

    async def open(self, rate: int, language: str = "en") -> EarStream:
        self.opened_at.append(asyncio.get_running_loop().time())
        opening = self.openings[min(len(self.opened_at), len(self.openings)) - 1]
        if isinstance(opening, Exception):
            raise opening
        await asyncio.sleep(opening)
        self.streams.append(EarStream(self))
        return self.last


class EarStream:
    def __init__(self, stt: EarStt) -> None:
        self.given: list[tuple[float, Frame]] = []
        """When each frame came."""
        self.finalized = 0
        self.closed = 0
        self.close_takes_s = 0.0
        self.deaf = False
        self.dropped = 0
        self._stt = stt
        self._opened_s = asyncio.get_running_loop().time()
        self._heard_ms: dict[int, float] = {}
        self._known: list[Word] = []
        self._settled = self._shown = 0
        self._position_ms = 0.0
        """Of the frames, not of the call."""
        self._at_ms = self._due_s = 0.0
        self._out: asyncio.Queue[Transcript | Exception | None] = asyncio.Queue()

    def push(self, frame: Frame) -> None:
        self.given.append((asyncio.get_running_loop().time(), frame))
        start_ms, end_ms = frame.at * 1000 / RATE, frame.end * 1000 / RATE
        if start_ms != self._at_ms:
            self._heard_ms.clear()
        for index, word in enumerate(self._stt.words):
            part_ms = min(end_ms, word.end_ms) - max(start_ms, word.start_ms)
            if part_ms <= 0:
                continue
            before_ms = self._heard_ms.get(index, 0.0)
            self._heard_ms[index] = before_ms + part_ms
            if before_ms < PART * (word.end_ms - word.start_ms) <= before_ms + part_ms:
                self._known.append(word)
        self._at_ms = end_ms
        self._position_ms += end_ms - start_ms
        shown = [word for word in self._known if word.end_ms + 100 <= end_ms]
        if len(shown) > max(self._shown, self._settled):
            self._shown = len(shown)
            if self._stt.interims:
                self._say(Transcript(_text(shown[self._settled :]), False))

    def finalize(self) -> None:
        self.finalized += 1
        self.settle(finalized=True)

    def settle(self, *, finalized: bool = False) -> None:
        """A final, as many recognisers give without being asked."""
        text = _text(self._known[self._settled :])
        self._settled = len(self._known)
        # A word of which too little has come is left for the next final, and so is its audio.
        begun = [word.start_ms for word in self._stt.words if word.start_ms < self._at_ms < word.end_ms]
        until_ms = self._position_ms - (self._at_ms - begun[0] if begun and not self._has(begun[0]) else 0.0)
        final = Transcript(text, True, finalized, max(0, int(until_ms)) if self._stt.tells else None)
        self._say(final, self._stt.final_s)

    def cut(self, how: Exception | None) -> None:
        """It raises this, or just ends."""
        self._out.put_nowait(how)

    async def __aiter__(self):  # type: ignore[no-untyped-def]
        while (item := await self._out.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    async def close(self) -> None:
        self.closed += 1
        self._out.put_nowait(None)
        await asyncio.sleep(self.close_takes_s)

    def is_paced(self, burst_ms: float, pace: float) -> bool:
        """Nothing has come faster than that since it was opened, but for a frame, and one that came just then."""
        given_ms = 0.0
        for at_s, frame in self.given:
            given_ms += frame.duration_ms
            if given_ms > burst_ms + 2 * FRAME_MS + pace * (at_s - self._opened_s) * 1000:
                return False
        return True

    def _has(self, start_ms: float) -> bool:
        return any(word.start_ms == start_ms for word in self._known)

    def _say(self, transcript: Transcript, late_s: float = 0.0) -> None:
        """In order."""
        loop = asyncio.get_running_loop()
        self._due_s = max(self._due_s, loop.time() + late_s)
        if not self.deaf:
            loop.call_at(self._due_s, self._out.put_nowait, transcript)


class Heard:
    """What came of a call."""

    def __init__(self) -> None:
        self.transcripts: list[tuple[float, Transcript]] = []
        self.notices: list[Notice] = []
        self.error: SttError | None = None
        self.dropped = 0

    @property
    def text(self) -> str:
        """All finals, joined."""
        return " ".join(each.text for _, each in self.transcripts if each.final and each.text)

    @property
    def steps(self) -> list[tuple[str, str]]:
        return [(notice.stage, notice.step) for notice in self.notices]

    @property
    def answers(self) -> int:
        return sum(each.finalized for _, each in self.transcripts)

    async def read(self, stream: SttStream) -> None:
        try:
            async for transcript in stream:
                self.transcripts.append((asyncio.get_running_loop().time(), transcript))
        except SttError as error:
            self.error = error


def chain_of(*stts: Stt, slots: Slots | None = None) -> Chain[Stt]:
    return Chain(stts, slots or Slots(), 600)


async def hold(
    stts: Sequence[Stt],
    audio: Samples,
    plan: Mapping[int, Callable[[SttStream], None]] = {},
    *,
    waits_s: float = 10.0,
    slots: Slots | None = None,
) -> Heard:
    """Push the audio in real time; `plan`: what happens after so many frames. A final is asked for at the end."""
    heard = Heard()
    listen(heard.notices.append)
    stream = await FallbackStt(chain_of(*stts, slots=slots)).open(RATE)
    reader = asyncio.create_task(heard.read(stream))
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        for index, frame in enumerate(frames(audio), 1):
            await asyncio.sleep(began + index * FRAME_MS / 1000 - loop.time())
            stream.push(frame)
            if index in plan:
                plan[index](stream)
        stream.finalize()
        await asyncio.sleep(waits_s)
        heard.dropped = stream.dropped
    finally:
        await stream.close()
        await stream.close()
        await reader
    return heard


def _text(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in words)
