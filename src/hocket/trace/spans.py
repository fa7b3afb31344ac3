"""Every stage's start and end within a turn: the bars of a waterfall."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import msgspec

from hocket.ids import NO_REPLY, ReplyId
from hocket.trace.critical_path import FILLER
from hocket.trace.records import Mark
from hocket.trace.turn_records import Moment, TurnRecords
from hocket.turn.commands import Finalize, PlayFiller, RunTool
from hocket.turn.events import PlayoutFinished, PlayoutStarted, PlayoutStopped, ToolFinished, Transcribed

Row: TypeAlias = Literal[
    "vad", "silence", "turn", "confirm", "stt", "retrieval", "connect", "llm", "tts", "tool", "filler", "playout"
]

ROWS: tuple[Row, ...] = get_args(Row)

How: TypeAlias = Literal["ended", "cancelled", "failed", "open"]


_MARKED = ("turn", "retrieval", "connect", "llm", "tts")
_STEPS = ("started", "first", "segment", "ended", "cancelled", "failed")


class Span(msgspec.Struct, frozen=True):
    """A stretch of a stage's work."""

    row: Row
    start: int
    """`now`, nanoseconds."""
    end: int
    first: int | None = None
    """When its first token or byte came, where there is such a thing."""
    reply: ReplyId = NO_REPLY
    how: How = "ended"
    """open: the trace ended first, or nobody marked the end."""
    detail: str = ""


def spans(turn: TurnRecords) -> tuple[Span, ...]:
    """The work of the recogniser, of retrieval and of all the turn's replies, in order of start."""
    found = [*_recognition(turn), *_marked(turn), *_tools(turn), *_fillers(turn), *_playout(turn)]
    return tuple(sorted(found, key=lambda span: (span.start, ROWS.index(span.row), span.reply)))


def endpointing(last_speech: int, flip: int | None, candidate: int | None, commit: int) -> tuple[Span, ...]:
    """The three steps of deciding that the caller has finished; those that took no time are left out."""
    steps: tuple[tuple[Row, int | None], ...] = (("vad", flip), ("silence", candidate or commit), ("confirm", commit))
    found = []
    at = last_speech
    for row, end in steps:
        if end is not None and at < end <= commit:
            found.append(Span(row, at, end))
            at = end
    return tuple(found)


def _recognition(turn: TurnRecords) -> list[Span]:
    finals = [moment for moment in turn.all(Transcribed) if moment.record.finalized]
    found = []
    for asked in turn.until_commit(Finalize):
        final = next((moment for moment in finals if moment.place > asked.place), None)
        if final is not None:
            found.append(Span("stt", asked.now, final.now, detail=final.record.text))
    return found


def _marked(turn: TurnRecords) -> list[Span]:
    """llm, tts, retrieval, the turn detector and connections that were waited for; marks of one stage and reply follow
    each other, a new start begins a new span."""
    found: list[Span] = []
    running: dict[tuple[str, ReplyId, bool], int] = {}
    for moment in turn.all(Mark):
        mark = moment.record
        if mark.stage not in _MARKED or mark.step not in _STEPS or (mark.reply and mark.reply not in turn.replies):
            continue
        key = (mark.stage, mark.reply, mark.detail == FILLER)
        if mark.step == "started":
            running[key] = len(found)
            found.append(Span(mark.stage, moment.now, moment.now, None, mark.reply, "open", mark.detail))
        elif key in running:
            at = running[key]
            found[at] = _continued(found[at], moment)
    return found


def _continued(span: Span, moment: Moment[Mark]) -> Span:
    step = moment.record.step
    if step == "first":
        return msgspec.structs.replace(span, end=moment.now, first=moment.now if span.first is None else span.first)
    if step in ("ended", "cancelled", "failed") and span.how == "open":
        return msgspec.structs.replace(span, end=moment.now, how=step, detail=span.detail or moment.record.detail)
    return msgspec.structs.replace(span, end=max(span.end, moment.now))


def _tools(turn: TurnRecords) -> list[Span]:
    results = {moment.record.call: moment for moment in turn.all(ToolFinished)}
    found = []
    for run in turn.all(RunTool):
        if run.record.reply not in turn.replies:
            continue
        done = results.get(run.record.call)
        how: How = "open" if done is None else "failed" if done.record.failed else "ended"
        end = run.now if done is None else done.now
        found.append(Span("tool", run.now, end, None, run.record.reply, how, run.record.name))
    return found


def _fillers(turn: TurnRecords) -> list[Span]:
    return [
        Span("filler", moment.now, moment.now, None, moment.record.reply, "ended", moment.record.text)
        for moment in turn.all(PlayFiller)
        if moment.record.reply in turn.replies
    ]


def _playout(turn: TurnRecords) -> list[Span]:
    ends: list[Moment[PlayoutFinished] | Moment[PlayoutStopped]] = [
        *turn.all(PlayoutFinished),
        *turn.all(PlayoutStopped),
    ]
    found = []
    for began in turn.all(PlayoutStarted):
        reply = began.record.reply
        if reply not in turn.replies:
            continue
        end = next((end for end in ends if end.record.reply == reply and end.place > began.place), None)
        if end is None:
            found.append(Span("playout", began.now, began.now, began.now, reply, "open"))
        else:
            how: How = "cancelled" if isinstance(end.record, PlayoutStopped) else "ended"
            found.append(Span("playout", began.now, end.now, began.now, reply, how, end.record.heard))
    return found
