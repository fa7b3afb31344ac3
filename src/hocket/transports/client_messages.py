"""What hocket's own clients and a gateway say to each other: JSON text beside binary audio.

The same messages go over a WebSocket (`/ws`) and over a WebRTC data channel. Audio is binary and bare, in the format
that `Hello` asks for: any whole number of samples up to `MAX_AUDIO_MS` from the client, 20 ms at a time to it. Over
WebRTC it goes by RTP instead.

Positions count the samples the server has sent in this call and has not taken back, from 0.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

Encoding: TypeAlias = Literal["pcm16", "mulaw"]
"""pcm16: little-endian, mono; mulaw: G.711, one byte a sample."""

RATES: Final = (8_000, 16_000, 24_000, 48_000)
"""Hertz; mulaw is 8000 only."""

MAX_AUDIO_MS: Final = 200
"""In one message from a client."""

MAX_TEXT_BYTES: Final = 16 * 1024
"""Of one message from a client."""

RESUME_S: Final = 30.0
"""How long a call waits for a client whose connection broke off."""


class AudioFormat(msgspec.Struct, frozen=True):
    """How audio is encoded, the same in both directions."""

    encoding: Encoding = "pcm16"
    rate: int = 16_000
    """Hertz."""


# -- from the client


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    """The first message: a ticket for a new call, or the resume token of one whose connection broke off."""

    ticket: str = ""
    resume: str = ""
    audio: AudioFormat = AudioFormat()
    played: int = 0
    """When it resumes: how much had sounded by then."""


class Played(msgspec.Struct, frozen=True, tag_field="type", tag="played"):
    """All samples before `sample` have sounded; sent every 100 ms while something sounds, and when it ends."""

    sample: int


class Dtmf(msgspec.Struct, frozen=True, tag_field="type", tag="dtmf"):
    """A key was pressed: 0-9, *, # or A-D."""

    digit: str


class HangUp(msgspec.Struct, frozen=True, tag_field="type", tag="hang_up"):
    """The caller ends the call."""


ClientMessage: TypeAlias = Hello | Played | Dtmf | HangUp


# -- to the client


class Welcome(msgspec.Struct, frozen=True, tag_field="type", tag="welcome"):
    """The call is open, or is resumed."""

    call: str
    resume: str
    """Opens the same call again within `resume_s` after the connection broke off. To be kept secret."""
    resume_s: float
    audio: AudioFormat
    ahead_ms: int
    """How much audio is sent before it is due."""
    agent: str = ""
    """The agent's name."""
    position: int = 0
    """Of the next sample to be sent."""


class Clear(msgspec.Struct, frozen=True, tag_field="type", tag="clear"):
    """Fall silent at once: what has not sounded is taken back, and the next audio begins at position `keep`."""

    keep: int


class State(msgspec.Struct, frozen=True, tag_field="type", tag="state"):
    """What the agent is doing."""

    state: Literal["listening", "thinking", "speaking"]


class Caption(msgspec.Struct, frozen=True, tag_field="type", tag="caption"):
    """Words of either side. Of one utterance each caption replaces the one before, until one is final."""

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
    """The waterfall of a turn that was answered."""

    number: int
    """From 1."""
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
    """Percentiles in milliseconds; None while there are too few turns."""

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class TailCause(msgspec.Struct, frozen=True):
    """How many of the long turns were long because of one thing."""

    cause: str
    turns: int


class Summary(msgspec.Struct, frozen=True, tag_field="type", tag="summary"):
    """All turns of the call so far; follows each `Turn`."""

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


class Refused(msgspec.Struct, frozen=True, tag_field="type", tag="refused"):
    """No call: the ticket is not valid, or there is no room. The connection is closed."""

    reason: str
    retry_after_s: int | None = None
    """None when trying again does not help."""


class Bye(msgspec.Struct, frozen=True, tag_field="type", tag="bye"):
    """The call is over; the connection is closed when what was sent has sounded."""

    reason: str


ServerMessage: TypeAlias = Welcome | Clear | State | Caption | Turn | Summary | Refused | Bye
