"""What a call tells those who look on while it goes on: state, captions, the waterfall of every turn.

`observe.feed` makes them from the trace; clients get them as they are (`transports.client_messages`).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec


class State(msgspec.Struct, frozen=True, tag_field="type", tag="state"):
    """What the agent is doing."""

    state: Literal["listening", "thinking", "speaking"]


class Caption(msgspec.Struct, frozen=True, tag_field="type", tag="caption"):
    """Words of either side. Of one utterance each caption replaces the one before, until one is final.

    The caller's are final when their answer is heard: until then the turn may be withdrawn, and its words come again
    with more. The agent's are those on their way to be heard, at last those that were heard, which may be none.
    """

    who: Literal["caller", "agent"]
    text: str
    final: bool
    interrupted: bool = False


class Bar(msgspec.Struct, frozen=True):
    """A stretch of a stage's work; times are milliseconds since the caller's last speech sample, before it negative."""

    row: str
    """A `trace.spans.Row`."""
    start_ms: float
    end_ms: float
    first_ms: float | None = None
    """When its first token or byte came."""
    how: Literal["ended", "cancelled", "failed", "open"] = "ended"
    detail: str = ""


class PathPart(msgspec.Struct, frozen=True):
    """A part of the critical path; together the parts are the response latency."""

    name: str
    ms: float


class Turn(msgspec.Struct, frozen=True, tag_field="type", tag="turn"):
    """The waterfall of a turn: when the first sound of its answer is heard, and again, whole, when it has ended."""

    number: int
    """From 1; news of the same number replace those before."""
    caller: str
    agent: str
    response_latency_ms: float | None
    """From the caller's last speech sample to the first audible one of the reply; None where it was not measured."""
    bars: tuple[Bar, ...]
    path: tuple[PathPart, ...]
    speculation: Literal["hit", "miss", "none"]
    saved_ms: float
    """What speculation took off this turn."""
    wasted_tokens: int
    wasted_characters: int
    cause: str = ""
    """Of a long turn: the part of the path that was longer than usual by most."""


class Spread(msgspec.Struct, frozen=True):
    """Percentiles in milliseconds; None while there are so few turns that it would be the longest one."""

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class TailCause(msgspec.Struct, frozen=True):
    """How many of the long turns were long because of one thing."""

    cause: str
    turns: int


class Summary(msgspec.Struct, frozen=True, tag_field="type", tag="summary"):
    """All turns of the call that have ended; follows each such `Turn`."""

    turns: int
    response_latency: Spread
    endpoint_to_first_byte: Spread
    long_turns: int
    """Answered after more than 500 ms."""
    tail: tuple[TailCause, ...]
    speculation_hits: int
    speculation_misses: int
    saved_ms: float
    wasted_tokens: int
    wasted_characters: int


News: TypeAlias = State | Caption | Turn | Summary
