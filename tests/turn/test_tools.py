"""The race of tools: not before the commit, each once, given up in time, and remembered whoever has the floor."""

from __future__ import annotations

from hocket.ids import ReplyId, ToolCallId
from hocket.turn.commands import CancelTool, EndCall, PlayFiller, RunTool, StartPlayout
from hocket.turn.config import TurnConfig
from hocket.turn.events import CallerLeft, ReplyFailed, SpeechStarted, ToolFinished, Transcribed
from tests.turn.talk import MS, QUESTION, Talk


def committed(config: TurnConfig | None = None) -> Talk:
    talk = Talk(config)
    talk.speak(1000, 2000, QUESTION)
    talk.until(2300)
    return talk


def results(talk: Talk) -> list[str]:
    return [entry.tool.result for entry in talk.engine.history.messages() if entry.tool]


def test_a_speculative_reply_runs_nothing_before_the_commit() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.ask_tool(2150, "opening_hours")
    assert not talk.of(RunTool)
    talk.until(2300)
    assert talk.time_of(RunTool) == 2275
    talk.tool_answers(2500, "nine")
    talk.ready(2600)
    assert talk.of(StartPlayout)
    assert results(talk) == ["nine"]


def test_the_tools_of_a_speculation_that_is_dropped_never_run() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.ask_tool(2150, "opening_hours")
    talk.at(2200, Transcribed(f"{QUESTION} on sunday", final=False))
    talk.until(4000)
    assert talk.committed
    assert not talk.of(RunTool)


def test_a_tool_that_never_returns_is_given_up_at_its_own_deadline() -> None:
    talk = committed(TurnConfig(tool_deadlines_ms={"slow": 3000}))
    talk.ask_tool(2400, "slow")
    talk.until(5400)
    assert talk.time_of(CancelTool) == 5400
    talk.tool_answers(5401, "given up", failed=True)
    talk.ready(6500)
    assert talk.of(StartPlayout)


def test_a_reply_waits_for_the_slowest_of_its_tools() -> None:
    talk = committed()
    talk.ask_tool(2400, "fast", "1")
    talk.ask_tool(2400, "slow", "2")
    talk.tool_answers(2500, "at once", "1")
    talk.tool_answers(12_000, "at last", "2")  # later than a reply without tools may be
    talk.ready(12_500)
    assert talk.of(StartPlayout) == [StartPlayout(ReplyId(1))]
    assert results(talk) == ["at once", "at last"]


def test_the_model_has_its_time_again_after_the_last_result() -> None:
    talk = committed()
    talk.ask_tool(2400, "slow")
    talk.tool_answers(9000, "here")
    talk.until(16_900)
    assert talk.outcomes == []
    talk.until(17_100)
    assert talk.outcomes == ["failed"]


def test_the_caller_is_not_left_in_silence_while_a_tool_runs() -> None:
    talk = committed()
    talk.ask_tool(2400, "slow")
    talk.until(4000)
    assert talk.time_of(PlayFiller) == 3100


def test_a_tool_outlives_the_barge_in_and_is_remembered() -> None:
    talk = committed()
    talk.ask_tool(2400, "book")
    asked_by = talk.reply
    talk.ready(2500)
    talk.audible(2510)
    talk.at(2700, SpeechStarted(2650 * MS))
    talk.at(2900, Transcribed("no wait", final=False))
    assert talk.outcomes == ["interrupted"]
    talk.at(3000, ToolFinished(asked_by, ToolCallId("1"), "booked"))
    assert results(talk) == ["booked"]
    assert not talk.of(CancelTool)


def test_the_result_of_another_replys_tool_does_not_put_off_this_ones_deadline() -> None:
    talk = committed()
    talk.ask_tool(2400, "book")
    talk.at(2500, ReplyFailed(talk.reply, "the model is down"))  # an apology follows
    talk.at(9000, ToolFinished(ReplyId(1), ToolCallId("1"), "booked"))
    talk.until(10_501)
    assert talk.engine.reason is not None
    assert "no audio in time" in [order.reason for order in talk.orders if hasattr(order, "reason")]


def test_a_second_result_is_ignored() -> None:
    talk = committed()
    talk.ask_tool(2400, "book")
    talk.tool_answers(2500, "booked")
    talk.tool_answers(2501, "booked again")
    assert results(talk) == ["booked"]


def test_a_call_that_ends_gives_its_tools_up_and_still_remembers_them() -> None:
    talk = committed()
    talk.ask_tool(2400, "book")
    talk.at(2500, CallerLeft("hung up"))
    assert [type(order) for order in talk.orders[-2:]] == [CancelTool, EndCall]
    talk.tool_answers(2501, "given up", failed=True)
    assert results(talk) == ["given up"]
