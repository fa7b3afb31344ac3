from __future__ import annotations

from random import Random

from hocket.sim.recognition import INTERIM_MS, Recognition
from hocket.sim.script import spoken
from hocket.sim.timeline import Timeline

TURN = spoken("statement", "Please put me through, to the billing department.", Random(1))


def heard(seed: int = 0) -> tuple[Recognition, Timeline]:
    timeline = Timeline()
    recognition = Recognition(timeline.words, Random(seed))
    timeline.say(1000, TURN)
    return recognition, timeline


def test_a_word_is_shown_once_it_is_old_enough() -> None:
    recognition, timeline = heard()
    first, second = timeline.words[:2]
    assert recognition.interim(first.end_ms + INTERIM_MS - 1) is None
    assert recognition.interim(first.end_ms + INTERIM_MS) == "please"
    assert recognition.interim(first.end_ms + INTERIM_MS) is None
    assert recognition.interim(second.end_ms + INTERIM_MS) == "please put"


def test_a_final_holds_words_that_no_interim_has_shown() -> None:
    recognition, timeline = heard()
    assert recognition.final(timeline.words[-1].end_ms) == TURN.text
    assert recognition.interim(99_000) is None
    assert recognition.final(99_000) == ""


def test_a_word_of_which_little_was_said_is_not_heard() -> None:
    recognition, timeline = heard()
    second = timeline.words[1]
    assert recognition.final(second.start_ms + 20).rstrip(".") == "Please"
    assert recognition.settled_ms(second.start_ms + 20) == second.start_ms
    rest = recognition.final(99_000)
    assert rest == "put me through, to the billing department."
    assert recognition.settled_ms(99_000) == 99_000


def test_one_that_begins_in_the_middle_hears_words_of_which_most_is_left() -> None:
    for late_ms, expected in ((20, "put me through"), (-20, "put me through"), (150, "me through")):
        recognition, timeline = heard()
        recognition.begin(timeline.words[1].start_ms + late_ms)
        assert recognition.final(99_000).startswith(expected), late_ms
        assert recognition.interim(99_000) is None


def test_a_final_in_mid_sentence_often_gets_a_full_stop() -> None:
    stopped = 0
    for seed in range(200):
        recognition, timeline = heard(seed)
        stopped += recognition.final(timeline.words[1].end_ms).endswith(".")
    assert 70 < stopped < 130
