"""A stretch of mono audio with its place in media time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.int16]
"""Mono 16-bit samples, shape (n,)."""

FRAME_MS = 20
"""The usual length of the frames that transports carry."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """Consecutive samples of one stream."""

    samples: Samples
    """Shape (n,), int16."""
    rate: int
    """Hertz."""
    at: int
    """Media time of the first sample: samples of this stream before it."""
    ulaw: bytes = b""
    """The samples in mu-law, where they came so; `hocket.audio.g711.ulaw_of` makes it where they did not."""

    voiced: int | None = None
    """Up to which of its samples the level tells of a voice; 0: of none; None: nobody has looked."""

    @property
    def end(self) -> int:
        """Media time just after the last sample."""
        return self.at + len(self.samples)

    @property
    def duration_ms(self) -> float:
        return len(self.samples) * 1000 / self.rate

    def with_voice_until(self, at: int) -> Frame:
        """The same, when the last voice of the stream so far ended at this media time."""
        return Frame(self.samples, self.rate, self.at, self.ulaw, at - self.at if at > self.at else 0)


def joined(frames: Sequence[Frame]) -> Frame:
    """Frames that follow each other, at least one, as one; nobody has looked for a voice in it."""
    first = frames[0]
    ulaw = b"".join([frame.ulaw for frame in frames]) if all(frame.ulaw for frame in frames) else b""
    return Frame(np.concatenate([frame.samples for frame in frames]), first.rate, first.at, ulaw)


def silence(samples: int) -> Samples:
    """So many zero samples."""
    return np.zeros(samples, np.int16)
