"""A call: one inbox, one owner of its state.

Every source (the line, the recogniser, replies, tools, deadlines) posts facts. The engine turns each into orders, and
the orders are carried out before the next fact is looked at. Both go into the trace.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from hocket.agent.agent import Agent
from hocket.agent.call import Call, CallRecord
from hocket.agent.prompt import instructions_for
from hocket.audio.frame import Frame
from hocket.clock import SECOND, LoopClock, wall_clock
from hocket.errors import HocketError, StageError
from hocket.ids import NO_REPLY
from hocket.session import record
from hocket.session.endings import Endings
from hocket.session.listening import Listening
from hocket.session.load import LoadLevel
from hocket.session.pacing import Wheel
from hocket.session.replying import Replying
from hocket.session.retrieval import Retrieval
from hocket.session.sayings import Sayings
from hocket.session.speaking import Speaker
from hocket.session.subscribers import Subscribers
from hocket.session.tasks import Tasks
from hocket.session.tool_calls import ToolCalls
from hocket.session.turns import Turns
from hocket.stages.llm import Llm, LlmRequest
from hocket.stages.notices import Notice, listen
from hocket.stages.retriever import Retriever
from hocket.stages.stt import Stt
from hocket.stages.transport import Transport
from hocket.stages.tts import Tts
from hocket.stages.turn_detector import TurnDetector
from hocket.stages.vad import Vad
from hocket.trace.log import TraceLog
from hocket.trace.records import TRACE_VERSION, Mark, Opened, TimeKind
from hocket.turn import commands
from hocket.turn.commands import Command
from hocket.turn.config import TurnConfig
from hocket.turn.events import (
    CallerLeft,
    CallStarted,
    EndRequested,
    Event,
    LineBack,
    LineLost,
    LoadShed,
    PlayoutStarted,
    SayRequested,
)
from hocket.turn.history import History
from hocket.turn.state import Phase

log = logging.getLogger(__name__)

FIRST_FRAME_S: Final = 1.0
"""A line that brings no audio by then is open all the same: some carriers are silent until somebody speaks."""

OPEN_S: Final = 10.0
"""What a stage has to open."""

CLOSE_S: Final = 5.0
"""What a stage has to close; it is left to itself then."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Who does what in a call. All but the transport and the sayings' audio are shared with other calls."""

    vad: Vad
    stt: Stt
    llm: Llm
    tts: Tts
    transport: Transport
    sayings: Sayings
    retriever: Retriever | None = None
    load: LoadLevel = field(default_factory=LoadLevel)
    turn_detector: TurnDetector | None = None


class Session:
    """Holds one call. `await run()` returns when it is over, whatever happened in it.

    When it is cancelled, the call is ended and accounted for all the same.
    """

    def __init__(
        self,
        agent: Agent,
        stages: Stages,
        config: TurnConfig,
        wheel: Wheel,
        *,
        call_id: str,
        caller: str = "",
        parameters: dict[str, Any] | None = None,
        trace: TraceLog | None = None,
        time: TimeKind = "real",
        recording: str = "",
    ) -> None:
        self.call = Call(
            call_id,
            caller=caller,
            parameters=parameters,
            language=agent.language,
            line=self,
            subscribers=agent.subscribers,
        )
        self._stages = stages
        self._head = _head(self.call, agent, stages, time, recording)
        self._opened = self._heard = False
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks = Tasks(self._failed)
        self._subscribers = Subscribers(self.call)
        self._turns = Turns(config, trace or TraceLog(), self._do, self._failed)
        post, mark = self._turns.post, self._turns.mark
        self._speaker = Speaker(stages.transport, wheel, self._playout, mark, self._failed)
        rate, detector = stages.transport.input_rate, stages.turn_detector
        endings = Endings(detector, rate, self._tasks.start, post, mark) if detector else None
        self._listening = Listening(stages.vad, stages.stt, rate, post, mark, self._agent_is_heard, endings)
        self._tool_calls = ToolCalls(self.call, agent.tools, post, mark, self._tasks.start)
        self._retrieval = Retrieval(stages.retriever, self._tasks.start, mark) if stages.retriever else None
        self._replying = Replying(
            stages.llm,
            stages.tts,
            LlmRequest(
                instructions_for(agent, self.call),
                (),
                agent.tool_specs,
                max_tokens=agent.manners.max_tokens,
                language=agent.language,
            ),
            self._turns,
            self._retrieval,
            self._tool_calls,
            stages.sayings,
            self._speaker,
            self._tasks.start,
        )

    async def run(self) -> CallRecord:
        """Hold the call to its end and return what is left of it."""
        reason = "the call was cancelled"
        try:
            reason = await self._hold()
        except Exception as error:
            reason = self._reason(error)
        finally:
            made = await self._close(reason)
        return made

    @property
    def trace(self) -> TraceLog:
        """What has happened so far."""
        return self._turns.trace

    @property
    def history(self) -> History:
        """The conversation as heard."""
        return self._turns.engine.history

    # -- what the transport tells (stages.transport.Receiver)

    def hear(self, frame: Frame) -> None:
        """The caller's next frame."""
        if self._ended.done():
            return
        try:
            if not self._heard:
                self._heard = True
                epoch = LoopClock().now() - frame.end * SECOND // frame.rate
                self._listening.begin(epoch)
                self._open(epoch)
            self._listening.hear(frame)
        except Exception as error:  # no stage takes the line down with it
            self._failed(error)

    def played(self, sample: int, bound_ms: float, source: Literal["acknowledged", "estimated"]) -> None:
        """What has sounded at the caller."""
        if not self._turns.sealed:
            self._speaker.played(sample, bound_ms)

    def dtmf(self, digit: str) -> None:
        """A key: kept in the trace, and told to nobody."""
        self._turns.mark(Mark("stt", "segment", detail=f"key {digit}"))

    def lost(self) -> None:
        """The caller is away, and may come back."""
        self._turns.post(LineLost())

    def back(self) -> None:
        """They are there again."""
        if not self._turns.sealed:
            self._speaker.returned()
        self._turns.post(LineBack())

    def left(self, reason: str) -> None:
        """The caller is gone."""
        self._open()
        self._turns.post(CallerLeft(reason))

    # -- what a call can do (agent.call.Line)

    def say(self, text: str, interruptible: bool) -> None:
        """Say these very words as soon as the floor is free."""
        self._turns.post(SayRequested(text, interruptible))

    def end(self, reason: str, goodbye: str | None) -> None:
        """End the call after what is being said."""
        self._turns.post(EndRequested(reason, goodbye))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a subscriber beside the call, with a bound on its time."""
        self._subscribers.spawn(work)

    # -- inside

    async def _hold(self) -> str:
        """From the first ring to the reason of the end."""
        listen(self._noticed)
        async with _within(OPEN_S, "The recogniser"):
            await self._listening.open(self.call.language, self._tasks.start)
        async with _within(OPEN_S, "The line"):
            await self._stages.transport.start(self)
        silent = asyncio.get_running_loop().call_later(FIRST_FRAME_S, self._open)
        try:
            return await self._ended
        finally:
            silent.cancel()

    def _open(self, epoch: int | None = None) -> None:
        """The line is open in both directions."""
        if self._opened or self._ended.done():
            return
        self._opened = True
        self._begin_trace(epoch)
        self._turns.post(CallStarted())
        self._stages.load.follow(self, lambda level: self._turns.post(LoadShed(level)))
        self._subscribers.started(self._head.media_epoch)

    def _noticed(self, notice: Notice) -> None:
        """A stage tells of itself while it works for no reply in particular."""
        self._turns.mark(Mark(notice.stage, notice.step, NO_REPLY, notice.detail, notice.count))

    def _agent_is_heard(self) -> bool:
        return self._turns.engine.phase is Phase.SPEAKING

    def _begin_trace(self, epoch: int | None = None) -> None:
        """Media time begins with the caller's first sample, or now if there is none yet."""
        self._head = msgspec.structs.replace(self._head, media_epoch=LoopClock().now() if epoch is None else epoch)
        self._turns.write(self._head)

    def _do(self, command: Command) -> None:
        """Carry out one order."""
        match command:
            case commands.StartReply():
                self._subscribers.begun(command)
                self._replying.answer(command.reply, command.text, voiced=command.voiced)
            case commands.StartSay():
                self._subscribers.begun(command)
                self._replying.say(command.reply, command.text)
            case commands.CancelReply():
                self._replying.cancel(command.reply)
            case commands.PlayFiller():
                self._replying.fill(command.reply, command.text)
            case commands.StartPlayout():
                self._speaker.open_gate(command.reply)
            case commands.PausePlayout():
                self._speaker.pause(command.reply)
            case commands.ResumePlayout():
                self._speaker.resume(command.reply)
            case commands.StopPlayout():
                self._speaker.stop(command.reply)
            case commands.Finalize():
                self._listening.finalize()
            case commands.HearEnding():
                self._listening.judge_ending()
            case commands.StartRetrieval():
                if self._retrieval:
                    self._retrieval.start(command.query)
            case commands.RunTool():
                self._tool_calls.run(command)
            case commands.CancelTool():
                self._tool_calls.cancel(command)
            case commands.CommitTurn():
                self._replying.committed(command.reply)
                self._subscribers.turn(command.text, self._listening.onset)
            case commands.EndCall():
                if not self._ended.done():
                    self._ended.set_result(command.reason)
            case commands.AmendTurn() | commands.CloseTurn() | commands.ScoreTurn():
                pass  # for readers of the trace

    def _playout(self, event: Event) -> None:
        """News of what sounds."""
        if isinstance(event, PlayoutStarted):
            self._listening.agent_heard()
        self._turns.post(event)
        self._subscribers.playout(event)

    def _failed(self, error: Exception) -> None:
        """Something that the call cannot go on without: it ends with the reason, and never hangs."""
        if not self._ended.done():
            self._ended.set_result(self._reason(error))

    def _reason(self, error: Exception) -> str:
        if isinstance(error, HocketError):
            return str(error)
        log.error("call %s failed", self.call.id, exc_info=error)
        return f"an error in hocket: {type(error).__name__}"

    async def _close(self, reason: str) -> CallRecord:
        failed = self._turns.engine.phase is not Phase.ENDED
        if not self._opened:
            self._begin_trace()
        elif failed:
            self._turns.post(CallerLeft(reason))  # so that every turn and tool is accounted for
        self._ended.cancel()
        self._stages.load.leave(self)
        self._turns.close()
        self._speaker.close()
        # Whatever one of them does, the others are closed; the last is closed first.
        async with AsyncExitStack() as stack:
            stack.callback(self._turns.seal, reason, self._listening.dropped, failed)
            stack.push_async_callback(self._closed, "line", self._stages.transport.close)
            stack.push_async_callback(self._closed, "recogniser", self._listening.close)
            stack.push_async_callback(self._tasks.close)
        head = self._head
        made = record.call_record(self.trace.entries, self.call, head.agent, head.wall_clock, reason)
        await self._subscribers.ended(made)
        self._take_apart()
        return made

    def _take_apart(self) -> None:
        """A call that is over hangs together in circles, which only the oldest collection would find; that stops the
        other calls for a tenth of a second and more, and until it comes thousands of calls take memory."""
        self.call.over()
        del self._stages, self._tasks, self._subscribers, self._speaker, self._listening, self._tool_calls
        del self._retrieval, self._replying

    async def _closed(self, what: str, close: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await close()
        except Exception as error:
            log.warning("call %s: the %s could not be closed", self.call.id, what, exc_info=error)


@asynccontextmanager
async def _within(seconds: float, what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise StageError(f"{what} could not be opened within {seconds:g} s; try again.") from None


def _head(call: Call, agent: Agent, stages: Stages, time: TimeKind, recording: str) -> Opened:
    """The head of the trace, but for the moment media time begins."""
    return Opened(
        TRACE_VERSION,
        call.id,
        agent.name,
        # A simulated call has no date, so that the same seed gives the same bytes.
        wall_clock() if time == "real" else "",
        time,
        0,
        stages.transport.input_rate,
        stages.transport.output_rate,
        _names(stages),
        agent.preset,
        recording,
    )


def _names(stages: Stages) -> dict[str, str]:
    """Stage -> who does it."""
    names = {"vad": stages.vad.name, "stt": stages.stt.name, "llm": stages.llm.name, "tts": stages.tts.name}
    return names | ({"turn": stages.turn_detector.name} if stages.turn_detector else {})
