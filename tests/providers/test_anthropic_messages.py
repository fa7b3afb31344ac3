from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.errors import LlmError
from hocket.providers.anthropic_messages import BEGINNING, MessageReader, body_of
from hocket.providers.server_events import ServerEvent
from hocket.stages.llm import LlmDelta, LlmRequest, Message, TextDelta, ToolCall, Usage
from tests.providers.llm_wire import END_CALL, WEATHER

START = {
    "type": "message_start",
    "message": {
        "usage": {
            "input_tokens": 5,
            "cache_read_input_tokens": 70,
            "cache_creation_input_tokens": 20,
            "output_tokens": 1,
        }
    },
}
STOP = {"type": "message_stop"}


def begin(**block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": 0, "content_block": block}


def add(**delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": delta}


def end() -> dict[str, Any]:
    return {"type": "content_block_stop", "index": 0}


def because(reason: str) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 3}}


def read(*events: dict[str, Any]) -> list[LlmDelta]:
    reader = MessageReader("Anthropic")
    deltas: list[LlmDelta] = []
    for event in events:
        deltas += reader.feed(ServerEvent(event["type"], msgspec.json.encode(event)))
    return [*deltas, *reader.finish()]


def test_text_and_usage_that_is_a_total_of_what_was_cached_and_what_was_not() -> None:
    events = (begin(type="text", text=""), add(type="text_delta", text="Hello."), end(), because("end_turn"), STOP)
    assert read(START, {"type": "ping"}, *events) == [TextDelta("Hello."), Usage(95, 70, 3)]


def test_counts_that_are_left_out_later_stay() -> None:
    late = {**because("end_turn"), "usage": {"output_tokens": 3, "input_tokens": 6, "cache_read_input_tokens": None}}
    assert read(START, late, STOP) == [Usage(96, 70, 3)]


def test_a_tool_whose_input_comes_at_once_in_pieces_or_not_at_all() -> None:
    def tool(input: dict[str, Any], *pieces: str) -> LlmDelta:
        deltas = (add(type="input_json_delta", partial_json=piece) for piece in pieces)
        events = (begin(type="tool_use", id="t", name="one", input=input), *deltas, end(), because("tool_use"), STOP)
        return read(START, *events)[0]

    assert tool({}, "", '{"x"', ": 1}") == ToolCall("t", "one", '{"x": 1}')
    assert tool({"x": 1}) == ToolCall("t", "one", '{"x":1}')
    assert tool({}) == ToolCall("t", "one", "{}")
    with pytest.raises(LlmError, match="no JSON object"):
        tool({}, '{"x"')


def test_thoughts_and_unknown_events_are_passed_over() -> None:
    assert read(
        START,
        begin(type="thinking", thinking=""),
        add(type="thinking_delta", thinking="Hm."),
        add(type="signature_delta", signature="x"),
        end(),
        {"type": "something_new", "delta": {"type": "new"}},
        begin(type="text", text="So."),
        end(),
        because("end_turn"),
        STOP,
    )[0] == TextDelta("So.")


@pytest.mark.parametrize(
    ("kind", "retryable"), [("overloaded_error", True), ("api_error", True), ("invalid_request_error", False)]
)
def test_an_error_in_the_stream(kind: str, retryable: bool) -> None:
    with pytest.raises(LlmError, match=r'"No\."') as raised:
        read(START, {"type": "error", "error": {"type": kind, "message": "No."}})
    assert raised.value.retryable is retryable


def test_a_message_that_was_broken_off_and_one_that_was_refused() -> None:
    with pytest.raises(LlmError, match="broke off"):
        read(START, begin(type="text", text="So"))
    with pytest.raises(LlmError, match="refused to answer") as raised:
        read(START, because("refusal"), STOP)
    assert not raised.value.retryable
    assert read(START, begin(type="text", text="So"), because("refusal"), STOP)[0] == TextDelta("So")


@given(st.binary(max_size=200))
def test_anything_else_is_malformed(data: bytes) -> None:
    with pytest.raises(LlmError, match="no answer of this API"):
        list(MessageReader("Anthropic").feed(ServerEvent("", data)))


def test_the_user_begins_and_speaks_in_one_message_at_a_time() -> None:
    body = body_of(
        LlmRequest("", (Message("assistant", "Hello!"), Message("user", "Hi."), Message("user", "Are you open?"))), "m"
    )
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"][0]["text"] == BEGINNING
    assert [block["text"] for block in body["messages"][2]["content"]] == ["Hi.", "Are you open?"]
    assert body_of(LlmRequest("Greet.", ()), "m")["messages"][0]["content"][0]["text"] == BEGINNING


def test_tools_answer_together_in_the_message_after_the_calls() -> None:
    calls = (ToolCall("1", "weather", '{"place": "Oslo"}'), ToolCall("2", "end_call", "{broken"))
    answers = (Message("tool", "Rain.", tool_call_id="1"), Message("tool", "", tool_call_id="2"))
    body = body_of(LlmRequest("", (Message("user", "?"), Message("assistant", "", calls), *answers)), "m")
    asked, answered = body["messages"][1]["content"], body["messages"][2]["content"]
    assert [block["input"] for block in asked] == [{"place": "Oslo"}, {"unreadable": "{broken"}]
    assert [(block["tool_use_id"], block["content"]) for block in answered] == [
        ("call00001", "Rain."),
        ("call00002", "(nothing)"),
    ]


def test_one_mark_covers_tools_and_instructions() -> None:
    messages = (Message("user", "Hi."),)
    both = body_of(LlmRequest("Be brief.", messages, (WEATHER, END_CALL)), "m")
    assert "cache_control" in both["system"][-1]
    assert not any("cache_control" in tool for tool in both["tools"])
    only_tools = body_of(LlmRequest("", messages, (WEATHER, END_CALL)), "m")
    assert ["cache_control" in tool for tool in only_tools["tools"]] == [False, True]
    assert "tools" not in body_of(LlmRequest("Be brief.", messages), "m")
