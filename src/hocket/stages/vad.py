"""Voice-activity detection: is somebody speaking in this window?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec

from hocket.audio.frame import Frame


class VadWindow(msgspec.Struct, frozen=True, gc=False):
    """The verdict on one window of audio."""

    start: int
    """Media time of the window's first sample, in samples of the stream's own rate."""
    end: int
    """Media time just after its last sample."""
    probability: float
    """Of speech, 0 to 1."""


OnWindow: TypeAlias = Callable[[VadWindow], None]


class VadStream(Protocol):
    """Detection for one call."""

    def push(self, frame: Frame) -> None:
        """Take a frame. Windows it completes are reported to `on_window`, in order, from the event loop. Those may be
        left out that follow a quiet one and in which, by `Frame.voiced`, nobody can be speaking."""
        ...

    def close(self) -> None:
        """Forget the stream; `on_window` is not called again."""
        ...


class Vad(Protocol):
    """A detector shared by all calls of a process, so that their windows can be batched."""

    name: str

    def open(self, rate: int, on_window: OnWindow) -> VadStream:
        """A stream for audio of `rate` Hertz (8000, 16000, or any rate the provider resamples)."""
        ...
