"""The caller's connection breaks off in every phase, and they come back, or not."""

from __future__ import annotations

import pytest

from hocket.turn.commands import CommitTurn, PausePlayout, PlayFiller, ResumePlayout, StartPlayout, StartSay
from hocket.turn.config import TurnConfig
from hocket.turn.events import LineBack, LineLost, SpeechStarted, SpeechStopped
from tests.turn.talk import MS, QUESTION, Talk


def test_what_plays_falls_silent_and_goes_on() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.ready(2300)
    talk.audible(2320)
    talk.at(3000, LineLost())
    talk.until(20_000)
    talk.at(20_000, LineBack())
    assert (talk.time_of(PausePlayout), talk.time_of(ResumePlayout)) == (3000, 20_000)


def test_a_pause_that_waits_for_its_decision_waits_for_the_caller() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.ready(2300)
    talk.audible(2320)
    talk.at(3000, SpeechStarted(2950 * MS))
    talk.at(3050, LineLost())
    talk.at(3100, SpeechStopped(3060 * MS))
    talk.until(9000)
    assert not talk.of(ResumePlayout)
    talk.at(9000, LineBack())
    assert talk.time_of(ResumePlayout) == 9000


def test_a_turn_is_committed_while_the_caller_is_away_and_answered_when_they_are_back() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.at(2120, LineLost())
    talk.ready(2500)
    talk.until(9000)
    assert talk.committed == [QUESTION]
    assert not talk.of(StartPlayout)
    talk.at(9000, LineBack())
    assert talk.time_of(StartPlayout) == 9000


def test_a_reply_that_is_not_ready_owes_a_sound_from_the_return_on() -> None:
    talk = Talk(TurnConfig(reply_ms=60_000))
    talk.speak(1000, 2000, QUESTION)
    talk.at(2400, LineLost())
    talk.until(9000)
    assert talk.of(CommitTurn)
    assert not talk.of(PlayFiller)
    talk.at(9000, LineBack())
    talk.until(9400)
    assert talk.time_of(PlayFiller) == 9300


def test_nobody_is_asked_whether_they_are_there() -> None:
    talk = Talk()
    talk.at(1000, LineLost())
    talk.at(29_000, LineBack())
    talk.until(36_000)
    assert not talk.of(StartSay)
    talk.until(37_001)
    assert talk.time_of(StartSay) == 37_000


@pytest.mark.parametrize("event", [LineLost(), LineBack()])
def test_told_twice_nothing_more_happens(event: LineLost | LineBack) -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.ready(2300)
    talk.audible(2320)
    talk.at(3000, LineLost())
    if isinstance(event, LineBack):
        talk.at(3500, LineBack())
    assert talk.at(4000, event) == []
