"""The outline of a recording: how loud each side was, coarse enough for a page."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import soundfile
from numpy.typing import NDArray

from hocket.errors import AudioError

BUCKET_MS = 10
MAX_BUCKETS = 60_000
"""Ten minutes at full resolution; longer recordings get wider buckets."""


class Envelope(msgspec.Struct, frozen=True):
    """The lowest and the highest sample of each bucket, for both sides of a call."""

    bucket_s: float
    caller: NDArray[np.int8]
    """Shape (buckets, 2): lowest, highest; full scale is 128."""
    agent: NDArray[np.int8]


def envelope(recording: Path) -> Envelope:
    """Outline a stereo recording, caller left and agent right. Memory does not grow with its length.

    Raises `AudioError` if it cannot be read or is not stereo.
    """
    try:
        with soundfile.SoundFile(recording) as file:
            if file.channels != 2:
                raise AudioError(f"{recording.name} has {file.channels} channel(s); a call's recording has two.")
            if file.frames == 0:
                raise AudioError(f"{recording.name} is empty.")
            size = max(file.samplerate * BUCKET_MS // 1000, -(-file.frames // MAX_BUCKETS))
            blocks = [_outline(block, size) for block in file.blocks(size * 500, dtype="int16", always_2d=True)]
            rate = file.samplerate
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioError(f"{recording.name} cannot be read as audio ({error}).") from None
    both = np.concatenate(blocks)
    return Envelope(size / rate, both[:, :, 0], both[:, :, 1])


def _outline(block: NDArray[np.int16], size: int) -> NDArray[np.int8]:
    """Shape (samples, 2) to (buckets, 2, 2): bucket, lowest or highest, side."""
    missing = -len(block) % size
    buckets = np.pad(block, ((0, missing), (0, 0))).reshape(-1, size, 2)
    return (np.stack([buckets.min(axis=1), buckets.max(axis=1)], axis=1) // 256).astype(np.int8)
