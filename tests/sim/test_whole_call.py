"""The real session on simulated stages, on the virtual loop: a whole call, judged by the caller's own stopwatch."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import pytest

from hocket.agent.agent import Agent
from hocket.clock import MS, cpu_time
from hocket.session.pacing import Wheel
from hocket.session.sayings import Sayings
from hocket.session.session import Session, Stages
from hocket.sim.caller import Manners, SimCaller
from hocket.sim.delays import Delays
from hocket.sim.heard import HeardTurn
from hocket.sim.hearing import SimStt, SimVad
from hocket.sim.line import SimLine
from hocket.sim.loop import run
from hocket.sim.speaking import SimLlm, SimTts
from hocket.sim.timeline import Timeline
from hocket.sim.world import simulate
from hocket.turn.config import TurnConfig

BUSY = Manners(barge_in=0.15, backchannel=0.1, cough=0.1)


class Held(NamedTuple):
    turns: list[HeardTurn]
    trace: bytes
    seconds: float


def hold(seed: int, turns: int = 12, manners: Manners = BUSY, takes: Literal["tokens", "segments"] = "tokens") -> Held:
    async def scenario() -> Held:
        rng = Random(seed)
        delays, timeline = Delays.reference(rng), Timeline()
        line = SimLine(SimCaller(rng, turns, manners), timeline)
        tts = SimTts(delays, takes)
        stages = Stages(
            SimVad(timeline, delays, rng), SimStt(timeline, delays, rng), SimLlm(delays), tts, line,
            Sayings(tts, line.output_rate),
        )  # fmt: skip
        session = Session(Agent("Be brief."), stages, TurnConfig(), Wheel(), call_id="1", time="virtual")
        await session.run()
        trace = msgspec.json.Encoder().encode_lines(session.trace.entries)
        return Held(line.heard(), trace, asyncio.get_running_loop().time())

    return run(scenario())


@pytest.mark.parametrize("takes", ["tokens", "segments"])
def test_every_turn_of_a_polite_call_is_answered(takes: Literal["tokens", "segments"]) -> None:
    held = hold(1, manners=Manners(), takes=takes)
    assert len(held.turns) == 12
    assert all(turn.answered_at is not None or any(turn.cut) for turn in held.turns)


def test_the_same_seed_gives_the_same_trace_byte_for_byte() -> None:
    assert hold(2).trace == hold(2).trace
    assert hold(2).trace != hold(3).trace


def test_a_whole_call_is_hundreds_of_times_faster_than_life() -> None:
    """Measured: 900 times on a busy machine."""
    began = cpu_time()
    seconds = hold(4, turns=20).seconds
    assert seconds * 1e9 / (cpu_time() - began) > 250


def test_the_world_of_the_engine_agrees_with_the_session() -> None:
    """Two models of one thing: what policy is tried on in the world must hold on the line."""

    def median(turns: list[HeardTurn]) -> float:
        plain = ("question", "statement")
        return float(
            np.median([t.response_ns / MS for t in turns if t.response_ns is not None and t.utterance.kind in plain])
        )

    on_the_line = median([turn for seed in range(8) for turn in hold(seed, 20, Manners()).turns])
    in_the_world = median([turn for seed in range(8) for turn in simulate(seed, turns=20).turns])
    assert in_the_world == pytest.approx(on_the_line, rel=0.1)
