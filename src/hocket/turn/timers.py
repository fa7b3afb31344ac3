"""Deadlines as a table, each with its reason. No callbacks and no tasks: the shell asks for the next one."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class Reason(Enum):
    """Why a deadline is set. Ties fire in this order."""

    CANDIDATE = auto()
    """Silence has lasted long enough to ask whether the turn is over."""
    SPECULATE = auto()
    """The last word has had its time to be recognised: start a reply to what is there."""
    COMMIT = auto()
    """The turn is over."""
    FINALIZE = auto()
    """Words for this speech have had their time to come."""
    STUCK = auto()
    """The detector hears something that brings no new words."""
    DECIDE = auto()
    """The agent fell silent for the caller's voice: stop or resume."""
    TOOL = auto()
    """A tool has had its time; the key is its call."""
    OWED = auto()
    """The caller is owed a sound."""
    REPLY = auto()
    """A committed reply has had its time to become audible."""
    NO_INPUT = auto()
    """The caller has said nothing."""
    MAX_DURATION = auto()
    """The call has lasted as long as it may."""


NEVER: Final = 1 << 62


class Timers:
    """Deadlines of one engine: at most one a reason and key."""

    __slots__ = ("_due", "_next")

    def __init__(self) -> None:
        self._due: dict[tuple[Reason, str], int] = {}
        self._next: tuple[int, Reason] | None = None

    @property
    def next(self) -> tuple[int, Reason] | None:
        """The earliest deadline and what it is for."""
        if self._next is None and self._due:
            at, reason = min(((at, reason) for (reason, _), at in self._due.items()), key=_order)
            self._next = (at, reason)
        return self._next

    def set(self, reason: Reason, at: int, key: str = "") -> None:
        self._due[reason, key] = at
        self._next = None

    def stop(self, *reasons: Reason) -> None:
        """Drop the deadlines of reasons that take no key."""
        for reason in reasons:
            if self._due.pop((reason, ""), None) is not None:
                self._next = None

    def stop_one(self, reason: Reason, key: str) -> None:
        if self._due.pop((reason, key), None) is not None:
            self._next = None

    def clear(self) -> None:
        self._due.clear()
        self._next = None

    def has(self, reason: Reason) -> bool:
        return (reason, "") in self._due

    def due(self, reason: Reason) -> int:
        """When a reason without key is due; far in the future if it is not set."""
        return self._due.get((reason, ""), NEVER)

    def pop_first(self, now: int) -> tuple[Reason, str] | None:
        """Take out the earliest deadline that has come."""
        due = self.next
        if due is None or due[0] > now:
            return None
        at, reason = due
        key = next(key for (other, key), when in self._due.items() if other is reason and when == at)
        del self._due[reason, key]
        self._next = None
        return reason, key


def _order(due: tuple[int, Reason]) -> tuple[int, int]:
    return due[0], due[1].value
