"""Orders that the engine gives, in the imperative. The session carries them out and decides nothing."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from hocket.ids import ReplyId, ToolCallId, TurnId
from hocket.turn.events import SayKind


class _Command(msgspec.Struct, frozen=True, gc=False, tag=True):
    pass


class Finalize(_Command, frozen=True):
    """Ask the recogniser for a final of all it has been given."""


class ScoreTurn(_Command, frozen=True):
    """Ask the turn detector how the utterance sounded."""


class HearEnding(_Command, frozen=True):
    """Ask the turn detector how the speech so far has ended. Answered by `TurnScored`, or not at all."""


class StartRetrieval(_Command, frozen=True):
    """Look up knowledge for these words; the newest result is the one that counts."""

    query: str


class StartReply(_Command, frozen=True):
    """Begin to compute a reply to the caller's words. Nothing of it is heard before `StartPlayout`."""

    reply: ReplyId
    text: str
    speculative: bool
    voiced: bool = True
    """Is it spoken as it is written? False under load for a speculative one: its synthesis begins at the commit."""


class StartSay(_Command, frozen=True):
    """Begin to synthesise these very words. Nothing is heard before `StartPlayout`."""

    reply: ReplyId
    text: str
    kind: SayKind


class CancelReply(_Command, frozen=True):
    """Stop computing a reply; what it did is dropped. Never waited for."""

    reply: ReplyId
    reason: str


class StartPlayout(_Command, frozen=True):
    """Open the gate: from now on the reply may be heard."""

    reply: ReplyId


class PlayFiller(_Command, frozen=True):
    """Say this at once, before the rest of the reply; it is not part of the conversation's history."""

    reply: ReplyId
    text: str


class PausePlayout(_Command, frozen=True):
    """Yield: fade out at once, keep the position."""

    reply: ReplyId


class ResumePlayout(_Command, frozen=True):
    """Go on from the very sample."""

    reply: ReplyId


class StopPlayout(_Command, frozen=True):
    """The reply sounds no more. Answered by `PlayoutStopped`."""

    reply: ReplyId


class CommitTurn(_Command, frozen=True):
    """The caller's turn is over; it is in the history from now on."""

    turn: TurnId
    text: str
    reply: ReplyId
    """The reply that answers it."""


class AmendTurn(_Command, frozen=True):
    """The recogniser's final differs in meaning from what was committed."""

    turn: TurnId
    text: str


class CloseTurn(_Command, frozen=True):
    """What became of a committed turn. Exactly one for every `CommitTurn`."""

    turn: TurnId
    outcome: Literal["answered", "interrupted", "withdrawn", "failed", "ended"]
    """answered: the reply was heard to its end; interrupted: heard in part; withdrawn: the caller went on before a
    sound; failed: an apology was said instead; ended: the call ended first."""


class RunTool(_Command, frozen=True):
    """Run a tool; its turn is committed."""

    reply: ReplyId
    call: ToolCallId
    name: str
    arguments: str


class CancelTool(_Command, frozen=True):
    """Give a tool up. `ToolFinished` with `failed` follows."""

    call: ToolCallId
    reason: str


class EndCall(_Command, frozen=True):
    """Hang up, now."""

    reason: str


Command: TypeAlias = (
    Finalize
    | ScoreTurn
    | HearEnding
    | StartRetrieval
    | StartReply
    | StartSay
    | CancelReply
    | StartPlayout
    | PlayFiller
    | PausePlayout
    | ResumePlayout
    | StopPlayout
    | CommitTurn
    | AmendTurn
    | CloseTurn
    | RunTool
    | CancelTool
    | EndCall
)
