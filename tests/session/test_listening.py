from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
import pytest

from hocket.audio.frame import Frame
from hocket.clock import MS
from hocket.errors import SttError
from hocket.session.listening import KEPT_FRAMES, OPEN_S, REOPEN_S, Listening
from hocket.session.tasks import Tasks
from hocket.sim.loop import run
from hocket.stages.stt import Transcript
from hocket.turn.events import SpeechPaused, SpeechStarted, SpeechStopped, Transcribed
from tests.session.making import FRAME, RATE, FakeVad, News

Script = Sequence[float | Transcript | Exception]


class FakeStt:
    """Each stream opened follows the next script, the last one for ever: waits, transcripts and exceptions.

    An opening that is an exception is raised, one that is a number is waited for.
    """

    name = "fake"

    def __init__(self, scripts: Sequence[Script], openings: Sequence[float | Exception] = (0.0,)) -> None:
        self.scripts = scripts
        self.openings = openings
        self.streams: list[FakeStream] = []
        self.opened_at: list[float] = []

    async def open(self, rate: int, language: str = "en") -> FakeStream:
        self.opened_at.append(asyncio.get_running_loop().time())
        opening = self.openings[min(len(self.opened_at), len(self.openings)) - 1]
        if isinstance(opening, Exception):
            raise opening
        await asyncio.sleep(opening)
        stream = FakeStream(self.scripts[min(len(self.streams), len(self.scripts) - 1)])
        self.streams.append(stream)
        return stream


class FakeStream:
    def __init__(self, script: Script) -> None:
        self._script = list(script)
        self.frames: list[int] = []
        self.finalized = 0
        self.closed = 0
        self.close_takes_s = 0.0

    def push(self, frame: Frame) -> None:
        self.frames.append(frame.at // FRAME)

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
        await asyncio.sleep(self.close_takes_s)


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

    with_listening(FakeStt([LASTS]), scenario, FakeVad((1040, 1640)))


def test_transcripts_are_told_in_order() -> None:
    script = (0.1, Transcript("yes", False), Transcript("Yes.", True, True), 10_000.0)

    async def scenario(listening: Listening, news: News) -> None:
        listening.finalize()
        await asyncio.sleep(1)
        assert news.events == [Transcribed("yes", False), Transcribed("Yes.", True, True)]
        assert [(mark.stage, mark.step) for mark in news.marks] == [("stt", "started"), ("stt", "ended")]

    stt = FakeStt([script])
    with_listening(stt, scenario)
    assert stt.streams[0].finalized == 1


@pytest.mark.parametrize("how", [SttError("The provider is lost."), ValueError("a bug of somebody's"), None])
def test_a_recogniser_that_is_lost_is_replaced_while_the_call_goes_on(how: Exception | None) -> None:
    lost: Script = (0.1, Transcript("I would like to", False), 0.4, *([how] if how else []))
    stt = FakeStt([lost, (0.5, Transcript("book a table", False), 10_000.0)], openings=(0.0, 0.3))

    async def scenario(listening: Listening, news: News) -> None:
        for index in range(100):
            listening.hear(frame(index))
            if index == 22:
                listening.finalize()
            await asyncio.sleep(0.02)
        first, second = stt.streams
        assert first.closed
        assert sorted(first.frames + second.frames) == list(range(100)), "what is said meanwhile is heard by the next"
        assert news.events == [
            Transcribed("I would like to", False),
            Transcribed("I would like to", True, True),  # what was understood stays, and the wait for a final ends
            Transcribed("book a table", False),
        ]
        steps = [(mark.stage, mark.step) for mark in news.marks]
        assert steps == [
            ("stt", "started"),
            ("stt", "failed"),
            ("stt", "ended"),
            ("connect", "started"),
            ("connect", "ended"),
        ]
        assert not news.failures
        assert not listening.dropped

    with_listening(stt, scenario)


def test_a_final_that_was_asked_for_meanwhile_is_asked_of_the_next() -> None:
    stt = FakeStt([(0.1, SttError("Lost.")), LASTS], openings=(0.0, 1.0))

    async def scenario(listening: Listening, news: News) -> None:
        await asyncio.sleep(0.5)
        listening.finalize()
        await asyncio.sleep(5)
        assert [stream.finalized for stream in stt.streams] == [0, 1]

    with_listening(stt, scenario)


def test_it_is_given_up_when_all_attempts_have_failed() -> None:
    stt = FakeStt([(0.1, SttError("Lost."))], openings=(0.0, SttError("The provider refuses.")))

    async def scenario(listening: Listening, news: News) -> None:
        for index in range(600):
            listening.hear(frame(index))
            await asyncio.sleep(0.02)
        assert [str(error) for error in news.failures] == ["The provider refuses."]
        gaps = np.diff(stt.opened_at[1:])
        assert gaps == pytest.approx(REOPEN_S[1:])
        assert listening.dropped["stt"] == 600 - 5 - KEPT_FRAMES

    with_listening(stt, scenario)


def test_an_error_that_trying_again_cannot_help_is_not_tried_again() -> None:
    stt = FakeStt([(0.1, SttError("The key is not valid.", retryable=False))])

    async def scenario(listening: Listening, news: News) -> None:
        await asyncio.sleep(20)
        assert [str(error) for error in news.failures] == ["The key is not valid."]
        assert len(stt.opened_at) == 1

    with_listening(stt, scenario)


def test_recognisers_that_are_lost_at_once_every_time_are_given_up() -> None:
    stt = FakeStt([(0.1, SttError("Lost again."))])

    async def scenario(listening: Listening, news: News) -> None:
        await asyncio.sleep(60)
        assert [str(error) for error in news.failures] == ["Lost again."]
        assert len(stt.opened_at) == 1 + len(REOPEN_S)

    with_listening(stt, scenario)


def test_recognisers_that_hang_up_on_silence_are_replaced_for_ever() -> None:
    stt = FakeStt([(11.0, SttError("No audio for 11 s."))])

    async def scenario(listening: Listening, news: News) -> None:
        await asyncio.sleep(300)
        assert not news.failures
        assert len(stt.opened_at) > 20

    with_listening(stt, scenario)


def test_one_that_does_not_open_in_time_cannot_be_opened() -> None:
    async def scenario(listening: Listening, news: News) -> None:
        raise AssertionError("it is not open")

    with pytest.raises(SttError, match="fake could not be opened within 5 s"):
        with_listening(FakeStt([LASTS], openings=(10_000.0,)), scenario)


def test_a_lost_one_that_does_not_close_is_left() -> None:
    stt = FakeStt([(0.1, SttError("Lost.")), LASTS])

    async def scenario(listening: Listening, news: News) -> None:
        stt.streams[0].close_takes_s = 10_000
        await asyncio.sleep(OPEN_S + 1)
        assert len(stt.streams) == 2
        stt.streams[0].close_takes_s = 0

    with_listening(stt, scenario)
