"""What Deepgram sends while it listens: the messages of `/v1/listen` (Nova) and `/v2/listen` (Flux)."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

SAME_S = 0.02
"""Word times within this are the same."""


class Word(msgspec.Struct, frozen=True):
    """A recognised word; times in seconds of the audio sent on this connection."""

    word: str
    start: float | None = None
    end: float | None = None
    punctuated_word: str | None = None


class Alternative(msgspec.Struct, frozen=True):
    transcript: str
    words: tuple[Word, ...] = ()


class Channel(msgspec.Struct, frozen=True):
    alternatives: tuple[Alternative, ...]


class Results(msgspec.Struct, frozen=True, tag=True):
    """Nova: the words from `start` on, of `duration` seconds."""

    channel: Channel
    start: float = 0.0
    duration: float = 0.0
    is_final: bool = False
    speech_final: bool = False
    from_finalize: bool = False


class TurnInfo(msgspec.Struct, frozen=True, tag=True):
    """Flux: the words of the turn that is going on.

    `event`: StartOfTurn, Update, EagerEndOfTurn, TurnResumed or EndOfTurn.
    """

    event: str
    transcript: str = ""
    words: tuple[Word, ...] = ()
    audio_window_end: float = 0.0
    trigger: str | None = None
    """Of EndOfTurn: model, manual or timeout."""


class Failure(msgspec.Struct, frozen=True, tag="Error"):
    """Either API: something is wrong with what was sent, or with the service."""

    description: str = ""
    code: str | None = None
    variant: str | None = None


class Ignored(msgspec.Struct, frozen=True, tag=False):
    """Messages that say nothing about words: Metadata, SpeechStarted, Connected, Warning."""

    type: str


Message: TypeAlias = Results | TurnInfo | Failure

_KNOWN = frozenset(("Results", "TurnInfo", "Error"))
_messages = msgspec.json.Decoder(Message)
_kinds = msgspec.json.Decoder(Ignored)


def decode(text: str) -> Message | None:
    """A message, or None for one that says nothing about words. Raises `msgspec.MsgspecError`."""
    return _messages.decode(text) if _kinds.decode(text).type in _KNOWN else None


def text_after(transcript: str, words: tuple[Word, ...], settled_s: float) -> str:
    """The part of a transcript whose words begin at `settled_s` or later; all of it where words carry no times."""
    begun = [word.start is not None and word.start < settled_s - SAME_S for word in words]
    if not any(begun):
        return transcript.strip()
    return " ".join(word.punctuated_word or word.word for word, old in zip(words, begun, strict=True) if not old)
