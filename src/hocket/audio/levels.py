"""How loud a line is, its noise floor, and when the last voice was heard on it."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, log10

import numpy as np
from numpy.typing import NDArray

from hocket.audio.frame import Frame, Samples
from hocket.audio.g711 import decode_ulaw

SILENCE_DBFS = -100.0
"""The level of digital silence."""

VOICE_ABOVE_FLOOR_DB = 10.0
"""A 10 ms frame this far above the noise floor counts as voice."""

LOUD_ABOVE_FLOOR_DB = 15.0
"""A 10 ms frame this far above the noise floor is loud: hardly any noise of a room is."""

FAINT_ABOVE_FLOOR_DB = VOICE_ABOVE_FLOOR_DB + 3.0
"""What has no peaks this far above the noise floor is no voice: peaks are 3 dB above the level of a sine, and farther
above that of any other sound there is on a line."""

_FULL_SCALE_POWER = 32768.0**2
_SILENCE_POWER = _FULL_SCALE_POWER * 10 ** (SILENCE_DBFS / 10)

# The floor follows R. Martin, "Noise power spectral density estimation based on optimal smoothing and minimum
# statistics" (2001): people cannot speak for seconds without a dip to the noise, so the least level of the last
# seconds is the noise's. It falls within 50 ms, and rises once a window has passed.
_WINDOW_FRAMES = 50
_WINDOWS = 6
_SMOOTHING = 0.4
_START_DBFS = -50.0
_LOWEST_DBFS = -67.0


def rms_dbfs(samples: NDArray[np.int16] | NDArray[np.float32]) -> float:
    """Level in dB against a full-scale square wave; `SILENCE_DBFS` for digital silence and for no samples."""
    if not len(samples):
        return SILENCE_DBFS
    values = samples.astype(np.float32)
    return 10 * log10(max(float(values.dot(values)) / len(values), _SILENCE_POWER) / _FULL_SCALE_POWER)


def split_10ms(samples: Samples, rate: int) -> list[Samples]:
    """Views of 10 ms each; the last may be shorter."""
    step = rate // 100
    return [samples[at : at + step] for at in range(0, len(samples), step)]


def _levels(values: NDArray[np.float32], step: int) -> list[float]:
    """Level of each stretch of `step` samples; the last may be shorter."""
    rest = len(values) % step
    whole = values[: len(values) - rest].reshape(-1, step)
    least, scale = _SILENCE_POWER * step, 1 / (_FULL_SCALE_POWER * step)
    # Runs 100 times a second for every call: a function for each would cost three times as much.
    levels = [10 * log10((it if it > least else least) * scale) for it in np.vecdot(whole, whole).tolist()]
    if rest:
        levels.append(rms_dbfs(values[-rest:]))
    return levels


class NoiseFloor:
    """A line's noise floor in dBFS, from the levels of consecutive 10 ms frames.

    A new line is taken to be at -50 dBFS or below for its first three seconds, so that a call which begins with
    speech does not take the speech for noise; no line is taken to be quieter than -67 dBFS.
    """

    def __init__(self) -> None:
        self.dbfs = _START_DBFS
        self._smooth = _START_DBFS
        self._frames = 0
        self._lowest_now = _START_DBFS
        self._lowest_before = [_START_DBFS] * _WINDOWS

    def follow(self, levels: Iterable[float]) -> list[float]:
        """Take the levels of the next frames; returns the floor after each."""
        smooth, floors = self._smooth, []
        for dbfs in levels:
            smooth += _SMOOTHING * ((dbfs if dbfs > _LOWEST_DBFS else _LOWEST_DBFS) - smooth)
            if smooth < self._lowest_now:
                self._lowest_now = smooth
                self.dbfs = min(self.dbfs, smooth)
            self._frames += 1
            if self._frames == _WINDOW_FRAMES:
                self._lowest_before = [*self._lowest_before[1:], self._lowest_now]
                self._lowest_now = smooth
                self._frames = 0
                self.dbfs = min(self._lowest_before)
            floors.append(self.dbfs)
        self._smooth = smooth
        return floors


class VoiceLevel:
    """When a stream of `rate` Hertz last carried voice, judged by its level alone.

    Detectors of voice activity stay high for about 100 ms after people stop; this tells when they stopped.
    """

    def __init__(self, rate: int) -> None:
        self.floor = NoiseFloor()
        self.last_voice_end = 0
        """Media time just after the last 10 ms frame that counted as voice; 0 before there was any."""
        self.last_loud_end = 0
        """The same of the last loud one."""
        self._rate = rate
        self._end = 0

    @property
    def quiet_ms(self) -> float:
        """How long the level has been below that of voice."""
        return (self._end - self.last_voice_end) * 1000 / self._rate

    def is_faint(self, frame: Frame) -> bool:
        """Whether there is so little in it that it cannot count as voice. Costs a tenth of finding out its level, where
        it has come in mu-law."""
        peak_dbfs = floor(self.floor.dbfs + FAINT_ABOVE_FLOOR_DB)
        if frame.ulaw:
            return not frame.ulaw.translate(None, _ULAW_UP_TO[peak_dbfs])
        peak = _peak(peak_dbfs)
        return bool(-peak <= frame.samples.min() and frame.samples.max() <= peak)

    def push(self, samples: Samples, at: int) -> None:
        """Take the next samples, shape (n,), whose first has media time `at`; best a multiple of 10 ms."""
        # Runs 50 times a second for every call.
        step = self._rate // 100
        levels = _levels(samples.astype(np.float32), step)
        self._end = end = at + len(samples)
        for dbfs, floor_dbfs in zip(levels, self.floor.follow(levels), strict=True):
            at += step
            above = dbfs - floor_dbfs
            if above > VOICE_ABOVE_FLOOR_DB:
                self.last_voice_end = min(at, end)
                if above > LOUD_ABOVE_FLOOR_DB:
                    self.last_loud_end = min(at, end)


def _peak(dbfs: int) -> float:
    return 32768 * 10 ** (dbfs / 20)


def _ulaw_up_to(dbfs: int) -> bytes:
    """The codes of samples up to this peak."""
    samples = decode_ulaw(bytes(range(256))).astype(np.int32)
    return np.flatnonzero(np.abs(samples) <= _peak(dbfs)).astype(np.uint8).tobytes()


_ULAW_UP_TO = {dbfs: _ulaw_up_to(dbfs) for dbfs in range(int(_LOWEST_DBFS), int(FAINT_ABOVE_FLOOR_DB) + 1)}
