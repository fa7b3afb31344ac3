from __future__ import annotations

import numpy as np

from hocket.audio.frame import Samples, silence
from hocket.sim.script import Word
from hocket.sim.wire.hearing import Hearing, plain, punctuated
from hocket.sim.wire.track import Track
from tests.sim.wire.scripted import RATE, SCRIPT


def texts(words: list[Word]) -> list[str]:
    return [word.text for word in words]


def test_a_word_is_shown_100_ms_after_it_ends() -> None:
    hearing = Hearing(SCRIPT, RATE)
    for position_ms, shown in ((299, []), (300, ["Could"]), (399, ["Could"]), (400, ["Could", "you"])):
        hearing.position_ms = position_ms
        assert texts(hearing.interim()) == shown


def test_a_final_settles_words_that_have_mostly_come() -> None:
    hearing = Hearing(SCRIPT, RATE)
    hearing.position_ms = 250
    assert texts(hearing.final()) == ["Could"]
    hearing.position_ms = 460
    assert texts(hearing.final()) == ["you", "move", "it"]
    assert hearing.final() == []
    hearing.position_ms = 1000
    assert texts(hearing.interim()) == ["to", "Friday?"]
    assert texts(hearing.final()) == ["to", "Friday?"]
    assert hearing.interim() == []


def test_silence_counts_from_the_last_word_that_is_not_settled() -> None:
    hearing = Hearing(SCRIPT, RATE)
    silences = []
    for position_ms in (50, 150, 500, 650, 750, 1000):
        hearing.position_ms = position_ms
        silences.append(hearing.silence_ms())
    assert silences == [None, 0.0, 0.0, 150.0, 0.0, 100.0]
    hearing.final()
    assert hearing.silence_ms() is None


def test_a_word_of_a_track_breaks_the_silence_before_it_is_known() -> None:
    noise = (3000 * np.random.default_rng(5).standard_normal(RATE)).astype(np.int16)
    hearing = Hearing(Track(noise, RATE, (Word("Hello", 100, 300), Word("everybody", 320, 900))), RATE)
    hearing.hear(noise[: RATE * 600 // 1000])
    assert hearing.silence_ms() == 0.0
    assert texts(hearing.final()) == ["Hello"], "of the second word less than 60 % has come"


def test_words_may_be_added_while_it_listens() -> None:
    said = list(SCRIPT[:1])
    hearing = Hearing(said, RATE)
    hearing.position_ms = 1000
    assert texts(hearing.final()) == ["Could"]
    said.append(Word("you", 1000, 1200))
    hearing.position_ms = 1400
    assert texts(hearing.interim()) == ["you"]


class Waiter:
    """Hears one word in whatever comes, and that somebody goes on speaking."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.sounded_ms = 0.0

    def hear(self, samples: Samples) -> None:
        self.words.append(Word("Waiter!", 0, 20))
        self.sounded_ms = 90.0


def test_an_ear_finds_the_words_itself() -> None:
    hearing = Hearing(Waiter(), RATE)
    assert hearing.silence_ms() is None
    hearing.hear(silence(RATE // 10))
    assert hearing.silence_ms() == 10.0, "somebody spoke until 90 ms, though the word ended at 20"
    assert texts(hearing.final()) == ["Waiter!"]


def test_every_pause_is_taken_for_the_end_of_a_sentence() -> None:
    assert punctuated(SCRIPT[1:4]) == ["You", "move", "it."]
    assert punctuated([Word("well,", 0, 1)]) == ["Well."]
    assert punctuated(SCRIPT[4:]) == ["To", "Friday?"]
    assert punctuated([]) == []
    assert plain(SCRIPT[5]) == "friday"
