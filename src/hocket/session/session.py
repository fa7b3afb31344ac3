"""A call: one inbox, one owner of its state.

Every source (the line, the recogniser, replies, tools, deadlines) posts facts. The engine turns each into orders, and
the orders are carried out before the next fact is looked at. Both go into the trace.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from hocket.agent.agent import Agent
from hocket.agent.call import Call, CallRecord, TranscriptEntry
from hocket.agent.prompt import instructions_for
from hocket.audio.frame import Frame
from hocket.clock import SECOND, LoopClock, wall_clock
from hocket.errors import HocketError
from hocket.session import record
from hocket.session.listening import Listening
from hocket.session.pacing import Wheel
from hocket.session.replying import Replying
from hocket.session.retrieval import Retrieval
from hocket.session.sayings import Sayings
from hocket.session.speaking import Speaker
from hocket.session.tasks import Tasks
from hocket.session.tool_calls import ToolCalls
from hocket.session.turns import Turns
from hocket.stages.llm import Llm, LlmRequest
from hocket.stages.retriever import Retriever
from hocket.stages.stt import Stt
from hocket.stages.transport import Transport
from hocket.stages.tts import Tts
from hocket.stages.vad import Vad
from hocket.trace.log import TraceLog
from hocket.trace.records import TRACE_VERSION, Closed, Mark, Opened, TimeKind
from hocket.turn import commands
from hocket.turn.commands import Command
from hocket.turn.config import TurnConfig
from hocket.turn.events import CallerLeft, CallStarted, EndRequested, SayRequested

log = logging.getLogger(__name__)

FIRST_FRAME_S: Final = 1.0
"""A line that brings no audio by then is open all the same: some carriers are silent until somebody speaks."""


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


class Session:
    """Holds one call. `await run()` returns when it is over, whatever happened in it."""

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
        self._opened = False
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks = Tasks(self._task_failed)
        self._turns = Turns(config, trace or TraceLog(), self._do)
        post, mark = self._turns.post, self._turns.mark
        self._speaker = Speaker(stages.transport, wheel, post, mark)
        self._listening = Listening(stages.vad, stages.stt, stages.transport.input_rate, post, mark)
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
        reason = "a stage could not be opened"
        try:
            await self._listening.open(self.call.language, self._tasks.start)
            await self._stages.transport.start(self)
            asyncio.get_running_loop().call_later(FIRST_FRAME_S, self._open)
            reason = await self._ended
        except HocketError as error:
            reason = str(error)
        finally:
            await self._close(reason)
        return self._record(reason)

    @property
    def trace(self) -> TraceLog:
        """What has happened so far."""
        return self._turns.trace

    # -- what the transport tells (stages.transport.Receiver)

    def hear(self, frame: Frame) -> None:
        """The caller's next frame."""
        if not self._opened:
            self._open(frame)
        if not self._ended.done():
            self._listening.hear(frame)

    def played(self, sample: int, bound_ms: float, source: Literal["acknowledged", "estimated"]) -> None:
        """What has sounded at the caller."""
        self._speaker.played(sample, bound_ms)

    def dtmf(self, digit: str) -> None:
        """A key: kept in the trace, and told to nobody."""
        self._turns.mark(Mark("stt", "segment", detail=f"key {digit}"))

    def left(self, reason: str) -> None:
        """The caller is gone."""
        if not self._opened:
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
        """Run a subscriber beside the call; it ends with the call at the latest."""
        self._tasks.start(work)

    # -- inside

    def _open(self, frame: Frame | None = None) -> None:
        """The line is open in both directions: media time begins."""
        if self._opened or self._ended.done():
            return
        self._opened = True
        behind = frame.end * SECOND // frame.rate if frame else 0
        epoch = LoopClock().now() - behind
        self._head = msgspec.structs.replace(self._head, media_epoch=epoch)
        self._turns.write(self._head)
        self._listening.begin(epoch)
        self.call.emit("started")
        self._turns.post(CallStarted())

    def _do(self, command: Command) -> None:
        """Carry out one order."""
        match command:
            case commands.StartReply():
                self._replying.answer(command.reply, command.text)
            case commands.StartSay():
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
            case commands.StartRetrieval():
                if self._retrieval:
                    self._retrieval.start(command.query)
            case commands.RunTool():
                self._tool_calls.run(command)
            case commands.CancelTool():
                self._tool_calls.cancel(command)
            case commands.CommitTurn():
                self.call.emit("turn", TranscriptEntry("caller", command.text, self._listening.onset_ms))
            case commands.EndCall():
                if not self._ended.done():
                    self._ended.set_result(command.reason)
            case commands.AmendTurn() | commands.CloseTurn() | commands.ScoreTurn():
                pass  # for readers of the trace; a turn detector is not part of a call yet

    def _task_failed(self, error: BaseException) -> None:
        """A task that raises ends the call with its reason; it never hangs it."""
        if isinstance(error, HocketError):
            reason = str(error)
        else:
            log.error("call %s: a task failed", self.call.id, exc_info=error)
            reason = f"an error in hocket: {type(error).__name__}"
        if not self._ended.done():
            self._ended.set_result(reason)

    async def _close(self, reason: str) -> None:
        self._turns.close()
        self._speaker.close()
        await self._tasks.close()
        await self._listening.close()
        await self._stages.transport.close()
        self._turns.write(Closed(reason, self._listening.dropped))
        self.trace.flush()

    def _record(self, reason: str) -> CallRecord:
        made = record.call_record(self.trace.entries, self.call, self._head.agent, self._head.wall_clock, reason)
        self.call.emit("ended", made)
        return made


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
        {"vad": stages.vad.name, "stt": stages.stt.name, "llm": stages.llm.name, "tts": stages.tts.name},
        agent.preset,
        recording,
    )
