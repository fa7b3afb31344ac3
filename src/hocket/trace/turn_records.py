"""Which entries of a trace belong to which committed turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar, get_args

from hocket.ids import NO_REPLY, ReplyId, TurnId
from hocket.trace.records import Entry
from hocket.turn.commands import CloseTurn, Command, CommitTurn, StartReply, StartSay
from hocket.turn.events import Event

EVENTS = get_args(Event)
COMMANDS = get_args(Command)

R = TypeVar("R")


class Moment(NamedTuple, Generic[R]):
    """A record and where it stands."""

    now: int
    place: int
    """Index in the trace; tells what came first among records of the same nanosecond."""
    record: R


class TurnRecords:
    """The entries between the commit before and the next one, and whatever became of the turn's replies later.

    `replies` are those that were begun for this turn: speculated, restarted, and said in its place.
    """

    def __init__(self, entries: Sequence[Entry], extent: Extent, replies: set[ReplyId]) -> None:
        record = entries[extent.commit].record
        assert isinstance(record, CommitTurn)
        self.replies = replies
        self.commit = Moment(entries[extent.commit].now, extent.commit, record)
        self.earliest = entries[extent.begin].now
        """When the turn before was committed, or the trace began."""
        self._entries = entries
        self._by_kind: dict[type, list[Moment[Any]]] = defaultdict(list)
        for index in range(extent.begin, extent.end):
            entry = entries[index]
            if index < extent.following or _reply(entry) in replies or _turn(entry) == record.turn:
                self._by_kind[type(entry.record)].append(Moment(entry.now, index, entry.record))

    def all(self, kind: type[R]) -> list[Moment[R]]:
        """Every record of a kind, in order."""
        return self._by_kind.get(kind, [])

    def until_commit(self, kind: type[R]) -> list[Moment[R]]:
        """Every record of a kind up to the commit, in order."""
        return [moment for moment in self.all(kind) if moment.place <= self.commit.place]

    def of_reply(self, kind: type[R], reply: ReplyId) -> list[Moment[R]]:
        """Every record of a kind that names the reply, in order."""
        return [moment for moment in self.all(kind) if getattr(moment.record, "reply", NO_REPLY) == reply]

    def trigger(self, command: Moment[Any]) -> Moment[Any] | None:
        """The event that the engine answered with this command."""
        for index in range(command.place, -1, -1):
            entry = self._entries[index]
            if isinstance(entry.record, EVENTS):
                return Moment(entry.now, index, entry.record) if entry.now == command.now else None
        return None


class Extent(NamedTuple):
    """Places in a trace."""

    begin: int
    """Of the commit before, or 0."""
    commit: int
    following: int
    """Of the next commit, or the end."""
    end: int
    """After the last record that names the turn or one of its replies."""


def split(entries: Sequence[Entry]) -> list[TurnRecords]:
    """The committed turns of a trace, in order."""
    commits = [index for index, entry in enumerate(entries) if isinstance(entry.record, CommitTurn)]
    replies = _replies(entries, commits)
    last: dict[ReplyId, int] = {}
    last_of_turn: dict[TurnId | None, int] = {}
    for index, entry in enumerate(entries):
        last[_reply(entry)] = index
        last_of_turn[_turn(entry)] = index
    turns = []
    for number, commit in enumerate(commits):
        begin = commits[number - 1] if number else 0
        following = commits[number + 1] if number + 1 < len(commits) else len(entries)
        mentions = [last_of_turn[_turn(entries[commit])], *(last[reply] for reply in replies[number])]
        turns.append(
            TurnRecords(entries, Extent(begin, commit, following, max(following, max(mentions) + 1)), replies[number])
        )
    return turns


def _reply(entry: Entry) -> ReplyId:
    reply: ReplyId = getattr(entry.record, "reply", NO_REPLY)
    return reply


def _turn(entry: Entry) -> TurnId | None:
    turn: TurnId | None = getattr(entry.record, "turn", None)
    return turn


def _replies(entries: Sequence[Entry], commits: list[int]) -> list[set[ReplyId]]:
    """For each commit the replies that were begun for it."""
    found: list[set[ReplyId]] = [set() for _ in commits]
    answers: dict[ReplyId, int] = {}
    for number, commit in enumerate(commits):
        record = entries[commit].record
        assert isinstance(record, CommitTurn)
        answers[record.reply] = number
        found[number].add(record.reply)
    closes = _closes(entries)
    committed = -1
    for index, entry in enumerate(entries):
        match entry.record:
            case CommitTurn():
                committed += 1
            case StartReply(reply=reply) if reply in answers:
                pass
            case StartReply(reply=reply, speculative=True) if committed + 1 < len(commits):
                found[committed + 1].add(reply)
            case StartReply(reply=reply, speculative=False) if committed >= 0:
                found[committed].add(reply)
            # What is said between the commit and the close stands in for the answer: an apology, a goodbye.
            case StartSay(reply=reply) if committed >= 0:
                if index <= closes.get(_turn(entries[commits[committed]]), index):
                    found[committed].add(reply)
            case _:
                pass
    return found


def _closes(entries: Sequence[Entry]) -> dict[TurnId | None, int]:
    """Where each turn was closed; of a failed one the last command given together with that: its apology."""
    closes: dict[TurnId | None, int] = {}
    for index, entry in enumerate(entries):
        if isinstance(entry.record, CloseTurn):
            last = index
            while entry.record.outcome == "failed" and last + 1 < len(entries) and _is_command(entries[last + 1]):
                last += 1
            closes.setdefault(entry.record.turn, last)
    return closes


def _is_command(entry: Entry) -> bool:
    return isinstance(entry.record, COMMANDS)
