"""Where the response latency of a turn went: the critical path, walked backwards over stages that overlap.

The walk starts at the first audible sample and asks each time which of the things it waited for came last, until it
arrives at the caller's last speech sample. What no record explains is a part of its own, so the parts always sum to
the response latency, to the nanosecond.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, get_args

import msgspec

from hocket.clock import MS
from hocket.ids import ReplyId
from hocket.trace.records import Mark, Stage, Step
from hocket.trace.turn_records import Moment, TurnRecords
from hocket.turn.commands import Finalize, PlayFiller, RunTool, ScoreTurn, StartPlayout, StartReply, StartSay
from hocket.turn.events import (
    ReplyFailed,
    ReplyReady,
    SpeechPaused,
    SpeechStopped,
    TimerFired,
    ToolFinished,
    ToolRequested,
    Transcribed,
    TurnScored,
)

PartName: TypeAlias = Literal[
    "vad",
    "silence",
    "confirm",
    "transcript",
    "connect",
    "llm",
    "segment",
    "tts",
    "tool",
    "gate",
    "playout",
    "unexplained",
]
"""vad: last speech sample to the detector's flip. silence: from there to the candidate. confirm: candidate to commit.
transcript: waiting for words. connect: a connection that had to be opened. llm: to the first token. segment: to the
first text handed to synthesis. tts: to the first buffered audio. tool: a tool that the reply waited for. gate: commit
to the gate's opening. playout: to the first audible sample."""

PART_NAMES: tuple[PartName, ...] = get_args(PartName)

FILLER = "filler"
"""The detail of the tts marks of a filler, which are not those of the reply itself."""

TIMER_SLACK = 2 * MS
"""How late a timer that was due at once may fire."""

R = TypeVar("R")


class Part(msgspec.Struct, frozen=True):
    """A stretch of the response latency and what it was spent on."""

    name: PartName
    start: int
    """`now`, nanoseconds."""
    end: int

    @property
    def duration(self) -> int:
        return self.end - self.start


class Sound(NamedTuple):
    """What was heard first."""

    reply: ReplyId
    filler: bool


def critical_path(turn: TurnRecords, last_speech: int, audible: Moment[Sound]) -> tuple[Part, ...]:
    """The parts in order: contiguous, none empty, from `last_speech` to the first audible sample."""
    walk = _Walk(turn, last_speech, audible.now)
    walk.from_sound(audible)
    walk.back("unexplained", last_speech)
    return _merged(walk.parts[::-1])


def candidate(turn: TurnRecords, last_speech: int, now: int) -> Moment[ScoreTurn] | None:
    """When the end of the turn was first considered: the last `ScoreTurn` between `last_speech` and `now`."""
    found = [moment for moment in turn.all(ScoreTurn) if last_speech <= moment.now <= now]
    return found[-1] if found else None


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    merged: list[Part] = []
    for part in parts:
        if merged and merged[-1].name == part.name:
            merged[-1] = Part(part.name, merged[-1].start, part.end)
        else:
            merged.append(part)
    return tuple(merged)


def _latest(moments: list[Moment[R]], before: int) -> Moment[R] | None:
    found = [moment for moment in moments if moment.place < before]
    return found[-1] if found else None


class _Walk:
    """Each `from_` method explains why its moment was not earlier; `back` takes the step."""

    def __init__(self, turn: TurnRecords, floor: int, cursor: int) -> None:
        self.parts: list[Part] = []
        """Latest first."""
        self._turn = turn
        self._floor = floor
        self._cursor = cursor

    def back(self, name: PartName, to: int) -> None:
        """The time since `to` was spent on this; never beyond the last speech sample, and never forward."""
        start = min(max(to, self._floor), self._cursor)
        if start < self._cursor:
            self.parts.append(Part(name, start, self._cursor))
            self._cursor = start

    def _back_over_connections(self, name: PartName, to: int, reply: ReplyId) -> None:
        """As `back`, with the connections that had to be opened meanwhile told apart."""
        marks = [moment for moment in self._turn.of_reply(Mark, reply) if moment.record.stage == "connect"]
        open_now = self._cursor
        for moment in reversed(marks):
            if moment.now < to:
                break
            if moment.record.step != "started":
                open_now = min(moment.now, self._cursor)
            elif moment.now < self._cursor:
                self.back(name, open_now)
                self.back("connect", moment.now)
                open_now = self._cursor
        self.back(name, to)

    def from_sound(self, audible: Moment[Sound]) -> None:
        reply = audible.record.reply
        filler = _latest(self._turn.of_reply(PlayFiller, reply), audible.place)
        if filler is not None and audible.record.filler:
            self._from_filler(filler, audible)
            return
        gate = _latest(self._turn.of_reply(StartPlayout, reply), audible.place)
        ready = _latest(self._turn.of_reply(ReplyReady, reply), audible.place)
        if gate is None or ready is None:
            return
        self.back("playout", max(gate.now, ready.now))
        if ready.now > self._turn.commit.now:
            self.back("gate", ready.now)
            self._from_audio(reply, ready.place)
        else:
            self.back("gate", self._turn.commit.now)
            self._from_commit()

    def _from_filler(self, filler: Moment[PlayFiller], audible: Moment[Sound]) -> None:
        for mark in self._turn.of_reply(Mark, filler.record.reply):
            if mark.record.detail == FILLER and mark.record.step == "first" and mark.place < audible.place:
                self.back("playout", mark.now)
                self.back("tts", filler.now)
        self.back("playout", filler.now)
        trigger = self._turn.trigger(filler)
        if trigger is not None and self._with_commit(trigger):
            self._from_commit()
        else:
            self._from_work(filler.record.reply, filler.place)

    def _from_work(self, reply: ReplyId, before: int) -> None:
        """From a moment at which the reply was still being computed, with nothing buffered."""
        run = _latest(self._turn.of_reply(RunTool, reply), before)
        done = _latest(self._turn.of_reply(ToolFinished, reply), before)
        if run is not None and (done is None or done.place < run.place):
            self._from_tool_run(run)
        elif self._text(reply, before) is not None:
            self._from_audio(reply, before)
        else:
            self._from_model(reply, before)

    def _from_audio(self, reply: ReplyId, before: int) -> None:
        text = self._text(reply, before)
        if text is None:
            if self._turn.of_reply(StartSay, reply):  # synthesised ahead
                self._from_start(reply, "tts")
            return
        self._back_over_connections("tts", text.now, reply)
        token = self._mark("llm", "first", reply, text.place)
        if token is not None and self._unvoiced(reply) and token.now < self._turn.commit.now:
            self.back("segment", self._turn.commit.now)
            self._from_commit()
        elif token is None:
            self._from_start(reply, "tts")
        else:
            self.back("segment", token.now)
            self._from_model(reply, token.place)

    def _from_model(self, reply: ReplyId, before: int) -> None:
        started = self._mark("llm", "started", reply, before)
        if started is None:
            self._from_start(reply, "llm")
            return
        self._back_over_connections("llm", started.now, reply)
        result = _latest(self._turn.of_reply(ToolFinished, reply), started.place)
        runs = [] if result is None else self._turn.of_reply(RunTool, reply)
        run = next((run for run in runs if result is not None and run.record.call == result.record.call), None)
        if result is None or run is None:
            self._from_start(reply, "llm")
        else:
            self.back("llm", result.now)
            self._from_tool_run(run)

    def _from_tool_run(self, run: Moment[RunTool]) -> None:
        self.back("tool", run.now)
        requests = self._turn.of_reply(ToolRequested, run.record.reply)
        request = next((moment for moment in requests if moment.record.call == run.record.call), None)
        if request is None or self._turn.commit.now >= request.now:
            self.back("gate", self._turn.commit.now)
            self._from_commit()
        else:
            self.back("tool", request.now)
            self._from_model(run.record.reply, request.place)

    def _from_start(self, reply: ReplyId, waiting: PartName) -> None:
        starts: list[Moment[Any]] = [*self._turn.of_reply(StartReply, reply), *self._turn.of_reply(StartSay, reply)]
        if not starts:
            return
        self.back(waiting, starts[0].now)
        trigger = self._turn.trigger(starts[0])
        if trigger is None:
            return
        if self._with_commit(trigger):
            self._from_commit()
        elif isinstance(trigger.record, TimerFired) and candidate(self._turn, self._floor, trigger.now) is None:
            # A speculation that was given its time for the last word to be recognised.
            self.back("transcript", self._floor)
        else:
            self._from_trigger(trigger)

    def _from_commit(self) -> None:
        trigger = self._turn.trigger(self._turn.commit)
        if trigger is None:
            return
        words = _latest(self._turn.all(Transcribed), trigger.place)
        if isinstance(trigger.record, TimerFired) and words is not None and trigger.now - words.now <= TIMER_SLACK:
            # Words that changed the score armed a timer that was due at once: it was they that were waited for.
            self.back("confirm", words.now)
            trigger = words
        self._from_trigger(trigger)

    def _from_trigger(self, trigger: Moment[Any]) -> None:
        considered = candidate(self._turn, self._floor, trigger.now)
        match trigger.record:
            case Transcribed(finalized=final):
                asked = _latest(self._turn.all(Finalize), trigger.place) if final else None
                why = None if asked is None else self._turn.trigger(asked)
                if asked is None or why is None or asked.now < self._floor:
                    self.back("transcript", self._floor)
                else:
                    self.back("transcript", asked.now)
                    self._from_trigger(why)
            case TimerFired() | TurnScored():
                if considered is not None:
                    self.back("confirm", considered.now)
                self._from_silence()
            case SpeechPaused() | SpeechStopped():
                self.back("vad", self._floor)
            case ReplyFailed(reply=failed):
                self._from_work(failed, trigger.place)
            case _:
                pass

    def _from_silence(self) -> None:
        stops = self._turn.until_commit(SpeechStopped)
        flip: Moment[Any] | None = stops[-1] if stops else None
        if flip is None or flip.record.last_speech != self._floor:
            pauses = self._turn.until_commit(SpeechPaused)
            flip = pauses[-1] if pauses else None
        if flip is not None:
            self.back("silence", flip.now)
            self.back("vad", self._floor)

    def _with_commit(self, trigger: Moment[Any]) -> bool:
        committing = self._turn.trigger(self._turn.commit)
        return committing is not None and committing.place == trigger.place

    def _unvoiced(self, reply: ReplyId) -> bool:
        """Whether its synthesis had to wait for the commit, under load."""
        return any(not start.record.voiced for start in self._turn.of_reply(StartReply, reply))

    def _text(self, reply: ReplyId, before: int) -> Moment[Mark] | None:
        """The first text that was handed to synthesis: a segment, since a stream may be opened before there is text."""
        found = self._marks("tts", "segment", reply, before) or self._marks("tts", "started", reply, before)
        return found[0] if found else None

    def _mark(self, stage: Stage, step: Step, reply: ReplyId, before: int) -> Moment[Mark] | None:
        found = self._marks(stage, step, reply, before)
        return found[-1] if found else None

    def _marks(self, stage: Stage, step: Step, reply: ReplyId, before: int) -> list[Moment[Mark]]:
        return [
            moment
            for moment in self._turn.of_reply(Mark, reply)
            if moment.place < before
            and (moment.record.stage, moment.record.step) == (stage, step)
            and moment.record.detail != FILLER
        ]
