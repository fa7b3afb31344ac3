from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from random import Random

import pytest

from hocket.errors import LlmError, TtsError
from hocket.ids import ReplyId
from hocket.session.pacing import Wheel
from hocket.session.speaking import Speaker
from hocket.session.voicing import STALL_S, Voicing
from hocket.sim.delays import Delays
from hocket.sim.loop import run
from hocket.sim.speaking import SimTts
from hocket.stages.tts import SpeechChunk
from hocket.turn.events import PlayoutFinished, ReplyFailed, ReplyReady
from tests.session.making import RATE, FakeLine, FakeTts, News, speech

ONE = ReplyId(1)


class Text:
    """Text that is written with waits (seconds) and exceptions in it."""

    def __init__(self, *steps: str | float | Exception) -> None:
        self.steps = steps
        self.closed = False

    async def __call__(self) -> AsyncGenerator[str, None]:
        try:
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, str):
                    yield step
                else:
                    await asyncio.sleep(step)
        finally:
            self.closed = True


def with_voice(tts: FakeTts, scenario: Callable[[Voicing, Speaker, News], Awaitable[None]]) -> None:
    async def body() -> None:
        news = News()
        speaker = Speaker(FakeLine(frames=False), Wheel(), news.post, news.mark, news.failed)
        speaker.begin(ONE)
        await scenario(Voicing(tts, RATE, speaker, news.post, news.mark), speaker, news)
        speaker.close()
        assert tts.closed == tts.streams

    run(body())


def steps(news: News) -> list[str]:
    return [mark.step for mark in news.marks if mark.stage == "tts"]


def test_text_is_spoken_as_it_is_written() -> None:
    async def scenario(voicing: Voicing, speaker: Speaker, news: News) -> None:
        text = Text("It ", 0.1, "is ", 0.1, "six.")
        await voicing.speak(ONE, text())
        assert text.closed
        assert news.at(ReplyReady) == [0], "with the first word, not the last"
        assert steps(news) == ["started", "segment", "first", "segment", "segment", "ended"]
        speaker.open_gate(ONE)
        await asyncio.sleep(1)
        assert news.of(PlayoutFinished) == [PlayoutFinished(ONE, "It is six.")]

    with_voice(FakeTts(), scenario)


@pytest.mark.parametrize(
    ("tts", "text", "reason"),
    [
        (FakeTts(before=TtsError("The voice is busy.")), ("Yes.",), "The voice is busy."),
        (FakeTts(after=TtsError("The voice broke.")), ("Yes.",), "The voice broke."),
        (FakeTts(before=ValueError("a bug of somebody's")), ("Yes.",), "ValueError in a stage"),
        (FakeTts(), ("Yes.", LlmError("The model broke.")), "The model broke."),
        (FakeTts(), ("Yes.", KeyError("a bug of somebody's")), "KeyError in a stage"),
        (FakeTts(swallows=True), ("Yes.", LlmError("The model broke.")), "The model broke."),
        (FakeTts(), (), "nothing to say"),
        (FakeTts(ms=0), ("...",), "nothing to say"),
    ],
)
def test_every_failure_is_one_fact(tts: FakeTts, text: tuple[str | Exception, ...], reason: str) -> None:
    async def scenario(voicing: Voicing, speaker: Speaker, news: News) -> None:
        written = Text(*text)
        await voicing.speak(ONE, written())
        assert news.of(ReplyFailed) == [ReplyFailed(ONE, reason)]
        assert written.closed or not tts.said

    with_voice(tts, scenario)


def test_a_voice_that_has_text_and_brings_nothing_is_lost() -> None:
    async def scenario(voicing: Voicing, speaker: Speaker, news: News) -> None:
        await voicing.speak(ONE, Text("Yes.")())
        assert news.of(ReplyFailed) == [ReplyFailed(ONE, "fake had text to speak and sent nothing for 10 s.")]
        assert news.at(ReplyFailed) == [round(STALL_S * 1e9)]
        assert steps(news)[-1] == "failed"

    with_voice(FakeTts(after=10_000.0), scenario)


def test_a_voice_that_waits_for_text_is_not_lost() -> None:
    """A tool may take as long as it may take."""

    async def scenario(voicing: Voicing, speaker: Speaker, news: News) -> None:
        await voicing.speak(ONE, Text("Let me look. ", 60.0, "It is six.")())
        assert not news.of(ReplyFailed)
        assert steps(news)[-1] == "ended"

    with_voice(FakeTts(), scenario)


def test_a_voice_that_never_asks_for_text_is_lost() -> None:
    async def scenario(voicing: Voicing, speaker: Speaker, news: News) -> None:
        await voicing.speak(ONE, Text("Yes.")())
        assert news.of(ReplyFailed)

    with_voice(FakeTts(before=10_000.0), scenario)


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.1, 0.35, 5.0])
def test_cancelled_at_any_moment_it_closes_the_text_and_the_voice(after_s: float) -> None:
    async def scenario(voicing: Voicing, speaker: Speaker, news: News) -> None:
        text = Text(0.1, "One ", 0.2, "two ", 100.0, "three")
        task = asyncio.create_task(voicing.speak(ONE, text()))
        await asyncio.sleep(after_s)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert text.closed or not after_s
        assert not news.of(ReplyFailed)
        if after_s > 0.1:
            assert steps(news)[-1] == "cancelled"

    with_voice(FakeTts(), scenario)


def test_what_was_synthesised_ahead_is_ready_at_once() -> None:
    async def scenario(voicing: Voicing, speaker: Speaker, news: News) -> None:
        await voicing.play(ONE, [speech(100, "Hello "), speech(100, "there.")])
        assert news.at(ReplyReady) == [0]
        await voicing.play(ReplyId(2), [speech(100, "Nobody's.")])
        speaker.open_gate(ONE)
        await asyncio.sleep(1)
        assert news.of(PlayoutFinished) == [PlayoutFinished(ONE, "Hello there.")]

    with_voice(FakeTts(), scenario)


def test_a_voice_that_reads_ahead_on_its_own_is_not_lost_while_it_waits() -> None:
    async def scenario() -> None:
        news = News()
        speaker = Speaker(FakeLine(frames=False), Wheel(), news.post, news.mark, news.failed)
        speaker.begin(ONE)
        voice = SimTts(Delays.reference(Random(1)))
        await Voicing(voice, RATE, speaker, news.post, news.mark).speak(ONE, Text("Let me look. ", 60.0, "Six.")())
        assert not news.of(ReplyFailed)
        speaker.close()

    run(scenario())


def test_what_it_does_not_need_any_more_is_closed_at_once_and_not_some_time() -> None:
    async def scenario(voicing: Voicing, speaker: Speaker, news: News) -> None:
        async def broken(reply: ReplyId, chunk: SpeechChunk) -> None:
            raise ValueError("a bug")

        speaker.feed = broken  # type: ignore[method-assign]
        left: list[object] = []
        sys.set_asyncgen_hooks(finalizer=left.append)
        await voicing.speak(ONE, Text("One ", "two ", "three")())
        gc.collect()
        assert not left, "no generator is left to be closed by the garbage collector"

    with_voice(FakeTts(), scenario)
