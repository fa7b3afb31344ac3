"""No silence without an end: fillers for the caller who waits, questions for the one who says nothing, and the end."""

from __future__ import annotations

import pytest

from hocket.turn.commands import CommitTurn, EndCall, PlayFiller, StartPlayout, StartSay
from hocket.turn.config import TurnConfig
from hocket.turn.events import EndRequested, ReplyFailed, SpeechStarted, SpeechStopped, Transcribed
from hocket.turn.silence import FILLER_GAP, LAST_WORDS, TOO_LONG
from tests.turn.talk import MS, QUESTION, Talk


def test_owed_silence_is_ended_by_a_filler_and_by_another() -> None:
    talk = Talk(TurnConfig(fillers=("One moment.", "Nearly there.")))
    talk.speak(1000, 2000, QUESTION)
    talk.until(7200)
    assert [(fill.text) for fill in talk.of(PlayFiller)] == ["One moment.", "Nearly there."]
    assert talk.time_of(PlayFiller) == 2000 + 1100
    assert talk.time_of(PlayFiller, 1) == 3100 + FILLER_GAP / MS


def test_a_turn_that_took_long_to_commit_gives_its_reply_a_moment() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "i would like to")
    talk.until(4500)
    assert talk.time_of(PlayFiller) == talk.time_of(CommitTurn) + 300
    assert talk.time_of(CommitTurn) > 2000 + 1100


def test_a_cough_when_the_filler_is_due_puts_it_off_by_the_decision_only() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.at(3095, SpeechStarted(3060 * MS))
    talk.at(3180, SpeechStopped(3160 * MS))
    talk.until(4000)
    assert talk.time_of(PlayFiller) == 3095 + 200


def test_no_filler_comes_once_the_reply_may_sound() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.ready(3000)
    talk.until(4000)
    assert not talk.of(PlayFiller)


def test_speech_over_a_filler_is_a_turn_that_goes_on() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.until(3200)
    talk.at(3300, SpeechStarted(3250 * MS))
    talk.at(3900, Transcribed(f"{QUESTION} on sunday", final=False))
    talk.at(4000, SpeechStopped(3900 * MS))
    talk.until(4500)
    assert talk.names(3300)[:2] == ["PausePlayout", "StopPlayout"]
    assert talk.outcomes == ["withdrawn"]
    assert talk.committed[-1] == f"{QUESTION} on sunday"


def test_a_silent_caller_is_asked_twice_then_the_call_ends() -> None:
    talk = Talk()
    for _ in range(3):
        talk.until(talk.now_ms + 8001)
        talk.ready(talk.now_ms)
        talk.audible(talk.now_ms)
        talk.finish(talk.now_ms + 1000, "Are you there?")
    assert talk.sayings == ["reprompt", "reprompt", "goodbye"]
    assert talk.of(EndCall) == [EndCall("the caller said nothing")]


def test_the_greeting_is_said_first_and_may_be_interrupted() -> None:
    talk = Talk(TurnConfig(greeting="Harbour Kayaks, hello."))
    assert talk.sayings == ["greeting"]
    talk.ready(5)
    talk.audible(20)
    talk.speak(500, 1500, QUESTION)
    talk.until(3000)
    assert talk.committed == [QUESTION]


@pytest.mark.parametrize(
    ("goodbye", "ends_at", "sayings"), [(None, 3500, []), ("", 3500, []), ("Bye now.", 4500, ["goodbye"])]
)
def test_the_call_ends_after_what_is_being_said(goodbye: str | None, ends_at: float, sayings: list[str]) -> None:
    talk = Talk()
    talk.speak(1000, 2000, "thanks goodbye")
    talk.until(2600)
    talk.at(2610, EndRequested("the agent", goodbye))
    talk.ready(2650)
    talk.audible(2660)
    talk.finish(3500, "You are welcome.")
    if sayings:
        talk.ready(3600)
        talk.audible(3610)
        talk.finish(4500, "Bye now.")
    assert talk.time_of(EndCall) == ends_at
    assert talk.sayings == sayings


@pytest.mark.parametrize(("goodbye", "said"), [(None, ["Goodbye."]), ("", []), ("Bye now.", ["Bye now."])])
def test_with_nothing_being_said_the_goodbye_comes_at_once(goodbye: str | None, said: list[str]) -> None:
    talk = Talk()
    talk.at(1000, EndRequested("the operator", goodbye))
    assert [say.text for say in talk.of(StartSay)] == said
    assert bool(talk.of(EndCall)) == (not said)


def test_words_for_the_end_are_said_though_the_end_was_asked_for_before_without() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "thanks goodbye")
    talk.until(2600)
    talk.at(2610, EndRequested("the agent"))
    talk.at(2620, EndRequested("the operator", "We close now."))
    talk.at(2630, EndRequested("the operator", "We close now."))
    talk.ready(2650)
    talk.audible(2660)
    talk.finish(3500, "You are welcome.")
    assert [say.text for say in talk.of(StartSay)] == ["We close now."]
    assert not talk.of(EndCall)


@pytest.mark.parametrize("goodbye", ["Goodbye.", ""])
def test_an_end_whose_words_fail_is_an_end(goodbye: str) -> None:
    talk = Talk(TurnConfig(goodbye=goodbye))
    talk.speak(1000, 2000, "thanks goodbye")
    talk.until(2600)
    talk.at(2610, EndRequested("the agent"))
    talk.at(2700, ReplyFailed(talk.reply, "the model is down"))
    if goodbye:
        assert talk.sayings == ["goodbye"]
        talk.until(20_000)  # and the goodbye brings no audio
    assert talk.of(EndCall) == [EndCall("the agent")]


@pytest.mark.parametrize("goodbye", ["Goodbye.", ""])
def test_the_longest_duration_ends_a_quiet_call(goodbye: str) -> None:
    talk = Talk(TurnConfig(max_duration_ms=5000, goodbye=goodbye))
    talk.until(5001)
    if goodbye:
        talk.ready(5100)
        talk.audible(5110)
        talk.finish(6000, "Goodbye.")
    assert talk.of(EndCall) == [EndCall(TOO_LONG)]


@pytest.mark.parametrize("goodbye", ["Goodbye.", ""])
def test_the_longest_duration_ends_a_call_whose_caller_never_stops(goodbye: str) -> None:
    talk = Talk(TurnConfig(max_duration_ms=5000, goodbye=goodbye))
    talk.at(2055, SpeechStarted(2000 * MS))
    for second in range(3, 30):
        talk.at(second * 1000, Transcribed(" ".join(["word"] * second), final=False))
    assert talk.of(EndCall) == [EndCall(TOO_LONG)]
    assert talk.time_of(EndCall) <= 5000 + LAST_WORDS / MS


def test_the_longest_duration_is_not_talked_away() -> None:
    talk = Talk(TurnConfig(max_duration_ms=3000, goodbye=""))
    talk.speak(1000, 2000, QUESTION)
    talk.ready(2350)
    talk.audible(2355)  # the reply that the call was to end with
    talk.speak(4000, 5000, "wait one more thing")
    talk.until(5400)
    talk.ready(5400)
    talk.audible(5410)  # and another at the second limit
    assert talk.of(StartPlayout)
    talk.until(18_001)
    assert talk.of(EndCall) == [EndCall(TOO_LONG)]


@pytest.mark.parametrize(("own", "heard"), [({"slow": "Let me look."}, ["Let me look."]), ({"slow": ""}, [])])
def test_a_running_tool_has_a_filler_of_its_own(own: dict[str, str], heard: list[str]) -> None:
    talk = Talk(TurnConfig(tool_fillers=own))
    talk.speak(1000, 2000, QUESTION)
    talk.until(2300)
    talk.ask_tool(2400, "slow")
    talk.until(3500)
    assert [order.text for order in talk.of(PlayFiller)] == heard
