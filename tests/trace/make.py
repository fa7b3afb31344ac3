"""Traces from a compact description: a turn is a handful of milliseconds, its records follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hocket.clock import MS
from hocket.ids import CallId, ReplyId, ToolCallId, TurnId
from hocket.trace.records import TRACE_VERSION, Closed, Entry, Mark, Opened, Record
from hocket.turn.commands import (
    AmendTurn,
    CancelReply,
    CloseTurn,
    CommitTurn,
    Finalize,
    PausePlayout,
    RunTool,
    ScoreTurn,
    StartPlayout,
    StartReply,
    StopPlayout,
)
from hocket.turn.events import (
    PlayoutFinished,
    PlayoutStarted,
    PlayoutStopped,
    ReplyReady,
    SpeechStarted,
    SpeechStopped,
    TimerFired,
    ToolFinished,
    ToolRequested,
    Transcribed,
)

HEAD = Opened(
    version=TRACE_VERSION,
    call=CallId("c1"),
    agent="clinic",
    wall_clock="2025-01-01T00:00:00.000+00:00",
    time="virtual",
    media_epoch=0,
    input_rate=16_000,
    output_rate=16_000,
    stages={"stt": "simulated", "llm": "simulated", "tts": "simulated"},
)


@dataclass(frozen=True)
class TurnSpec:
    """All in milliseconds; each stage's time counts from the one that it waits for."""

    at: float = 1000
    """Onset of the caller's voice."""
    speech: float = 1500
    vad: float = 103
    silence: float = 110
    confirm: float = 60
    stt: float = 42
    llm: float = 105
    segment: float = 36
    tts: float = 102
    playout: float = 8
    reply: float = 1800
    """How long the reply sounds, or sounded before it was cut."""
    speculate: Literal["interim", "candidate", "final", "no"] = "candidate"
    interim: float = 100
    """After the last speech sample."""
    tool: float | None = None
    amended: bool = False
    """The final differs from what was speculated on, so the reply is started again."""
    barge_in: bool = False
    text: str = "when are you open on saturday"
    heard: str = "We are open from nine to one."


class _Writer:
    def __init__(self) -> None:
        self.entries: list[tuple[int, int, Entry]] = []

    def at(self, ms: float, *records: Record) -> None:
        now = round(ms * MS)
        for record in records:
            self.entries.append((now, len(self.entries), Entry(now, record)))


def call(*specs: TurnSpec, closed: bool = True) -> list[Entry]:
    """The trace of a call with these turns, which are placed by their own `at`."""
    writer = _Writer()
    reply = 1
    for number, spec in enumerate(specs, start=1):
        _turn(writer, spec, TurnId(number), ReplyId(reply))
        reply += 2
    entries = [entry for _, _, entry in sorted(writer.entries, key=lambda item: item[:2])]
    end = entries[-1].now if entries else 0
    foot = [Entry(end, Closed("caller hung up"))] if closed else []
    return [Entry(0, HEAD), *entries, *foot]


def calm_call(count: int) -> list[Entry]:
    """So many turns, one every six seconds, each with other delays."""
    specs = [
        TurnSpec(
            at=1000 + 6000 * n,
            vad=90 + n * 37 % 60,
            confirm=60 + n * 53 % 140,
            stt=30 + n * 17 % 60,
            llm=90 + n * 29 % 70,
            tts=80 + n * 41 % 80,
            speculate=("candidate", "interim", "no", "candidate")[n % 4],
            tool=300 if n % 7 == 5 else None,
            barge_in=n % 9 == 4,
            amended=n % 8 == 3,
            text=f"question number {n} about the opening hours",
        )
        for n in range(count)
    ]
    return call(*specs)


def _turn(w: _Writer, spec: TurnSpec, turn: TurnId, reply: ReplyId) -> None:
    last = spec.at + spec.speech
    flip = last + spec.vad
    candidate = flip + spec.silence
    commit = candidate + spec.confirm
    final = candidate + spec.stt
    w.at(spec.at + 60, Mark("vad", "started"), SpeechStarted(round(spec.at * MS)))
    w.at(flip, SpeechStopped(round(last * MS)))
    w.at(candidate, TimerFired(), Finalize(), ScoreTurn())
    heard = Transcribed(spec.text, final=True, finalized=True)
    start = StartReply(reply, spec.text, speculative=spec.speculate != "no")
    begin = {"interim": last + spec.interim, "candidate": candidate, "final": final, "no": commit}[spec.speculate]
    if spec.speculate == "interim" or begin > commit:
        begin = min(begin, commit)
    if begin >= commit:
        w.at(final, heard)
        w.at(commit, TimerFired(), CommitTurn(turn, spec.text, reply), StartReply(reply, spec.text, False))
        begin = commit
    else:
        if spec.speculate == "candidate":
            w.at(begin, start)
            w.at(final, heard)
        elif spec.speculate == "final":
            w.at(final, heard, start)
        else:
            w.at(begin, Transcribed(spec.text, final=False), start)
            w.at(final, heard)
        w.at(commit, TimerFired(), CommitTurn(turn, spec.text, reply))
    if spec.amended:
        begin, reply = _amend(w, spec, turn, reply, max(commit, final))
    _answer(w, spec, turn, reply, begin, commit)


def _amend(w: _Writer, spec: TurnSpec, turn: TurnId, reply: ReplyId, at: float) -> tuple[float, ReplyId]:
    again = ReplyId(reply + 1)
    text = spec.text + " please"
    w.at(at + 1, Mark("llm", "cancelled", reply, count=9))
    w.at(
        at,
        Transcribed(text, final=True, finalized=True),
        AmendTurn(turn, text),
        CancelReply(reply, "the final differs"),
        StartReply(again, text, speculative=False),
    )
    return at, again


def _answer(w: _Writer, spec: TurnSpec, turn: TurnId, reply: ReplyId, begin: float, commit: float) -> None:
    at = begin + 1
    if spec.tool is not None:
        call_id = ToolCallId(f"t{reply}")
        w.at(at, Mark("llm", "started", reply))
        at += spec.llm
        w.at(at, Mark("llm", "ended", reply, count=14), ToolRequested(reply, call_id, "opening_hours", "{}"))
        at = max(at, commit)
        w.at(at, RunTool(reply, call_id, "opening_hours", "{}"))
        at += spec.tool
        w.at(at, ToolFinished(reply, call_id, "nine to one"))
        at += 2
    w.at(at, Mark("llm", "started", reply))
    token = at + spec.llm
    w.at(token, Mark("llm", "first", reply))
    handed = token + spec.segment
    w.at(handed, Mark("tts", "started", reply), Mark("tts", "segment", reply, spec.heard, len(spec.heard)))
    w.at(handed + 120, Mark("llm", "ended", reply, count=24))
    byte = handed + spec.tts
    w.at(byte, Mark("tts", "first", reply), ReplyReady(reply))
    w.at(byte + 400, Mark("tts", "ended", reply))
    gate = max(byte, commit)
    w.at(gate, StartPlayout(reply))
    sound = gate + spec.playout
    w.at(sound, Mark("playout", "first", reply), PlayoutStarted(reply))
    _end(w, spec, turn, reply, sound + spec.reply)


def _end(w: _Writer, spec: TurnSpec, turn: TurnId, reply: ReplyId, end: float) -> None:
    if not spec.barge_in:
        w.at(end, PlayoutFinished(reply, spec.heard), CloseTurn(turn, "answered"))
        return
    w.at(end, SpeechStarted(round((end - 70) * MS)), PausePlayout(reply))
    w.at(
        end + 220,
        Transcribed("no wait", final=False),
        StopPlayout(reply),
        CancelReply(reply, "barge-in"),
        CloseTurn(turn, "interrupted"),
    )
    w.at(end + 235, PlayoutStopped(reply, spec.heard[:11], spec.heard[11:]))
    w.at(end + 400, SpeechStopped(round((end + 300) * MS)))
