from __future__ import annotations

import pytest

from hocket.errors import LlmError
from hocket.providers.llm_messages import told, tool_call
from hocket.stages.llm import LlmRequest, Message, Passage, ToolCall
from tests.providers.llm_wire import LONG

PASSAGE = Passage("Thirty euros.", "prices.md", 1.0)


def asked(*messages: Message, passages: tuple[Passage, ...] = ()) -> tuple[Message, ...]:
    return told(LlmRequest("", messages, passages=passages))


def test_everything_before_the_last_words_is_the_same_whatever_was_found() -> None:
    with_passages, without = told(LONG), told(LlmRequest("", LONG.messages))
    assert with_passages[:-1] == without[:-1]
    assert with_passages[-1].content.endswith(without[-1].content)
    assert "30 euros" in with_passages[-1].content


def test_passages_stay_with_the_callers_words_when_a_tool_has_answered() -> None:
    messages = asked(*LONG.messages[:4], passages=(PASSAGE,))
    assert [message.role for message in messages] == ["assistant", "user", "assistant", "tool"]
    assert "Thirty euros." in messages[1].content


def test_passages_without_a_caller_stand_alone() -> None:
    (only,) = asked(passages=(PASSAGE,))
    assert only.role == "user"
    assert "Thirty euros." in only.content


def test_calls_are_renamed_in_order_and_the_same_in_every_request() -> None:
    first = (
        Message("assistant", "", (ToolCall("1:x", "a", "{}"), ToolCall("2:x", "b", "{}"))),
        Message("tool", "one", tool_call_id="1:x"),
        Message("tool", "two", tool_call_id="2:x"),
    )
    second = (*first, Message("assistant", "", (ToolCall("3:x", "c", "{}"),)), Message("tool", "", tool_call_id="3:x"))
    assert [call.id for call in asked(*first)[0].tool_calls] == ["call00001", "call00002"]
    assert asked(*second)[:3] == asked(*first)
    assert asked(*second)[-1] == Message("tool", "", tool_call_id="call00003"), "an empty result is a result"


def test_calls_without_a_result_and_results_without_a_call_are_left_out() -> None:
    messages = asked(
        Message("user", "Hi"),
        Message("tool", "of nothing", tool_call_id="0"),
        Message("assistant", "", (ToolCall("1", "a", "{}"),)),
        Message("assistant", "Well.", (ToolCall("2", "a", "{}"), ToolCall("3", "b", "{}"))),
        Message("tool", "done", tool_call_id="3"),
    )
    assert [(message.role, [call.name for call in message.tool_calls]) for message in messages] == [
        ("user", []),
        ("assistant", ["b"]),
        ("tool", []),
    ]


def test_the_arguments_of_a_call_are_an_object() -> None:
    assert tool_call("V", "1", "a", "") == ToolCall("1", "a", "{}")
    assert tool_call("V", "1", "a", ' {"x": 1}\n') == ToolCall("1", "a", '{"x": 1}')
    for broken in ('{"x": ', "[]", "7", "x"):
        with pytest.raises(LlmError, match='the tool "a" with arguments'):
            tool_call("V", "1", "a", broken)
