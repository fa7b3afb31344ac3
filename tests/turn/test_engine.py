"""Dispatch, the fence, deadlines with reasons, and replay: a whole call seen from the shell."""

from __future__ import annotations

import typing

import pytest

from hocket.ids import ReplyId, ToolCallId
from hocket.trace.records import Entry
from hocket.trace.replay import check
from hocket.turn import engine
from hocket.turn.commands import Command, StartPlayout
from hocket.turn.config import TurnConfig
from hocket.turn.engine import TurnEngine
from hocket.turn.events import (
    CallStarted,
    Event,
    PlayoutFinished,
    PlayoutStarted,
    PlayoutStopped,
    ReplyFailed,
    ReplyReady,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    TimerFired,
    ToolFinished,
    ToolRequested,
    Transcribed,
)
from hocket.turn.state import Phase
from hocket.turn.timers import Reason
from tests.turn.talk import MS, QUESTION, Talk


def test_every_event_has_its_handler() -> None:
    assert set(engine._HANDLERS) == set(typing.get_args(Event))


def test_every_phase_with_a_floor_has_a_reducer_for_what_the_caller_does() -> None:
    assert set(engine._REDUCERS) == set(Phase) - {Phase.ENDED}
    for reducer in engine._REDUCERS.values():
        for does in ("speech_started", "speech_resumed", "speech_stopped", "transcribed"):
            assert callable(getattr(reducer, does))


@pytest.mark.parametrize(
    "news",
    [
        ReplyReady(ReplyId(1)),
        ReplyFailed(ReplyId(1), "late"),
        PlayoutStarted(ReplyId(1)),
        PlayoutFinished(ReplyId(1), "late"),
        PlayoutStopped(ReplyId(1), "late"),
        ToolRequested(ReplyId(1), ToolCallId("1"), "look", "{}"),
        ToolFinished(ReplyId(1), ToolCallId("1"), "late"),
    ],
)
def test_news_of_a_reply_that_is_not_current_is_dropped(news: Event) -> None:
    talk = Talk()
    talk.speak(1000, 2000, "do you have six kayaks")
    talk.final(2150, "do you have sick kayaks")  # replaces reply 1
    talk.until(2300)
    assert talk.reply == 2
    before = talk.engine.deadline, talk.engine.phase, list(talk.engine.history.messages())
    assert talk.at(2310, news) == []
    assert (talk.engine.deadline, talk.engine.phase, list(talk.engine.history.messages())) == before
    talk.ready(2320)
    assert talk.of(StartPlayout) == [StartPlayout(ReplyId(2))]


@pytest.mark.parametrize("twice", ["started", "paused", "stopped", "ready", "audible", "finished"])
def test_news_that_comes_twice_counts_once(twice: str) -> None:
    def call(repeated: str) -> list[Command]:
        talk = Talk()
        news: list[tuple[float, str, Event]] = [
            (1055, "started", SpeechStarted(1000 * MS)),
            (1900, "words", Transcribed(QUESTION, final=False)),
            (2080, "paused", SpeechPaused(2000 * MS)),
            (2105, "stopped", SpeechStopped(2000 * MS)),
            (2350, "ready", ReplyReady(ReplyId(1))),
            (2355, "audible", PlayoutStarted(ReplyId(1))),
            (5000, "finished", PlayoutFinished(ReplyId(1), "At nine.")),
        ]
        for ms, name, event in news:
            talk.at(ms, event)
            if name == repeated:
                talk.at(ms, event)
        talk.until(9000)
        return talk.orders

    assert call(twice) == call("")


def test_a_voice_that_was_not_heard_to_begin_does_not_end() -> None:
    talk = Talk()
    for event in (SpeechStopped(900 * MS), SpeechPaused(900 * MS), SpeechResumed()):
        assert talk.at(1000, event) == []
    assert talk.engine.reason is Reason.NO_INPUT


def test_a_deadline_has_its_reason() -> None:
    talk = Talk()
    assert talk.engine.reason is Reason.NO_INPUT
    talk.speak(1000, 2000, QUESTION)
    assert (talk.engine.deadline, talk.engine.reason) == (2215 * MS, Reason.CANDIDATE)
    talk.until(2220)
    assert (talk.engine.deadline, talk.engine.reason) == (2275 * MS, Reason.COMMIT)
    talk.until(2300)
    assert (talk.engine.deadline, talk.engine.reason) == (3100 * MS, Reason.OWED)


def test_an_alarm_that_rings_early_does_nothing() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    assert talk.at(2200, TimerFired()) == []
    assert talk.engine.reason is Reason.CANDIDATE


def test_one_late_alarm_does_all_that_is_due_in_order() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.now_ms = 3500  # the process was held up
    names = [type(order).__name__ for order in talk.tell(TimerFired())]
    assert names == ["ScoreTurn", "CommitTurn"]
    assert talk.engine.reason is Reason.OWED


def test_a_finished_call_replays_to_the_same_commands() -> None:
    config = TurnConfig(greeting="Hello.", tool_deadlines_ms={"slow": 500})
    talk = Talk(config)
    talk.ready(20)
    talk.audible(30)
    talk.speak(300, 900, "do you have six kayaks")
    talk.ask_tool(1006, "slow")
    talk.until(1300)
    talk.final(1310, "do you have sick kayaks")
    talk.until(2000)
    talk.ready(2100)
    talk.audible(2110)
    talk.heard, talk.unheard = "We have", "six."
    talk.speak(3000, 4400)
    talk.until(40_000)
    entries = [Entry(round(ms * MS), record) for ms, record in talk.log]
    assert len(talk.orders) > 20
    assert check(entries, TurnEngine(config)) is None
    assert check(entries, TurnEngine(TurnConfig(greeting="Hello."))) is not None


def test_before_the_call_has_started_nothing_is_due() -> None:
    talk = Talk(started=False)
    assert talk.engine.deadline is None
    assert talk.engine.reason is None
    talk.at(0, CallStarted())
    assert talk.engine.reason is Reason.NO_INPUT
