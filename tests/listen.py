"""Listening by instrument: when somebody is heard in a recording, found from its samples alone.

Written apart from everything in `src/hocket/audio`, so that a mistake there is not made here too: a plain envelope of
squared samples over 1 ms, a threshold, and gaps that are bridged.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray


def channels(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Caller, agent, rate of a stereo recording; samples -1 to 1."""
    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    assert samples.shape[1] == 2, "a recording of a call has two channels"
    return samples[:, 0], samples[:, 1], rate


def heard(samples: NDArray[np.float64], rate: int, *, floor_db: float, bridge_ms: int) -> list[tuple[float, float]]:
    """The stretches, in ms, that are louder than `floor_db`; quieter gaps up to `bridge_ms` belong to them."""
    step = rate // 1000
    power = (samples[: len(samples) // step * step].reshape(-1, step) ** 2).mean(axis=1)
    loud = np.flatnonzero(power > 10 ** (floor_db / 10))
    if not len(loud):
        return []
    splits = np.flatnonzero(np.diff(loud) > bridge_ms)
    starts = [loud[0], *loud[splits + 1]]
    ends = [*loud[splits], loud[-1]]
    return [(float(start), float(end + 1)) for start, end in zip(starts, ends, strict=True)]


def nearest(value: float, candidates: list[float]) -> float:
    """The candidate closest to a value."""
    return min(candidates, key=lambda candidate: abs(candidate - value))


def last_voice(samples: NDArray[np.float64], rate: int, until_ms: float) -> float:
    """The end, in ms, of the last 10 ms before `until_ms` that are 10 dB above the line's noise: the quietest 40 ms of
    the three seconds before, and nothing under -67 dBFS."""
    step = rate // 100
    end = int(until_ms / 10)
    start = max(0, end - 300)
    frames = samples[start * step : end * step].reshape(-1, step)
    power = (frames**2).mean(axis=1) + 1e-12
    quietest = np.convolve(power, np.full(4, 0.25), "valid").min()
    floor_db = max(-67.0, 10 * np.log10(quietest))
    loud = np.flatnonzero(10 * np.log10(power) > floor_db + 10)
    return float((start + loud[-1] + 1) * 10) if len(loud) else until_ms


def place(clip: NDArray[np.int16], samples: NDArray[np.float64]) -> int:
    """At which sample of a recording a clip was said: where the two agree best."""
    size = 1 << (len(samples) + len(clip)).bit_length()
    wanted = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(clip.astype(np.float64), size))
    return int(np.argmax(np.fft.irfft(wanted, size)[: len(samples)]))
