"""Facts that the engine is told, in the past tense. Together with the commands they are the trace's schema.

Times inside events are `now` times: monotonic nanoseconds, made from media positions by the session.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from hocket.ids import ReplyId, ToolCallId


class _Event(msgspec.Struct, frozen=True, gc=False, tag=True):
    pass


class CallStarted(_Event, frozen=True):
    """The line is open in both directions."""


class SpeechStarted(_Event, frozen=True):
    """Voice activity began."""

    onset: int
    """When the first speech sample was said."""


class SpeechPaused(_Event, frozen=True):
    """The caller's level fell to the line's noise; voice activity has not decided yet. A hint to speculate on."""

    last_speech: int


class SpeechResumed(_Event, frozen=True):
    """The level rose again after `SpeechPaused`, before the detector had decided: it was only a gap between sounds."""


class SpeechStopped(_Event, frozen=True):
    """Voice activity ended."""

    last_speech: int
    """When the last speech sample was said, back-dated by level: detectors stay high about 100 ms after people stop."""
    since: int = 0
    """Nanoseconds of silence behind the window in which the detector heard that, in the same frame: windows end within
    frames. What came in later frames is not counted: the detector is late then, and it may hold the caller's words."""


class Transcribed(_Event, frozen=True):
    """The recogniser reports; the text is all words since its last final."""

    text: str
    final: bool
    finalized: bool = False
    """Answers a `Finalize` command."""


class TurnScored(_Event, frozen=True):
    """A turn detector heard how the utterance ended."""

    probability: float


class ReplyReady(_Event, frozen=True):
    """The first audio of a reply is buffered: it could be heard now."""

    reply: ReplyId


class ReplyFailed(_Event, frozen=True):
    """A reply will bring no (more) audio, for a reason that is not ours to fix within this reply."""

    reply: ReplyId
    reason: str


class PlayoutStarted(_Event, frozen=True):
    """The first audible sample of a reply has been played."""

    reply: ReplyId


class PlayoutFinished(_Event, frozen=True):
    """All of a reply has been played. `heard` is what history keeps."""

    reply: ReplyId
    heard: str


class PlayoutStopped(_Event, frozen=True):
    """A `StopPlayout` has been carried out: nothing of the reply sounds any more."""

    reply: ReplyId
    heard: str
    """The words that had sounded."""
    unheard: str = ""
    """The words that were ready to sound and did not."""


class ToolRequested(_Event, frozen=True):
    """The model asks for a tool."""

    reply: ReplyId
    call: ToolCallId
    name: str
    arguments: str
    """A JSON object."""


class ToolFinished(_Event, frozen=True):
    """A tool answered, raised or was given up. Exactly one for every `RunTool`."""

    reply: ReplyId
    call: ToolCallId
    result: str
    failed: bool = False


class SayRequested(_Event, frozen=True):
    """The agent's own code wants something said, word for word."""

    text: str
    interruptible: bool = True


class EndRequested(_Event, frozen=True):
    """The agent, or the operator, ends the call after what is being said."""

    reason: str
    goodbye: str | None = None
    """Said first; empty for none; None for the reply that is on its way, or the agent's own goodbye without one."""


class LineLost(_Event, frozen=True):
    """The connection to the caller broke off; they may come back. From now on nobody hears the agent."""


class LineBack(_Event, frozen=True):
    """The caller is there again, after `LineLost`."""


class CallerLeft(_Event, frozen=True):
    """The caller is gone."""

    reason: str


class LoadShed(_Event, frozen=True):
    """The process is more or less loaded than before: calls leave out all optional work up to this level."""

    level: int
    """A `turn.shedding.Shed`."""


class TimerFired(_Event, frozen=True):
    """`TurnEngine.deadline` has come."""


Event: TypeAlias = (
    CallStarted
    | SpeechStarted
    | SpeechPaused
    | SpeechResumed
    | SpeechStopped
    | Transcribed
    | TurnScored
    | ReplyReady
    | ReplyFailed
    | PlayoutStarted
    | PlayoutFinished
    | PlayoutStopped
    | ToolRequested
    | ToolFinished
    | SayRequested
    | EndRequested
    | LineLost
    | LineBack
    | CallerLeft
    | LoadShed
    | TimerFired
)

SayKind: TypeAlias = Literal["greeting", "say", "reprompt", "apology", "goodbye", "continuation"]
