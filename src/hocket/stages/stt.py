"""Speech-to-text: frames in, interim and final transcripts out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from hocket.audio.frame import Frame


class Transcript(msgspec.Struct, frozen=True, gc=False):
    """What has been recognised of the utterance that is going on."""

    text: str
    """Interim: all words since the last final. Final: those words, settled; the next interim starts afresh."""
    final: bool
    finalized: bool = False
    """This final answers `finalize()`: nothing pushed before that call is still being recognised."""
    until_ms: int | None = None
    """Of a final: the audio up to here, counted from the first sample pushed to the stream, is settled; None where the
    provider does not say."""


class SttStream(Protocol):
    """Recognition for one call."""

    def push(self, frame: Frame) -> None:
        """Take a frame; never blocks. Frames older than the provider's bound are dropped, oldest first."""
        ...

    def finalize(self) -> None:
        """Ask for a final of everything pushed so far, now. A final with `finalized=True` follows, even if empty."""
        ...

    def __aiter__(self) -> AsyncIterator[Transcript]:
        """Transcripts in order, until `close`. Raises `SttError` when the provider is lost."""
        ...

    async def close(self) -> None:
        """Stop; the iterator ends."""
        ...

    @property
    def dropped(self) -> int:
        """Frames of 20 ms that were not recognised because a bound was full."""
        ...


class Stt(Protocol):
    """A recogniser."""

    name: str

    async def open(self, rate: int, language: str = "en") -> SttStream:
        """A stream for audio of `rate` Hertz, ready to be pushed to. Raises `SttError`."""
        ...
