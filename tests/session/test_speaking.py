from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from hocket.clock import MS, SECOND
from hocket.errors import TransportError
from hocket.ids import ReplyId
from hocket.session.pacing import Wheel
from hocket.session.speaking import BUFFER_MS, Speaker
from hocket.sim.loop import VirtualLoop, run
from hocket.stages.tts import SpeechChunk
from hocket.turn.events import PlayoutFinished, PlayoutStarted, PlayoutStopped, ReplyReady
from tests.session.making import FRAME, RATE, FakeLine, News, now, ramp, speech, timers_left

ONE, TWO = ReplyId(1), ReplyId(2)


def with_speaker(
    scenario: Callable[[Speaker, FakeLine, News], Awaitable[None]],
    *,
    ahead_ms: int = 40,
    frame_ms: int = 20,
    clears: bool = True,
) -> None:
    async def body() -> None:
        line, news = FakeLine(ahead_ms=ahead_ms, frame_ms=frame_ms, clears=clears, frames=False), News()
        speaker = Speaker(line, Wheel(), news.post, news.mark, news.failed)
        await scenario(speaker, line, news)
        speaker.close()
        assert not timers_left()

    run(body())


def silence(milliseconds: int) -> np.ndarray:
    return np.zeros(RATE * milliseconds // 1000, np.int16)


@pytest.mark.parametrize(
    ("ahead_ms", "frame_ms"), [(0, 20), (20, 20), (40, 20), (60, 20), (40, 40), (60, 50), (60, 100)]
)
def test_speech_is_heard_without_loss_or_gap_and_never_sent_too_early(ahead_ms: int, frame_ms: int) -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        for part in range(20):
            await speaker.feed(ONE, speech(100, f"word{part} ", 1 + part * RATE // 10))
        assert speaker.complete(ONE)
        assert not line.sent_at, "nothing is heard before the gate opens"
        await asyncio.sleep(0.0071)
        speaker.open_gate(ONE)
        await asyncio.sleep(3)
        assert np.array_equal(line.heard(), ramp(2000))
        assert not line.gaps_ms()
        assert max(line.early_ms) < max(20, ahead_ms)
        assert news.at(PlayoutStarted) == [7_100_000]
        assert news.at(PlayoutFinished) == [7_100_000 + 2 * SECOND]
        heard = news.of(PlayoutFinished)[0]
        assert heard == PlayoutFinished(ONE, " ".join(f"word{part}" for part in range(20)))
        assert len(line.sent_at) == 2000 // frame_ms

    with_speaker(scenario, ahead_ms=ahead_ms, frame_ms=frame_ms)


def test_what_does_not_fill_a_long_piece_is_sent_in_short_ones_and_not_filled_up_with_silence() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        speaker.open_gate(ONE)
        await speaker.feed(ONE, speech(50, "", 1))
        for part in range(10):  # of 30 ms each, which come as fast as they are said
            await speaker.feed(ONE, speech(30, "", 1 + RATE // 20 + part * RATE * 3 // 100))
            await asyncio.sleep(0.03)
        speaker.complete(ONE)
        await asyncio.sleep(1)
        assert np.array_equal(line.heard(), ramp(350))
        assert not line.gaps_ms()

    with_speaker(scenario, ahead_ms=60, frame_ms=50)


def test_a_loop_that_stood_still_loses_and_doubles_nothing() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        await speaker.feed(ONE, speech(3000))
        speaker.complete(ONE)
        speaker.open_gate(ONE)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for _ in range(3):
            await asyncio.sleep(0.5)
            loop._now += 173 * MS
        await asyncio.sleep(3)
        assert np.array_equal(line.heard(), ramp(3000))
        assert len(line.gaps_ms()) == 3, "the far end ran dry while nothing ran, and at no other time"
        assert max(line.early_ms) < 40
        assert news.of(PlayoutFinished) == [PlayoutFinished(ONE, "word")]

    with_speaker(scenario)


def test_a_reply_longer_than_the_buffer_is_heard_to_its_end() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        seconds = BUFFER_MS // 1000 * 3
        fed: list[int] = []

        async def synthesise() -> None:
            for second in range(seconds):
                await speaker.feed(ONE, speech(1000, f"{second} ", 1 + second * RATE))
                fed.append(second)
            speaker.complete(ONE)

        speaker.begin(ONE)
        work = asyncio.create_task(synthesise())
        await asyncio.sleep(5)
        assert len(fed) == BUFFER_MS // 1000, "synthesis waits while the buffer is full"
        speaker.open_gate(ONE)
        await asyncio.sleep(seconds + 1)
        await work
        assert np.array_equal(line.heard(), ramp(seconds * 1000))
        assert not line.gaps_ms()
        assert len(news.of(PlayoutFinished)) == 1

    with_speaker(scenario)


@pytest.mark.parametrize("ends", ["stop", "begin", "close", "line"])
def test_synthesis_that_waits_for_room_goes_on_when_the_reply_is_over(ends: str) -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        work = asyncio.create_task(speaker.feed(ONE, speech(BUFFER_MS + 5000)))
        await asyncio.sleep(1)
        speaker.open_gate(ONE)
        await asyncio.sleep(1)
        assert not work.done()
        if ends == "stop":
            speaker.stop(ONE)
        elif ends == "begin":
            speaker.begin(TWO)
        elif ends == "close":
            speaker.close()
        else:

            def broken(samples: object) -> None:
                raise TransportError("The line is gone.")

            line.send = broken  # type: ignore[method-assign]
        await asyncio.sleep(0.1)
        assert work.done()
        assert bool(news.failures) == (ends == "line")

    with_speaker(scenario)


def test_it_is_ready_with_its_first_sound_and_not_with_silence() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        await speaker.feed(ONE, SpeechChunk(silence(50), "well "))
        assert not news.events
        await speaker.feed(ONE, speech(100))
        await speaker.feed(ONE, speech(100))
        assert news.events == [ReplyReady(ONE)]
        speaker.open_gate(ONE)
        await asyncio.sleep(0.5)
        assert news.at(PlayoutStarted) == [50 * MS], "announced when it sounds, past the silence before it"
        speaker.begin(TWO)
        assert not speaker.complete(TWO), "nothing came at all"
        speaker.begin(ReplyId(3))
        await speaker.feed(ReplyId(3), SpeechChunk(silence(500), "..."))
        assert not speaker.complete(ReplyId(3)), "nothing audible came"

    with_speaker(scenario)


def test_news_of_an_older_reply_are_dropped() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        await speaker.feed(ONE, speech(100))
        speaker.begin(TWO)
        await speaker.feed(ONE, speech(100))
        assert speaker.complete(ONE), "no failure is made of it"
        speaker.pause(ONE)
        speaker.resume(ONE)
        speaker.stop(ONE)
        speaker.fill(ONE, [speech(100)])
        await asyncio.sleep(1)
        assert news.events == [ReplyReady(ONE)]
        assert not line.sent_at

    with_speaker(scenario)


@pytest.mark.parametrize("clears", [True, False])
@pytest.mark.parametrize("pause_ms", [1, 7, 20, 333, 500, 985, 999])
def test_paused_it_falls_silent_and_resumed_it_goes_on_from_the_sample(clears: bool, pause_ms: int) -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        await speaker.feed(ONE, speech(1000))
        speaker.complete(ONE)
        speaker.open_gate(ONE)
        await asyncio.sleep(pause_ms / 1000)
        speaker.pause(ONE)
        in_flight_ms = 0 if clears else 60
        assert line.silent_at <= now() + (in_flight_ms + 20) * MS
        await asyncio.sleep(0.3)
        count = len(line.sent_at)
        await asyncio.sleep(0.3)
        assert len(line.sent_at) == count, "nothing is sent while it is paused"
        speaker.resume(ONE)
        await asyncio.sleep(2)
        heard = line.heard()
        assert len(news.of(PlayoutStarted)) == 1
        assert news.of(PlayoutFinished) == [PlayoutFinished(ONE, "word")]
        # The fades change the loudness of 15 ms on both sides; all else is heard once, in order.
        fades = 2 * RATE * 15 // 1000
        assert RATE - 12 <= np.count_nonzero(heard) <= RATE
        kept = heard[heard >= 1000]
        before = int(np.argmax(np.diff(kept) != 1)) + 1 if (np.diff(kept) != 1).any() else len(kept)
        assert np.array_equal(kept[:before], ramp(1000)[:before])
        tail = kept[before + fades :]
        assert len(tail) == 0 or np.array_equal(tail, ramp(1000)[-len(tail) :])

    with_speaker(scenario, clears=clears)


def test_taken_back_before_it_sounded_it_is_announced_when_it_does() -> None:
    """The fade-out may pass over the first audible sample, which then was heard."""

    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        await speaker.feed(ONE, SpeechChunk(np.concatenate([silence(30), ramp(500)]), "word"))
        speaker.complete(ONE)
        speaker.open_gate(ONE)
        await asyncio.sleep(0.026)
        speaker.pause(ONE)  # 4 ms before the first sound: the fade of 15 ms reaches it
        await asyncio.sleep(0.3)
        assert news.at(PlayoutStarted) == [30 * MS]
        speaker.resume(ONE)
        await asyncio.sleep(1)
        assert len(news.of(PlayoutStarted)) == 1
        assert len(news.of(PlayoutFinished)) == 1

    async def earlier(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        await speaker.feed(ONE, SpeechChunk(np.concatenate([silence(30), ramp(500)]), "word"))
        speaker.complete(ONE)
        speaker.open_gate(ONE)
        await asyncio.sleep(0.005)
        speaker.pause(ONE)
        await asyncio.sleep(0.3)
        assert not news.of(PlayoutStarted), "it did not sound"
        speaker.resume(ONE)
        await asyncio.sleep(1)
        assert len(news.of(PlayoutStarted)) == 1

    with_speaker(scenario)
    with_speaker(earlier)


@pytest.mark.parametrize("stop_ms", [0, 55, 101, 455, 1470])
def test_stopped_it_says_what_was_heard(stop_ms: int) -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        for part in range(15):
            await speaker.feed(ONE, speech(100, f"word{part} ", 1 + part * RATE // 10))
        speaker.complete(ONE)
        speaker.open_gate(ONE)
        await asyncio.sleep(stop_ms / 1000)
        speaker.stop(ONE)
        assert line.silent_at <= now() + 20 * MS
        await asyncio.sleep(1)
        whole = stop_ms // 100
        heard = " ".join(f"word{part}" for part in range(whole))
        rest = " ".join(f"word{part}" for part in range(whole, 15))
        assert news.of(PlayoutStopped) == [PlayoutStopped(ONE, heard, rest)]
        assert not news.of(PlayoutFinished)

    with_speaker(scenario)


def test_where_sound_cannot_be_taken_back_acknowledged_positions_count() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        for part in range(15):
            await speaker.feed(ONE, speech(100, f"word{part} ", 1 + part * RATE // 10))
        speaker.open_gate(ONE)
        await asyncio.sleep(0.45)
        speaker.played(RATE * 310 // 1000, 5.0)  # 310 ms have sounded for sure, give or take 5
        speaker.stop(ONE)
        assert news.of(PlayoutStopped)[0].heard == "word0 word1 word2"
        speaker.begin(TWO)
        await speaker.feed(TWO, speech(1000, "again "))
        speaker.played(10**9, 0.0)  # a far end that claims more than it was sent
        speaker.open_gate(TWO)
        await asyncio.sleep(0.1)
        speaker.stop(TWO)
        assert news.of(PlayoutStopped)[1].heard == ""

    with_speaker(scenario, clears=False)


def test_a_filler_comes_before_the_reply_and_is_no_part_of_it() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        speaker.fill(ONE, [speech(300, "One moment.", 10_000)])
        await asyncio.sleep(0.1)
        assert line.sent_at
        assert not news.events
        await speaker.feed(ONE, speech(200, "Yes."))
        speaker.complete(ONE)
        speaker.open_gate(ONE)  # while the filler sounds
        await asyncio.sleep(1)
        assert np.array_equal(line.heard(), np.concatenate([ramp(300, 10_000), ramp(200)]))
        assert not line.gaps_ms()
        assert news.at(PlayoutStarted) == [300 * MS]
        assert news.of(PlayoutFinished) == [PlayoutFinished(ONE, "Yes.")]

    with_speaker(scenario)


def test_a_filler_that_comes_too_late_is_not_said_into_the_reply() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        await speaker.feed(ONE, speech(500))
        speaker.complete(ONE)
        speaker.open_gate(ONE)
        await asyncio.sleep(0.1)
        speaker.fill(ONE, [speech(300, "One moment.", 10_000)])
        await asyncio.sleep(1)
        assert np.array_equal(line.heard(), ramp(500))

    with_speaker(scenario)


def test_a_filler_is_said_to_its_end_before_another() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        speaker.fill(ONE, [speech(300, "One moment.", 10_000)])
        await asyncio.sleep(0.1)
        speaker.fill(ONE, [speech(300, "Still looking.", 15_000)])
        await asyncio.sleep(1)
        assert np.array_equal(line.heard(), ramp(300, 10_000))

    with_speaker(scenario)


def test_a_filler_that_is_ready_while_the_caller_talks_waits_for_the_floor() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        speaker.pause(ONE)
        speaker.fill(ONE, [speech(300, "One moment.", 10_000)])
        await asyncio.sleep(1)
        assert not line.sent_at
        speaker.resume(ONE)
        await asyncio.sleep(1)
        await speaker.feed(ONE, speech(200, "Yes."))
        speaker.complete(ONE)
        assert np.array_equal(line.heard(), ramp(300, 10_000)), "the gate is still closed"
        speaker.open_gate(ONE)
        await asyncio.sleep(1)
        assert np.array_equal(line.heard(), np.concatenate([ramp(300, 10_000), ramp(200)]))

    with_speaker(scenario)


def test_resuming_does_not_open_the_gate() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        await speaker.feed(ONE, speech(200, "Yes."))
        speaker.pause(ONE)
        speaker.resume(ONE)
        await asyncio.sleep(1)
        assert not line.sent_at

    with_speaker(scenario)


def test_stopped_during_a_filler_nothing_of_the_reply_was_heard() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        await speaker.feed(ONE, speech(200, "Yes."))
        speaker.fill(ONE, [speech(300, "One moment.", 10_000)])
        await asyncio.sleep(0.25)
        speaker.open_gate(ONE)
        speaker.stop(ONE)
        assert news.of(PlayoutStopped) == [PlayoutStopped(ONE, "", "Yes.")]
        await asyncio.sleep(1)
        assert len(line.heard()) <= RATE * 270 // 1000

    with_speaker(scenario)


def test_late_speech_leaves_a_gap_and_loses_nothing() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        await speaker.feed(ONE, speech(100, "One "))
        speaker.open_gate(ONE)
        await asyncio.sleep(0.5)
        await speaker.feed(ONE, speech(100, "two", 1 + RATE // 10))
        speaker.complete(ONE)
        await asyncio.sleep(1)
        heard = line.heard()
        assert news.of(PlayoutFinished) == [PlayoutFinished(ONE, "One two")]
        first, second = ramp(100), ramp(100, 1 + RATE // 10)
        assert np.array_equal(heard[: len(first)], first)
        assert np.array_equal(heard[-len(second) + RATE * 15 // 1000 :], second[RATE * 15 // 1000 :])

    with_speaker(scenario)


def test_frames_are_20_ms_long() -> None:
    async def scenario(speaker: Speaker, line: FakeLine, news: News) -> None:
        speaker.begin(ONE)
        await speaker.feed(ONE, speech(33))
        speaker.complete(ONE)
        speaker.open_gate(ONE)
        await asyncio.sleep(1)
        assert {len(samples) for _, samples in line._playing} == {FRAME}

    with_speaker(scenario)
