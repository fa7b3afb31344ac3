"""What hocket's own clients and a gateway say to each other: JSON text beside binary audio.

The same messages go over a WebSocket (`/ws`) and over a WebRTC data channel. Audio is binary and bare, in the format
that `Hello` asks for: any whole number of samples up to `MAX_AUDIO_MS` from the client, 20 ms at a time to it. Over
WebRTC it goes by RTP instead.

Positions count the samples the server has sent in this call and has not taken back, from 0. A `Clear` takes some back,
and from then on the same numbers mean other samples; so whoever names a position also says how many `Clear`s they had
obeyed by then.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

# What a call tells is made from its trace; it is the same for every client, and it is spoken of by these names.
from hocket.trace.news import Bar as Bar
from hocket.trace.news import Caption as Caption
from hocket.trace.news import News as News
from hocket.trace.news import PathPart as PathPart
from hocket.trace.news import Spread as Spread
from hocket.trace.news import State as State
from hocket.trace.news import Summary as Summary
from hocket.trace.news import TailCause as TailCause
from hocket.trace.news import Turn as Turn

Encoding: TypeAlias = Literal["pcm16", "mulaw"]
"""pcm16: little-endian, mono; mulaw: G.711, one byte a sample."""

RATES: Final = (8_000, 16_000, 24_000, 48_000)
"""Hertz; mulaw is 8000 only."""

MAX_AUDIO_MS: Final = 200
"""In one message from a client."""

MAX_TEXT_BYTES: Final = 16 * 1024
"""Of one message from a client."""

MAX_MESSAGES_PER_S: Final = 200
"""From a client; what was held up on its way may come at once, up to five seconds of it."""

HELLO_S: Final = 5.0
"""`Hello` comes by then."""

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
    """When it resumes: how much had sounded by then. The rest is sent again."""
    clears: int = 0
    """When it resumes: how many `Clear`s it had obeyed by then."""


class Played(msgspec.Struct, frozen=True, tag_field="type", tag="played"):
    """All samples before `sample` have sounded; sent every 100 ms while something sounds, when it ends, and after a
    `Clear`."""

    sample: int
    clears: int = 0
    """How many `Clear`s the client has obeyed in this call. Reports from before the last one are ignored."""


class Dtmf(msgspec.Struct, frozen=True, tag_field="type", tag="dtmf"):
    """A key was pressed: 0-9, *, # or A-D."""

    digit: str


class HangUp(msgspec.Struct, frozen=True, tag_field="type", tag="hang_up"):
    """The caller ends the call."""


class Buffered(msgspec.Struct, frozen=True, tag_field="type", tag="buffered"):
    """Over WebRTC, once or twice a second: how much sound the client's jitter buffer holds back. Without it a usual
    one is reckoned with in what is taken to have sounded."""

    ms: float


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping"):
    """Over a WebSocket: is the gateway there? Pages need it: a browser tells them nothing of a network that has gone
    silent, and an agent that listens sends nothing."""


ClientMessage: TypeAlias = Hello | Played | Dtmf | HangUp | Buffered | Ping


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
    """Of the next sample to be sent; what the client still has from there on is sent again."""
    clears: int = 0
    """How many `Clear`s there have been; a client that resumes counts on from here."""


class Clear(msgspec.Struct, frozen=True, tag_field="type", tag="clear"):
    """Fall silent at once: what has not sounded is taken back, and the next audio begins at position `keep`."""

    keep: int


class Refused(msgspec.Struct, frozen=True, tag_field="type", tag="refused"):
    """No call: the ticket is not valid, or there is no room. The connection is closed."""

    reason: str
    retry_after_s: int | None = None
    """None when trying again does not help."""


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to a `Ping`."""


class Bye(msgspec.Struct, frozen=True, tag_field="type", tag="bye"):
    """The call is over; the connection is closed when what was sent has sounded."""

    reason: str


ServerMessage: TypeAlias = Welcome | Clear | News | Refused | Pong | Bye
