"""Between the commit and the first sound: speech that resumes withdraws the turn, a cough only holds the gate."""

from __future__ import annotations

import pytest

from hocket.turn.commands import AmendTurn, CancelReply, PausePlayout, ResumePlayout, StartPlayout, StartReply, StartSay
from hocket.turn.config import TurnConfig
from hocket.turn.events import (
    SayRequested,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
)
from tests.turn.talk import MS, QUESTION, Talk


def committed(text: str = QUESTION) -> Talk:
    """The turn was committed at 2275, nothing has sounded, and the final has come."""
    talk = Talk()
    talk.speak(1000, 2000, text)
    talk.final(2260, text)
    talk.until(2300)
    return talk


def test_speech_that_resumes_withdraws_the_turn_unheard_and_joins_it() -> None:
    talk = committed()
    talk.at(2310, SpeechStarted(2290 * MS))
    talk.ready(2350)  # the gate is held
    talk.at(2500, Transcribed("on sunday", final=False))
    talk.at(2600, SpeechStopped(2480 * MS))
    talk.until(4000)
    assert talk.outcomes == ["withdrawn"]
    assert talk.committed == [QUESTION, f"{QUESTION} on sunday"]
    assert talk.heard_turns == [f"{QUESTION} on sunday"]
    assert not talk.of(StartPlayout)


def test_a_cough_only_holds_the_gate() -> None:
    talk = committed()
    talk.at(2310, SpeechStarted(2290 * MS))
    talk.ready(2330)
    talk.at(2430, SpeechStopped(2380 * MS))
    talk.until(2600)
    assert not talk.outcomes
    assert talk.time_of(StartPlayout) == 2510


def test_a_gap_in_speech_at_the_decision_does_not_let_the_agent_talk_over_it() -> None:
    talk = committed()
    talk.ready(2305)
    talk.at(2310, SpeechStarted(2290 * MS))
    talk.at(2480, SpeechPaused(2400 * MS))
    talk.at(2520, SpeechResumed())  # the decision was at 2510
    assert talk.time_of(ResumePlayout) == 2510
    assert talk.time_of(PausePlayout, -1) == 2520
    talk.until(2800)
    assert talk.outcomes == ["withdrawn"]


def test_music_after_the_commit_does_not_hang_the_call() -> None:
    talk = committed()
    talk.at(2310, SpeechStarted(2290 * MS))
    talk.until(20_000)
    assert talk.committed == [QUESTION, QUESTION]  # withdrawn, and committed when the music proved to be music


def test_a_final_that_means_something_else_restarts_the_reply() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "do you have six kayaks")
    talk.until(2290)
    talk.final(2300, "do you have sick kayaks")
    assert talk.of(AmendTurn)
    assert [start.text for start in talk.of(StartReply)] == ["do you have six kayaks", "do you have sick kayaks"]
    talk.ready(2400, 1)
    assert not talk.of(StartPlayout)  # the old reply is behind the fence
    talk.ready(2500)
    assert talk.of(StartPlayout)
    assert talk.heard_turns == ["do you have sick kayaks"]


def test_case_and_punctuation_are_no_new_meaning() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "what's the price")
    talk.until(2290)
    talk.final(2300, "What is the price?")
    assert not talk.of(AmendTurn)
    assert not talk.of(CancelReply)


def test_a_turn_whose_tools_have_run_is_amended_once_and_not_answered_again() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "do you have six kayaks")
    talk.ask_tool(2150, "stock")
    talk.until(2290)
    talk.final(2300, "do you have sick kayaks")
    talk.final(2600, "")
    assert len(talk.of(AmendTurn)) == 1
    assert len(talk.of(StartReply)) == 1


def test_a_turn_whose_tools_have_run_is_not_said_twice_when_the_caller_goes_on() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.ask_tool(2150, "hours")
    talk.until(2300)
    talk.at(2310, SpeechStarted(2290 * MS))
    talk.at(2700, Transcribed(f"{QUESTION} on sunday please", final=False))  # the first words are not settled yet
    talk.at(2900, SpeechStopped(2800 * MS))
    talk.final(3100, f"{QUESTION} on sunday please")
    talk.until(5000)
    assert talk.outcomes[0] == "interrupted"
    assert talk.committed == [QUESTION, "on sunday please"]


def test_a_short_word_while_a_saying_is_prepared_is_answered_instead_of_talked_over() -> None:
    talk = Talk(TurnConfig(no_input_ms=3000))
    talk.until(3010)  # "Are you still there?" is being prepared
    talk.at(3020, SpeechStarted(2990 * MS))
    talk.at(3190, SpeechStopped(3170 * MS))
    talk.at(3280, Transcribed("yes", final=False))  # after the decision
    talk.until(4000)
    assert talk.committed == ["yes"]


@pytest.mark.parametrize("ready", [False, True])
def test_a_greeting_that_a_noise_held_back_is_said_after_all(ready: bool) -> None:
    talk = Talk(TurnConfig(greeting="Harbour Kayaks, hello."))
    talk.unheard = "Harbour Kayaks, hello."
    if ready:
        talk.ready(5)
    talk.at(10, SpeechStarted(0))
    talk.at(400, SpeechStopped(390 * MS))
    talk.until(2000)
    assert [say.text for say in talk.of(StartSay)] == ["Harbour Kayaks, hello."] * 2


def test_what_the_agent_asked_is_remembered_when_the_answer_is_withdrawn() -> None:
    talk = Talk()
    talk.answer("can i book a kayak", "What is your phone number?")
    talk.speak(5000, 6000, "it's four one five five five five")
    talk.until(7800)
    talk.ready(7800)
    talk.at(7810, SpeechStarted(7790 * MS))
    talk.unheard = "Thank you."
    talk.at(8000, Transcribed("it's four one five five five five one", final=False))
    assert talk.outcomes[-1] == "withdrawn"
    talk.at(8110, SpeechStopped(8000 * MS))
    talk.until(8110 + 900)
    assert len(talk.committed) == 2  # seven of ten digits: still waited for, as at first


def test_something_to_say_waits_for_the_answer() -> None:
    talk = committed()
    talk.at(2310, SayRequested("By the way."))
    talk.ready(2400)
    talk.audible(2410)
    talk.finish(4000, "At nine.")
    assert talk.time_of(StartSay) == 4000
