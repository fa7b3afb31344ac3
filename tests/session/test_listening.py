from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
import pytest

from hocket.audio.frame import Frame
from hocket.clock import MS
from hocket.errors import SttError
from hocket.session.listening import Listening
from hocket.session.tasks import Tasks
from hocket.sim.loop import run
from hocket.stages.stt import Transcript
from hocket.turn.events import SpeechPaused, SpeechStarted, SpeechStopped, Transcribed
from tests.session.making import FRAME, RATE, FakeVad, News

Script = Sequence[float | Transcript | Exception]


class FakeStt:
    """Its streams follow the script: waits, transcripts and exceptions."""

    name = "fake"

    def __init__(self, script: Script, fails: Exception | None = None) -> None:
        self.script = script
        self.fails = fails
        self.streams: list[FakeStream] = []

    async def open(self, rate: int, language: str = "en") -> FakeStream:
        if self.fails is not None:
            raise self.fails
        self.streams.append(FakeStream(self.script))
        return self.streams[-1]


class FakeStream:
    def __init__(self, script: Script) -> None:
        self._script = list(script)
        self.pushed: list[tuple[int, int]] = []
        """The numbers of the frames of 20 ms, from and to."""
        self.finalized = 0
        self.closed = 0
        self.dropped = 0

    def push(self, frame: Frame) -> None:
        self.pushed.append((frame.at // FRAME, frame.end // FRAME))

    def finalize(self) -> None:
        self.finalized += 1

    def __aiter__(self) -> FakeStream:
        return self

    async def __anext__(self) -> Transcript:
        while self._script:
            step = self._script.pop(0)
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Transcript):
                return step
            await asyncio.sleep(step)
        raise StopAsyncIteration

    async def close(self) -> None:
        self.closed += 1


def with_listening(
    stt: FakeStt, scenario: Callable[[Listening, News], Awaitable[None]], vad: FakeVad | None = None
) -> None:
    async def body() -> None:
        news, vad_ = News(), vad or FakeVad()
        tasks = Tasks(news.failed)
        listening = Listening(vad_, stt, RATE, news.post, news.mark, lambda: False)
        assert vad_.open_streams == 0, "nothing is held before the call begins"
        try:
            await listening.open("en", tasks.start)
            await scenario(listening, news)
        finally:
            await tasks.close()
            await listening.close()
            assert vad_.open_streams == 0
            assert all(stream.closed for stream in stt.streams)

    run(body())


def frame(index: int, loud: bool = False) -> Frame:
    rng = np.random.default_rng(index)
    samples = rng.integers(-8000, 8000, FRAME) if loud else rng.integers(-20, 20, FRAME)
    return Frame(samples.astype(np.int16), RATE, index * FRAME)


LASTS: Script = (10_000.0,)


def test_speech_is_told_with_its_edges_by_level() -> None:
    async def scenario(listening: Listening, news: News) -> None:
        listening.begin(1_000 * MS)
        for index in range(150):
            listening.hear(frame(index, loud=50 <= index < 75))
        started, paused, stopped = news.events
        assert isinstance(started, SpeechStarted)
        assert isinstance(paused, SpeechPaused)
        assert isinstance(stopped, SpeechStopped)
        # The detector hears it from 1040 to 1640 ms of media time; the level knows better.
        assert abs(started.onset - 2_000 * MS) <= 20 * MS
        assert listening.onset == started.onset
        assert abs(stopped.last_speech - 2_500 * MS) <= 20 * MS
        assert paused.last_speech == stopped.last_speech

    with_listening(FakeStt(LASTS), scenario, FakeVad((1040, 1640)))


def test_transcripts_are_told_in_order() -> None:
    script = (0.1, Transcript("yes", False), Transcript("Yes.", True, True), 10_000.0)

    async def scenario(listening: Listening, news: News) -> None:
        listening.finalize()
        await asyncio.sleep(1)
        assert news.events == [Transcribed("yes", False), Transcribed("Yes.", True, True)]
        assert [(mark.stage, mark.step) for mark in news.marks] == [("stt", "started"), ("stt", "ended")]

    stt = FakeStt(script)
    with_listening(stt, scenario)
    assert stt.streams[0].finalized == 1


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (SttError("The provider is lost."), "The provider is lost."),
        (None, "fake ended in the middle of the call, so nobody hears the caller any more."),
    ],
)
def test_a_recogniser_that_is_lost_ends_the_call_with_its_reason(how: Exception | None, reason: str) -> None:
    stt = FakeStt((0.1, Transcript("I would like to", False), 0.4, *([how] if how else [])))

    async def scenario(listening: Listening, news: News) -> None:
        for index in range(50):
            listening.hear(frame(index, loud=index == 49))
            await asyncio.sleep(0.02)
        assert [str(error) for error in news.failures] == [reason]
        assert [(mark.stage, mark.step, mark.detail) for mark in news.marks] == [("stt", "failed", reason)]
        assert news.events == [Transcribed("I would like to", False)]
        heard = [number for pushed in stt.streams[0].pushed for number in range(*pushed)]
        assert heard == list(range(50)), "it is up to the recogniser what it makes of them"

    with_listening(stt, scenario)


SINGLY = [(number, number + 1) for number in range(25)]
"""The first half second: until then the line is not still."""


def heard_until(last: int, scenario: Callable[[Listening], None], vad: FakeVad | None = None) -> list[tuple[int, int]]:
    """What the recogniser is pushed of quiet frames up to this one, and then in the scenario."""
    stt = FakeStt(LASTS)

    async def whole(listening: Listening, news: News) -> None:
        for index in range(last):
            listening.hear(frame(index))
        scenario(listening)

    with_listening(stt, whole, vad)
    return stt.streams[0].pushed


def test_a_line_on_which_nobody_speaks_is_heard_240_ms_at_a_time_and_a_voice_at_once() -> None:
    assert heard_until(44, lambda _: None)[25:] == [(25, 37)]
    pushed = heard_until(44, lambda listening: listening.hear(frame(44, loud=True)))
    assert pushed == [*SINGLY, (25, 37), (37, 44), (44, 45)]


def test_a_still_line_holds_nothing_back_from_a_request() -> None:
    assert heard_until(30, lambda listening: listening.finalize()) == [*SINGLY, (25, 30)]


def test_of_a_still_line_only_what_follows_is_joined() -> None:
    assert heard_until(30, lambda listening: listening.hear(frame(90)))[25:] == [(25, 30)]


def test_what_the_detector_hears_is_not_held_however_faint() -> None:
    assert heard_until(45, lambda _: None, FakeVad((0, 10_000))) == [(number, number + 1) for number in range(45)]


def test_frames_that_the_recogniser_dropped_are_told() -> None:
    stt = FakeStt(LASTS)

    async def scenario(listening: Listening, news: News) -> None:
        assert listening.dropped == {}
        stt.streams[0].dropped = 7
        assert listening.dropped == {"stt": 7}

    with_listening(stt, scenario)


def test_one_that_cannot_be_opened_says_so() -> None:
    async def scenario(listening: Listening, news: News) -> None:
        raise AssertionError("it is not open")

    with pytest.raises(SttError, match="The key is not valid"):
        with_listening(FakeStt(LASTS, fails=SttError("The key is not valid.")), scenario)
