"""Whole scenarios: what the caller does and when, against what the agent must do and when."""

from __future__ import annotations

import pytest

from hocket.turn.commands import (
    AmendTurn,
    CancelReply,
    CloseTurn,
    CommitTurn,
    EndCall,
    Finalize,
    PausePlayout,
    PlayFiller,
    ResumePlayout,
    RunTool,
    StartPlayout,
    StartReply,
    StartSay,
    StopPlayout,
)
from hocket.turn.config import TurnConfig
from hocket.turn.endpointing import PRESETS
from hocket.turn.events import CallerLeft, EndRequested, SayRequested, SpeechStarted, SpeechStopped, Transcribed
from tests.turn.talk import MS, Talk

from tests.turn.talk import QUESTION


def test_a_complete_question_is_answered_after_both_stages() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.final(2260, QUESTION)
    talk.ready(2350)
    assert talk.time_of(StartReply) == 2100  # on the interim, before the detector's flip at 2105
    assert talk.time_of(Finalize) == 2100  # with it: the settled words confirm it early
    assert talk.time_of(CommitTurn) == 2275  # 60 ms more
    assert talk.time_of(StartPlayout) == 2350
    assert len(talk.of(StartReply)) == 1


@pytest.mark.parametrize(("preset", "wait_ms"), [("safe", 700), ("tuned", 300), ("aggressive", 150)])
def test_fixed_presets_wait_the_same_whatever_the_words(preset: str, wait_ms: int) -> None:
    for text in (QUESTION, "i would like to"):
        talk = Talk(TurnConfig(endpointing=PRESETS[preset]))
        talk.speak(1000, 2000, text)
        talk.until(4000)
        assert talk.time_of(CommitTurn) == 2105 + wait_ms


def test_an_unfinished_sentence_is_waited_for_and_the_rest_joins_it() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "i would like to")
    talk.final(2260, "i would like to")
    talk.speak(2600, 3400, "book a table for six")
    talk.until(4000)
    commits = talk.of(CommitTurn)
    assert [commit.text for commit in commits] == ["i would like to book a table for six"]  # type: ignore[attr-defined]


def test_an_unfinished_sentence_is_answered_at_the_limit() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "i would like to")
    talk.until(5000)
    wait = talk.time_of(CommitTurn) - 2105
    assert 1200 <= wait <= PRESETS["adaptive"].limit_ms


def test_speech_that_resumes_before_a_sound_withdraws_the_turn_unheard() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.until(2300)
    assert talk.of(CommitTurn)
    talk.at(2310, SpeechStarted(2290 * MS))
    talk.ready(2350)  # the gate is held
    talk.at(2500, Transcribed(QUESTION + " on sunday", final=False))
    talk.at(2600, SpeechStopped(2480 * MS))
    talk.until(4000)
    assert [close.outcome for close in talk.of(CloseTurn)] == ["withdrawn"]  # type: ignore[attr-defined]
    assert talk.of(CommitTurn)[-1].text == QUESTION + " on sunday"  # type: ignore[attr-defined]
    assert not talk.of(StartPlayout)


def test_a_cough_after_the_commit_only_holds_the_gate() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.final(2260, QUESTION)
    talk.until(2300)
    talk.at(2310, SpeechStarted(2290 * MS))
    talk.ready(2330)
    talk.at(2430, SpeechStopped(2380 * MS))
    talk.until(2600)
    assert not talk.of(CloseTurn)
    assert talk.time_of(StartPlayout) == 2510


def test_a_final_that_means_something_else_restarts_the_reply() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "do you have six kayaks")
    talk.until(2290)
    talk.final(2300, "do you have sick kayaks")
    assert talk.of(AmendTurn)
    assert [start.text for start in talk.of(StartReply)] == [  # type: ignore[attr-defined]
        "do you have six kayaks",
        "do you have sick kayaks",
    ]
    talk.ready(2400, 1)
    assert not talk.of(StartPlayout)  # the old reply is behind the fence
    talk.ready(2500)
    assert talk.of(StartPlayout)


def test_case_and_punctuation_are_no_new_meaning() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "what's the price")
    talk.until(2290)
    talk.final(2300, "What is the price?")
    assert not talk.of(AmendTurn)
    assert not talk.of(CancelReply)


def test_a_spoken_yes_of_180_ms_takes_the_turn_and_a_cough_does_not() -> None:
    yes = Talk()
    yes.answer("can i bring my dog", "Yes. Shall I book a boat for you?")
    yes.speak(5000, 5180, "yes")
    yes.until(6000)
    assert yes.of(CommitTurn)[-1].text == "yes"  # type: ignore[attr-defined]
    cough = Talk()
    cough.answer("can i bring my dog", "Yes, dogs are welcome.")
    cough.speak(5000, 5180)
    cough.final(5400, "")
    cough.until(7000)
    assert len(cough.of(CommitTurn)) == 1


def test_a_barge_in_yields_at_the_onset_and_stops_on_words() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.final(2260, QUESTION)
    talk.ready(2350)
    talk.audible(2355)
    talk.heard, talk.unheard = "We open at nine.", "On Sundays we open at ten."
    talk.at(4055, SpeechStarted(4000 * MS))
    assert talk.time_of(PausePlayout) == 4055
    talk.at(4250, Transcribed("no wait", final=False))
    assert talk.time_of(StopPlayout) == 4250
    assert [close.outcome for close in talk.of(CloseTurn)] == ["interrupted"]  # type: ignore[attr-defined]
    talk.at(4500, SpeechStopped(4400 * MS))
    talk.until(5500)
    assert talk.of(CommitTurn)[-1].text == "no wait"  # type: ignore[attr-defined]
    heard = [entry.text for entry in talk.engine.history.messages() if entry.role == "assistant"]
    assert heard == ["We open at nine."]


@pytest.mark.parametrize("text", ["", "mm-hmm", "uh huh"])
def test_a_cough_or_backchannel_lets_the_agent_go_on(text: str) -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.ready(2350)
    talk.audible(2355)
    talk.at(4055, SpeechStarted(4000 * MS))
    if text:
        talk.at(4300, Transcribed(text, final=False))
    talk.at(4340, SpeechStopped(4240 * MS))
    talk.until(4400)
    assert talk.time_of(ResumePlayout) <= 4355
    assert not talk.of(StopPlayout)
    talk.finish(6000, "We open at nine.")
    talk.until(7000)
    assert len(talk.of(CommitTurn)) == 1


def test_what_a_noise_cut_off_is_said_after_all() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.ready(2350)
    talk.audible(2355)
    talk.heard, talk.unheard = "We open", "at nine."
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.until(4400)  # goes on past the decision: the agent stops
    assert talk.of(StopPlayout)
    talk.at(4900, SpeechStopped(4800 * MS))
    talk.final(5100, "")
    assert talk.of(StartSay)[-1].text == "at nine."  # type: ignore[attr-defined]


def test_owed_silence_is_ended_by_a_filler() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.until(4000)
    assert talk.time_of(PlayFiller) == 3100


def test_tools_run_after_the_commit_only() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.ask_tool(2150, "opening_hours")
    assert not talk.of(RunTool)
    talk.until(2300)
    assert talk.time_of(RunTool) == talk.time_of(CommitTurn)
    talk.tool_answers(2500, "nine")
    talk.ready(2600)
    assert talk.of(StartPlayout)


def test_a_tool_that_never_returns_is_given_up() -> None:
    talk = Talk(TurnConfig(tool_deadlines_ms={"slow": 3000}))
    talk.speak(1000, 2000, QUESTION)
    talk.ask_tool(2150, "slow")
    talk.until(6000)
    assert "CancelTool" in talk.names()


def test_a_silent_caller_is_asked_twice_then_the_call_ends() -> None:
    talk = Talk()
    for _ in range(3):
        talk.until(talk.now_ms + 8001)
        talk.ready(talk.now_ms)
        talk.audible(talk.now_ms)
        talk.finish(talk.now_ms + 1000, "Are you there?")
    assert [say.kind for say in talk.of(StartSay)] == ["reprompt", "reprompt", "goodbye"]  # type: ignore[attr-defined]
    assert talk.of(EndCall)


def test_the_greeting_is_said_first_and_may_be_interrupted() -> None:
    talk = Talk(TurnConfig(greeting="Harbour Kayaks, hello."))
    talk.ready(5)
    talk.audible(20)
    talk.speak(500, 1500, QUESTION)
    talk.until(3000)
    assert talk.of(StopPlayout)
    assert talk.of(CommitTurn)


def test_end_requested_lets_the_goodbye_be_heard() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "thanks goodbye")
    talk.until(2600)
    talk.at(2610, EndRequested("the agent", None))
    talk.ready(2650)
    talk.audible(2660)
    assert not talk.of(EndCall)
    talk.finish(3500, "Goodbye.")
    assert talk.time_of(EndCall) == 3500


def test_a_failed_reply_is_apologised_for() -> None:
    from hocket.turn.events import ReplyFailed

    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.until(2300)
    talk.at(2400, ReplyFailed(talk.reply, "the model is down"))
    assert [say.kind for say in talk.of(StartSay)] == ["apology"]  # type: ignore[attr-defined]
    assert [close.outcome for close in talk.of(CloseTurn)] == ["failed"]  # type: ignore[attr-defined]


def test_say_waits_for_the_caller_to_finish() -> None:
    talk = Talk()
    talk.at(1055, SpeechStarted(1000 * MS))
    talk.at(1200, SayRequested("By the way."))
    assert not talk.of(StartSay)


def test_the_caller_leaving_ends_everything() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.until(2300)
    talk.at(2310, CallerLeft("hung up"))
    assert talk.names()[-1] == "EndCall"
    assert [close.outcome for close in talk.of(CloseTurn)] == ["ended"]  # type: ignore[attr-defined]
    assert talk.engine.deadline is None
