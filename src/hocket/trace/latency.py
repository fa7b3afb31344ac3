"""What every committed turn of a trace took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from hocket.ids import ReplyId, TurnId
from hocket.trace.critical_path import FILLER, Part, Sound, candidate, critical_path
from hocket.trace.providing import Providing, providing
from hocket.trace.records import Entry, Mark
from hocket.trace.spans import Span, endpointing, spans
from hocket.trace.turn_records import Moment, TurnRecords, split
from hocket.turn.commands import AmendTurn, CloseTurn, StartReply
from hocket.turn.events import (
    LineLost,
    PlayoutFinished,
    PlayoutStarted,
    PlayoutStopped,
    ReplyFailed,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
)

Outcome: TypeAlias = Literal["answered", "interrupted", "withdrawn", "failed", "ended", "open"]
"""As `CloseTurn` has it; open: the trace ended before the turn was closed."""

_ENDS = ("ended", "cancelled", "failed")


class TurnTimes(msgspec.Struct, frozen=True):
    """The moments of a turn, `now` nanoseconds; None where there was no such moment."""

    last_speech: int | None
    """When the caller's last speech sample was said."""
    flip: int | None
    """When voice activity was found to have ended."""
    candidate: int | None
    """When the end of the turn was first considered."""
    commit: int
    first_audible: int | None
    """When the first audible sample of the answer, or of a filler before it, was played."""


class Speculation(msgspec.Struct, frozen=True):
    """What was computed before the commit, and what of it was of use."""

    result: Literal["hit", "miss", "none"]
    """hit: the reply that was heard had been started before the commit; none: none had."""
    model_calls: int
    """Replies begun for the turn, the one that answers it included. A tool's second round is not a new reply."""
    saved: int
    """Nanoseconds by which a hit had been started before the commit."""
    wasted_tokens: int
    """Of replies that were not heard."""
    wasted_characters: int
    """Handed to synthesis for replies that were not heard, or for openers that the cache had."""


class Numbers(msgspec.Struct, frozen=True):
    """The five numbers of a turn: durations in nanoseconds, None where they cannot be known."""

    endpoint: int | None
    """Last speech sample to commit."""
    stt_finalize: int | None
    """Finalize to the final that answers it."""
    first_token: int | None
    """Request to the answering reply's first token; of the round after a tool, if there was one."""
    first_byte: int | None
    """Text handed to synthesis to first audio."""
    end_to_end: int | None
    """Last speech sample to first audible sample: the response latency."""


class TurnTrace(msgspec.Struct, frozen=True):
    """A committed turn of the caller and how it was answered."""

    turn: TurnId
    reply: ReplyId
    """The reply that was heard, else the one that was meant to be."""
    text: str
    """What the caller said, as amended."""
    heard: str
    """What the caller heard of the answer."""
    outcome: Outcome
    times: TurnTimes
    speculation: Speculation
    filler: bool
    """The first sound was a filler."""
    parts: tuple[Part, ...]
    """The critical path; the durations sum to `response_latency`. Empty if that is None."""
    spans: tuple[Span, ...]
    unmeasured: str
    """Why there is no response latency, in a few words; empty if there is one."""
    providing: Providing = Providing()

    @property
    def response_latency(self) -> int | None:
        """Nanoseconds from the caller's last speech sample to the first audible sample."""
        return None if self.unmeasured else _between(self.times.last_speech, self.times.first_audible)

    @property
    def endpoint_to_first_byte(self) -> int | None:
        """Nanoseconds from the commit to the first audible sample."""
        return _between(self.times.commit, self.times.first_audible)

    @property
    def interrupted(self) -> bool:
        return self.outcome == "interrupted"

    @property
    def numbers(self) -> Numbers:
        times = self.times
        finals = [s for s in self.spans if s.row == "stt" and not _by(s.start, times.last_speech or times.commit)]
        first_sound = times.commit if times.first_audible is None else times.first_audible
        tokens = [s for s in self.spans if s.row == "llm" and s.reply == self.reply and _by(s.first, first_sound)]
        voices = [s for s in self.spans if s.row == "tts" and s.reply == self.reply and _by(s.first, first_sound)]
        return Numbers(
            endpoint=_between(times.last_speech, times.commit),
            stt_finalize=_between(finals[-1].start, finals[-1].end) if finals else None,
            first_token=_between(tokens[-1].start, tokens[-1].first) if tokens else None,
            first_byte=_between(voices[0].start, voices[0].first) if voices else None,
            end_to_end=self.response_latency,
        )


def turns(entries: Sequence[Entry]) -> list[TurnTrace]:
    """Every committed turn, in order; those that cannot be measured say why."""
    return [_turn(records) for records in split(entries)]


def latest_turn(entries: Sequence[Entry]) -> TurnTrace:
    """The last committed turn of a part of a trace, which has at least one; the part is to begin before the first
    record that concerns the turn, or with the commit before."""
    return _turn(split(entries)[-1])


def _turn(records: TurnRecords) -> TurnTrace:
    commit = records.commit.record
    audible = _first_sound(records)
    reply = commit.reply if audible is None else audible.record.reply
    times = _times(records, audible)
    outcome = _outcome(records)
    unmeasured = _unmeasured(records, times, outcome)
    amended = [moment.record.text for moment in records.all(AmendTurn) if moment.record.turn == commit.turn]
    path: tuple[Part, ...] = ()
    if not unmeasured:
        assert times.last_speech is not None
        assert audible is not None
        path = critical_path(records, times.last_speech, audible)
    return TurnTrace(
        turn=commit.turn,
        reply=reply,
        text=amended[-1] if amended else commit.text,
        heard=_heard(records),
        outcome=outcome,
        times=times,
        speculation=_speculation(records, reply),
        filler=audible is not None and audible.record.filler,
        parts=path,
        spans=_endpointing(times) + spans(records),
        unmeasured=unmeasured,
        providing=providing(records, reply),
    )


def _first_sound(records: TurnRecords) -> Moment[Sound] | None:
    """Of a reply it is an event; of a filler, which the engine has no use for, only a mark."""
    sounds = [Moment(m.now, m.place, Sound(m.record.reply, False)) for m in records.all(PlayoutStarted)]
    marks = [m for m in records.all(Mark) if (m.record.stage, m.record.step) == ("playout", "first")]
    sounds += [Moment(m.now, m.place, Sound(m.record.reply, m.record.detail == FILLER)) for m in marks]
    answers = [m for m in sounds if m.place > records.commit.place and m.record.reply in records.replies]
    return min(answers, key=lambda moment: moment.place, default=None)


def _times(records: TurnRecords, audible: Moment[Sound] | None) -> TurnTimes:
    commit = records.commit.now
    stops = records.until_commit(SpeechStopped)
    starts = records.until_commit(SpeechStarted)
    last_speech: int | None = None
    flip: int | None = None
    if stops and not (starts and starts[-1].place > stops[-1].place):
        last_speech, flip = stops[-1].record.last_speech, stops[-1].now
    else:
        # Voice activity goes on, or was never seen; then a pause that it has not confirmed is the best there is.
        resumed = records.until_commit(SpeechResumed)
        since = max([m.place for m in starts] + [m.place for m in resumed], default=-1)
        pauses = [moment for moment in records.until_commit(SpeechPaused) if moment.place > since]
        last_speech = pauses[-1].record.last_speech if pauses else None
    if last_speech is not None and last_speech < records.earliest:
        last_speech = flip = None
    considered = None if last_speech is None else candidate(records, last_speech, commit)
    return TurnTimes(
        last_speech=last_speech,
        flip=flip,
        candidate=None if considered is None else considered.now,
        commit=commit,
        first_audible=None if audible is None else audible.now,
    )


def _endpointing(times: TurnTimes) -> tuple[Span, ...]:
    if times.last_speech is None:
        return ()
    return endpointing(times.last_speech, times.flip, times.candidate, times.commit)


def _outcome(records: TurnRecords) -> Outcome:
    turn = records.commit.record.turn
    closes = [moment.record.outcome for moment in records.all(CloseTurn) if moment.record.turn == turn]
    return closes[0] if closes else "open"


def _unmeasured(records: TurnRecords, times: TurnTimes, outcome: Outcome) -> str:
    if times.first_audible is None:
        failures = [m.record.reason for m in records.all(ReplyFailed) if m.record.reply in records.replies]
        if failures:
            return f"no sound: the reply failed ({failures[-1]})"
        return {
            "withdrawn": "no sound: the caller went on speaking, the reply was withdrawn",
            "ended": "no sound: the call ended first",
            "open": "no sound: the trace ends before the turn does",
        }.get(outcome, "no sound of the reply was reported")
    lost = [m.now for m in records.all(LineLost)]
    if lost and times.last_speech is not None and times.last_speech <= lost[0] <= times.first_audible:
        return "the line was lost before the answer was heard"
    if times.last_speech is None:
        return "voice activity reported no end of speech before the commit"
    if times.first_audible < times.last_speech:
        return "the first sound was before the caller's last speech sample"
    return ""


def _heard(records: TurnRecords) -> str:
    ends: list[Moment[PlayoutFinished] | Moment[PlayoutStopped]] = [
        *records.all(PlayoutFinished),
        *records.all(PlayoutStopped),
    ]
    ends.sort(key=lambda moment: moment.place)
    return " ".join(m.record.heard for m in ends if m.record.reply in records.replies and m.record.heard)


def _speculation(records: TurnRecords, answer: ReplyId) -> Speculation:
    starts = [moment for moment in records.all(StartReply) if moment.record.reply in records.replies]
    early = [moment for moment in starts if moment.record.speculative]
    hit = next((moment for moment in early if moment.record.reply == answer), None)
    marks = [moment.record for moment in records.all(Mark) if moment.record.reply in records.replies]
    unheard = [mark for mark in marks if mark.reply != answer]
    cancelled = [mark for mark in marks if mark.reply == answer and (mark.stage, mark.step) == ("tts", "wasted")]
    return Speculation(
        result="none" if not early else "miss" if hit is None else "hit",
        model_calls=len(starts),
        saved=0 if hit is None else max(0, records.commit.now - hit.now),
        wasted_tokens=sum(mark.count for mark in unheard if mark.stage == "llm" and mark.step in _ENDS),
        wasted_characters=sum(mark.count for mark in unheard if (mark.stage, mark.step) == ("tts", "segment"))
        + sum(mark.count for mark in cancelled),
    )


def _between(start: int | None, end: int | None) -> int | None:
    return None if start is None or end is None else end - start


def _by(moment: int | None, limit: int) -> bool:
    return moment is not None and moment <= limit
