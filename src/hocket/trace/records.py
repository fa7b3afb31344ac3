"""The schema of a trace: (now, record) entries, where a record is an event, a command or a mark.

On disk a trace is JSON lines, one `Entry` each, the first of them holding `Opened`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from hocket.ids import NO_REPLY, CallId, ReplyId
from hocket.stages.notices import NoticeStep
from hocket.turn.commands import Command
from hocket.turn.events import Event

TRACE_VERSION = 1

TimeKind: TypeAlias = Literal["real", "virtual", "modelled"]
"""real: a clock on the wall; virtual: simulated stages; modelled: real stages, their processor time added to virtual
time."""

Stage: TypeAlias = Literal["vad", "stt", "retrieval", "llm", "tts", "tool", "playout", "connect", "turn"]

Step: TypeAlias = Literal["started", "first", "segment", "ended", "cancelled", "failed"] | NoticeStep


class Opened(msgspec.Struct, frozen=True, tag=True):
    """The head of a trace."""

    version: int
    call: CallId
    agent: str
    wall_clock: str
    """UTC, ISO 8601."""
    time: TimeKind
    media_epoch: int
    """The `now` at which media sample 0 of the caller was said."""
    input_rate: int
    output_rate: int
    stages: dict[str, str]
    """Stage -> provider name, such as `{"stt": "pocketsphinx"}`."""
    preset: str = "adaptive"
    recording: str = ""
    """File name of the stereo recording beside the trace (caller left, agent right), if there is one."""


class Mark(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A stage did something. The only records that the engine neither reads nor writes.

    llm: started, first (token), ended | cancelled | failed.
    tts: started (text is handed over), first (byte), ended | cancelled | failed; `segment` each time a speakable
    segment is handed to it, the segment in `detail`.
    stt: started (a finalize is sent), ended (its final came). retrieval, tool, connect: started, ended.
    playout: started (gate open and first sample sent), first (first audible sample played), ended.
    turn: started, ended (the detector's score and what it took in `detail`) | cancelled | failed.
    The other steps are notices of the stages themselves: `hocket.stages.notices.Notice` explains them.
    """

    stage: Stage
    step: Step
    reply: ReplyId = NO_REPLY
    detail: str = ""
    count: int = 0
    """tokens for llm ended, characters for tts segment, samples for playout ended; 0 where it does not apply."""


class Tokens(msgspec.Struct, frozen=True, gc=False, tag=True):
    """What one model call cost, as the provider counts."""

    reply: ReplyId
    input_tokens: int
    cached_tokens: int
    """Of the input: what the provider had kept from earlier calls."""
    output_tokens: int


class Closed(msgspec.Struct, frozen=True, tag=True):
    """The foot of a trace."""

    reason: str
    dropped: dict[str, int] = {}
    """Queue -> items dropped because it was full; empty on a healthy call."""
    failed: bool = False
    """Neither of the two ended the call, nor their silence or its length: something broke, or the server stopped."""


Record: TypeAlias = Event | Command | Opened | Mark | Tokens | Closed


class Entry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One line of a trace."""

    now: int
    """Monotonic nanoseconds."""
    record: Record
