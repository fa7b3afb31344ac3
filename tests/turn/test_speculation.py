"""Early starts: on the freshest words, within a budget, and only while they pay."""

from __future__ import annotations

import pytest

from hocket.turn.commands import CancelReply, CommitTurn, Finalize, StartReply
from hocket.turn.config import TurnConfig
from hocket.turn.events import ReplyFailed, SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped, Transcribed
from hocket.turn.speculation import CALLS_PER_TURN, LEAD, Speculation
from tests.turn.talk import MS, QUESTION, Talk


def starts(talk: Talk) -> list[tuple[str, bool]]:
    return [(start.text, start.speculative) for start in talk.of(StartReply)]


@pytest.mark.parametrize(
    ("words_at", "starts_at"),
    [
        (1950, 2000 + 140),  # the last word may still be missing
        (2060, 2080),  # words so late hold it: the pause is all that is waited for
        (2100, 2100),
    ],
)
def test_a_reply_begins_once_the_last_word_has_had_its_time(words_at: int, starts_at: int) -> None:
    talk = Talk()
    talk.at(1055, SpeechStarted(1000 * MS))
    talk.at(min(words_at, 2079), Transcribed("what time do you" if words_at > 2079 else QUESTION, final=False))
    talk.at(2080, SpeechPaused(2000 * MS))
    if words_at > 2080:
        talk.at(words_at, Transcribed(QUESTION, final=False))
    talk.until(3000)
    assert talk.time_of(StartReply) == starts_at
    assert talk.time_of(Finalize) == starts_at, "a final under way would hold up the interim with the last word"


def test_an_unfinished_sentence_gets_its_reply_shortly_before_the_commit() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "i would like to")
    talk.until(5000)
    assert talk.time_of(StartReply) == pytest.approx(talk.time_of(CommitTurn) - LEAD / MS, abs=0.001)


def test_a_pause_that_was_none_starts_nothing() -> None:
    talk = Talk()
    talk.at(1055, SpeechStarted(1000 * MS))
    talk.at(1950, Transcribed(QUESTION, final=False))
    talk.at(2080, SpeechPaused(2000 * MS))
    talk.at(2100, SpeechResumed())
    talk.until(3000)
    assert not talk.of(StartReply)


def test_words_that_no_longer_read_complete_call_off_the_start_that_was_due() -> None:
    talk = Talk()
    talk.at(1055, SpeechStarted(1000 * MS))
    talk.at(1950, Transcribed(QUESTION, final=False))
    talk.at(2080, SpeechPaused(2000 * MS))
    talk.at(2090, Transcribed(f"{QUESTION} because", final=False))
    talk.at(2105, SpeechStopped(2000 * MS))
    talk.until(2300)
    assert not talk.of(StartReply)


def test_other_words_replace_the_reply_within_the_budget() -> None:
    talk = Talk()
    talk.at(1055, SpeechStarted(1000 * MS))
    talk.at(2080, SpeechPaused(2000 * MS))
    for nth, text in enumerate(
        ["do you have a boat", "do you have a coat", "do you have a goat", "do you have a note"]
    ):
        talk.at(2100 + 10 * nth, Transcribed(text, final=False))
    talk.at(2140, SpeechStopped(2000 * MS))
    talk.until(3000)
    assert starts(talk) == [
        ("do you have a boat", True),
        ("do you have a coat", True),
        ("do you have a goat", True),
        ("do you have a note", False),
    ]
    assert len(talk.of(CancelReply)) == CALLS_PER_TURN


def test_the_next_utterance_has_its_own_budget_though_the_reply_before_failed() -> None:
    talk = Talk(TurnConfig(apology=""))
    talk.speak(1000, 2000, QUESTION)
    talk.at(2200, ReplyFailed(talk.reply, "overloaded"))
    talk.at(2230, Transcribed(f"{QUESTION} please", final=False))
    talk.until(2500)
    talk.at(2500, ReplyFailed(talk.reply, "overloaded"))
    talk.final(2600, f"{QUESTION} please")
    talk.speak(4000, 5000, QUESTION)
    assert starts(talk)[-1] == (QUESTION, True)


def test_without_speculation_the_reply_begins_at_the_commit() -> None:
    talk = Talk(TurnConfig(speculate=False))
    talk.speak(1000, 2000, QUESTION)
    talk.until(3000)
    assert starts(talk) == [(QUESTION, False)]


@pytest.mark.parametrize(
    ("outcomes", "pays"),
    [
        ([], True),
        ([False] * 7, True),  # too few to say
        ([False] * 8, False),
        ([True] * 3 + [False] * 7, True),
        ([True] * 2 + [False] * 7, False),
        ([True] * 20 + [False] * 16, False),  # what was long ago does not count
        ([False] * 20 + [True] * 16, True),
    ],
)
def test_early_starts_pay_while_enough_are_committed(outcomes: list[bool], pays: bool) -> None:
    record = Speculation()
    record.outcomes.extend(outcomes)
    assert record.pays is pays


def test_where_early_starts_do_not_pay_the_first_comes_with_the_candidate() -> None:
    talk = Talk()
    talk.engine._state.speculation.outcomes.extend([False] * 8)
    talk.speak(1000, 2000, QUESTION)
    talk.at(2110, SpeechStopped(2000 * MS))
    talk.until(3000)
    assert talk.time_of(StartReply) == 2105 + 110


def test_the_final_of_an_earlier_pause_does_not_stand_for_the_words_that_came_since() -> None:
    talk = Talk()
    talk.at(1055, SpeechStarted(1000 * MS))
    talk.at(1700, Transcribed("what is the soup", final=False))
    talk.at(1705, SpeechPaused(1600 * MS))
    talk.at(1750, SpeechResumed())
    talk.at(1790, Transcribed("What is the soup.", final=True, finalized=True))
    started = len(talk.of(StartReply))
    talk.at(2080, SpeechPaused(2000 * MS))
    talk.at(2099, SpeechStopped(2000 * MS))
    assert len(talk.of(StartReply)) == started, "the last word is under way"
    talk.at(2100, Transcribed("today", final=False))
    assert starts(talk)[-1] == ("What is the soup. today", True)
