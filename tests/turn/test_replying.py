"""The life of a reply: given up, apologised for, queued, ended, and accounted for."""

from __future__ import annotations

import pytest

from hocket.turn.commands import CancelReply, CloseTurn, EndCall, PlayFiller, StartPlayout, StartSay, StopPlayout
from hocket.turn.config import TurnConfig
from hocket.turn.events import (
    CallerLeft,
    PlayoutFinished,
    ReplyFailed,
    SayRequested,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
)
from hocket.turn.state import MAX_SAYS
from tests.turn.talk import MS, QUESTION, Talk


def committed(config: TurnConfig | None = None) -> Talk:
    talk = Talk(config)
    talk.speak(1000, 2000, QUESTION)
    talk.final(2260, QUESTION)
    talk.until(2300)
    return talk


def test_a_reply_that_is_ready_at_the_commit_is_heard_then_and_to_its_end() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.ready(2200)
    talk.until(2300)
    assert talk.time_of(StartPlayout) == 2275
    talk.audible(2300)
    talk.finish(22_000, "A long answer.")  # longer than a reply may take to its first sound
    assert talk.outcomes == ["answered"]


def test_a_reply_without_audio_is_given_up_and_apologised_for() -> None:
    talk = committed()
    talk.until(12_000)
    assert talk.time_of(CloseTurn) == 2275 + 8000
    assert talk.outcomes == ["failed"]
    assert talk.sayings == ["apology"]


def test_a_reply_that_fails_before_a_sound_is_apologised_for_at_once() -> None:
    talk = committed()
    talk.at(2400, ReplyFailed(talk.reply, "the model is down"))
    assert talk.outcomes == ["failed"]
    assert talk.sayings == ["apology"]


def test_what_there_is_of_a_broken_reply_plays_to_its_end_first() -> None:
    talk = committed()
    talk.ready(2400)
    talk.audible(2410)
    talk.at(2500, ReplyFailed(talk.reply, "the voice broke off"))
    assert talk.sayings == []
    talk.finish(3500, "We open at")
    assert talk.outcomes == ["failed"]
    assert talk.sayings == ["apology"]
    assert talk.spoken == ["We open at"]


def test_without_an_apology_the_call_goes_on() -> None:
    talk = committed(TurnConfig(apology=""))
    talk.at(2400, ReplyFailed(talk.reply, "the model is down"))
    talk.until(11_000)
    assert talk.sayings == ["reprompt"]


def test_the_words_of_a_failed_turn_do_not_make_a_turn_of_a_cough() -> None:
    talk = committed()
    talk.at(2400, ReplyFailed(talk.reply, "the model is down"))
    talk.at(2410, SpeechStarted(2400 * MS))
    talk.at(2550, SpeechStopped(2530 * MS))
    talk.final(2700, "")
    talk.until(5000)
    assert talk.committed == [QUESTION]


def test_an_apology_has_lost_its_reason_once_the_caller_has_said_more() -> None:
    talk = committed()
    talk.at(2310, SpeechStarted(2290 * MS))
    talk.at(2400, ReplyFailed(talk.reply, "the model is down"))
    talk.at(3000, Transcribed("are you there", final=False))
    talk.at(3105, SpeechStopped(3000 * MS))
    talk.until(3500)
    talk.ready(3600)
    talk.audible(3610)
    talk.finish(5000, "Yes.")
    talk.until(6000)
    assert talk.committed == [QUESTION, "are you there"]
    assert talk.sayings == []


def test_a_speculation_that_fails_is_begun_anew_at_the_commit() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.at(2200, ReplyFailed(talk.reply, "overloaded"))
    talk.until(2300)
    talk.ready(2500)
    assert talk.reply == 2
    assert talk.of(StartPlayout)


def test_a_saying_that_fails_is_not_apologised_for() -> None:
    talk = Talk()
    talk.at(100, SayRequested("By the way."))
    talk.at(200, ReplyFailed(talk.reply, "no voice"))
    talk.until(8300)
    assert talk.sayings == ["say", "reprompt"]


def test_words_said_before_a_saying_failed_are_answered() -> None:
    talk = Talk()
    talk.at(100, SayRequested("You may not interrupt this.", interruptible=False))
    talk.speak(200, 700, "what time is it")
    talk.at(900, ReplyFailed(talk.reply, "no voice"))
    talk.until(3000)
    assert talk.committed == ["what time is it"]


def test_sayings_wait_for_the_caller_and_for_each_other() -> None:
    talk = Talk()
    talk.at(1055, SpeechStarted(1000 * MS))
    talk.at(1200, SayRequested("One."))
    talk.at(1300, SayRequested("Two."))
    assert talk.sayings == []
    talk.at(1400, SpeechStopped(1300 * MS))
    talk.final(1600, "")
    assert [say.text for say in talk.of(StartSay)] == ["One."]
    talk.ready(1700)
    talk.audible(1710)
    talk.finish(2000, "One.")
    assert [say.text for say in talk.of(StartSay)] == ["One.", "Two."]


def test_more_sayings_than_may_wait_are_dropped_but_never_the_goodbye() -> None:
    talk = Talk(TurnConfig(max_duration_ms=2000))
    talk.at(1055, SpeechStarted(1000 * MS))
    for n in range(MAX_SAYS + 2):
        talk.at(1200 + n, SayRequested(str(n)))
    talk.until(2100)
    talk.at(2200, SpeechStopped(2100 * MS))
    talk.final(2400, "")
    for n in range(MAX_SAYS):
        talk.ready(2500 + 100 * n)
        talk.audible(2510 + 100 * n)
        talk.finish(2590 + 100 * n, str(n))
    assert talk.sayings == ["say"] * MAX_SAYS + ["goodbye"]


@pytest.mark.parametrize(
    ("until", "closed"),
    [
        ("speculating", []),
        ("committed", ["ended"]),
        ("filling", ["ended"]),
        ("audible", ["ended"]),
        ("over", ["answered"]),
    ],
)
def test_a_caller_who_leaves_leaves_nothing_behind(until: str, closed: list[str]) -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    if until != "speculating":
        talk.until(2300)
    if until == "filling":
        talk.until(3200)
        assert talk.of(PlayFiller)
    if until in ("audible", "over"):
        talk.ready(2400)
        talk.audible(2410)
        talk.heard = "We open at nine."
    if until == "over":
        talk.finish(3000, "We open at nine.")
    talk.at(talk.now_ms + 1, CallerLeft("hung up"))
    assert talk.of(EndCall) == [EndCall("hung up")]
    assert talk.outcomes == closed
    assert talk.engine.deadline is None
    assert len(talk.of(CancelReply)) == (until != "over")
    assert bool(talk.of(StopPlayout)) == (until in ("filling", "audible"))
    assert talk.spoken == (["We open at nine."] if until in ("audible", "over") else [])
    before = len(talk.orders)
    talk.at(talk.now_ms, CallerLeft("hung up"))
    talk.at(talk.now_ms, PlayoutFinished(talk.reply, "We open at nine."))
    talk.speak(6000, 7000, QUESTION)
    assert len(talk.orders) == before
