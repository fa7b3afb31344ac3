"""Anthropic's own SDK against the server: it speaks the dialect if that client cannot tell it from Anthropic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import anthropic
import httpx2
import pytest
from anthropic.types import RawMessageStreamEvent, ToolUseBlock
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from pydantic import TypeAdapter

from hocket.providers.anthropic import Anthropic
from hocket.sim.wire.anthropic import AnthropicServer
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.replies import Reply, ToolUse, in_turn, tokens
from tests.providers.llm_wire import LONG, ask, closing, sent

WORDS = "We open at nine, every day but Sunday."
CALLS = Reply("So.", (ToolUse("weather", '{"place": "Bergen"}'), ToolUse("end_call")))
TOOLS: Any = [{"name": "weather", "input_schema": {"type": "object"}}]
MESSAGES: Any = [{"role": "user", "content": "When do you open?"}]
EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


@asynccontextmanager
async def sdk(server: AnthropicServer, key: str = "sk-ant") -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with server, anthropic.AsyncAnthropic(api_key=key, base_url=server.url, max_retries=0) as client:
        yield client


async def message(client: anthropic.AsyncAnthropic, **more: Any) -> anthropic.types.Message:
    body: dict[str, Any] = {"model": "m", "max_tokens": 100, "messages": MESSAGES, **more}
    async with client.messages.stream(**body) as stream:
        return await stream.get_final_message()


def test_the_sdk_reads_text_and_usage() -> None:
    async def scenario() -> None:
        async with (
            sdk(AnthropicServer(WORDS)) as client,
            client.messages.stream(model="m", max_tokens=100, messages=MESSAGES) as stream,
        ):
            pieces = [text async for text in stream.text_stream]
            final = await stream.get_final_message()
        assert pieces == tokens(WORDS), "token by token"
        assert final.content[0].type == "text"
        assert final.content[0].text == WORDS
        assert (final.stop_reason, final.role, final.model) == ("end_turn", "assistant", "m")
        assert final.usage.output_tokens == len(pieces)
        assert final.usage.input_tokens > 0

    asyncio.run(scenario())


def test_every_event_is_valid_by_the_sdks_own_types() -> None:
    async def scenario() -> None:
        async with sdk(AnthropicServer(in_turn(CALLS))) as client:
            stream = await client.messages.create(
                model="m", max_tokens=100, messages=MESSAGES, tools=TOOLS, stream=True
            )
            kinds = []
            async for event in stream:
                # The SDK builds its objects without checking them; this checks them.
                EVENT.validate_python(event.model_dump(), strict=True)
                kinds.append(event.type)
        assert kinds[0] == "message_start"
        assert kinds[-2:] == ["message_delta", "message_stop"]
        assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 3

    asyncio.run(scenario())


def test_the_sdk_puts_tool_calls_together() -> None:
    async def scenario() -> None:
        async with sdk(AnthropicServer(in_turn(CALLS))) as client:
            final = await message(client, tools=TOOLS)
        assert final.stop_reason == "tool_use"
        asked = [block for block in final.content if isinstance(block, ToolUseBlock)]
        assert [(block.name, block.input) for block in asked] == [("weather", {"place": "Bergen"}), ("end_call", {})]
        assert len({block.id for block in asked}) == 2

    asyncio.run(scenario())


def test_the_sdk_reads_what_was_cached_and_only_what_was_marked_is() -> None:
    text = {"type": "text", "text": "Know this. " * 800}
    marked: Any = [{**text, "cache_control": {"type": "ephemeral"}}]
    unmarked: Any = [text]

    async def scenario() -> None:
        async with sdk(AnthropicServer(WORDS)) as client:
            uses = [(await message(client, system=system)).usage for system in (unmarked, marked, marked)]
        assert [(use.cache_read_input_tokens or 0) > 2000 for use in uses] == [False, False, True]
        assert [(use.cache_creation_input_tokens or 0) > 2000 for use in uses] == [False, True, False]
        assert [use.input_tokens > 2000 for use in uses] == [True, False, False]

    asyncio.run(scenario())


def test_the_sdk_is_told_of_a_limit_that_was_reached() -> None:
    async def scenario() -> None:
        async with sdk(AnthropicServer(WORDS)) as client:
            final = await message(client, max_tokens=2)
        assert (final.stop_reason, final.usage.output_tokens) == ("max_tokens", 2)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.APIStatusError, "overloaded_error"),
    ],
)
def test_the_sdk_raises_its_own_error_for_a_status(
    status: int, error: type[anthropic.APIStatusError], kind: str
) -> None:
    async def scenario() -> None:
        server = AnthropicServer()
        server.faults.plan(Fault("status", status=status, seconds=3))
        async with sdk(server) as client:
            with pytest.raises(error) as raised:
                await message(client)
            assert raised.value.type == kind
            assert raised.value.response.headers["Retry-After"] == "3"

    asyncio.run(scenario())


def test_the_sdk_is_told_of_a_wrong_key_and_an_unknown_model() -> None:
    async def scenario() -> None:
        server = AnthropicServer(models=["known"], key="right")
        async with (
            sdk(server, key="wrong") as wrong,
            anthropic.AsyncAnthropic(api_key="right", base_url=server.url, max_retries=0) as right,
        ):
            with pytest.raises(anthropic.AuthenticationError):
                await message(wrong)
            with pytest.raises(anthropic.NotFoundError, match="model: m"):
                await message(right)
            assert [model.id async for model in right.models.list()] == ["known"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("kind", "error"),
    [("error", anthropic.APIStatusError), ("reset", httpx2.ReadError), ("garbage", ValueError)],
)
def test_the_sdk_notices_an_answer_that_fails(kind: str, error: type[Exception]) -> None:
    async def scenario() -> None:
        server = AnthropicServer(WORDS)
        server.faults.plan(Fault(kind, after_messages=5))  # type: ignore[arg-type]
        async with sdk(server) as client:
            with pytest.raises(error):
                await message(client)

    asyncio.run(scenario())


def test_requests_that_anthropic_refuses_are_refused() -> None:
    use = {"type": "tool_use", "id": "a", "name": "weather", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "Rain."}
    user = MESSAGES[0]
    bad: list[tuple[dict[str, Any], str]] = [
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "first message must use"),
        ({"messages": [{"role": "system", "content": "x"}]}, "Unexpected role"),
        ({"messages": [{"role": "user", "content": []}]}, "non-empty content"),
        ({"messages": [{"role": "user", "content": " "}]}, "must be non-empty"),
        ({"messages": [{"role": "user", "content": [result]}]}, "unexpected `tool_use_id`"),
        ({"messages": [user, {"role": "assistant", "content": [use]}, user]}, "without `tool_result`"),
        ({"messages": [user, {"role": "assistant", "content": [use]}]}, "without `tool_result`"),
        ({"messages": [user, {"role": "assistant", "content": [{**use, "id": "1:a"}]}]}, "match pattern"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 5}, "maximum of 4"),
    ]

    async def scenario() -> None:
        async with sdk(AnthropicServer()) as client:
            for more, words in bad:
                with pytest.raises(anthropic.BadRequestError, match=words):
                    await message(client, **more)
            async with aiohttp.ClientSession() as plain:
                for body, words in ((b"{nonsense", "not valid JSON"), (b"{}", "anthropic-version")):
                    async with plain.post(f"{str(client.base_url).rstrip('/')}/v1/messages", data=body) as answer:
                        assert (answer.status, words in await answer.text()) == (400, True)

    asyncio.run(scenario())


def test_the_adapters_requests_are_valid_by_the_sdks_own_types() -> None:
    async def scenario() -> None:
        server = AnthropicServer()
        async with server, closing(Anthropic("m", key="k", base_url=server.url)) as llm:
            await ask(llm, LONG)
        body = sent(server)
        checked = TypeAdapter(MessageCreateParamsStreaming).validate_python(body)
        assert set(checked) == set(body), "fields the SDK does not know"

    asyncio.run(scenario())
