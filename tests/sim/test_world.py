from __future__ import annotations

from itertools import pairwise
from random import Random

import msgspec
import numpy as np

from hocket.clock import MS, SECOND, cpu_time
from hocket.sim.caller import Manners
from hocket.sim.script import spoken
from hocket.sim.world import WorldRun, simulate
from hocket.trace.records import Entry
from hocket.turn import commands as c
from hocket.turn import events as e
from hocket.turn.config import TurnConfig
from hocket.turn.endpointing import PRESETS
from hocket.turn.engine import TurnEngine

BUSY = Manners(barge_in=0.15, backchannel=0.1, cough=0.1)


def many(calls: int, turns: int = 20, **options: object) -> list[WorldRun]:
    return [simulate(seed, turns=turns, **options) for seed in range(calls)]  # type: ignore[arg-type]


def responses_ms(runs: list[WorldRun], *kinds: str) -> np.ndarray:
    return np.array(
        [
            turn.response_ns / MS
            for run in runs
            for turn in run.turns
            if turn.response_ns is not None and turn.utterance.kind in kinds
        ]
    )


def test_the_same_seed_gives_the_same_trace_byte_for_byte() -> None:
    assert simulate(5, manners=BUSY).trace() == simulate(5, manners=BUSY).trace()
    assert simulate(5, manners=BUSY).trace() != simulate(6, manners=BUSY).trace()


def test_the_trace_reads_back_and_replays() -> None:
    """The events alone make a fresh engine give the same commands."""
    run = simulate(7, manners=BUSY)
    entries = [msgspec.json.decode(line, type=Entry) for line in run.trace().splitlines()]
    assert entries == run.entries
    engine = TurnEngine()
    replayed: list[c.Command] = []
    commands = [entry.record for entry in entries if type(entry.record).__module__ == c.__name__]
    for entry in entries:
        if type(entry.record).__module__ == e.__name__:
            replayed += engine.handle(entry.now, entry.record)  # type: ignore[arg-type]
    assert replayed == commands


def test_every_turn_of_a_polite_call_is_answered() -> None:
    for run in many(10):
        assert len(run.turns) == 20
        assert all(turn.answered_at is not None or any(turn.cut) for turn in run.turns)
        assert isinstance(run.entries[-2].record, e.CallerLeft) or isinstance(
            run.entries[-1].record, e.CallerLeft | c.EndCall
        )


def test_delays_are_those_of_the_providers() -> None:
    """A finished question: no reply can be heard before a final, a first token and a first byte."""
    reference = responses_ms(many(40), "question", "statement")
    uniform = responses_ms(many(40, uniform=True), "question", "statement")
    assert reference.min() > 80 + 90 + 80
    assert np.median(uniform) > np.median(reference)


def test_waiting_longer_costs_latency_and_saves_cuts() -> None:
    def judge(preset: str) -> tuple[float, float]:
        runs = many(15, config=TurnConfig(endpointing=PRESETS[preset]))
        cuts = [cut for run in runs for turn in run.turns for cut in turn.cut]
        return float(np.median(responses_ms(runs, "question", "statement"))), float(np.mean(cuts))

    safe_ms, safe_cuts = judge("safe")
    hasty_ms, hasty_cuts = judge("aggressive")
    assert safe_ms > hasty_ms + 200
    assert safe_cuts < hasty_cuts / 2


def test_barge_ins_silence_the_agent_and_coughs_do_not_for_long() -> None:
    runs = many(20, manners=Manners(barge_in=0.5))
    yields = [turn.yield_ns for run in runs for turn in run.turns if turn.yield_ns is not None]
    assert len(yields) > 50
    assert np.median(yields) < 100 * MS


def test_after_a_cough_the_agent_goes_on() -> None:
    """Unless the caller speaks first. A cough that outlasts the decision costs more: the rest is said anew."""
    judged = []
    for run in many(20, manners=Manners(cough=0.6)):
        for turn, following in pairwise(run.turns):
            yielded = turn.yield_ns is not None and turn.yield_ns < 400 * MS
            patience = SECOND if turn.utterance.last_speech_ms < 250 else 3 * SECOND
            if turn.utterance.kind == "cough" and yielded and following.onset - turn.onset > 4 * SECOND:
                judged.append(turn.answered_at is not None and turn.answered_at - turn.onset < patience + 400 * MS)
    assert len(judged) > 20
    assert all(judged)


def test_model_calls_are_counted_per_turn() -> None:
    runs = many(5)
    calls = [count for run in runs for count in run.model_calls]
    started = sum(isinstance(entry.record, c.StartReply) for run in runs for entry in run.entries)
    closed = sum(isinstance(entry.record, c.CloseTurn) for run in runs for entry in run.entries)
    assert min(calls) >= 1
    assert 0 <= started - sum(calls) <= 2 * len(runs), "a speculation of a call's end belongs to no turn"
    assert sum(sum(run.outcomes.values()) for run in runs) == closed


def test_a_script_is_said_as_it_stands() -> None:
    script = [spoken("question", "Do you have a table ... for six?", Random(1)), spoken("answer", "Yes.", Random(1))]
    run = simulate(1, script=script)
    assert [turn.utterance for turn in run.turns] == script


def test_a_world_is_thousands_of_times_faster_than_life() -> None:
    """Measured: 30,000 times on an idle core of 2024. The bound leaves room for a busy machine."""
    began = cpu_time()
    simulated = sum(run.ended_at for run in many(20, manners=BUSY))
    assert simulated / (cpu_time() - began) > 5_000


def test_no_turn_fails_where_no_stage_does() -> None:
    assert sum(run.outcomes.get("failed", 0) for run in many(10)) == 0
