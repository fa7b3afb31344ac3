"""Streams as the vendors that took over the protocol send them, differences and all."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hocket.errors import LlmError
from hocket.providers.openai_chunks import ChunkReader
from hocket.providers.server_events import ServerEvent
from hocket.stages.llm import LlmDelta, TextDelta, ToolCall, Usage

DONE = "[DONE]"


def chunk(reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def call(**part: Any) -> dict[str, Any]:
    return chunk(tool_calls=[part])


def read(*chunks: dict[str, Any] | str) -> list[LlmDelta]:
    reader = ChunkReader("Vendor")
    deltas: list[LlmDelta] = []
    for data in chunks:
        body = data.encode() if isinstance(data, str) else msgspec.json.encode(data)
        deltas += reader.feed(ServerEvent("", body))
    return [*deltas, *reader.finish()]


def test_text_and_usage() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    assert read(
        chunk(role="assistant", content=""),
        chunk(content="Hel"),
        chunk(content="lo."),
        chunk("stop"),
        {"choices": [], "usage": usage},
        DONE,
    ) == [TextDelta("Hel"), TextDelta("lo."), Usage(9, 4, 2)]


def test_usage_that_comes_with_every_chunk_is_given_once() -> None:
    chunks = [{**chunk(content="a"), "usage": {"prompt_tokens": 9, "completion_tokens": n}} for n in (1, 2, 3)]
    assert read(*chunks, DONE)[-1] == Usage(9, 0, 3)


def test_deepseeks_name_for_cached_tokens() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 5}
    assert read(chunk("stop", content="a"), {"choices": [], "usage": usage})[-1] == Usage(9, 5, 2)


def test_a_stream_without_done_is_complete_when_it_said_why_it_ended() -> None:
    assert read(chunk("stop", content="a")) == [TextDelta("a")]


def test_a_stream_that_said_nothing_of_an_end_was_broken_off() -> None:
    with pytest.raises(LlmError, match="broke off"):
        read(chunk(content="a"))
    with pytest.raises(LlmError, match="broke off"):
        read()


def test_thoughts_are_not_for_the_caller() -> None:
    thoughts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]
    assert read(
        chunk(reasoning="Hm."), chunk(reasoning_content="Hm."), chunk(content=thoughts), chunk("stop", content="So.")
    ) == [TextDelta("So.")]


def test_calls_in_fragments_side_by_side() -> None:
    assert read(
        call(index=0, id="a", type="function", function={"name": "one", "arguments": ""}),
        call(index=0, function={"arguments": '{"x"'}),
        call(index=0, function={"arguments": ": 1}"}),
        call(index=1, id="b", type="function", function={"name": "two", "arguments": "{}"}),
        chunk("tool_calls"),
        DONE,
    ) == [ToolCall("a", "one", '{"x": 1}'), ToolCall("b", "two", "{}")]


def test_whole_calls_that_all_have_the_index_zero_or_none() -> None:
    for index in ({"index": 0}, {}):
        assert read(
            call(**index, id="a", function={"name": "one", "arguments": "{}"}),
            call(**index, id="b", function={"name": "two", "arguments": "{}"}),
            chunk("tool_calls"),
        ) == [ToolCall("a", "one", "{}"), ToolCall("b", "two", "{}")]


def test_an_id_that_is_repeated_with_every_fragment_and_one_that_is_missing() -> None:
    assert read(
        call(index=0, id="a", function={"name": "one", "arguments": "{"}),
        call(index=0, id="a", function={"name": None, "arguments": "}"}),
        call(index=1, function={"name": "two", "arguments": None}),
        chunk("tool_calls"),
    ) == [ToolCall("a", "one", "{}"), ToolCall("call2", "two", "{}")]


def test_a_call_is_given_when_the_model_is_done_with_it_not_at_the_end_of_the_stream() -> None:
    reader = ChunkReader("Vendor")
    fragment = msgspec.json.encode(call(index=0, id="a", function={"name": "one", "arguments": "{}"}))
    assert list(reader.feed(ServerEvent("", fragment))) == []
    assert list(reader.feed(ServerEvent("", msgspec.json.encode(chunk("tool_calls"))))) == [ToolCall("a", "one", "{}")]


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        ({"error": {"message": "Overloaded", "type": "server_error", "code": None}}, True),
        ({"error": {"message": "Overloaded", "code": 502}, "choices": []}, True),
        ({"error": {"message": "Limit", "code": 429}}, True),
        ({"error": {"message": "Bad", "code": 400}}, False),
        ({"error": {"message": "Quota", "code": "insufficient_quota"}}, False),
        ({"object": "error", "message": "Too long", "code": 400}, False),
        ({"error": "out of memory"}, True),
    ],
)
def test_an_error_in_the_stream(error: dict[str, Any], retryable: bool) -> None:
    with pytest.raises(LlmError, match="failed in the middle") as raised:
        read(chunk(content="a"), error)
    assert raised.value.retryable is retryable


def test_a_filter_that_leaves_nothing_is_a_refusal_and_one_that_cuts_is_not() -> None:
    with pytest.raises(LlmError, match="content filter") as raised:
        read(chunk("content_filter"), DONE)
    assert not raised.value.retryable
    assert read(chunk(content="So."), chunk("content_filter"), DONE) == [TextDelta("So.")]


@given(st.binary(max_size=200))
def test_what_is_no_chunk_is_malformed(data: bytes) -> None:
    # No random bytes are a JSON object of some length.
    assume(data != DONE.encode() and not data.startswith(b"{"))
    with pytest.raises(LlmError, match="no answer of this API"):
        list(ChunkReader("Vendor").feed(ServerEvent("", data)))
