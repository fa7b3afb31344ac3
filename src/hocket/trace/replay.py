"""Feeding the events of a finished call through a fresh engine: the same events must give the same commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple, Protocol

import msgspec

from hocket.clock import MS
from hocket.trace.records import Entry
from hocket.trace.turn_records import COMMANDS, EVENTS
from hocket.turn.commands import Command
from hocket.turn.events import Event


class Engine(Protocol):
    """Anything that answers events with commands."""

    def handle(self, now: int, event: Event) -> list[Command]: ...


class _Step(NamedTuple):
    now: int
    event: Event | None
    """None only for commands that stand before the first event."""
    commands: list[Command]


def replay(entries: Sequence[Entry], engine: Engine) -> list[Command]:
    """The commands that a fresh engine gives for the events of a trace."""
    commands: list[Command] = []
    for step in _steps(entries):
        if step.event is not None:
            commands += engine.handle(step.now, step.event)
    return commands


def check(entries: Sequence[Entry], engine: Engine) -> str | None:
    """The first difference between the recorded commands and a fresh engine's, in a sentence; None if there is none."""
    started = entries[0].now if entries else 0
    for step in _steps(entries):
        given = [] if step.event is None else engine.handle(step.now, step.event)
        for recorded, repeated in zip_longest(step.commands, given):
            if recorded != repeated:
                cause = "Before the first event" if step.event is None else f"On {_said(step.event)}"
                return (
                    f"{cause}, {(step.now - started) / MS:.3f} ms into the trace, "
                    f"the trace has {_said(recorded)} and the engine gives {_said(repeated)}."
                )
    return None


def _steps(entries: Sequence[Entry]) -> Iterator[_Step]:
    """Each event with the commands recorded after it and before the next one. Marks concern nobody here."""
    step = _Step(entries[0].now if entries else 0, None, [])
    for entry in entries:
        record = entry.record
        if isinstance(record, EVENTS):
            yield step
            step = _Step(entry.now, record, [])
        elif isinstance(record, COMMANDS):
            step.commands.append(record)
    yield step


def _said(record: msgspec.Struct | None) -> str:
    return "no (more) command" if record is None else repr(record)
