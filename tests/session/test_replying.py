from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import pytest

from hocket.agent.call import Call
from hocket.agent.tools import Tool
from hocket.errors import LlmError, TtsError
from hocket.ids import ReplyId, ToolCallId
from hocket.session.pacing import Wheel
from hocket.session.replying import STALL_S, TOOL_ROUNDS, Replying
from hocket.session.sayings import Sayings
from hocket.session.speaking import Speaker
from hocket.session.tasks import Tasks
from hocket.session.tool_calls import ToolCalls
from hocket.session.turns import Turns
from hocket.sim.loop import run
from hocket.stages.llm import LlmDelta, LlmRequest, Message, TextDelta, ToolCall, Usage
from hocket.stages.notices import notify
from hocket.trace.log import TraceLog
from hocket.trace.records import Mark, Tokens
from hocket.turn.config import TurnConfig
from hocket.turn.events import Event, ReplyFailed, ReplyReady, ToolRequested
from hocket.turn.history import History
from tests.session.making import RATE, FakeLine, FakeLlm, FakeTts, News

ONE, TWO = ReplyId(1), ReplyId(2)


class CollectingTurns(Turns):
    """Tells its facts to somebody else than the engine."""

    take: Callable[[Event], None]

    def post(self, event: Event) -> None:
        self.take(event)


class Bench:
    """Replying with everything around it but the engine, which only remembers."""

    def __init__(self, llm: FakeLlm, tts: FakeTts) -> None:
        self.news = News()
        self.turns = CollectingTurns(TurnConfig(), TraceLog(), lambda command: None, self.news.failed)
        self.turns.take = self._post
        self.tasks = Tasks(self.news.failed)
        self.line = FakeLine(frames=False)
        self.speaker = Speaker(self.line, Wheel(), self._post, self.turns.mark, self.news.failed)
        self.sayings = Sayings(tts, RATE)
        self.tool_calls = ToolCalls(Call("test"), dict[str, Tool](), self._post, self.turns.mark, self.tasks.start)
        self.answers_tools = True
        self.replying = Replying(
            llm,
            tts,
            LlmRequest("You are being tested.", ()),
            self.turns,
            None,
            self.tool_calls,
            self.sayings,
            self.speaker,
            self.tasks.start,
        )

    @property
    def history(self) -> History:
        return self.turns.engine.history

    def marks(self, stage: str) -> list[Mark]:
        found = [entry.record for entry in self.turns.trace.entries if isinstance(entry.record, Mark)]
        return [mark for mark in found if mark.stage == stage]

    def _post(self, event: Event) -> None:
        self.news.post(event)
        if isinstance(event, ToolRequested) and self.answers_tools:
            result = self.tool_calls._results[event.call]
            asyncio.get_running_loop().call_later(0.1, _answer, result, f"{event.name} says six")


def _answer(waiting: asyncio.Future[str], text: str) -> None:
    if not waiting.done():
        waiting.set_result(text)


def with_bench(llm: FakeLlm, tts: FakeTts, scenario: Callable[[Bench], Awaitable[None]]) -> None:
    async def body() -> None:
        bench = Bench(llm, tts)
        await scenario(bench)
        bench.speaker.close()
        await bench.tasks.close()
        assert not bench.news.failures
        assert llm.closed == len(llm.requests)
        assert tts.closed == tts.streams

    run(body())


def user(text: str) -> Message:
    return Message("user", text)


@pytest.mark.parametrize(
    ("before", "text", "messages"),
    [
        ([], "Are you open?", [user("Are you open?")]),
        (["Are you open?"], "Are you open?", [user("Are you open?")]),
        (["Are you open?"], "are you open", [user("Are you open?")]),
        (["I don't know"], "no", [user("I don't know no")]),
        (["Hello."], "Are you open?", [user("Hello. Are you open?")]),
    ],
)
def test_the_model_is_asked_with_the_callers_words_once(before: list[str], text: str, messages: list[Message]) -> None:
    """A committed turn is in the history already, a speculative one is not."""
    llm = FakeLlm(("Yes.",))

    async def scenario(bench: Bench) -> None:
        for words in before:
            bench.history.user(words)
        bench.replying.answer(ONE, text)
        await asyncio.sleep(1)
        assert list(llm.requests[0].messages) == messages
        assert llm.requests[0].instructions == "You are being tested."

    with_bench(llm, FakeTts(), scenario)


def test_the_model_is_told_the_conversation_as_it_was_heard() -> None:
    llm = FakeLlm(("Yes.",))

    async def scenario(bench: Bench) -> None:
        bench.history.user("What time is it?")
        bench.history.tool_call(ToolCallId("1:0"), "clock", "{}")
        bench.history.tool_result(ToolCallId("1:0"), "six")
        bench.history.heard("It is six", interrupted=True)
        bench.replying.answer(ONE, "Thanks.")
        await asyncio.sleep(1)
        assert list(llm.requests[0].messages) == [
            user("What time is it?"),
            Message("assistant", "", (ToolCall("1:0", "clock", "{}"),)),
            Message("tool", "six", tool_call_id="1:0"),
            Message("assistant", "It is six"),
            user("Thanks."),
        ]

    with_bench(llm, FakeTts(), scenario)


def test_tokens_or_segments_as_the_voice_wants_them() -> None:
    words = tuple(
        f"{word} " for word in ("It", "is", "six.", "The", "office", "opens", "at", "nine", "tomorrow", "morning.")
    )
    for takes in ("tokens", "segments"):
        tts = FakeTts()
        tts.takes = takes

        async def scenario(bench: Bench) -> None:
            bench.replying.answer(ONE, "What time is it?")
            await asyncio.sleep(1)

        with_bench(FakeLlm(words), tts, scenario)
        assert "".join(tts.said).split() == "".join(words).split()
        assert (len(tts.said) == len(words)) == (takes == "tokens")


def test_an_opener_that_the_voice_remembers_is_not_held_for_what_follows_it() -> None:
    class Remembering(FakeTts):
        takes = "tokens"

        def remembers(self, opener: str, rate: int) -> bool:
            return (opener, rate) == ("It is free.", 16_000)

    async def scenario(bench: Bench) -> None:
        bench.replying.answer(ONE, "What does it cost?")
        await asyncio.sleep(1)

    for tts, first in ((Remembering(), ["It ", "is ", "free."]), (FakeTts(), ["It ", "is ", "free. "])):
        tts.takes = "tokens"
        with_bench(FakeLlm(("It", " is", " free", ".", " Shall", " I?")), tts, scenario)
        assert tts.said[:3] == first


@pytest.mark.parametrize(("before", "after"), [(".", "It"), (". ", "It"), (".", " It"), (".", "\nIt")])
def test_what_is_said_before_a_tool_and_after_it_is_apart(before: str, after: str) -> None:
    llm = FakeLlm((f"Let me see{before}", ToolCall("0", "clock", "{}")), (f"{after} is six.",))
    tts = FakeTts()

    async def scenario(bench: Bench) -> None:
        bench.replying.answer(ONE, "What time is it?")
        await asyncio.sleep(1)
        assert "".join(tts.said) == "Let me see. It is six."

    with_bench(llm, tts, scenario)


def test_so_it_is_when_a_second_tool_is_run_without_a_word() -> None:
    tool = ToolCall("0", "clock", "{}")
    tts = FakeTts()

    async def scenario(bench: Bench) -> None:
        bench.replying.answer(ONE, "What time is it?")
        await asyncio.sleep(1)
        assert "".join(tts.said) == "Let me see. It is six."

    with_bench(FakeLlm(("Let me see.", tool), (tool,), ("It is six.",)), tts, scenario)


def test_a_tools_answer_goes_back_to_the_model() -> None:
    llm = FakeLlm(("Let me see. ", ToolCall("0", "clock", "{}"), ToolCall("1", "sun", "{}")), ("It is six.",))
    tts = FakeTts()

    async def scenario(bench: Bench) -> None:
        bench.replying.answer(ONE, "What time is it?")
        await asyncio.sleep(1)
        calls = [event.call for event in bench.news.of(ToolRequested)]
        assert list(llm.requests[1].messages) == [
            user("What time is it?"),
            Message("assistant", "Let me see. ", (ToolCall(calls[0], "clock", "{}"), ToolCall(calls[1], "sun", "{}"))),
            Message("tool", "clock says six", tool_call_id=calls[0]),
            Message("tool", "sun says six", tool_call_id=calls[1]),
        ]
        assert "".join(tts.said) == "Let me see. It is six."
        assert tts.streams == 1, "one reply is one stream of speech"

    with_bench(llm, tts, scenario)


def test_a_model_that_only_asks_for_tools_is_stopped() -> None:
    llm = FakeLlm((ToolCall("0", "clock", "{}"),))

    async def scenario(bench: Bench) -> None:
        bench.replying.answer(ONE, "What time is it?")
        await asyncio.sleep(5)
        (failed,) = bench.news.of(ReplyFailed)
        assert failed == ReplyFailed(ONE, f"fake asked for tools {TOOL_ROUNDS} times without an answer.")
        assert len(llm.requests) == TOOL_ROUNDS

    with_bench(llm, FakeTts(), scenario)


@pytest.mark.parametrize("before", [(), ("It is ",)])
def test_a_model_that_stalls_is_lost(before: tuple[str, ...]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.replying.answer(ONE, "What time is it?")
        await asyncio.sleep(60)
        assert bench.news.of(ReplyFailed) == [ReplyFailed(ONE, f"fake sent nothing for {STALL_S:g} s.")]
        assert bench.news.at(ReplyFailed) == [round(STALL_S * 1e9)]
        assert bench.marks("llm")[-1].step == "failed"

    with_bench(FakeLlm((*before, 10_000.0)), FakeTts(), scenario)


def test_a_model_that_says_nothing_has_failed() -> None:
    class Silent(FakeLlm):
        async def reply(self, request: LlmRequest):  # type: ignore[no-untyped-def]
            yield Usage(1, 0, 0)
            yield TextDelta("")

    async def scenario(bench: Bench) -> None:
        bench.replying.answer(ONE, "What time is it?")
        await asyncio.sleep(1)
        assert bench.news.of(ReplyFailed) == [ReplyFailed(ONE, "nothing to say")]

    with_bench(Silent(), FakeTts(), scenario)


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.15, 0.25, 0.45])
def test_cancelled_it_computes_no_more(after_s: float) -> None:
    """While the model has not begun, writes, waits for a tool, goes on."""
    llm = FakeLlm((0.1, "Let me ", 0.1, "see. ", ToolCall("0", "clock", "{}")), (0.1, "It is ", 0.1, "six."))

    async def scenario(bench: Bench) -> None:
        bench.replying.answer(ONE, "What time is it?")
        await asyncio.sleep(after_s)
        bench.replying.cancel(ONE)
        bench.replying.cancel(ONE)
        before = len(bench.news.events)
        await asyncio.sleep(5)
        assert len(bench.news.events) == before
        assert not bench.replying._running
        if after_s:
            assert bench.marks("llm")[-1].step in ("cancelled", "ended")

    with_bench(llm, FakeTts(), scenario)


def test_fixed_words_are_said_from_what_was_prepared() -> None:
    tts = FakeTts(before=1.0)

    async def scenario(bench: Bench) -> None:
        await bench.sayings.prepare(("Hello.",))
        began = asyncio.get_running_loop().time()
        bench.replying.say(ONE, "Hello.")
        await asyncio.sleep(0.1)
        assert bench.news.at(ReplyReady) == [round(began * 1e9)]
        bench.replying.say(TWO, "Something else.")
        await asyncio.sleep(2)
        assert len(bench.news.of(ReplyReady)) == 2

    with_bench(FakeLlm(()), tts, scenario)


def test_a_filler_that_was_not_prepared_is_made_and_kept() -> None:
    tts = FakeTts()

    async def scenario(bench: Bench) -> None:
        for reply in (ONE, TWO):
            bench.replying.answer(reply, "What time is it?")
            bench.replying.fill(reply, "One moment.")
            await asyncio.sleep(1)
        assert tts.said == ["One moment."]
        assert len(bench.line.heard()) == 2 * len(bench.line.heard()) // 2 > 0

    with_bench(FakeLlm((10_000.0,)), tts, scenario)


@pytest.mark.parametrize("error", [TtsError("The voice broke."), ValueError("a bug of somebody's")])
def test_a_filler_that_fails_harms_nobody(error: Exception) -> None:
    async def scenario(bench: Bench) -> None:
        bench.sayings.tts = FakeTts(before=error)
        bench.replying.answer(ONE, "What time is it?")
        bench.replying.fill(ONE, "One moment.")
        await asyncio.sleep(3)
        assert len(bench.news.events) == 1
        assert bench.news.of(ReplyReady)

    with_bench(FakeLlm((2.0, "It is six.")), FakeTts(), scenario)


def test_a_failing_models_sentence_is_the_reason() -> None:
    async def scenario(bench: Bench) -> None:
        bench.replying.answer(ONE, "What time is it?")
        await asyncio.sleep(1)
        assert bench.news.of(ReplyFailed) == [ReplyFailed(ONE, "The model is down.")]

    with_bench(FakeLlm((LlmError("The model is down."),)), FakeTts(), scenario)


def test_what_the_stages_tell_of_themselves_is_marked_for_the_reply_that_runs_them() -> None:
    class Telling(FakeLlm):
        async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
            notify("connect", "started", "v")
            async with aclosing(super().reply(request)) as deltas:
                async for delta in deltas:
                    yield delta
            yield Usage(900, 512, 3)

    async def hold() -> None:
        bench = Bench(Telling(("Yes.",)), FakeTts())
        bench.replying.answer(ONE, "hello")
        await asyncio.sleep(1)
        assert bench.marks("connect") == [Mark("connect", "started", ONE, "v")]
        tokens = [entry.record for entry in bench.turns.trace.entries if isinstance(entry.record, Tokens)]
        assert tokens == [Tokens(ONE, 900, 512, 3)]
        await bench.tasks.close()

    run(hold())


def test_what_the_model_writes_is_handed_over_as_it_is_said() -> None:
    async def hold() -> None:
        voice = FakeTts()
        bench = Bench(FakeLlm(("**Sure", ".** It", " is $1", "2.50, at", " 9:30", " am.")), voice)
        bench.replying.answer(ONE, "hello")
        await asyncio.sleep(1)
        assert "".join(voice.said) == "Sure. It is twelve dollars and fifty cents, at nine thirty a.m."
        await bench.tasks.close()

    run(hold())
