"""The turns of a call as they come about, each from no more of the trace than it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hocket.ids import NO_REPLY, ReplyId
from hocket.trace.latency import TurnTrace, latest_turn
from hocket.trace.records import Closed, Entry, Record
from hocket.turn.commands import CancelReply, CloseTurn, CommitTurn, StartSay, StopPlayout
from hocket.turn.events import PlayoutFinished, PlayoutStarted, PlayoutStopped, ReplyFailed

WINDOW: Final = 4_000
"""Entries that are kept; an ordinary turn has some 100. Of more the oldest are forgotten, and a turn whose commit is
among them is not told of."""


class Following:
    """Fed with every record of a call, it tells of every committed turn, once.

    `ended` is told of the turn when it is closed and all that the caller heard of it is known; `heard`, if there is
    one, at the first sound of its answer, when all that the caller waited for is known. The entries since the commit
    before are kept, so that a turn of a long call costs as much as one of a short call.
    """

    __slots__ = ("_commit", "_ended", "_entries", "_heard", "_turn")

    def __init__(self, ended: Callable[[TurnTrace], None], heard: Callable[[TurnTrace], None] | None = None) -> None:
        self._ended = ended
        self._heard = heard
        self._entries: list[Entry] = []
        self._commit: int | None = None
        """Where the latest commit is, of those that have not been forgotten."""
        self._turn: _OpenTurn | None = None
        """That commit's, until it has been told of."""

    def take(self, now: int, record: Record) -> None:
        """The next entry of the trace."""
        kind = type(record)
        if kind is CommitTurn:
            self._begin()
        self._entries.append(Entry(now, record))
        if len(self._entries) > WINDOW:
            self._forget(len(self._entries) // 2)
        if self._turn is not None and kind in _TELLING:
            heard = self._turn.sounded
            self._turn.take(now, record)
            if self._turn.sounded and not heard and self._heard is not None:
                self._heard(latest_turn(self._entries))
            if self._turn.over:
                self._end()

    def _begin(self) -> None:
        """A turn is committed: the one before it is over, and the one before that is not needed any more."""
        if self._turn is not None:
            self._end()
        if self._commit:
            del self._entries[: self._commit]
        self._commit = len(self._entries)
        self._turn = _OpenTurn()

    def _end(self) -> None:
        self._turn = None
        self._ended(latest_turn(self._entries))

    def _forget(self, count: int) -> None:
        del self._entries[:count]
        if self._commit is not None:
            self._commit -= count
            if self._commit < 0:
                self._commit = self._turn = None


class _OpenTurn:
    """How far a committed turn has come."""

    __slots__ = ("_apology", "_closed_at", "_failed", "_stopping", "over", "sounded")

    def __init__(self) -> None:
        self.sounded = False
        self.over = False
        self._closed_at: int | None = None
        self._failed = False
        self._stopping = False
        """What was heard of a reply that is stopped is still to be told."""
        self._apology: ReplyId = NO_REPLY

    def take(self, now: int, record: Record) -> None:
        match record:
            case PlayoutStarted():
                self.sounded = True
            case StopPlayout():
                self._stopping = True
            case CloseTurn(outcome=outcome):
                self._closed_at = now
                self._failed = outcome == "failed"
            case StartSay(reply=reply) if self._failed:
                # What is said together with the close stands in for the answer; anything later does not.
                self._failed = False
                self._apology = reply if now == self._closed_at else NO_REPLY
            case PlayoutStopped(reply=reply) | PlayoutFinished(reply=reply):
                self._stopping = False
                self._said(reply)
            case CancelReply(reply=reply) | ReplyFailed(reply=reply):
                self._said(reply)
            case Closed():
                self.over = True
            case _:
                pass
        waits = self._closed_at is None or self._failed or self._stopping or self._apology != NO_REPLY
        self.over = self.over or not waits

    def _said(self, reply: ReplyId) -> None:
        if reply == self._apology:
            self._apology = NO_REPLY


_TELLING: Final = frozenset(
    (
        CancelReply,
        CloseTurn,
        Closed,
        PlayoutFinished,
        PlayoutStarted,
        PlayoutStopped,
        ReplyFailed,
        StartSay,
        StopPlayout,
    )
)
