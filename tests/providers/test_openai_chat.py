"""The adapter against the wire server, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

import pytest

from hocket.errors import LlmError, MissingError
from hocket.providers.openai_chat import OpenAiChat, Vendor
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.openai import OpenAiServer
from hocket.sim.wire.replies import Asked, Reply, ToolUse, in_turn, tokens
from hocket.stages.llm import LlmRequest, Message, TextDelta, ToolCall, Usage
from tests.providers.llm_wire import END_CALL, LONG, SIMPLE, WEATHER, Closing, ask, closing, quick, sent, text_of
from tests.sim.wire.waiting import until
from tests.stages.contract import check_llm

WORDS = "We open at nine, every day but Sunday."
CALLS = Reply("One moment.", (ToolUse("weather", '{"place": "Bergen"}'), ToolUse("end_call")))


UP_TO_THE_END = 2 + len(tokens(WORDS))
"""The role, the tokens, and the message that says why it ends."""


def adapter(server: OpenAiServer, key: str = "sk-test", **settings: float) -> OpenAiChat:
    return OpenAiChat("some-model", key=key, base_url=server.url + "/v1", silence_s=settings.get("silence_s", 5.0))


@asynccontextmanager
async def talking(server: OpenAiServer) -> AsyncIterator[Closing]:
    async with server, closing(adapter(server)) as llm:
        yield llm


def test_the_contract_holds() -> None:
    request = LlmRequest("Be brief.", SIMPLE.messages, tools=(WEATHER, END_CALL))

    @asynccontextmanager
    async def broken() -> AsyncIterator[Closing]:
        server = OpenAiServer(WORDS)
        server.faults.standing = Fault("status", status=500)
        async with talking(server) as llm:
            yield llm

    def make(answer: Reply | str) -> OpenAiServer:
        return OpenAiServer(in_turn(answer), delays=quick(), token_ns=500_000)

    deltas = check_llm(lambda: talking(make(WORDS)), request, asyncio.run, broken)
    assert text_of(deltas) == WORDS
    deltas = check_llm(lambda: talking(make(CALLS)), request, asyncio.run)
    assert [type(delta) for delta in deltas[-3:]] == [ToolCall, ToolCall, Usage]


def test_a_reply_streams_token_by_token() -> None:
    async def scenario() -> None:
        async with talking(OpenAiServer(WORDS, delays=quick(), token_ns=20_000_000)) as llm:
            stream = llm.reply(SIMPLE)
            async with asyncio.timeout(5):
                first = await anext(stream)
            assert isinstance(first, TextDelta)
            assert WORDS.startswith(first.text)
            assert len(first.text) < len(WORDS)
            await stream.aclose()

    asyncio.run(scenario())


def test_tool_calls_are_put_together() -> None:
    async def scenario() -> None:
        async with talking(OpenAiServer(in_turn(CALLS))) as llm:
            *text, weather, end, usage = await ask(llm, LONG)
            assert text_of(text) == "One moment."
            assert isinstance(weather, ToolCall)
            assert isinstance(end, ToolCall)
            assert isinstance(usage, Usage)
            assert (weather.name, weather.arguments) == ("weather", '{"place": "Bergen"}')
            assert (end.name, end.arguments) == ("end_call", "{}")

    asyncio.run(scenario())


def test_the_request_has_its_stable_part_first_and_the_passages_with_the_last_words() -> None:
    async def scenario() -> None:
        server = OpenAiServer()
        async with talking(server) as llm:
            await ask(llm, LONG)
            body = sent(server)
        assert body["model"] == "some-model"
        assert body["stream_options"] == {"include_usage": True}
        assert body["max_completion_tokens"] == 200
        assert [tool["function"]["name"] for tool in body["tools"]] == ["weather", "end_call"]
        roles = [message["role"] for message in body["messages"]]
        assert roles == ["system", "assistant", "user", "assistant", "tool", "assistant", "user"]
        assert body["messages"][0]["content"] == "You work for a kayak rental."
        asked = body["messages"][3]["tool_calls"][0]
        assert asked["id"] == body["messages"][4]["tool_call_id"] == "call00001"
        assert asked["function"] == {"name": "weather", "arguments": '{"place": "Bergen"}'}
        last = body["messages"][-1]["content"]
        assert last.index("prices.md#Kayaks") < last.index("30 euros") < last.index("And what does a kayak cost?")

    asyncio.run(scenario())


def test_a_tools_result_is_told() -> None:
    heard: list[Asked] = []

    def replies(asked: Asked) -> Reply:
        heard.append(asked)
        return Reply("Rain.")

    async def scenario() -> None:
        messages = (*LONG.messages[:4],)
        async with talking(OpenAiServer(replies)) as llm:
            await ask(llm, LlmRequest("Be brief.", messages, LONG.tools, LONG.passages))
        (asked,) = heard
        assert asked.results == ("Rain.",)
        assert asked.said.endswith("How is the weather?")
        assert "30 euros" in asked.said

    asyncio.run(scenario())


def test_usage_counts_what_came_from_the_vendors_cache() -> None:
    async def scenario() -> None:
        long = LlmRequest("Know this. " * 800, SIMPLE.messages)
        async with talking(OpenAiServer(WORDS)) as llm:
            first, second = (await ask(llm, long))[-1], (await ask(llm, long))[-1]
        assert isinstance(first, Usage)
        assert isinstance(second, Usage)
        assert first.cached_tokens == 0
        assert 2000 < second.cached_tokens <= second.input_tokens == first.input_tokens
        assert second.output_tokens >= 8

    asyncio.run(scenario())


def test_connections_are_used_again() -> None:
    async def scenario() -> None:
        server = OpenAiServer(WORDS)
        async with talking(server) as llm:
            await llm.models()
            for _ in range(3):
                await ask(llm)
        assert len({exchange.connection for exchange in server.exchanges}) == 1

    asyncio.run(scenario())


def test_a_closed_reply_closes_its_connection_at_once() -> None:
    async def scenario() -> None:
        server = OpenAiServer(WORDS)
        server.faults.standing = Fault("stall", after_messages=3, seconds=60)
        async with talking(server) as llm:
            stream = llm.reply(SIMPLE)
            await anext(stream)
            await stream.aclose()
            await until(lambda: server.exchanges[0].state == "left")

    asyncio.run(scenario())


def failing(fault: Fault) -> LlmError:
    async def scenario() -> LlmError:
        server = OpenAiServer(WORDS)
        server.faults.standing = fault
        async with server, closing(adapter(server, silence_s=0.05)) as llm:
            with pytest.raises(LlmError) as raised:
                await ask(llm)
            server.faults.clear()
            assert text_of(await ask(llm)) == WORDS, "the next request goes well"
            return raised.value

    return asyncio.run(scenario())


@pytest.mark.parametrize("after", range(UP_TO_THE_END))
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("reset", "broke off"),
        ("close", "broke off in the middle"),
        ("garbage", "no answer of this API"),
        ("error", "failed in the middle"),
        ("stall", "sent nothing for 0.05 s"),
    ],
)
def test_a_reply_that_fails_after_any_message_is_one_error(kind: str, says: str, after: int) -> None:
    error = failing(Fault(kind, after_messages=after, after_bytes=7, seconds=60))  # type: ignore[arg-type]
    assert says in str(error)
    assert error.retryable


@pytest.mark.parametrize("kind", ["reset", "close", "garbage", "error", "stall"])
def test_a_reply_that_is_complete_does_not_fail_for_want_of_its_usage(kind: str) -> None:
    async def scenario() -> None:
        server = OpenAiServer(WORDS)
        server.faults.plan(Fault(kind, after_messages=UP_TO_THE_END, seconds=60))  # type: ignore[arg-type]
        async with server, closing(adapter(server, silence_s=0.05)) as llm:
            stream = llm.reply(SIMPLE)
            deltas = [delta async for delta in stream]
        assert text_of(deltas) == WORDS
        assert not any(isinstance(delta, Usage) for delta in deltas)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "retryable", "says"),
    [
        (400, False, "does not accept the request"),
        (401, False, "check OPENAI_API_KEY"),
        (402, False, "no credit"),
        (403, False, "refused the key"),
        (404, False, 'knows no model "some-model"'),
        (408, True, "trying again may help"),
        (422, False, "does not accept"),
        (429, True, "asks to wait 2 s"),
        (500, True, "trying again may help"),
        (503, True, "HTTP 503"),
    ],
)
def test_refusals_say_what_to_do(status: int, retryable: bool, says: str) -> None:
    error = failing(Fault("status", status=status, seconds=2))
    assert says in str(error)
    assert error.retryable is retryable


def test_a_late_answer_is_given_up() -> None:
    assert "sent nothing for 0.05 s" in str(failing(Fault("late", seconds=60)))


def test_a_wrong_key_is_not_repeated_to_anyone() -> None:
    async def scenario() -> None:
        async with OpenAiServer(key="right") as server, closing(adapter(server, key="sk-very-secret")) as llm:
            with pytest.raises(LlmError) as raised:
                await ask(llm)
            assert not raised.value.retryable
            assert "secret" not in f"{raised.value} {llm!r}"
            assert len(server.exchanges) == 1, "asked once"

    asyncio.run(scenario())


def test_an_unknown_model() -> None:
    async def scenario() -> None:
        server = OpenAiServer(models=["other"])
        async with talking(server) as llm:
            assert await llm.models() == ("other",)
            with pytest.raises(LlmError, match='knows no model "some-model"'):
                await ask(llm)

    asyncio.run(scenario())


def test_nobody_is_listening() -> None:
    async def scenario() -> None:
        server = OpenAiServer()
        await server.start()
        await server.stop()
        async with closing(adapter(server)) as llm:
            with pytest.raises(LlmError, match=r"could not be reached at 127\.0\.0\.1"):
                await ask(llm)

    asyncio.run(scenario())


def test_a_limit_that_cuts_a_tools_arguments_is_an_error_and_one_that_cuts_text_is_not() -> None:
    async def scenario() -> None:
        call = Reply("", (ToolUse("weather", '{"place": "Bergen in Norway"}'),))
        async with talking(OpenAiServer(in_turn(WORDS, call))) as llm:
            short = LlmRequest("", SIMPLE.messages, (WEATHER,), max_tokens=3)
            assert 0 < len(text_of(await ask(llm, short))) < len(WORDS)
            with pytest.raises(LlmError, match="no JSON object"):
                await ask(llm, short)

    asyncio.run(scenario())


def test_settings_may_be_functions_that_are_asked_for_every_request() -> None:
    keys = iter(["first", "second"])

    async def scenario() -> None:
        async with OpenAiServer() as server:
            llm = OpenAiChat(
                "m", key=lambda: next(keys), base_url=lambda: server.url + "/v1", headers=lambda: {"X-Tenant": "a"}
            )
            async with closing(llm):
                await ask(llm)
                await ask(llm)
                with pytest.raises(LlmError, match="a function that raised"):
                    await ask(llm)
            seen = [exchange.request.headers for exchange in server.exchanges]
            assert [headers["Authorization"] for headers in seen] == ["Bearer first", "Bearer second"]
            assert {headers["X-Tenant"] for headers in seen} == {"a"}

    asyncio.run(scenario())


def test_a_function_knows_the_call_by_the_context_it_is_asked_in() -> None:
    tenant: ContextVar[str] = ContextVar("tenant")

    async def scenario() -> None:
        async with OpenAiServer() as server:
            llm = OpenAiChat("m", key=lambda: f"key of {tenant.get()}", base_url=server.url + "/v1")

            async def call(name: str) -> None:
                tenant.set(name)
                await ask(llm)
                await ask(llm)

            async with closing(llm):
                await asyncio.gather(*(call(name) for name in ("one", "two")))
            keys = [exchange.request.headers["Authorization"] for exchange in server.exchanges]
        assert sorted(keys) == ["Bearer key of one"] * 2 + ["Bearer key of two"] * 2

    asyncio.run(scenario())


def test_a_missing_key_is_said_when_the_adapter_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingError, match="OPENAI_API_KEY"):
        OpenAiChat("m")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    assert OpenAiChat("m").name == "openai/m"


def test_a_server_of_ones_own_needs_no_key() -> None:
    async def scenario() -> None:
        async with OpenAiServer() as server:
            own = Vendor("own", "Own", server.url + "/v1", stream_options=False)
            async with closing(OpenAiChat("m", vendor=own, body={"seed": 1}, thinking_tokens=50)) as llm:
                deltas = await ask(llm)
        assert not any(isinstance(delta, Usage) for delta in deltas)
        body = sent(server)
        assert (body["max_tokens"], body["seed"], "stream_options" in body) == (250, 1, False)

    asyncio.run(scenario())


def test_a_key_with_a_line_break_is_said() -> None:
    async def scenario() -> None:
        async with OpenAiServer() as server, closing(adapter(server, key="sk-1\n")) as llm:
            with pytest.raises(LlmError, match="line break"):
                await ask(llm)

    asyncio.run(scenario())


def test_an_address_that_is_none() -> None:
    async def scenario() -> None:
        for wrong in ("nonsense", "ftp://127.0.0.1/v1", ""):
            async with closing(OpenAiChat("m", key="k", base_url=lambda wrong=wrong: wrong)) as llm:
                with pytest.raises(LlmError, match="no HTTP address") as raised:
                    await ask(llm)
                assert not raised.value.retryable

    asyncio.run(scenario())


def test_an_empty_history_is_a_request_too() -> None:
    async def scenario() -> None:
        async with talking(OpenAiServer(WORDS)) as llm:
            assert text_of(await ask(llm, LlmRequest("Greet the caller.", (Message("user", " "),)))) == WORDS

    asyncio.run(scenario())


def test_one_adapter_serves_several_loops() -> None:
    async def once(llm: OpenAiChat, server: OpenAiServer) -> str:
        async with server:
            try:
                return text_of(await ask(llm))
            finally:
                await llm.close()

    server = OpenAiServer(WORDS)
    llm = OpenAiChat("m", key="k", base_url=lambda: server.url + "/v1")
    assert [asyncio.run(once(llm, server)) for _ in range(2)] == [WORDS, WORDS]
