"""Recorded speech from files: anything libsndfile reads, as a stream of mono frames at the rate that is wanted."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from hocket.audio.frame import FRAME_MS, Samples
from hocket.audio.resample import Resampler
from hocket.errors import AudioError

MIN_RATE, MAX_RATE = 4_000, 192_000
"""Hertz. Outside of these a header is taken to be wrong."""

_LENGTH_UNKNOWN = 0x7FFF_0000
"""Programs that write a WAV into a pipe put about the largest number for its length."""


@dataclass(slots=True)
class AudioFile:
    """A readable audio file; it is only open while its frames are read."""

    path: Path
    rate: int
    """Hertz, in the file."""
    channels: int
    seconds: float
    """Of audio that is there."""
    note: str = ""
    """What a user should know about the file, such as that its end is missing; complete once it has been read."""

    def frames(self, rate: int) -> Iterator[Samples]:
        """Its audio at `rate` Hertz as frames of 20 ms, mixed to mono; the last may be shorter.

        About a second is in memory at a time. Blocks on the disk. Raises `AudioError`.
        """
        count = rate * FRAME_MS // 1000
        rest = np.zeros(0, np.int16)
        for block in self._blocks(rate):
            rest = np.concatenate((rest, block))
            whole = len(rest) - len(rest) % count
            yield from (rest[at : at + count] for at in range(0, whole, count))
            rest = rest[whole:]
        if len(rest):
            yield rest

    def _blocks(self, rate: int) -> Iterator[Samples]:
        resampler = Resampler(self.rate, rate)
        try:
            with soundfile.SoundFile(self.path) as file:
                while len(block := file.read(self.rate, dtype="float32", always_2d=True)):
                    yield resampler.push(_mono(block))
        except soundfile.LibsndfileError as error:
            # What could be decoded has been played; that is the best that can be done with a damaged file.
            self.note = f"{self.path} is damaged and was played up to there ({_reason(error)})"
        except OSError as error:
            raise AudioError(f"{self.path} could not be read: {error.strerror}.") from error
        yield resampler.flush()


def open_audio(path: Path) -> AudioFile:
    """Look at a file's header. Raises `AudioError`, one sentence, when it is not usable audio."""
    try:
        if path.is_dir():
            raise AudioError(f"{path} is a folder; name an audio file.")
        if path.exists() and not path.is_file():
            raise AudioError(f"{path} is a pipe or a device; name an audio file.")
        if path.is_file() and not path.stat().st_size:
            raise AudioError(f"{path} is empty (0 bytes); record or export it again.")
        with path.open("rb"), soundfile.SoundFile(path) as file:
            rate, channels, frames = file.samplerate, file.channels, file.frames
    except FileNotFoundError as error:
        raise AudioError(f"{path} does not exist; check the file's name.") from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{path} cannot be opened: {getattr(error, 'strerror', error)}.") from error
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path} is not audio that can be read, such as WAV, FLAC or MP3 ({_reason(error)})."
        ) from error
    if not frames:
        raise AudioError(f"{path} holds no audio, only a header; record or export it again.")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(f"{path} says it has {rate} samples a second; {MIN_RATE} to {MAX_RATE} can be used.")
    seconds = frames / rate
    return AudioFile(path, rate, channels, seconds, _missing_end(path, seconds))


def _mono(block: NDArray[np.float32]) -> Samples:
    """Shape (n, channels), full scale 1.0, to shape (n,)."""
    usable = np.clip(np.nan_to_num(block), -1, 1)
    mixed = usable[:, 0] if usable.shape[1] == 1 else usable.mean(axis=1)
    return np.minimum(np.rint(mixed * 32768), 32767).astype(np.int16)


def _missing_end(path: Path, seconds: float) -> str:
    """A note when a WAV's header promises more than the file holds; libsndfile plays what is there and says nothing."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(4) != b"RIFF":
            return ""
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", header)
            there = size - file.tell()
            if name == b"data":
                if length <= there or length >= _LENGTH_UNKNOWN:
                    return ""
                return f"{path} is cut off: {seconds:.1f} s of {seconds * length / there:.1f} s are there"
            file.seek(length + length % 2, os.SEEK_CUR)
    return ""


def _reason(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).strip().rstrip(".") or "unknown reason"
