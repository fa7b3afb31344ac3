"""OpenAI's own SDK against the server: it speaks the dialect if the vendor's client cannot tell it from the vendor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import openai
import pytest
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter

from hocket.providers.openai_chat import OpenAiChat
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.openai import OpenAiServer
from hocket.sim.wire.replies import Reply, ToolUse, in_turn
from tests.providers.llm_wire import LONG, ask, closing, sent

WORDS = "We open at nine, every day but Sunday."
TOOLS: Any = [
    {"type": "function", "function": {"name": "weather", "description": "", "parameters": {"type": "object"}}}
]
MESSAGES: Any = [{"role": "user", "content": "When do you open?"}]


@asynccontextmanager
async def sdk(server: OpenAiServer, key: str = "sk-test") -> AsyncIterator[openai.AsyncOpenAI]:
    async with server, openai.AsyncOpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0) as client:
        yield client


async def complete(client: openai.AsyncOpenAI, **more: Any) -> list[ChatCompletionChunk]:
    body = {"model": "m", "messages": MESSAGES, "stream_options": {"include_usage": True}, **more}
    stream = await client.chat.completions.create(stream=True, **body)
    return [chunk async for chunk in stream]


def test_the_sdk_reads_text_and_usage() -> None:
    async def scenario() -> None:
        async with sdk(OpenAiServer(WORDS)) as client:
            chunks = await complete(client)
        choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
        assert "".join(choice.delta.content or "" for choice in choices) == WORDS
        assert [choice.finish_reason for choice in choices[-2:]] == [None, "stop"]
        assert choices[0].delta.role == "assistant"
        usage = chunks[-1].usage
        assert usage is not None
        assert usage.completion_tokens >= 8
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        assert usage.prompt_tokens_details is not None
        assert len(chunks) > 8, "token by token"

    asyncio.run(scenario())


def test_every_chunk_is_valid_by_the_sdks_own_types() -> None:
    async def scenario() -> None:
        calls = Reply("So.", (ToolUse("weather", '{"place": "Bergen"}'),))
        async with sdk(OpenAiServer(in_turn(calls))) as client:
            for chunk in await complete(client, tools=TOOLS):
                # The SDK builds its objects without checking them; this checks them.
                ChatCompletionChunk.model_validate(chunk.model_dump(), strict=True)

    asyncio.run(scenario())


def test_the_sdk_puts_tool_calls_together() -> None:
    async def scenario() -> None:
        calls = Reply("So.", (ToolUse("weather", '{"place": "Bergen"}'), ToolUse("weather", '{"place": "Oslo"}')))
        async with (
            sdk(OpenAiServer(in_turn(calls))) as client,
            client.chat.completions.stream(model="m", messages=MESSAGES, tools=TOOLS) as stream,
        ):
            message = (await stream.get_final_completion()).choices[0]
        assert message.finish_reason == "tool_calls"
        assert message.message.content == "So."
        asked = message.message.tool_calls or []
        assert [call.function.arguments for call in asked] == ['{"place": "Bergen"}', '{"place": "Oslo"}']
        assert len({call.id for call in asked}) == 2

    asyncio.run(scenario())


def test_the_sdk_reads_what_was_cached() -> None:
    async def scenario() -> None:
        long: Any = [{"role": "system", "content": "Know this. " * 800}, *MESSAGES]
        async with sdk(OpenAiServer(WORDS)) as client:
            first = (await complete(client, messages=long))[-1].usage
            second = (await complete(client, messages=long))[-1].usage
        assert first and first.prompt_tokens_details and second and second.prompt_tokens_details  # noqa: PT018
        assert first.prompt_tokens_details.cached_tokens == 0
        assert (second.prompt_tokens_details.cached_tokens or 0) > 2000

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_the_sdk_raises_its_own_error_for_a_status(status: int, error: type[openai.APIStatusError]) -> None:
    async def scenario() -> None:
        server = OpenAiServer()
        server.faults.plan(Fault("status", status=status, seconds=3))
        async with sdk(server) as client:
            with pytest.raises(error) as raised:
                await complete(client)
            assert raised.value.response.headers["Retry-After"] == "3"
            assert "Planned" in raised.value.message

    asyncio.run(scenario())


def test_the_sdk_is_told_of_a_wrong_key_and_an_unknown_model() -> None:
    async def scenario() -> None:
        server = OpenAiServer(models=["known"], key="right")
        async with sdk(server, key="wrong") as client:
            with pytest.raises(openai.AuthenticationError) as refused:
                await complete(client)
            assert refused.value.code == "invalid_api_key"
            client.api_key = "right"
            with pytest.raises(openai.NotFoundError) as unknown:
                await complete(client)
            assert unknown.value.code == "model_not_found"
            assert [model.id async for model in client.models.list()] == ["known"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("kind", "error"), [("error", openai.APIError), ("reset", openai.APIConnectionError), ("garbage", ValueError)]
)
def test_the_sdk_notices_an_answer_that_fails(kind: str, error: type[Exception]) -> None:
    async def scenario() -> None:
        server = OpenAiServer(WORDS)
        server.faults.plan(Fault(kind, after_messages=3))  # type: ignore[arg-type]
        async with sdk(server) as client:
            with pytest.raises(error):
                await complete(client)

    asyncio.run(scenario())


def test_the_sdks_retries_are_answered() -> None:
    async def scenario() -> None:
        server = OpenAiServer(WORDS)
        server.faults.plan(Fault("status", status=429, seconds=0.01), None)
        async with sdk(server) as client:
            assert await complete(client.with_options(max_retries=1))
        assert [exchange.state for exchange in server.exchanges] == ["refused", "answered"]

    asyncio.run(scenario())


def test_requests_that_openai_refuses_are_refused() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    bad: list[tuple[Any, str]] = [
        ([], "empty array"),
        ([{"role": "robot", "content": "x"}], "Supported values"),
        ([{"role": "tool", "content": "x", "tool_call_id": "a"}], "must be a response"),
        ([{"role": "assistant", "tool_calls": [call]}, *MESSAGES], "must be followed"),
        ([{"role": "assistant", "tool_calls": [call]}], "must be followed"),
        ([{"role": "assistant", "tool_calls": [{**call, "id": "a" * 41}]}], "too long"),
        ([{"role": "user", "content": None}], "got null"),
    ]

    async def scenario() -> None:
        async with sdk(OpenAiServer()) as client:
            for messages, words in bad:
                with pytest.raises(openai.BadRequestError, match=words):
                    await complete(client, messages=messages)
            with pytest.raises(openai.BadRequestError, match="too short"):
                await complete(client, tools=[])
            async with (
                aiohttp.ClientSession() as plain,
                plain.post(f"{client.base_url}chat/completions", data=b"{nonsense") as answer,
            ):
                assert answer.status == 400

    asyncio.run(scenario())


def test_the_adapters_requests_are_valid_by_the_sdks_own_types() -> None:
    async def scenario() -> None:
        server = OpenAiServer()
        async with server, closing(OpenAiChat("m", key="k", base_url=server.url + "/v1")) as llm:
            await ask(llm, LONG)
        body = sent(server)
        checked = TypeAdapter(CompletionCreateParamsStreaming).validate_python(body)
        assert set(checked) == set(body), "fields the SDK does not know"

    asyncio.run(scenario())
