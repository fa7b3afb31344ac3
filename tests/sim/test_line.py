from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Literal

import numpy as np
import pytest

from hocket.audio.frame import Frame, silence
from hocket.clock import MS, LoopClock
from hocket.sim.caller import GREETING_MS, Manners, SimCaller
from hocket.sim.line import SimLine
from hocket.sim.loop import run
from hocket.sim.script import spoken
from hocket.sim.timeline import Timeline
from tests.stages.contract import check_transport

RATE = 16_000
ASKS = spoken("unfinished", "I need a table for ... six people. | Tonight.", Random(1))
LOUD = (6000 * np.sign(np.sin((np.arange(320) + 0.5) * np.pi / 16))).astype(np.int16)


def new_line(turns: int = 3, *, manners: Manners = Manners(), refuses: bool = False, rate: int = RATE) -> SimLine:  # noqa: B008
    caller = SimCaller(Random(1), manners=manners, script=[ASKS] * turns)
    return SimLine(caller, Timeline(), rate=rate, refuses=refuses)


class Answering:
    """Answers `after_ms` after the truth: the crudest of agents, for the line's own measurements."""

    def __init__(self, line: SimLine, when: Callable[[int], bool]) -> None:
        self.line = line
        self.when = when
        self.frames: list[Frame] = []
        self.levels: list[int] = []
        self.played_samples: list[tuple[int, int]] = []
        self.gone = asyncio.Event()

    def hear(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.levels += [int(np.abs(half).max()) for half in np.split(frame.samples, 2)]
        if self.when(len(self.frames)):
            self.line.send(LOUD)

    def played(self, sample: int, bound_ms: float, source: Literal["acknowledged", "estimated"]) -> None:
        self.played_samples.append((LoopClock().now(), sample))

    def dtmf(self, digit: str) -> None:
        raise AssertionError("nobody pressed a key")

    def lost(self) -> None: ...

    def back(self) -> None: ...

    def left(self, reason: str) -> None:
        self.gone.set()


async def call(line: SimLine, when: Callable[[int], bool]) -> Answering:
    agent = Answering(line, when)
    await line.start(agent)
    await agent.gone.wait()
    await line.close()
    return agent


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000])
def test_the_line_keeps_the_contract(rate: int) -> None:
    check_transport(
        lambda: new_line(rate=rate), run, broken=lambda: new_line(refuses=True), hangs_up=lambda: new_line(turns=0)
    )


def test_what_is_said_is_loud_exactly_while_it_is_said() -> None:
    agent = run(call(new_line(1), lambda _: False))
    truth: list[bool] = [False] * len(agent.levels)
    for start, end in ASKS.stretches:
        for step in range((GREETING_MS + start) // 10, (GREETING_MS + end) // 10):
            truth[step] = True
    loud = [level > 1000 for level in agent.levels]
    quiet_inside = [at for at, (now, then) in enumerate(zip(loud, truth, strict=True)) if then and not now]
    assert not any(now and not then for now, then in zip(loud, truth, strict=True))
    first, last = GREETING_MS // 10, (GREETING_MS + ASKS.last_speech_ms) // 10
    assert loud[first]
    assert loud[last - 1]
    assert not loud[last]
    inner_words = len(ASKS.words) - len(ASKS.stretches)
    assert len(quiet_inside) == 3 * inner_words, "30 ms of quiet before every word within a stretch"
    assert 0 < max(level for level, now in zip(agent.levels, loud, strict=True) if not now) < 40


def test_frames_come_on_absolute_deadlines() -> None:
    times: list[int] = []

    async def scenario() -> None:
        def when(_: int) -> bool:
            times.append(LoopClock().now())
            return False

        await asyncio.sleep(0.1234)
        await call(new_line(1), when)

    run(scenario())
    assert {later - earlier for earlier, later in pairwise(times)} == {20 * MS}


def test_the_response_is_timed_to_the_sample() -> None:
    """An agent that begins 400 ms after the last word, 3.75 ms into its first frame."""
    answer_at = (GREETING_MS + ASKS.last_speech_ms + 400) // 20
    quiet_start = LOUD.copy()
    quiet_start[:60] = 0

    async def scenario() -> SimLine:
        line = new_line(1)

        def when(frame: int) -> bool:
            if frame == answer_at:
                line.send(quiet_start)
            return answer_at < frame < answer_at + 50

        await call(line, when)
        return line

    (turn,) = run(scenario()).heard()
    assert turn.onset == GREETING_MS * MS
    assert turn.last_speech == turn.onset + ASKS.last_speech_ms * MS
    expected = answer_at * 20 * MS + 60 * 1_000_000_000 // RATE
    assert turn.answered_at == expected
    assert turn.response_ns == expected - turn.last_speech
    assert turn.cut == (False, False)
    assert not turn.over_agent


def test_an_agent_that_speaks_into_a_pause_has_cut_in() -> None:
    pause = ASKS.pauses[1]
    cut_at = (GREETING_MS + pause.start_ms + 150) // 20

    async def scenario() -> SimLine:
        line = new_line(1)
        await call(line, lambda frame: cut_at <= frame < cut_at + 5 or 400 <= frame < 450)
        return line

    (turn,) = run(scenario()).heard()
    assert turn.cut == (False, True)
    assert turn.answered_at is not None
    assert turn.answered_at >= turn.last_speech


def test_yielding_is_timed_from_the_onset_to_the_last_audible_sample() -> None:
    """The agent speaks without end; it clears 60 ms after it is talked over, and fades for 5 ms."""
    fade = silence(320)
    fade[:80] = LOUD[:80]

    async def scenario() -> SimLine:
        line = new_line(2, manners=Manners(barge_in=1.0))
        answer_at = (GREETING_MS + ASKS.last_speech_ms + 400) // 20
        state = {"stop": 1 << 30, "said": 1}

        def when(frame: int) -> bool:
            said = len(line._timeline.said)
            if said == 2 and state["said"] == 1:
                state["said"], state["stop"] = 2, line._timeline.said[1].at_ms // 20 + 3
            if frame == state["stop"]:
                line.send(LOUD)  # one frame too many, which is taken back
                assert line.clear() == 320
                line.send(fade)
            return answer_at <= frame < state["stop"]

        await call(line, when)
        return line

    turns = run(scenario()).heard()
    assert [turn.over_agent for turn in turns] == [False, True]
    assert turns[1].yield_ns == 60 * MS + 5 * MS


def test_what_has_sounded_is_reported_every_tenth_of_a_second() -> None:
    async def scenario() -> Answering:
        return await call(new_line(1), lambda frame: 1 <= frame <= 50)

    reports = run(scenario()).played_samples
    assert {(later[0] - earlier[0]) for earlier, later in pairwise(reports)} == {100 * MS}
    for now, sample in reports:
        assert sample == min(50 * 320, (now - 20 * MS) * RATE // 1_000_000_000)


def test_sound_taken_back_before_it_was_audible_was_never_heard() -> None:
    async def scenario() -> SimLine:
        line = new_line(1)

        def when(frame: int) -> bool:
            if frame == 10:
                line.send(LOUD)
                line.send(silence(320))
                line.clear()
                line.send(silence(320))
            return False

        await call(line, when)
        return line

    line = run(scenario())
    assert line._ear.intervals() == []


def test_the_same_seed_gives_the_same_frames() -> None:
    def frames(seed: int) -> bytes:
        async def scenario() -> bytes:
            rng = Random(seed)
            agent = await call(SimLine(SimCaller(rng, 4), Timeline()), lambda frame: frame % 200 < 30)
            return b"".join(frame.samples.tobytes() for frame in agent.frames)

        return run(scenario())

    assert frames(1) == frames(1)
    assert frames(1) != frames(2)
