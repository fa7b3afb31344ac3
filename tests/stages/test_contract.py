"""The checks themselves: each implementation here breaks one sentence of its contract and must be found out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from random import Random

import numpy as np
import pytest

from hocket.audio.frame import Frame, Samples, silence
from hocket.errors import LlmError
from hocket.sim.caller import SimCaller
from hocket.sim.delays import Delays
from hocket.sim.hearing import SimStt, SimSttStream, SimVad
from hocket.sim.line import SimLine
from hocket.sim.loop import run
from hocket.sim.script import spoken
from hocket.sim.speaking import SimLlm, SimTts
from hocket.sim.timeline import Timeline
from hocket.stages.llm import LlmDelta, LlmRequest, Message, Passage, TextDelta, ToolCall, Usage
from hocket.stages.stt import Transcript
from hocket.stages.transport import Receiver
from hocket.stages.tts import SpeechChunk
from hocket.stages.vad import OnWindow, VadWindow
from tests.stages.contract import (
    check_llm,
    check_retriever,
    check_stt,
    check_transport,
    check_tts,
    check_turn_detector,
    check_vad,
)

RATE = 16_000
SAID = spoken("statement", "That sounds fine to me, thank you.", Random(1))
AUDIO = silence(SAID.last_speech_ms * RATE // 1000)
REQUEST = LlmRequest("", (Message("user", "Hello?"),))
LEFT_TASKS: set[asyncio.Task[None]] = set()


def delays() -> Delays:
    return Delays.reference(Random(1))


# --- language models


class LeavesTasks(SimLlm):
    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        LEFT_TASKS.add(asyncio.create_task(asyncio.sleep(1000)))
        async for delta in super().reply(request):
            yield delta


class SwallowsCancellation(SimLlm):
    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            return
        yield TextDelta("Hello.")


class UsageFirst(SimLlm):
    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        yield Usage(1, 0, 1)
        yield TextDelta("Hello.")


class InventsTools(SimLlm):
    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        yield ToolCall("1", "self_destruct", "{}")


class SaysNothing(SimLlm):
    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        return
        yield


@pytest.mark.parametrize("broken", [LeavesTasks, SwallowsCancellation, UsageFirst, InventsTools, SaysNothing])
def test_llm_violations(broken: Callable[[Delays], SimLlm]) -> None:
    with pytest.raises(AssertionError):
        check_llm(lambda: broken(delays()), REQUEST, run)


def test_a_foreign_exception_is_no_llm_error() -> None:
    class Raises(SimLlm):
        async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
            yield TextDelta("Hello")
            raise OSError("connection reset")

    with pytest.raises(OSError, match="connection reset"):
        check_llm(lambda: SimLlm(delays()), REQUEST, run, broken=lambda: Raises(delays()))


# --- voices


class LosesText(SimTts):
    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        async for chunk in super().speak(text, rate):
            yield SpeechChunk(chunk.samples, chunk.text.strip())


class BeginsSilent(SimTts):
    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        yield SpeechChunk(silence(rate // 10))
        async for chunk in super().speak(text, rate):
            yield chunk


class IgnoresRate(SimTts):
    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        async for chunk in super().speak(text, 16_000):
            yield chunk


class WaitsForAll(SimTts):
    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        everything = "".join([piece async for piece in text])

        async def once() -> AsyncGenerator[str, None]:
            yield everything

        if everything:
            async for chunk in super().speak(once(), rate):
                yield chunk


class SwallowsTheTextsError(SimTts):
    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        try:
            async for chunk in super().speak(text, rate):
                yield chunk
        except LlmError:
            pass


@pytest.mark.parametrize("broken", [LosesText, BeginsSilent, IgnoresRate])
def test_tts_violations(broken: Callable[[Delays], SimTts]) -> None:
    with pytest.raises(AssertionError):
        check_tts(lambda: broken(delays()), run)


def test_a_voice_that_waits_for_all_of_its_text() -> None:
    with pytest.raises(TimeoutError):
        check_tts(lambda: WaitsForAll(delays()), run)


def test_a_voice_that_swallows_what_its_text_raises() -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_tts(lambda: SwallowsTheTextsError(delays()), run)


# --- recognisers


def timeline() -> Timeline:
    said = Timeline()
    said.say(0, SAID)
    return said


class NeverAnswers(SimSttStream):
    def finalize(self) -> None:
        pass


class NeverEnds(SimSttStream):
    async def close(self) -> None:
        pass


class HearsNothing(SimSttStream):
    def push(self, frame: Frame) -> None:
        pass


class FinalizedInterim(SimSttStream):
    async def __anext__(self) -> Transcript:
        transcript = await super().__anext__()
        return Transcript(transcript.text, transcript.final and bool(transcript.text), transcript.finalized)


class Hangs(SimSttStream):
    """Falls behind for good."""

    def push(self, frame: Frame) -> None:
        super().push(frame)
        if frame.at > 20 * RATE:
            self.finalize = lambda: None  # type: ignore[method-assign]


@pytest.mark.parametrize("broken", [NeverAnswers, NeverEnds, HearsNothing, FinalizedInterim, Hangs])
def test_stt_violations(broken: type[SimSttStream]) -> None:
    class Broken(SimStt):
        async def open(self, rate: int, language: str = "en") -> SimSttStream:
            return broken(timeline(), delays(), Random(1), rate)

    with pytest.raises((AssertionError, TimeoutError)):
        check_stt(lambda: Broken(timeline(), delays(), Random(1)), AUDIO, RATE, run)


# --- voice activity


class Wrapped:
    """A correct detector, opened in a way that breaks something. The third stream of a check hears another line."""

    name = "wrapped"

    def __init__(self, wrap: Callable[[OnWindow], OnWindow]) -> None:
        self._wrap = wrap
        self._opened = 0

    def open(self, rate: int, on_window: OnWindow) -> object:
        self._opened += 1
        heard = Timeline() if self._opened == 3 else timeline()
        return SimVad(heard, delays(), Random(1)).open(rate, self._wrap(on_window))


def _skips(on_window: OnWindow) -> OnWindow:
    return lambda window: on_window(window) if window.end % 5120 else None


def _late_to_close(on_window: OnWindow) -> OnWindow:
    def wrapped(window: VadWindow) -> None:
        asyncio.get_running_loop().call_later(0.05, on_window, window)

    return wrapped


def _from_a_thread(on_window: OnWindow) -> OnWindow:
    def wrapped(window: VadWindow) -> None:
        failed: list[BaseException] = []

        def call() -> None:
            try:
                on_window(window)
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]

    return wrapped


def _sure_of_all(on_window: OnWindow) -> OnWindow:
    return lambda window: on_window(VadWindow(window.start, window.end, 1.0))


@pytest.mark.parametrize("wrap", [_skips, _late_to_close, _from_a_thread, _sure_of_all])
def test_vad_violations(wrap: Callable[[OnWindow], OnWindow]) -> None:
    with pytest.raises(AssertionError):
        check_vad(lambda: Wrapped(wrap), AUDIO, RATE, run)  # type: ignore[arg-type, return-value]


# --- lines


class Gaps(SimLine):
    async def start(self, receiver: Receiver) -> None:
        hear = receiver.hear
        receiver.hear = lambda frame: hear(frame) if frame.at != 1600 else None  # type: ignore[method-assign]
        await super().start(receiver)


class PlaysMore(SimLine):
    async def start(self, receiver: Receiver) -> None:
        played = receiver.played
        receiver.played = lambda sample, bound_ms, source: played(sample + 9999, bound_ms, source)  # type: ignore[method-assign]
        await super().start(receiver)


class CutsOff(SimLine):
    async def close(self) -> None:
        self.clear()
        await super().close()


class GoesOn(SimLine):
    async def close(self) -> None:
        pass


@pytest.mark.parametrize("broken", [Gaps, PlaysMore, CutsOff, GoesOn])
def test_transport_violations(broken: type[SimLine]) -> None:
    def make() -> SimLine:
        return broken(SimCaller(Random(1)), Timeline())

    with pytest.raises(AssertionError):
        check_transport(make, run)


# --- the small ones


class Detector:
    name = "level"

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale

    async def score(self, samples: Samples, rate: int) -> float:
        await asyncio.sleep(0)
        return self._scale * float(np.tanh(len(samples) / rate))


def test_turn_detectors() -> None:
    assert 0 < check_turn_detector(Detector, AUDIO, RATE, run) < 1
    with pytest.raises(AssertionError):
        check_turn_detector(lambda: Detector(2.0), AUDIO, RATE, run)


class Index:
    def __init__(self, *scores: float) -> None:
        self._found = tuple(Passage("text", "source.md", score) for score in scores)

    async def search(self, query: str, limit: int = 3) -> tuple[Passage, ...]:
        await asyncio.sleep(0)
        return self._found[:limit] if query else ()


def test_retrievers() -> None:
    assert len(check_retriever(lambda: Index(0.9, 0.8, 0.7, 0.6), "prices", run)) == 3
    for scores in ((0.7, 0.9), ()):
        with pytest.raises(AssertionError):
            check_retriever(lambda scores=scores: Index(*scores), "prices", run)  # type: ignore[misc]
