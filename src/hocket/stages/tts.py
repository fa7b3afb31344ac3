"""Text-to-speech: text in as it is written, audio out as it is made."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Literal, Protocol, runtime_checkable

import msgspec

from hocket.audio.frame import Samples


class SpeechChunk(msgspec.Struct, frozen=True):
    """A piece of synthesised speech."""

    samples: Samples
    """Shape (n,), int16, at the rate that was asked for; no silence before the first sound of a stream."""
    text: str = ""
    """The text whose sound begins with this chunk, spaces included; empty when the chunk goes on with earlier text.
    The texts of all chunks of a stream, joined, are the texts it was given, joined."""


class Tts(Protocol):
    """A voice."""

    name: str
    """Provider and voice, such as `flite/rms`; part of the key under which audio is cached."""
    takes: Literal["tokens", "segments"]
    """What the stream wants to be fed: the model's tokens as they come, or speakable segments."""

    def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Speak the text as it arrives, in samples of `rate` Hertz. Closing it cancels. Raises `TtsError`."""
        ...


@runtime_checkable
class Remembers(Protocol):
    """A voice that has kept the sound of how replies began."""

    def remembers(self, opener: str, rate: int) -> bool:
        """Whether a reply that begins with this would be heard at once, in samples of `rate` Hertz."""
        ...
