"""Streaming conversion between sampling rates, with a delay of about a millisecond.

One polyphase filter serves every pair of rates: a windowed sinc that reaches eight samples of the slower rate to
either side (between 8 and 16 kHz that is a half-band filter of 31 taps). General-purpose resamplers hold back 20 to
60 ms of a stream, which a caller would wait for; this one holds back 1.0 ms at 8 kHz and 0.5 ms at 16 kHz.

Flat within 0.15 dB up to 0.85 of the slower rate's Nyquist frequency (at 8 kHz: 3.4 kHz, the telephone band),
6 dB down at the Nyquist frequency itself and at least 38 dB from 1.15 of it on.
"""

from __future__ import annotations

from functools import cache
from math import ceil, gcd

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from hocket.audio.frame import Samples

_REACH = 8
"""How far the filter sees, in samples of the slower rate."""
_KAISER_BETA = 3.4
"""Kaiser's formula for 40 dB."""
_UNIT = 1 << 15
"""Taps are whole numbers of this fraction: sums are then exact in float64 and equal however a stream is cut up."""
_FEW_PHASES = 6
"""Up to here one correlation a phase is cheaper than gathering a window for every sample."""


class Resampler:
    """Converts one stream from `source_rate` to `target_rate` Hertz.

    The first output sample lies at the instant of the first input sample. After `flush`, n samples have become
    exactly ceil(n * target_rate / source_rate), whatever the chunks were.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        common = gcd(source_rate, target_rate)
        self._up, self._down = target_rate // common, source_rate // common
        self._taps = _taps(self._up, self._down)
        self._ahead = self._taps.shape[1] // 2
        self.delay_ms = 0.0 if self._up == self._down else self._ahead * 1000 / source_rate
        """How much of the stream `push` holds back."""
        self._restart()

    def push(self, samples: Samples) -> Samples:
        """Take the next samples, shape (n,); returns those that are ready, shape (m,), maybe none."""
        if self._up == self._down:
            return samples
        self._taken += len(samples)
        return self._convert(samples, self._taken - self._ahead)

    def flush(self) -> Samples:
        """End the stream: returns what was held back. The next `push` begins a new stream."""
        if self._up == self._down:
            return np.zeros(0, np.int16)
        rest = self._convert(np.zeros(self._ahead, np.int16), self._taken)
        self._restart()
        return rest

    def _restart(self) -> None:
        # `_window[0]` is the first input sample that the next output sample needs.
        self._window = np.zeros(self._ahead - 1)
        self._taken = 0
        self._made = 0

    def _convert(self, samples: Samples, before: int) -> Samples:
        """All output samples, from the next on, whose instant is earlier than that of input sample `before`."""
        window = np.concatenate((self._window, samples))
        first = self._made
        until = max(-(-before * self._up // self._down), first)
        start = first * self._down // self._up
        sums = self._filter(window, first, until - first, start)
        self._made = until
        self._window = window[until * self._down // self._up - start :]
        np.rint(sums / _UNIT, out=sums)
        return np.clip(sums, -32768, 32767, out=sums).astype(np.int16)

    def _filter(self, window: NDArray[np.float64], first: int, count: int, start: int) -> NDArray[np.float64]:
        """`count` output samples from output sample `first` on; `window` begins at what input sample `start` needs."""
        if not count:
            return np.zeros(0)
        up, down, length = self._up, self._down, self._taps.shape[1]
        if up <= _FEW_PHASES:
            sums = np.empty(count)
            for offset in range(min(up, count)):
                instant = (first + offset) * down
                of_phase = sums[offset::up]
                begin, end = instant // up - start, instant // up - start + (len(of_phase) - 1) * down + length
                of_phase[:] = np.correlate(window[begin:end], self._taps[instant % up], "valid")[::down]
            return sums
        instants = np.arange(first, first + count) * down
        stride = window.strides[0]
        windows = as_strided(window, (len(window) - length + 1, length), (stride, stride), writeable=False)
        return np.asarray(np.einsum("ij,ij->i", windows[instants // up - start], self._taps[instants % up]))


def resample(samples: Samples, source_rate: int, target_rate: int) -> Samples:
    """A whole clip, shape (n,), at another rate: shape (ceil(n * target_rate / source_rate),)."""
    resampler = Resampler(source_rate, target_rate)
    # A second at a time keeps the intermediate arrays small.
    parts = [resampler.push(samples[at : at + source_rate]) for at in range(0, len(samples), source_rate)]
    return np.concatenate((*parts, resampler.flush()))


@cache
def _taps(up: int, down: int) -> NDArray[np.float64]:
    """The filter, shape (up, 2 * reach): row p serves output samples whose instant is p / up after an input sample.

    Column j weighs the input sample j + 1 - reach after that one.
    """
    reach = ceil(_REACH * max(1, down / up))
    cutoff = min(1.0, up / down)
    distance = np.arange(2 * reach)[None, :] + 1 - reach - np.arange(up)[:, None] / up
    inside = np.clip(1 - (distance * cutoff / _REACH) ** 2, 0, None)
    taps = np.sinc(distance * cutoff) * np.i0(_KAISER_BETA * np.sqrt(inside)) * (inside > 0)
    whole = np.rint(taps / taps.sum(axis=1, keepdims=True) * _UNIT)
    # Rounding must not change the gain of any phase, or a steady level would get a ripple.
    whole[np.arange(up), whole.argmax(axis=1)] += _UNIT - whole.sum(axis=1)
    whole.flags.writeable = False
    return np.asarray(whole)
