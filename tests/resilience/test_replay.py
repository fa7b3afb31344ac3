from __future__ import annotations

import sys
import tracemalloc

import numpy as np
import pytest

from hocket.audio.frame import FRAME_MS, Frame, Samples, silence
from hocket.resilience.replay import KEPT_S, SILENCE_MS, Backlog, Feed
from hocket.sim.loop import run
from hocket.sim.script import Word
from hocket.stages.stt import Transcript
from tests.resilience.ears import FRAME, RATE, EarStream, EarStt, frames, loud_for

MS = RATE // 1000
LATER = 5000
"""Media time of the first sample: calls need not begin at 0."""


def backlog_of(*spoken_ms: tuple[int, int], lasts_ms: int = 4000) -> Backlog:
    backlog = Backlog(RATE)
    for frame in frames(loud_for([Word("x", *each) for each in spoken_ms], lasts_ms)):
        backlog.push(Frame(frame.samples, RATE, frame.at + LATER))
    return backlog


def fed(backlog: Backlog, since_ms: int = 0, ask_ms: int | None = None) -> tuple[Feed, EarStream]:
    async def body() -> tuple[Feed, EarStream]:
        stream = await EarStt(()).open(RATE)
        feed = Feed(stream, backlog, since_ms * MS)
        if ask_ms is not None:
            feed.ask(ask_ms * MS)
        feed.catch_up(sys.maxsize)
        return feed, stream

    return run(body())


def sent_ms(stream: EarStream) -> list[tuple[int, int]]:
    """The stretches that were sent, in ms of the call."""
    found: list[tuple[int, int]] = []
    for _, frame in stream.given:
        start, end = (frame.at - LATER) // MS, (frame.end - LATER) // MS
        joins = bool(found) and found[-1][1] == start
        found.append((found.pop()[0] if joins else start, end))
    return found


def test_a_call_that_is_over_keeps_no_audio() -> None:
    backlog = backlog_of((0, 1000))
    end = backlog.end
    backlog.forget()
    assert (backlog.end, backlog.voiced(0, end)) == (0, 0)
    backlog.push(Frame(silence(RATE // 50), RATE, end))  # one that was on its way
    assert len(backlog.piece(0).samples) == 1


def test_voice_is_sent_again_with_an_edge_of_silence() -> None:
    edge = SILENCE_MS // 2
    feed, stream = fed(backlog_of((1000, 1500), (1740, 2000), (3000, 3100)))
    expected = [(0, edge), (1000 - edge, 2000 + edge), (3000 - edge, 3100 + edge), (4000 - edge, 4000)]
    assert np.array(sent_ms(stream)) == pytest.approx(np.array(expected), abs=FRAME_MS)
    assert feed.live
    assert feed.reached == 4000 * MS


def test_what_is_sent_again_begins_where_nothing_is_settled() -> None:
    _, stream = fed(backlog_of((1000, 1500)), since_ms=1310)
    start_ms, end_ms = sent_ms(stream)[0]
    assert start_ms == 1310
    assert end_ms == pytest.approx(1650, abs=FRAME_MS)


def test_sound_survives_as_on_a_telephone() -> None:
    samples = loud_for([Word("x", 0, 100)], 100)
    backlog = Backlog(RATE)
    for frame in frames(samples):
        backlog.push(frame)
    again: Samples = np.concatenate([frame.samples for _, frame in fed(backlog)[1].given])
    assert np.corrcoef(again, samples)[0, 1] > 0.999


def test_positions_are_told_apart_by_what_was_left_out() -> None:
    feed, stream = fed(backlog_of((1000, 1500), (3000, 3100)))

    def ours_ms(until_ms: int) -> float:
        return feed.settled_by(Transcript("", True, until_ms=until_ms)) / MS

    given_ms = 0.0
    for _, frame in stream.given:
        assert ours_ms(round(given_ms)) == (frame.at - LATER) / MS
        given_ms += frame.duration_ms
    assert ours_ms(round(given_ms)) == 4000
    assert ours_ms(99_999) == 4000, "nothing is settled that was not given"


def test_a_final_is_asked_for_when_so_much_has_been_given() -> None:
    backlog = backlog_of((1000, 2000))

    async def body() -> None:
        stream = await EarStt(()).open(RATE)
        feed = Feed(stream, backlog, 1000 * MS)
        feed.ask(1500 * MS)
        feed.catch_up(480 * MS)
        assert stream.finalized == 0
        feed.catch_up(520 * MS)
        assert stream.finalized == 1
        assert feed.settled_by(Transcript("", True, finalized=True)) == 1500 * MS
        answered = feed.answered(1500 * MS)
        assert answered is not None
        assert answered.position == 1500 * MS
        assert feed.answered(1500 * MS) is None

    run(body())


def test_one_answer_covers_all_that_was_asked_shortly_before() -> None:
    feed, stream = fed(backlog_of(lasts_ms=400))

    async def body() -> None:
        for position in (400 * MS, 400 * MS):
            feed.ask(position)
        answered = feed.answered(400 * MS)
        assert answered is not None
        assert feed.answered(400 * MS) is None

    run(body())
    assert stream.finalized == 2


def test_voice_that_an_answer_leaves_out_is_measured() -> None:
    feed, _ = fed(backlog_of((1000, 1500), lasts_ms=2000), ask_ms=2000)
    assert feed.leaves_out(2000 * MS) == 0
    assert feed.leaves_out(1800 * MS) == 0
    assert feed.leaves_out(1300 * MS) == pytest.approx(200 * MS, abs=FRAME)


def test_frames_whose_turn_comes_too_late_are_counted() -> None:
    backlog = Backlog(RATE)
    feed = Feed(run(EarStt(()).open(RATE)), backlog, 0)
    feed.live = False
    voice = loud_for([Word("x", 0, 1000)], 1000)
    for second in range(KEPT_S + 2):
        for frame in frames(voice):
            backlog.push(Frame(frame.samples, RATE, frame.at + second * RATE))

    async def body() -> None:
        feed.catch_up(RATE)

    run(body())
    assert feed.overrun == 2 * RATE
    assert feed.reached == 3 * RATE


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_a_call_keeps_no_more_than_half_a_mebibyte(rate: int) -> None:
    rng = np.random.default_rng(0)
    size = rate * FRAME_MS // 1000
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        backlog = Backlog(rate)
        for index in range(3000):
            loud = 3000 if index % 40 < 10 else 3  # a new stretch of voice as often as can be
            backlog.push(Frame((loud * rng.standard_normal(size)).astype(np.int16), rate, index * size))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used - before < 512 * 1024
