from __future__ import annotations

from itertools import count
from random import Random

from hocket.sim.caller import GAP_MS, GREETING_MS, NEVER, PATIENCE_MS, Manners, SimCaller
from hocket.sim.script import Utterance, spoken

TURN = spoken("answer", "Yes please.", Random(1))


def caller(turns: int = 3, manners: Manners = Manners(), seed: int = 1) -> SimCaller:  # noqa: B008
    return SimCaller(Random(seed), manners=manners, script=[TURN] * turns)


def speaks_next(caller: SimCaller, agent_until_ms: int, from_ms: int = 0) -> tuple[int, Utterance | None]:
    """Tick until the caller says something or hangs up; returns when and what."""
    for now_ms in count(from_ms, 20):
        if now_ms >= caller.wake_ms:
            utterance = caller.speaks(now_ms, agent_until_ms)
            if utterance is not None or caller.hung_up:
                return now_ms, utterance
    raise AssertionError


def test_without_a_greeting_the_caller_begins() -> None:
    now_ms, utterance = speaks_next(caller(), 0)
    assert GREETING_MS <= now_ms < GREETING_MS + 20
    assert utterance is TURN


def test_a_greeting_is_heard_out() -> None:
    one = caller()
    one.agent_began(100)
    now_ms, _ = speaks_next(one, 4000)
    assert 4000 + GAP_MS[0] <= now_ms <= 4000 + GAP_MS[1] + 20


def test_the_caller_waits_for_the_end_of_the_answer_and_then_a_human_gap() -> None:
    gaps = []
    for seed in range(50):
        one = caller(seed=seed)
        began, _ = speaks_next(one, 0)
        ended = began + TURN.last_speech_ms
        one.agent_began(ended + 400)
        now_ms, utterance = speaks_next(one, ended + 3000, began + 20)
        assert utterance is TURN
        gaps.append(now_ms - ended - 3000)
    assert min(gaps) >= GAP_MS[0]
    assert max(gaps) <= GAP_MS[1] + 20
    assert len(set(gaps)) > 20


def test_without_an_answer_the_caller_loses_patience() -> None:
    one = caller()
    began, _ = speaks_next(one, 0)
    now_ms, utterance = speaks_next(one, 0, began + 20)
    assert utterance is TURN
    assert 0 <= now_ms - (began + TURN.last_speech_ms + PATIENCE_MS) < 20


def test_sound_that_cut_in_is_no_answer() -> None:
    one = caller()
    began, _ = speaks_next(one, 0)
    one.agent_began(began + 100)
    now_ms, _ = speaks_next(one, began + 300, began + 20)
    assert now_ms >= began + TURN.last_speech_ms + PATIENCE_MS


def test_the_caller_hangs_up_after_the_last_answer() -> None:
    one = caller(turns=1)
    began, _ = speaks_next(one, 0)
    one.agent_began(began + TURN.last_speech_ms + 400)
    _, utterance = speaks_next(one, began + 4000, began + 20)
    assert utterance is None
    assert one.hung_up
    assert one.wake_ms == NEVER


def test_barging_in_takes_the_next_turn_while_the_agent_speaks() -> None:
    one = caller(manners=Manners(barge_in=1.0))
    began, _ = speaks_next(one, 0)
    answered = began + TURN.last_speech_ms + 400
    one.agent_began(answered)
    now_ms, utterance = speaks_next(one, answered + 5000, began + 20)
    assert utterance is TURN
    assert 300 <= now_ms - answered <= 1520


def test_too_late_to_barge_in_is_an_ordinary_turn() -> None:
    one = caller(manners=Manners(barge_in=1.0))
    began, _ = speaks_next(one, 0)
    answered = began + TURN.last_speech_ms + 400
    one.agent_began(answered)
    now_ms, utterance = speaks_next(one, answered + 200, began + 20)
    assert utterance is TURN
    assert now_ms >= answered + 200 + GAP_MS[0]


def test_a_backchannel_is_no_turn() -> None:
    one = caller(turns=2, manners=Manners(backchannel=1.0))
    began, _ = speaks_next(one, 0)
    answered = began + TURN.last_speech_ms + 400
    one.agent_began(answered)
    at_ms, aside = speaks_next(one, answered + 5000, began + 20)
    assert aside is not None
    assert aside.kind == "backchannel"
    one.agent_began(at_ms + 300)
    now_ms, turn = speaks_next(one, answered + 5000, at_ms + 20)
    assert turn is TURN
    assert now_ms >= answered + 5000 + GAP_MS[0]


def test_manners_are_kept_as_often_as_they_say() -> None:
    manners = Manners(barge_in=0.3, backchannel=0.2, cough=0.1)
    kinds = []
    for seed in range(600):
        one = caller(manners=manners, seed=seed)
        began, _ = speaks_next(one, 0)
        answered = began + TURN.last_speech_ms + 400
        one.agent_began(answered)
        now_ms, utterance = speaks_next(one, answered + 9000, began + 20)
        assert utterance is not None
        kinds.append(utterance.kind if now_ms < answered + 9000 else "none")
    assert 150 < kinds.count("answer") < 210
    assert 90 < kinds.count("backchannel") < 150
    assert 35 < kinds.count("cough") < 85
