from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from hocket.agent.agent import Agent
from hocket.agent.call import Call, CallRecord
from hocket.audio.frame import Frame, Samples
from hocket.errors import SttError, TransportError
from hocket.session.sayings import Sayings
from hocket.session.session import CLOSE_S, FIRST_FRAME_S, OPEN_S, Session, Stages
from hocket.sim.loop import run
from hocket.stages.llm import LlmDelta, LlmRequest, TextDelta, ToolCall
from hocket.stages.stt import Transcript
from hocket.stages.transport import Receiver
from hocket.trace.records import Closed, Opened
from hocket.turn.commands import CloseTurn, CommitTurn
from hocket.turn.config import TurnConfig
from hocket.turn.events import CallerLeft, PlayoutFinished, SpeechStarted, ToolFinished
from tests.session.making import (
    FRAME,
    QUIET,
    RATE,
    FakeLine,
    FakeLlm,
    FakeTts,
    FakeVad,
    events,
    marks,
    ramp,
    session,
    timers_left,
)


class WordsStt:
    """Recognises the same words each time a final is asked for; `fails` is raised or waited for at opening."""

    name = "fake"

    def __init__(self, words: str = "What time is it?", fails: Exception | float = 0.0) -> None:
        self.words, self.fails = words, fails
        self.closed = 0

    async def open(self, rate: int, language: str = "en") -> WordsStream:
        if isinstance(self.fails, Exception):
            raise self.fails
        await asyncio.sleep(self.fails)
        return WordsStream(self)


class WordsStream:
    dropped = 0

    def __init__(self, stt: WordsStt) -> None:
        self._stt = stt
        self._finals: asyncio.Queue[Transcript | None] = asyncio.Queue(16)

    def push(self, frame: Frame) -> None: ...

    def finalize(self) -> None:
        self._finals.put_nowait(Transcript(self._stt.words, True, True))

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        while (transcript := await self._finals.get()) is not None:
            yield transcript

    async def close(self) -> None:
        self._stt.closed += 1


SAYS = FakeVad((500, 1500))


def stages(
    *,
    line: FakeLine | None = None,
    vad: FakeVad | None = None,
    stt: WordsStt | None = None,
    llm: FakeLlm | None = None,
    tts: FakeTts | None = None,
) -> Stages:
    voice = tts or FakeTts()
    return Stages(
        vad or FakeVad(), stt or WordsStt(), llm or FakeLlm(("It is six.",)), voice, line or FakeLine(),
        Sayings(voice, RATE),
    )  # fmt: skip


ENDS = ("The caller hung up.", "the caller said nothing", "agent", "closing time")
"""Reasons of calls that somebody ended."""


def hold(
    made: Stages,
    *,
    leaves_s: float = 5.0,
    agent: Agent | None = None,
    config: TurnConfig = QUIET,
    act: Callable[[Session], Coroutine[Any, Any, None]] | None = None,
) -> tuple[Session, CallRecord]:
    """Hold a call whose caller leaves after a while, and check that nothing of it is left."""

    async def body() -> tuple[Session, CallRecord]:
        line = made.transport
        held = session(made, agent=agent, config=config)
        asyncio.get_running_loop().call_later(leaves_s, held.left, "The caller hung up.")
        acting = asyncio.create_task(act(held)) if act else None
        record = await held.run()
        if acting:
            await acting
        count = len(held.trace.entries)
        assert len(asyncio.all_tasks()) == 1, "no task is left"
        assert all(timer.when() == leaves_s for timer in timers_left()), "no timer is left"
        # Whatever comes now comes too late, and harms nobody.
        held.left("again")
        held.dtmf("5")
        held.played(10**6, 0.0, "acknowledged")
        held.hear(silent_frame())
        held.say("Too late.", True)
        await asyncio.sleep(100)
        assert len(held.trace.entries) == count
        if isinstance(line, FakeLine):
            assert line.closed == 1
        assert isinstance(made.vad, FakeVad)
        assert made.vad.open_streams == 0
        assert isinstance(held.trace.entries[0].record, Opened)
        closed = held.trace.entries[-1].record
        assert isinstance(closed, Closed)
        assert (closed.reason, closed.dropped) == (record.reason, {})
        assert closed.failed == (record.reason not in ENDS)
        return held, record

    return run(body())


def silent_frame() -> Frame:
    return Frame(np.zeros(RATE // 50, np.int16), RATE, 0)


def outcomes(held: Session) -> list[str]:
    commits = [entry for entry in held.trace.entries if isinstance(entry.record, CommitTurn)]
    closes = [entry.record.outcome for entry in held.trace.entries if isinstance(entry.record, CloseTurn)]
    assert len(commits) == len(closes), "what became of every turn is known"
    return list(closes)


def test_a_question_is_answered_and_the_record_says_so() -> None:
    _, record = hold(stages(vad=FakeVad((500, 1500))))
    assert [(entry.who, entry.text) for entry in record.transcript] == [
        ("caller", "What time is it?"),
        ("agent", "It is six."),
    ]
    assert record.reason == "The caller hung up."
    assert len(record.latencies_ms) == 1


def test_a_recogniser_that_cannot_be_opened_ends_the_call_with_its_reason() -> None:
    made = stages(stt=WordsStt(fails=SttError("The key is not valid.")))
    made.transport.closed = 0  # type: ignore[attr-defined]
    _, record = hold(made)
    assert record.reason == "The key is not valid."
    assert record.transcript == ()


@pytest.mark.parametrize("fails", [10_000.0, ValueError("a bug of somebody's")])
def test_a_recogniser_that_hangs_or_breaks_at_opening_ends_the_call(fails: Exception | float) -> None:
    _, record = hold(stages(stt=WordsStt(fails=fails)), leaves_s=50)
    expected = "an error in hocket: ValueError" if isinstance(fails, Exception) else "could not be opened within 10 s"
    assert expected in record.reason


class RefusingLine(FakeLine):
    def __init__(self, refuses: Exception | float) -> None:
        super().__init__()
        self.refuses = refuses

    async def start(self, receiver: Receiver) -> None:
        if isinstance(self.refuses, Exception):
            raise self.refuses
        await asyncio.sleep(self.refuses)


@pytest.mark.parametrize(
    ("refuses", "reason"),
    [
        (TransportError("The line refuses the call."), "The line refuses the call."),
        (ValueError("a bug"), "an error in hocket: ValueError"),
        (10_000.0, f"The line could not be opened within {OPEN_S:g} s; try again."),
    ],
)
def test_a_line_that_does_not_open_ends_the_call(refuses: Exception | float, reason: str) -> None:
    stt = WordsStt()
    _, record = hold(stages(line=RefusingLine(refuses), stt=stt), leaves_s=50)
    assert record.reason == reason
    assert stt.closed == 1


def test_a_line_that_never_sends_a_frame_is_spoken_to_and_given_up() -> None:
    config = TurnConfig(
        greeting="Hello.", reprompts=("Still there?",), goodbye="Goodbye.", no_input_ms=2_000, fillers=()
    )
    held, record = hold(stages(line=FakeLine(frames=False)), leaves_s=60, config=config)
    assert [entry.text for entry in record.transcript] == ["Hello.", "Still there?", "Goodbye."]
    assert record.reason == "the caller said nothing"
    assert record.duration_ms == pytest.approx(4_000 + 3 * 100, abs=20)
    opened = held.trace.entries[0]
    assert opened.now == round(FIRST_FRAME_S * 1e9)


def test_a_line_that_is_silent_at_first_has_its_media_time_from_its_first_frame() -> None:
    class LateLine(FakeLine):
        async def start(self, receiver: Receiver) -> None:
            asyncio.get_running_loop().call_later(
                5.0, lambda: asyncio.create_task(super(LateLine, self).start(receiver))
            )

    held, _ = hold(stages(line=LateLine(), vad=FakeVad((500, 1500))), leaves_s=10)
    (started,) = events(held, SpeechStarted)
    assert started.onset == pytest.approx(5.5e9, abs=0.2e9)
    assert outcomes(held) == ["answered"]


def test_a_caller_who_leaves_before_the_line_is_open() -> None:
    _, record = hold(stages(line=FakeLine(frames=False)), leaves_s=0.5)
    assert record.reason == "The caller hung up."


@pytest.mark.parametrize("leaves_s", [0.0, 0.01, 1.0, 1.63, 1.7, 1.75, 1.8, 2.0, 3.0])
def test_it_ends_cleanly_whatever_is_going_on(leaves_s: float) -> None:
    """Speaking, thinking, a tool running, a reply sounding; the caller's words, and their turn, are accounted for."""
    agent = Agent("You look things up.")

    @agent.tool
    async def look(what: str) -> str:
        """Look something up."""
        await asyncio.sleep(0.2)
        return "six"

    llm = FakeLlm((0.05, "Let me see. ", ToolCall("0", "look", '{"what": "time"}')), (0.05, "It is six. ", 0.1, "Yes."))
    tts, stt = FakeTts(before=0.05), WordsStt()
    held, record = hold(
        stages(vad=FakeVad((500, 1500)), llm=llm, tts=tts, stt=stt), leaves_s=leaves_s, agent=agent
    )  # fmt: skip
    outcomes(held)
    assert record.reason == "The caller hung up."
    assert llm.closed == len(llm.requests)
    assert tts.closed == tts.streams
    assert stt.closed == 1


@pytest.mark.parametrize("at_s", [0.0, 0.001, 0.5, 1.0, 1.7, 1.8, 2.0])
def test_cancelled_it_accounts_for_the_call_all_the_same(at_s: float) -> None:
    async def body() -> None:
        llm, tts, stt, line = FakeLlm((0.05, "It is six. ", 0.2, "Yes.")), FakeTts(), WordsStt(), FakeLine()
        made = stages(vad=FakeVad((500, 1500)), llm=llm, tts=tts, stt=stt, line=line)
        told: list[CallRecord] = []
        agent = Agent("You are being tested.")
        agent.on("ended", lambda _, record: told.append(record))
        held = session(made, agent=agent)
        task = asyncio.create_task(held.run())
        await asyncio.sleep(at_s)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert len(asyncio.all_tasks()) == 1
        assert not timers_left()
        if not at_s:
            return  # it had not begun
        assert told[0].reason == "the call was cancelled"
        assert isinstance(held.trace.entries[-1].record, Closed)
        outcomes(held)
        assert line.closed == 1
        assert llm.closed == len(llm.requests)
        assert tts.closed == tts.streams
        assert stt.closed == 1

    run(body())


def test_stages_that_do_not_close_are_left_to_themselves(caplog: pytest.LogCaptureFixture) -> None:
    class StuckLine(FakeLine):
        async def close(self) -> None:
            await super().close()
            await asyncio.sleep(10_000)

    async def body() -> None:
        stt = WordsStt()
        held = session(stages(line=StuckLine(), stt=stt))
        asyncio.get_running_loop().call_later(1.0, held.left, "The caller hung up.")
        await held.run()
        assert asyncio.get_running_loop().time() == pytest.approx(1 + CLOSE_S)
        assert stt.closed == 1

    run(body())
    assert "the line could not be closed" in caplog.text


def test_a_line_that_breaks_while_it_is_spoken_to_ends_the_call() -> None:
    class BreakingLine(FakeLine):
        def send(self, samples: Samples) -> None:
            super().send(samples)
            if len(self.sent_at) == 5:
                raise TransportError("The connection is gone.")

    held, record = hold(stages(line=BreakingLine(), vad=FakeVad((500, 1500)), tts=FakeTts(ms=1000)))
    assert record.reason == "The connection is gone."
    assert outcomes(held) == ["interrupted"] or outcomes(held) == ["ended"]


def test_a_detector_that_breaks_ends_the_call_and_not_the_line() -> None:
    class BrokenVad(FakeVad):
        def open(self, rate: int, on_window: Any) -> Any:
            stream = super().open(rate, on_window)
            stream.push = self.push  # type: ignore[method-assign]
            return stream

        def push(self, frame: Frame) -> None:
            raise ValueError("a bug of somebody's")

    _, record = hold(stages(vad=BrokenVad()))
    assert record.reason == "an error in hocket: ValueError"


def test_an_engine_that_breaks_ends_the_call() -> None:
    async def body() -> None:
        held = session(stages(vad=FakeVad((500, 1500))))

        class Broken:
            phase = None
            deadline = None

            def handle(self, now: int, event: object) -> list[Any]:
                raise AssertionError("an invariant does not hold")

        def breaks() -> None:
            held._turns.engine = Broken()  # type: ignore[assignment]

        asyncio.get_running_loop().call_later(1, breaks)
        record = await held.run()
        assert record.reason == "an error in hocket: AssertionError"
        assert len(asyncio.all_tasks()) == 1

    run(body())


def test_a_failing_model_is_apologised_for_and_the_call_goes_on() -> None:
    config = TurnConfig(fillers=(), greeting="", reprompts=(), goodbye="", apology="Sorry.")

    class Recovering(FakeLlm):
        async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
            await asyncio.sleep(0.1)
            if asyncio.get_running_loop().time() < 2.5:
                raise ValueError("a bug of somebody's")
            yield TextDelta("It is six.")

    held, record = hold(stages(vad=FakeVad((500, 1500), (3000, 4000)), llm=Recovering()), config=config, leaves_s=8)
    assert [entry.text for entry in record.transcript if entry.who == "agent"] == ["Sorry.", "It is six."]
    assert outcomes(held)[-1] == "answered"
    assert marks(held, "llm")[1].step == "failed"


def test_end_call_is_heard_out() -> None:
    llm = FakeLlm(("Goodbye then. ", ToolCall("0", "end_call", "{}")), ())
    held, record = hold(stages(vad=FakeVad((500, 1500)), llm=llm), leaves_s=60)
    assert record.reason == "agent"
    assert record.transcript[-1].text == "Goodbye then."
    assert isinstance(events(held, ToolFinished)[0], ToolFinished)
    (finished,) = [entry.now for entry in held.trace.entries if isinstance(entry.record, PlayoutFinished)]
    assert held.trace.entries[-1].now == finished


def test_a_call_can_say_and_end() -> None:
    async def act(held: Session) -> None:
        await asyncio.sleep(1)
        held.call.say("A word from the operator.")
        await asyncio.sleep(1)
        held.call.end("closing time", "We close now.")

    _, record = hold(stages(), leaves_s=60, act=act)
    assert [entry.text for entry in record.transcript] == ["A word from the operator.", "We close now."]
    assert record.reason == "closing time"


def test_subscribers_are_told_everything_in_order() -> None:
    agent = Agent("You are being tested.")
    told: list[tuple[str, object]] = []
    slow: list[str] = []
    for kind in ("started", "turn", "reply", "tool", "ended"):
        agent.on(kind, lambda _, detail, kind=kind: told.append((kind, getattr(detail, "text", None))))

    async def writes(call: Call, detail: object) -> None:
        await asyncio.sleep(2)
        slow.append("written")

    async def never(call: Call, detail: object) -> None:
        await asyncio.sleep(10_000)

    agent.on("ended", writes)
    agent.on("ended", never)
    hold(stages(vad=FakeVad((500, 1500))), agent=agent)
    assert told == [("started", None), ("turn", "What time is it?"), ("reply", "It is six."), ("ended", None)]
    assert slow == ["written"]


def test_a_caller_who_comes_back_hears_the_rest_of_the_answer() -> None:
    def plan(receiver: Receiver, frame: int) -> None:
        if frame == 110:
            receiver.lost()
        elif frame == 310:
            receiver.back()

    line = FakeLine()
    line.plan = plan
    _, record = hold(stages(vad=FakeVad((500, 1500)), line=line, tts=FakeTts(ms=500)), leaves_s=9)
    assert [(entry.text, entry.interrupted) for entry in record.transcript[1:]] == [("It is six.", False)]
    assert [round(gap, -2) for gap in line.gaps_ms()] == [4000]
    sounded, answer = line.heard(), ramp(1000)
    assert len(np.setdiff1d(answer, sounded)) < 2 * FRAME, "nothing is left out: only fades change samples"
    assert len(answer) <= len(sounded) < len(answer) + 2 * FRAME, "nothing is said twice"


class LostLine(FakeLine):
    """Loses its caller half a second before it notices, and learns what they heard when they are back."""

    UNHEARD = RATE // 2

    def __init__(self) -> None:
        super().__init__()
        self.away = self.returned = False
        self.plan = self._lose

    def _lose(self, receiver: Receiver, frame: int) -> None:
        if frame == 110:
            self.away = True
            receiver.lost()
        elif frame == 310:
            self._forget_unheard()
            self.away, self.returned = False, True
            receiver.back()

    def _forget_unheard(self) -> None:
        left = self.UNHEARD
        while left:
            starts_at, samples = self._playing.pop()
            if len(samples) > left:
                self._playing.append((starts_at, samples[:-left]))
            left -= min(left, len(samples))

    def clear(self) -> int:
        if self.returned:
            self.returned = False
            return self.UNHEARD
        return 0 if self.away else super().clear()


def test_what_a_lost_caller_had_not_heard_is_played_again() -> None:
    line = LostLine()
    _, record = hold(stages(vad=FakeVad((500, 1500)), line=line, tts=FakeTts(ms=500)), leaves_s=9)
    assert [(entry.text, entry.interrupted) for entry in record.transcript[1:]] == [("It is six.", False)]
    answer = ramp(1000)
    assert len(np.setdiff1d(answer, line.heard())) < 2 * FRAME, "nothing is left out: only fades change samples"
    assert len(answer) <= len(line.heard()) < len(answer) + 2 * FRAME, "nothing is said twice"


def test_a_subscriber_that_says_something_at_the_end_is_too_late() -> None:
    agent = Agent("You are being tested.")
    agent.on("ended", lambda call, _: call.say("One more thing."))
    held, _ = hold(stages(), agent=agent)
    assert not [entry for entry in events(held, CallerLeft) if entry.reason != "The caller hung up."]


def test_a_tool_that_ignores_being_cancelled_does_not_hold_the_line(caplog: pytest.LogCaptureFixture) -> None:
    agent = Agent("You look things up.")

    @agent.tool(deadline_s=100)
    async def stubborn() -> str:
        """Ignore being cancelled."""
        until = asyncio.get_running_loop().time() + 30
        while asyncio.get_running_loop().time() < until:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                continue
        return "at last"

    async def body() -> None:
        held = session(
            stages(vad=FakeVad((500, 1500)), llm=FakeLlm((ToolCall("0", "stubborn", "{}"),), ("Well.",))), agent=agent
        )
        asyncio.get_running_loop().call_later(5, held.left, "The caller hung up.")
        await held.run()
        assert asyncio.get_running_loop().time() == pytest.approx(7, abs=0.1)
        (finished,) = events(held, ToolFinished)
        assert finished.failed
        await asyncio.sleep(60)

    run(body())
    assert "goes on although it was cancelled" in caplog.text
