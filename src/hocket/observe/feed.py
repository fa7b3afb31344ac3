"""A call as its client sees it while it goes on: state, the words of both sides, the waterfall of every turn."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection
from typing import Final, Literal

from hocket.clock import MS, SECOND
from hocket.ids import NO_REPLY, ReplyId
from hocket.trace.following import Following
from hocket.trace.latency import TurnTrace
from hocket.trace.news import Bar, Caption, News, PathPart, Spread, State, Summary, TailCause, Turn
from hocket.trace.percentiles import Summary as Totals
from hocket.trace.records import Mark, Record
from hocket.trace.tail import cause
from hocket.turn.commands import (
    AmendTurn,
    CloseTurn,
    CommitTurn,
    PausePlayout,
    PlayFiller,
    ResumePlayout,
    StartReply,
    StartSay,
)
from hocket.turn.events import PlayoutFinished, PlayoutStarted, PlayoutStopped, SpeechStarted, Transcribed
from hocket.turn.spent import Words

DISMISSED_NS: Final = 3 * SECOND
"""Words that were not committed so long after they came were taken for no turn: a cough, agreement, somebody else."""


SOON_NS: Final = 250 * MS
"""The agent's words are told again after so long: every token would be a message with all the words before it."""

LATEST: Final = 1_000
"""Turns of a call whose percentiles are told."""


class Feed:
    """Fed with every record of a call (`TraceLog(watch=feed.record)`), it tells the news as they happen.

    A turn costs the same however long the call has been.
    """

    def __init__(self, tell: Callable[[News], None]) -> None:
        self._floor = _Floor(tell)
        self._caller = _CallersWords(tell)
        self._agent = _AgentsWords(tell)
        self._turns = _Turns(tell)

    def record(self, now: int, record: Record) -> None:
        """Take the next entry of the trace."""
        kind = type(record)
        if kind in _FLOOR:
            self._floor.take(record)
        if kind in _CALLER:
            self._caller.take(now, record)
        if kind in _AGENT:
            self._agent.take(now, record)
        self._turns.following.take(now, record)


class _Floor:
    """What the agent does."""

    def __init__(self, tell: Callable[[News], None]) -> None:
        self._tell = tell
        self._state: Literal["listening", "thinking", "speaking"] | None = None

    def take(self, record: Record) -> None:
        match record:
            case CommitTurn() | StartSay():
                self._change("thinking")
            case PlayoutStarted() | ResumePlayout():
                self._change("speaking")
            case PausePlayout() | PlayoutFinished() | PlayoutStopped() | CloseTurn():
                self._change("listening")
            case _:
                pass

    def _change(self, state: Literal["listening", "thinking", "speaking"]) -> None:
        if state != self._state:
            self._state = state
            self._tell(State(state))


class _CallersWords:
    """The caller's words. They are final once their answer is heard, until when a turn may still be withdrawn."""

    def __init__(self, tell: Callable[[News], None]) -> None:
        self._tell = tell
        self._words = Words()
        self._shown = ""
        self._came = 0
        """When the words last changed."""
        self._committed: str | None = None
        """The words of a turn whose answer is not heard yet."""

    def take(self, now: int, record: Record) -> None:
        match record:
            case SpeechStarted() if self._committed is None and now - self._came > DISMISSED_NS:
                self._words.spend()
            case Transcribed(text=text, final=final):
                self._words.hear(text, final)
                if self._words.text and self._committed is None:
                    self._came = now
                    self._show(self._words.text)
            case CommitTurn(text=text):
                self._commit(text)
            case AmendTurn(text=text) if self._committed is not None:
                self._commit(text)
            case PlayoutStarted() if self._committed is not None:
                self._settle(self._committed)
            case CloseTurn(outcome="withdrawn"):
                self._committed = None  # the words stay, and more come
            case CloseTurn() if self._committed is not None:
                self._settle(self._committed)
            case _:
                pass

    def _commit(self, text: str) -> None:
        self._committed = text
        self._show(text)

    def _show(self, text: str) -> None:
        if text != self._shown:
            self._shown = text
            self._tell(Caption("caller", text, final=False))

    def _settle(self, text: str) -> None:
        self._committed = None
        self._shown = ""
        self._words.spend(text)
        self._tell(Caption("caller", text, final=True))


class _AgentsWords:
    """The agent's words: those on their way to be heard while it speaks, and at the end those that were heard."""

    def __init__(self, tell: Callable[[News], None]) -> None:
        self._tell = tell
        self._reply: ReplyId = NO_REPLY
        """The newest; only one is computed at a time."""
        self._text = ""
        self._sounds = False
        self._told = 0
        """When its words were last told."""

    def take(self, now: int, record: Record) -> None:
        match record:
            case StartReply(reply=reply):
                self._begin(reply, "")
            case StartSay(reply=reply, text=text):
                self._begin(reply, text)
            case Mark(stage="tts", step="segment", reply=reply, detail=segment) if reply == self._reply and segment:
                self._said(now, segment)
            case Mark(stage="llm", step="ended", reply=reply) if reply == self._reply and self._sounds:
                self._show(now)
            case PlayFiller(text=text):
                self._tell(Caption("agent", text, final=True))
            case PlayoutStarted(reply=reply) if reply == self._reply:
                self._sounds = True
                self._show(now)
            case PlayoutFinished(heard=heard):
                self._heard(heard, interrupted=False)
            case PlayoutStopped(heard=heard):
                self._heard(heard, interrupted=True)
            case _:
                pass

    def _begin(self, reply: ReplyId, text: str) -> None:
        self._reply, self._text, self._sounds = reply, text, False

    def _said(self, now: int, segment: str) -> None:
        if segment == self._text:
            return  # words that were known before are handed over as they are
        self._text += segment
        if self._sounds and now - self._told >= SOON_NS:
            self._show(now)

    def _show(self, now: int) -> None:
        self._told = now
        self._tell(Caption("agent", self._text, final=False))

    def _heard(self, heard: str, *, interrupted: bool) -> None:
        if heard or self._sounds:
            self._tell(Caption("agent", heard, final=True, interrupted=interrupted))
        self._sounds = False


class _Turns:
    """Waterfalls, and what they come to."""

    def __init__(self, tell: Callable[[News], None]) -> None:
        self.following = Following(self._ended, self._heard)
        self._tell = tell
        self._number = 0
        self._totals = Totals()
        self._latencies: deque[int] = deque(maxlen=LATEST)
        self._first_bytes: deque[int] = deque(maxlen=LATEST)
        self._saved = 0
        self._tail: Counter[str] = Counter()

    def _heard(self, turn: TurnTrace) -> None:
        self._tell(self._turn(turn))

    def _ended(self, turn: TurnTrace) -> None:
        if turn.outcome == "withdrawn":
            return  # its words come again, with the rest
        told = self._turn(turn)
        self._number += 1
        self._totals.add(turn)
        self._saved += turn.speculation.saved
        if turn.response_latency is not None:
            self._latencies.append(turn.response_latency)
        if turn.endpoint_to_first_byte is not None:
            self._first_bytes.append(turn.endpoint_to_first_byte)
        if told.cause:
            self._tail[told.cause] += 1
        self._tell(told)
        self._tell(self._summary())

    def _turn(self, turn: TurnTrace) -> Turn:
        times, speculation = turn.times, turn.speculation
        zero = times.commit if times.last_speech is None else times.last_speech
        return Turn(
            number=self._number + 1,
            caller=turn.text,
            agent=turn.heard,
            response_latency_ms=_ms(turn.response_latency),
            bars=tuple(
                Bar(
                    span.row,
                    _since(span.start, zero),
                    _since(span.end, zero),
                    None if span.first is None else _since(span.first, zero),
                    span.how,
                    span.detail,
                )
                for span in turn.spans
            ),
            path=tuple(PathPart(part.name, _since(part.duration, 0)) for part in turn.parts),
            speculation=speculation.result,
            saved_ms=_since(speculation.saved, 0),
            wasted_tokens=speculation.wasted_tokens,
            wasted_characters=speculation.wasted_characters,
            cause=cause(turn, self._totals.parts) or "",
        )

    def _summary(self) -> Summary:
        totals = self._totals
        return Summary(
            turns=totals.turns,
            response_latency=_spread(self._latencies),
            endpoint_to_first_byte=_spread(self._first_bytes),
            long_turns=totals.long,
            tail=tuple(TailCause(name, turns) for name, turns in self._tail.most_common()),
            speculation_hits=totals.speculation["hit"],
            speculation_misses=totals.speculation["miss"],
            saved_ms=_since(self._saved, 0),
            wasted_tokens=totals.wasted_tokens,
            wasted_characters=totals.wasted_characters,
        )


def _spread(values: Collection[int]) -> Spread:
    """Exact, by nearest rank; a percentile that only the longest turn could be is none yet."""
    ordered = sorted(values)
    count = len(ordered)

    def percentile(percent: int) -> float | None:
        enough = count * (100 - percent) >= 100 or (percent == 50 and count > 0)
        return _ms(ordered[max(0, -(-percent * count // 100) - 1)]) if enough else None

    return Spread(percentile(50), percentile(90), percentile(95), percentile(99))


def _ms(duration: float | None) -> float | None:
    return None if duration is None else round(duration / MS, 1)


def _since(moment: int, zero: int) -> float:
    return round((moment - zero) / MS, 1)


_FLOOR: Final = frozenset(
    (CommitTurn, StartSay, PlayoutStarted, ResumePlayout, PausePlayout, PlayoutFinished, PlayoutStopped, CloseTurn)
)
_CALLER: Final = frozenset((SpeechStarted, Transcribed, CommitTurn, AmendTurn, PlayoutStarted, CloseTurn))
_AGENT: Final = frozenset((StartReply, StartSay, Mark, PlayFiller, PlayoutStarted, PlayoutFinished, PlayoutStopped))
