"""The adapter against the wire server, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hocket.errors import LlmError, MissingError
from hocket.providers.anthropic import Anthropic
from hocket.sim.wire.anthropic import AnthropicServer
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.replies import Asked, Reply, ToolUse, in_turn, tokens
from hocket.stages.llm import LlmRequest, Message, ToolCall, Usage
from tests.providers.llm_wire import END_CALL, LONG, SIMPLE, WEATHER, Closing, ask, closing, quick, sent, text_of
from tests.sim.wire.waiting import until
from tests.stages.contract import check_llm

WORDS = "We open at nine, every day but Sunday."
CALLS = Reply("One moment.", (ToolUse("weather", '{"place": "Bergen"}'), ToolUse("end_call")))

UP_TO_THE_END = 6 + len(tokens(WORDS))
"""message_start, ping, the block's start, the tokens, the block's end, message_delta, message_stop."""


def adapter(server: AnthropicServer, key: str = "sk-ant", silence_s: float = 5.0) -> Anthropic:
    return Anthropic("some-model", key=key, base_url=server.url, silence_s=silence_s)


@asynccontextmanager
async def talking(server: AnthropicServer) -> AsyncIterator[Closing]:
    async with server, closing(adapter(server)) as llm:
        yield llm


def test_the_contract_holds() -> None:
    request = LlmRequest("Be brief.", SIMPLE.messages, tools=(WEATHER, END_CALL))

    @asynccontextmanager
    async def broken() -> AsyncIterator[Closing]:
        server = AnthropicServer(WORDS)
        server.faults.standing = Fault("status", status=529)
        async with talking(server) as llm:
            yield llm

    def make(answer: Reply | str) -> AnthropicServer:
        return AnthropicServer(in_turn(answer), delays=quick(), token_ns=500_000)

    deltas = check_llm(lambda: talking(make(WORDS)), request, asyncio.run, broken)
    assert text_of(deltas) == WORDS
    deltas = check_llm(lambda: talking(make(CALLS)), request, asyncio.run)
    assert [type(delta) for delta in deltas[-3:]] == [ToolCall, ToolCall, Usage]


def test_tool_calls_are_put_together() -> None:
    async def scenario() -> None:
        async with talking(AnthropicServer(in_turn(CALLS))) as llm:
            *text, weather, end, usage = await ask(llm, LONG)
        assert text_of(text) == "One moment."
        assert isinstance(weather, ToolCall)
        assert isinstance(end, ToolCall)
        assert isinstance(usage, Usage)
        assert (weather.name, weather.arguments) == ("weather", '{"place": "Bergen"}')
        assert (end.name, end.arguments) == ("end_call", "{}")

    asyncio.run(scenario())


def test_the_request_is_in_turns_and_its_stable_part_is_marked_for_the_cache() -> None:
    async def scenario() -> None:
        server = AnthropicServer()
        async with talking(server) as llm:
            await ask(llm, LONG)
            body = sent(server)
        assert body["max_tokens"] == 200
        assert body["thinking"] == {"type": "disabled"}
        assert body["system"] == [
            {"type": "text", "text": "You work for a kayak rental.", "cache_control": {"type": "ephemeral"}}
        ]
        assert [tool["name"] for tool in body["tools"]] == ["weather", "end_call"]
        roles = [message["role"] for message in body["messages"]]
        assert roles == ["user", "assistant", "user", "assistant", "user", "assistant", "user"]
        asked = body["messages"][3]["content"][1]
        assert asked == {"type": "tool_use", "id": "call00001", "name": "weather", "input": {"place": "Bergen"}}
        assert body["messages"][4]["content"] == [
            {"type": "tool_result", "tool_use_id": "call00001", "content": "Rain."}
        ]
        last = body["messages"][-1]["content"][0]["text"]
        assert last.index("30 euros") < last.index("And what does a kayak cost?")
        assert server.exchanges[-1].request.headers["x-api-key"] == "sk-ant"

    asyncio.run(scenario())


def test_a_tools_result_is_told() -> None:
    heard: list[Asked] = []

    def replies(asked: Asked) -> Reply:
        heard.append(asked)
        return Reply("Rain.")

    async def scenario() -> None:
        async with talking(AnthropicServer(replies)) as llm:
            await ask(llm, LlmRequest("Be brief.", LONG.messages[:4], LONG.tools, LONG.passages))
        assert [asked.results for asked in heard] == [("Rain.",)]
        assert heard[0].said.endswith("How is the weather?")

    asyncio.run(scenario())


def test_usage_counts_what_came_from_the_cache_and_the_rest() -> None:
    async def scenario() -> None:
        instructions = "Know this. " * 800
        async with talking(AnthropicServer(WORDS)) as llm:
            first, second = [
                (await ask(llm, LlmRequest(instructions, (Message("user", said),))))[-1] for said in ("One?", "Two?")
            ]
        assert isinstance(first, Usage)
        assert isinstance(second, Usage)
        assert first.cached_tokens == 0
        assert first.input_tokens == second.input_tokens > 2000
        assert 0 < second.input_tokens - second.cached_tokens < 100
        assert second.output_tokens == len(tokens(WORDS))

    asyncio.run(scenario())


def test_connections_are_used_again_and_a_closed_reply_closes_its_own() -> None:
    async def scenario() -> None:
        server = AnthropicServer(WORDS)
        async with talking(server) as llm:
            await llm.models()
            for _ in range(3):
                await ask(llm)
            assert len({exchange.connection for exchange in server.exchanges}) == 1
            server.faults.standing = Fault("stall", after_messages=5, seconds=60)
            stream = llm.reply(SIMPLE)
            await anext(stream)
            await stream.aclose()
            await until(lambda: server.exchanges[-1].state == "left")

    asyncio.run(scenario())


def failing(fault: Fault) -> LlmError:
    async def scenario() -> LlmError:
        server = AnthropicServer(WORDS)
        server.faults.standing = fault
        async with server, closing(adapter(server, silence_s=0.05)) as llm:
            with pytest.raises(LlmError) as raised:
                await ask(llm)
            server.faults.clear()
            assert text_of(await ask(llm)) == WORDS, "the next request goes well"
            return raised.value

    return asyncio.run(scenario())


@pytest.mark.parametrize("after", range(UP_TO_THE_END - 2))
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("reset", "broke off"),
        ("close", "broke off in the middle"),
        ("garbage", "no answer of this API"),
        ("error", 'failed in the middle of a reply. It says: "Overloaded"'),
        ("stall", "sent nothing for 0.05 s"),
    ],
)
def test_a_reply_that_fails_after_any_message_is_one_error(kind: str, says: str, after: int) -> None:
    error = failing(Fault(kind, after_messages=after, after_bytes=7, seconds=60))  # type: ignore[arg-type]
    assert says in str(error)
    assert error.retryable


@pytest.mark.parametrize("kind", ["reset", "close", "garbage", "error", "stall"])
def test_a_reply_that_is_complete_does_not_fail_for_want_of_its_end(kind: str) -> None:
    async def scenario() -> None:
        server = AnthropicServer(WORDS)
        server.faults.plan(Fault(kind, after_messages=UP_TO_THE_END - 1, seconds=60))  # type: ignore[arg-type]
        async with server, closing(adapter(server, silence_s=0.05)) as llm:
            assert text_of(await ask(llm)) == WORDS

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "retryable", "says"),
    [
        (400, False, "does not accept the request"),
        (401, False, "check ANTHROPIC_API_KEY"),
        (402, False, "no credit"),
        (403, False, "refused the key"),
        (404, False, 'knows no model "some-model"'),
        (413, False, "does not accept"),
        (429, True, "asks to wait 2 s"),
        (500, True, "trying again may help"),
        (529, True, "HTTP 529"),
    ],
)
def test_refusals_say_what_to_do(status: int, retryable: bool, says: str) -> None:
    error = failing(Fault("status", status=status, seconds=2))
    assert says in str(error)
    assert error.retryable is retryable


def test_an_unknown_model_and_a_wrong_key() -> None:
    async def scenario() -> None:
        server = AnthropicServer(models=["other"], key="right")
        async with server, closing(adapter(server, key="right")) as llm, closing(adapter(server, key="wrong")) as other:
            assert await llm.models() == ("other",)
            with pytest.raises(LlmError, match='knows no model "some-model"'):
                await ask(llm)
            with pytest.raises(LlmError, match="refused the key"):
                await ask(other)

    asyncio.run(scenario())


def test_a_missing_key_is_said_when_the_adapter_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(MissingError, match="ANTHROPIC_API_KEY"):
        Anthropic()


def test_settings_may_be_functions_and_the_body_may_be_added_to() -> None:
    async def scenario() -> None:
        async with AnthropicServer() as server:
            llm = Anthropic(
                "m", key=lambda: "asked", base_url=lambda: server.url, headers=lambda: {"anthropic-beta": "b"}, body={}
            )
            async with closing(llm):
                await ask(llm, LlmRequest("", SIMPLE.messages, (WEATHER, END_CALL)))
            headers, body = server.exchanges[-1].request.headers, sent(server)
        assert (headers["x-api-key"], headers["anthropic-beta"]) == ("asked", "b")
        assert "thinking" not in body
        assert "system" not in body
        assert [("cache_control" in tool) for tool in body["tools"]] == [False, True]

    asyncio.run(scenario())
