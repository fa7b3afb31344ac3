"""Log-mel spectrograms as OpenAI's Whisper takes them: 16 kHz, 80 bands, a frame every 10 ms.

Windows of 25 ms (Hann, periodic), centred; bands by Slaney's scale, each of equal area; base-10 logarithms, cut off
8 below the loudest, then (x + 4) / 4. As in the publishers' code, the samples are brought to mean 0 and variance 1
before.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE: Final = 16_000
HOP: Final = 160
BANDS: Final = 80

_WINDOW: Final = 400
_FLOOR: Final = 1e-10
_RANGE: Final = 8.0
_VARIANCE: Final = 1e-7

_LINEAR_HZ: Final = 1_000.0
"""Slaney's scale is linear up to here, 3 mel for 200 Hz, and logarithmic beyond: 27 mel for a factor of 6.4."""
_LINEAR_MEL: Final = 15.0
_STEP: Final = np.log(6.4) / 27


def log_mel(samples: Floats) -> Floats:
    """Samples of 16 kHz, shape (n,), full scale 1.0; returns (80, n // 160)."""
    values = (samples - samples.mean()) / np.sqrt(samples.var() + np.float32(_VARIANCE))
    around = np.pad(values, _WINDOW // 2, mode="reflect")
    frames = sliding_window_view(around, _WINDOW)[::HOP][: len(samples) // HOP]
    spectrum = np.fft.rfft(frames * _HANN, axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    bands = np.log10(np.maximum(power @ _FILTERS, _FLOOR))
    found: Floats = ((np.maximum(bands, bands.max() - _RANGE) + 4) / 4).T.astype(np.float32)
    return found


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    beyond = _LINEAR_HZ * np.exp(_STEP * (mel - _LINEAR_MEL))
    return np.where(mel < _LINEAR_MEL, mel * _LINEAR_HZ / _LINEAR_MEL, beyond)


def _filters() -> Floats:
    """Triangles over the bins of the spectrum: shape (201, 80)."""
    highest = _LINEAR_MEL + np.log(RATE / 2 / _LINEAR_HZ) / _STEP
    edges = _hertz(np.linspace(0, highest, BANDS + 2))
    bins = np.linspace(0, RATE / 2, _WINDOW // 2 + 1)[:, None]
    widths = np.diff(edges)
    rising, falling = (bins - edges[:-2]) / widths[:-1], (edges[2:] - bins) / widths[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    found: Floats = (triangles * 2 / (edges[2:] - edges[:-2])).astype(np.float32)
    return found


_HANN: Final = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)).astype(np.float32)
_FILTERS: Final = _filters()
