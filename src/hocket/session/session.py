"""A call: one inbox, one owner of its state.

Every source (the line, the recogniser, replies, tools, deadlines) posts facts. The engine turns each into orders, and
the orders are carried out before the next fact is looked at. Both go into the trace.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, Literal

from hocket.agent.agent import Agent
from hocket.agent.call import Call, CallRecord
from hocket.agent.prompt import instructions_for
from hocket.audio.frame import Frame
from hocket.clock import SECOND, Clock, LoopClock, wall_clock
from hocket.errors import HocketError
from hocket.ids import ReplyId
from hocket.session import record
from hocket.session.listening import Listening
from hocket.session.pacing import Wheel
from hocket.session.replying import Replying
from hocket.session.retrieval import Retrieval
from hocket.session.sayings import Sayings
from hocket.session.speaking import Speaker
from hocket.session.tool_calls import ToolCalls
from hocket.stages.llm import Llm
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
from hocket.turn.engine import TurnEngine
from hocket.turn.events import CallerLeft, CallStarted, EndRequested, Event, SayRequested, TimerFired

log = logging.getLogger(__name__)

FIRST_FRAME_S: Final = 1.0
"""A line that brings no audio by then is open all the same: some carriers are silent until somebody speaks."""

INBOX_LIMIT: Final = 10_000
"""Facts caused by one fact. More is a loop between the engine and a stage, and a bug."""


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
        self.trace = trace or TraceLog()
        self._agent = agent
        self._stages = stages
        self._time: TimeKind = time
        self._recording = recording
        self._clock: Clock = LoopClock()
        self._loop = asyncio.get_running_loop()
        self._engine = TurnEngine(config)
        self._inbox: deque[Event] = deque()
        self._draining = False
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at: int | None = None
        self._started = False
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._wall_clock = wall_clock()
        self.call = Call(
            call_id,
            caller=caller,
            parameters=parameters,
            language=agent.language,
            line=self,
            subscribers=agent.subscribers,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._replies: dict[ReplyId, asyncio.Task[None]] = {}
        self._speaker = Speaker(stages.transport, wheel, self.post, self._mark)
        self._listening = Listening(stages.vad, stages.stt, stages.transport.input_rate, self.post, self._mark)
        self._tool_calls = ToolCalls(self.call, agent.tools, self.post, self._mark, self._task)
        self._retrieval = (
            Retrieval(stages.retriever, self._task, self._mark) if stages.retriever is not None else None
        )
        self._replying = Replying(
            stages.llm,
            stages.tts,
            instructions_for(agent, self.call),
            agent.tool_specs,
            agent.manners.max_tokens,
            agent.language,
            self._engine.history.messages,
            self._retrieval,
            self._tool_calls,
            stages.sayings,
            self._speaker,
            self.post,
            self._mark,
        )

    async def run(self) -> CallRecord:
        """Hold the call to its end and return what is left of it."""
        reason = "a stage could not be opened"
        try:
            await self._listening.open(self.call.language, self._task)
            await self._stages.transport.start(self)
            self._loop.call_later(FIRST_FRAME_S, self._start)
            reason = await self._ended
        except HocketError as error:
            reason = str(error)
        finally:
            await self._close(reason)
        return self._record(reason)

    def post(self, event: Event) -> None:
        """Tell the engine a fact; every order it causes is carried out before this returns. Never awaits."""
        self._inbox.append(event)
        if self._draining:
            assert len(self._inbox) < INBOX_LIMIT, "facts cause facts without end"
            return
        self._draining = True
        try:
            while self._inbox:
                now, event = self._clock.now(), self._inbox.popleft()
                self.trace.write(now, event)
                for command in self._engine.handle(now, event):
                    self.trace.write(now, command)
                    self._do(command)
        finally:
            self._draining = False
        self._rearm()

    # -- what the transport tells (stages.transport.Receiver)

    def hear(self, frame: Frame) -> None:
        """The caller's next frame."""
        if not self._started:
            self._start(frame)
        if not self._ended.done():
            self._listening.hear(frame)

    def played(self, sample: int, bound_ms: float, source: Literal["acknowledged", "estimated"]) -> None:
        """What has sounded at the caller."""
        self._speaker.played(sample, bound_ms)

    def dtmf(self, digit: str) -> None:
        """A key. Agents do not react to keys yet; it is not lost from the trace."""
        self._mark(Mark("playout", "segment", detail=f"key {digit}"))

    def left(self, reason: str) -> None:
        """The caller is gone."""
        if not self._started:
            self._start()
        self.post(CallerLeft(reason))

    # -- what a call can do (agent.call.Line)

    def say(self, text: str, interruptible: bool) -> None:
        """Say these very words as soon as the floor is free."""
        self.post(SayRequested(text, interruptible))

    def end(self, reason: str, goodbye: str | None) -> None:
        """End the call after what is being said."""
        self.post(EndRequested(reason, goodbye))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a subscriber beside the call; it ends with the call at the latest."""
        self._task(work)

    # -- inside

    def _start(self, frame: Frame | None = None) -> None:
        """The line is open in both directions: media time begins."""
        if self._started or self._ended.done():
            return
        self._started = True
        now = self._clock.now()
        epoch = now - (frame.end * SECOND // frame.rate if frame else 0)
        stages = self._stages
        self.trace.write(
            now,
            Opened(
                TRACE_VERSION,
                self.call.id,
                self._agent.name,
                self._wall_clock,
                self._time,
                epoch,
                stages.transport.input_rate,
                stages.transport.output_rate,
                {"vad": stages.vad.name, "stt": stages.stt.name, "llm": stages.llm.name, "tts": stages.tts.name},
                self._agent.preset,
                self._recording,
            ),
        )
        self._listening.begin(epoch)
        self.call.emit("started")
        self.post(CallStarted())

    def _do(self, command: Command) -> None:
        """Carry out one order."""
        match command:
            case commands.StartReply():
                self._speaker.begin(command.reply)
                self._replies[command.reply] = self._task(self._replying.answer(command.reply, command.text))
            case commands.StartSay():
                self._speaker.begin(command.reply)
                self._replies[command.reply] = self._task(self._replying.say(command.reply, command.text))
            case commands.CancelReply():
                if task := self._replies.pop(command.reply, None):
                    task.cancel()
            case commands.StartPlayout():
                self._speaker.open_gate(command.reply)
            case commands.PlayFiller():
                self._task(self._replying.fill(command.reply, command.text))
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
            case commands.EndCall():
                if not self._ended.done():
                    self._ended.set_result(command.reason)
            case commands.CommitTurn() | commands.AmendTurn() | commands.CloseTurn() | commands.ScoreTurn():
                self._tell(command)

    def _tell(self, command: Command) -> None:
        if isinstance(command, commands.CommitTurn):
            at_ms = self._listening.onset_ms
            self.call.emit("turn", record.TranscriptEntry("caller", command.text, at_ms))

    def _rearm(self) -> None:
        """One alarm, at the engine's next deadline."""
        due = self._engine.deadline
        if due == self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = due
        self._alarm = None if due is None else self._loop.call_at(due / SECOND, self._alarm_rings)

    def _alarm_rings(self) -> None:
        self._alarm = self._alarm_at = None
        self.post(TimerFired())

    def _mark(self, mark: Mark) -> None:
        self.trace.write(self._clock.now(), mark)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("call %s: a task failed", self.call.id, exc_info=error)
            if not self._ended.done():
                self._ended.set_result(f"an error in hocket: {type(error).__name__}")

    async def _close(self, reason: str) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._speaker.close()
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._listening.close()
        await self._stages.transport.close()
        self.trace.write(self._clock.now(), Closed(reason, self._listening.dropped))
        self.trace.flush()

    def _record(self, reason: str) -> CallRecord:
        made = record.call_record(self.trace.entries, self.call, self._agent.name, self._wall_clock, reason)
        self.call.emit("ended", made)
        return made


