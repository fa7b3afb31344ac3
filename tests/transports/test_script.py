from __future__ import annotations

import numpy as np
import pytest

from hocket.audio.frame import Frame, silence
from hocket.audio.levels import rms_dbfs
from hocket.sim.loop import run
from hocket.transports.files import FilesTransport
from hocket.transports.script import Line, after_agent, at, during_agent
from tests import speech
from tests.transports.far_end import RATE, Agent, call, left_at, line, stretches, voice


def test_a_line_is_delivered_exactly_and_between_lines_there_is_room_tone() -> None:
    clip = speech.clip("read_sentence/arctic_a0024.wav")
    agent = call([Line(Frame(clip, RATE, 0), at(1_010))])
    heard = agent.caller()
    begin = round(1.01 * RATE)
    assert np.array_equal(heard[begin : begin + len(clip)], clip)
    for rest in (heard[:begin], heard[begin + len(clip) :]):
        blocks = rest[: len(rest) // 160 * 160].reshape(-1, 160)
        assert blocks.any(axis=1).all()
        assert -72 < rms_dbfs(rest) < -45


def test_room_tone_is_as_loud_as_the_lines_own() -> None:
    noisy = np.random.default_rng(0).normal(0, 32768 * 10 ** (-52 / 20), RATE).astype(np.int16)
    assert rms_dbfs(call([Line(Frame(noisy, RATE, 0), at(500))]).caller()[:8_000]) == pytest.approx(-52, abs=1)
    padded = np.concatenate((silence(3_000), voice(0.3), silence(3_000)))
    assert rms_dbfs(call([Line(Frame(padded, RATE, 0), at(500))]).caller()[:8_000]) == pytest.approx(-70, abs=1)


def test_after_agent_waits_for_its_quiet() -> None:
    agent = call([line(0.4, after_agent(600))], [(0.5, 1.0), (1.9, 0.5)])
    assert stretches(agent.caller()) == [(3.0, 3.4)]


def test_an_agent_that_never_speaks_is_waited_for_six_seconds() -> None:
    agent = call([line(0.4, after_agent(600)), line(0.4, during_agent(300))])
    assert stretches(agent.caller()) == [(6.0, 6.4), (12.4, 12.8)]
    assert left_at(agent) == pytest.approx(18.82, abs=0.021)


def test_an_agent_that_never_stops_is_not_waited_for_for_ever() -> None:
    agent = call([line(0.4, after_agent(600))], [(0.5, 70)], tail_ms=300)
    assert stretches(agent.caller()) == [(60.0, 60.4)]


def test_during_agent_counts_from_its_first_sound() -> None:
    agent = call([line(1.0, during_agent(700))], [(1.0, 0.8), (3.5, 0.5)])
    assert stretches(agent.caller()) == [(1.7, 2.7)]
    assert left_at(agent) == pytest.approx(4.5, abs=0.021)


def test_what_an_agent_says_while_it_is_interrupted_is_no_answer() -> None:
    """It yields 200 ms after the barge-in, whose caller speaks on for a second; the answer comes later."""
    agent = call([line(1.2, during_agent(500)), line(0.4, after_agent(400))], [(1.0, 0.7), (3.0, 1.0)])
    assert stretches(agent.caller()) == [(1.5, 2.7), (4.4, 4.8)]


def test_an_answer_that_begins_before_the_files_trailing_silence_is_over_counts() -> None:
    trailing = np.concatenate((voice(0.5, RATE, 9_000), silence(RATE)))
    lines = [Line(Frame(trailing, RATE, 0), at(1_000)), line(0.3, after_agent(700))]
    agent = call(lines, [(1.8, 0.5)])
    assert stretches(agent.caller()) == [(1.0, 1.5), (3.0, 3.3)]


def test_a_backchannel_and_then_a_barge_in_into_the_same_speech() -> None:
    agent = call([line(0.2, during_agent(500)), line(0.6, during_agent(800))], [(1.0, 4.0)])
    (first, first_end), (second, _) = stretches(agent.caller())
    assert (first, first_end) == (1.5, 1.7)
    assert second == pytest.approx(2.5, abs=0.021)


def test_an_inaudible_agent_has_not_spoken() -> None:
    async def scenario() -> Agent:
        transport = FilesTransport([line(0.3, after_agent(200))], tail_ms=100, patience_ms=1_000)
        agent = Agent(transport)
        await transport.start(agent)
        transport.send(np.full(8_000, 60, np.int16))
        await agent.ended.wait()
        await transport.close()
        return agent

    assert stretches(run(scenario()).caller()) == [(1.0, 1.3)]


def test_no_lines_at_all_is_a_caller_who_only_listens() -> None:
    assert left_at(call([], [(0.2, 0.5)])) == pytest.approx(1.2, abs=0.021)
