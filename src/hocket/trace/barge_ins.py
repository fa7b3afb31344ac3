"""How fast the agent fell silent when the caller began to speak, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from hocket.clock import MS
from hocket.ids import NO_REPLY, ReplyId
from hocket.trace.records import Entry
from hocket.turn.commands import PausePlayout, ResumePlayout, StopPlayout
from hocket.turn.events import PlayoutFinished, PlayoutStarted, PlayoutStopped, SpeechStarted, SpeechStopped

FADE_MS = 15
"""How long after the order the last audible sample is, where the session plays: the length of its fade."""


class BargeIn(msgspec.Struct, frozen=True):
    """The caller began to speak while the agent was audible."""

    reply: ReplyId
    onset: int
    """When the caller's first speech sample was said, or the agent's was played if that was later; nanoseconds."""
    detected: int
    silent: int | None = None
    """When the agent had become inaudible; None if it never yielded."""
    decided: int | None = None
    """When it was told to stop, or to go on."""
    outcome: Literal["stopped", "resumed", "ignored"] = "ignored"

    @property
    def stop_latency(self) -> int | None:
        """Nanoseconds from onset to silence."""
        return None if self.silent is None else self.silent - self.onset


def barge_ins(entries: Sequence[Entry], fade_ms: float = FADE_MS) -> list[BargeIn]:
    """Every barge-in of a call, in order. The agent is silent `fade_ms` after the order to pause or stop."""
    watch = BargeIns(fade_ms)
    for entry in entries:
        watch.take(entry)
    return watch.found


class BargeIns:
    """The same, from a call's entries as they come."""

    def __init__(self, fade_ms: float = FADE_MS) -> None:
        self.found: list[BargeIn] = []
        self._fade = round(fade_ms * MS)
        self._sounding = NO_REPLY
        self._since = 0
        self._open = False
        """The last one found is not decided yet."""

    def take(self, entry: Entry) -> None:
        match entry.record:
            case PlayoutStarted(reply=reply):
                self._sounding, self._since = reply, entry.now
            case SpeechStarted(onset=onset) if self._sounding != NO_REPLY and not self._open:
                self.found.append(BargeIn(self._sounding, max(onset, self._since), entry.now))
                self._open = True
            case PausePlayout(reply=reply) if self._concerns(reply):
                self._yielded(entry.now)
            case StopPlayout(reply=reply) if self._concerns(reply):
                self._yielded(entry.now)
                self._decided("stopped", entry.now)
                self._sounding = NO_REPLY
            case ResumePlayout(reply=reply) if self._concerns(reply):
                self._decided("resumed", entry.now)
            case SpeechStopped() if self._open and self.found[-1].silent is None:
                self._open = False
            case PlayoutFinished() | PlayoutStopped():
                self._sounding = NO_REPLY
                self._open = False
            case _:
                pass

    def _concerns(self, reply: ReplyId) -> bool:
        return self._open and self.found[-1].reply == reply

    def _yielded(self, now: int) -> None:
        if self.found[-1].silent is None:
            self.found[-1] = msgspec.structs.replace(self.found[-1], silent=now + self._fade)

    def _decided(self, outcome: Literal["stopped", "resumed"], now: int) -> None:
        self.found[-1] = msgspec.structs.replace(self.found[-1], decided=now, outcome=outcome)
        self._open = False
