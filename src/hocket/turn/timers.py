"""Deadlines as a table, each with its reason. No callbacks and no tasks: the shell asks for the next one."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final


class Reason(IntEnum):
    """Why a deadline is set. Ties fire in this order."""

    CANDIDATE = 0
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
    """Deadlines of one engine: one a reason, and for tools one a call."""

    __slots__ = ("_due", "_tools")

    def __init__(self) -> None:
        self._due = [NEVER] * len(_REASONS)  # by reason; a list, because the earliest is asked for after every event
        self._tools: dict[str, int] = {}

    @property
    def next(self) -> tuple[int, Reason] | None:
        """The earliest deadline and what it is for."""
        at = min(self._due)
        return None if at == NEVER else (at, _REASONS[self._due.index(at)])

    def set(self, reason: Reason, at: int, key: str = "") -> None:
        """A deadline in place of the one that this reason, or this call of a tool, had."""
        assert (reason is _TOOL) is bool(key), "tools have keys and nothing else has"
        if key:
            self._tools[key] = at
            at = min(self._tools.values())
        self._due[reason] = at

    def stop(self, *reasons: Reason) -> None:
        """Drop the deadlines of reasons that take no key."""
        for reason in reasons:
            assert reason is not _TOOL
            self._due[reason] = NEVER

    def stop_one(self, reason: Reason, key: str) -> None:
        """Drop the deadline of one call of a tool."""
        assert reason is _TOOL
        self._tools.pop(key, None)
        self._due[_TOOL] = min(self._tools.values(), default=NEVER)

    def clear(self) -> None:
        self._due = [NEVER] * len(_REASONS)
        self._tools.clear()

    def has(self, reason: Reason) -> bool:
        return self._due[reason] != NEVER

    def due(self, reason: Reason) -> int:
        """When a reason is due; far in the future if it is not set."""
        return self._due[reason]

    def pop_first(self, now: int) -> tuple[Reason, str] | None:
        """Take out the earliest deadline that has come."""
        due = self.next
        if due is None or due[0] > now:
            return None
        at, reason = due
        if reason is not _TOOL:
            self._due[reason] = NEVER
            return reason, ""
        key = next(key for key, when in self._tools.items() if when == at)
        self.stop_one(reason, key)
        return reason, key


_REASONS: Final = tuple(Reason)
_TOOL: Final = Reason.TOOL
