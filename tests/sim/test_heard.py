from __future__ import annotations

from random import Random

from hocket.clock import MS
from hocket.sim.heard import Interval, heard_turns
from hocket.sim.script import spoken
from hocket.sim.timeline import Said

TURN = spoken("unfinished", "I want ... that one.", Random(1))
PAUSE = TURN.pauses[0]
END = TURN.last_speech_ms
EPOCH = 7 * MS


def intervals(*edges_ms: tuple[int, int]) -> list[Interval]:
    return [Interval(EPOCH + began * MS, EPOCH + ended * MS) for began, ended in edges_ms]


def test_an_answer_counts_for_the_turn_it_follows() -> None:
    said = [Said(1000, TURN), Said(9000, TURN)]
    sounds = intervals((1000 + END + 300, 6000), (9000 + END + 500, 15_000))
    first, second = heard_turns(said, sounds, EPOCH)
    assert first.response_ns == 300 * MS
    assert second.response_ns == 500 * MS


def test_no_answer_before_the_next_turn_is_none() -> None:
    said = [Said(1000, TURN), Said(9000, TURN)]
    first, second = heard_turns(said, intervals((9000 + END + 500, 15_000)), EPOCH)
    assert first.response_ns is None
    assert second.response_ns == 500 * MS


def test_a_gap_within_a_word_is_no_silence() -> None:
    said = [Said(1000, TURN)]
    (turn,) = heard_turns(said, intervals((500, 1050), (1100, 1180), (1400, 2000)), EPOCH)
    assert turn.over_agent
    assert turn.yield_ns == 180 * MS


def test_a_sound_that_outlasts_the_turn_is_no_answer() -> None:
    (turn,) = heard_turns([Said(1000, TURN)], intervals((500, 1000 + END + 900)), EPOCH)
    assert turn.response_ns is None


def test_cuts_are_told_by_pause() -> None:
    assert PAUSE.end_ms is not None
    inside = 1000 + PAUSE.start_ms + 50
    for began, cut in ((900, False), (1000 + PAUSE.start_ms - 50, False), (inside, True), (1000 + END - 20, True)):
        (turn,) = heard_turns([Said(1000, TURN)], intervals((began, began + 100)), EPOCH)
        assert turn.cut == (cut,), began
