"""A line on which a scene happens, and a recogniser that is told its words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from random import Random
from typing import Final, Literal, NamedTuple

import numpy as np
from tests import speech

from benchmarks.barge_in import STORY
from benchmarks.disturbed.scenes import Scene, as_samples
from hocket.assembly.closing import close_stage
from hocket.audio.frame import FRAME_MS, Frame, Samples
from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.audio.levels import rms_dbfs
from hocket.audio.playback import Playback
from hocket.audio.resample import resample
from hocket.ids import ReplyId
from hocket.sim.delays import Delays
from hocket.sim.hearing import SimStt
from hocket.sim.script import Word
from hocket.sim.timeline import Timeline
from hocket.stages.stt import SttStream
from hocket.stages.transport import Receiver
from hocket.stages.tts import SpeechChunk, Tts
from hocket.trace.records import Record
from hocket.turn.commands import StartReply, StartSay
from hocket.turn.events import PlayoutStarted

TONE_DBFS: Final = -60.0
AUDIBLE_DBFS: Final = -50.0
RECOGNISED_ECHO_DB: Final = 20
"""An echo that is no weaker is written down word by word."""


class Recital:
    """Which words of its replies the agent has been heard to say, by the time that it has been audible."""

    def __init__(self, word_ms: float) -> None:
        self._word_ms = word_ms
        self._texts: dict[ReplyId, str] = {}
        self._left: list[str] = []
        self._audible_ms = 0.0

    def watch(self, _: int, record: Record) -> None:
        match record:
            case StartSay(reply=reply, text=text):
                self._texts[reply] = text
            case StartReply(reply=reply):
                self._texts[reply] = STORY
            case PlayoutStarted(reply=reply):
                self._left = self._texts[reply].split()[::-1]
                self._audible_ms = 0.0
            case _:
                pass

    def sounded(self) -> Iterator[str]:
        """Another frame was audible: the words that it ended."""
        self._audible_ms += FRAME_MS
        while self._left and self._audible_ms >= self._word_ms:
            self._audible_ms -= self._word_ms
            yield self._left.pop()


def audible_ms(agent: Samples, rate: int) -> float:
    """How long the agent is audible in what it says, by frames."""
    count = rate * FRAME_MS // 1000
    frames = (agent[at : at + count] for at in range(0, len(agent), count))
    return sum(FRAME_MS for frame in frames if rms_dbfs(frame) > AUDIBLE_DBFS)


class Gap(NamedTuple):
    """Nothing sounded; ms of media time."""

    start: float
    end: float


class DisturbedLine:
    """A line to a caller who hears the agent while `scene` happens to them. It lasts as long as the scene."""

    name = "disturbed"
    ahead_ms = frame_ms = FRAME_MS

    def __init__(self, scene: Scene, rate: int, timeline: Timeline, recital: Recital) -> None:
        self.input_rate = self.output_rate = rate
        self.gaps: list[Gap] = []
        self._scene = scene
        self._timeline = timeline
        self._recital = recital
        tone = np.random.default_rng(7).normal(0, 32768 * 10 ** (TONE_DBFS / 20), len(scene.sound))
        self._sound = resample(as_samples(scene.sound + tone), speech.RATE, rate)
        self._heard = np.zeros(len(self._sound), np.int16)
        """Of the agent."""
        gain = scene.echo_gain
        self._gain = None if gain is None else gain[:: speech.RATE // rate]
        self._playback = Playback()
        self._task: asyncio.Task[None] | None = None

    async def start(self, receiver: Receiver) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._task = asyncio.create_task(self._run(receiver), name="disturbed line")

    def send(self, samples: Samples) -> None:
        now, end = self._now(), self._playback.end
        if now > end:
            self.gaps.append(Gap(end * 1000 / self.input_rate, now * 1000 / self.input_rate))
        self._playback.play(samples, now)

    def clear(self) -> int:
        return self._playback.drop(self._now())

    async def close(self) -> None:
        self.gaps.append(Gap(self._playback.end * 1000 / self.input_rate, len(self._sound) * 1000 / self.input_rate))
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self, receiver: Receiver) -> None:
        rate, count = self.input_rate, self.input_rate * FRAME_MS // 1000
        for start in range(0, len(self._sound) - count + 1, count):
            await asyncio.sleep(max(self._began + (start + count) / rate - self._loop.time(), 0))
            agent = self._playback.render(start, start + count)
            self._heard[start : start + count] = _coded(agent, rate)
            if rms_dbfs(agent) > AUDIBLE_DBFS:
                self._write_down(start + count)
            receiver.hear(Frame(_coded(self._caller(start, start + count), rate), rate, start))
            if start // count % 5 == 4:
                receiver.played(self._playback.sounded(self._now()), 0.0, "acknowledged")
        receiver.left("end of the scene")

    def _caller(self, start: int, end: int) -> Samples:
        if self._gain is None:
            return self._sound[start:end]
        delay = self._scene.echo_ms * self.input_rate // 1000
        echo = np.zeros(end - start)
        first = max(0, start - delay)
        said = self._heard[first : max(0, end - delay)]
        if len(said):
            echo[-len(said) :] = said * self._gain[start:end][-len(said) :]
        return as_samples(self._sound[start:end] + echo)

    def _write_down(self, until: int) -> None:
        """The words of the echo, for the recogniser."""
        until_ms = until * 1000 // self.input_rate + self._scene.echo_ms
        gain = 0.0 if self._gain is None else self._gain[min(until, len(self._gain) - 1)]
        for word in self._recital.sounded():
            if gain >= 0.99 * 10 ** (-RECOGNISED_ECHO_DB / 20):
                self._timeline.words.append(Word(word, until_ms - 200, until_ms))

    def _now(self) -> int:
        return round((self._loop.time() - self._began) * self.input_rate)


def _coded(samples: Samples, rate: int) -> Samples:
    return decode_ulaw(encode_ulaw(samples)) if rate == 8_000 else samples


class Recogniser:
    """The simulated one, of the call that is held."""

    name = "scripted"

    def __init__(self) -> None:
        self.timeline = Timeline()

    async def open(self, rate: int, language: str = "en") -> SttStream:
        return await SimStt(self.timeline, Delays.reference(Random(1)), Random(2)).open(rate, language)


class Remembered:
    """A voice that says a segment again as it said it first, at once."""

    takes: Literal["tokens", "segments"] = "segments"

    def __init__(self, voice: Tts) -> None:
        self.name = voice.name
        self._voice = voice
        self._said: dict[tuple[str, int], list[SpeechChunk]] = {}

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        async for segment in text:
            if (segment, rate) not in self._said:
                async with aclosing(self._voice.speak(_once(segment), rate)) as chunks:
                    self._said[segment, rate] = [chunk async for chunk in chunks]
            for chunk in self._said[segment, rate]:
                yield chunk

    async def close(self) -> None:
        await close_stage(self._voice)


async def _once(text: str) -> AsyncGenerator[str, None]:
    yield text
