from __future__ import annotations

from random import Random

import pytest

from hocket.sim.script import caller_turn, spoken
from hocket.sim.timeline import Stretch, Timeline

TURN = spoken("unfinished", "I want ... that one.", Random(1))


def test_utterances_move_to_where_they_are_said() -> None:
    timeline = Timeline()
    timeline.say(1000, TURN)
    assert [word.text for word in timeline.words] == ["I", "want", "that", "one."]
    assert [word.start_ms - 1000 for word in timeline.words] == [word.start_ms for word in TURN.words]
    assert timeline.stretches == [Stretch(1000 + start, 1000 + end, True) for start, end in TURN.stretches]
    assert timeline.said[0].last_speech_ms == 1000 + TURN.last_speech_ms


def test_a_cough_has_no_words() -> None:
    timeline = Timeline()
    timeline.say(0, caller_turn(Random(1), "cough"))
    assert timeline.words == []
    assert [stretch.voiced for stretch in timeline.stretches] == [False]


def test_one_thing_is_said_at_a_time() -> None:
    timeline = Timeline()
    timeline.say(0, TURN)
    with pytest.raises(AssertionError, match="one thing"):
        timeline.say(TURN.last_speech_ms - 10, TURN)
