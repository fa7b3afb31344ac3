"""Log-mel spectrograms against their definition and against the publishers' own code."""

from __future__ import annotations

import numpy as np
import pytest

from hocket.providers.log_mel import BANDS, HOP, RATE, Floats, log_mel

PUBLISHED = [
    ((0, 0), -0.0490),
    ((10, 100), -0.2279),
    ((12, 450), 0.8673),
    ((12, 600), 1.6232),
    ((40, 799), 0.7916),
    ((79, 499), 0.7583),
    ((79, 500), 0.8768),
]
"""(band, frame) -> value, as the numpy code in pipecat-ai 1.14.0 gives it for the signal below."""


def signal() -> Floats:
    """8 s: silence, then noise from 4 s, then a tone in it from 5 s."""
    noise = np.random.default_rng(1).normal(size=8 * RATE)
    at = np.arange(8 * RATE) / RATE
    found: Floats = (0.1 * np.sin(2 * np.pi * 440 * at) * (at > 5) + 0.01 * noise * (at > 4)).astype(np.float32)
    return found


@pytest.mark.parametrize(("place", "value"), PUBLISHED)
def test_it_is_what_the_publishers_code_gives(place: tuple[int, int], value: float) -> None:
    assert log_mel(signal())[place] == pytest.approx(value, abs=2e-4)


def test_a_frame_is_the_transform_of_25_ms_around_its_place() -> None:
    samples = signal()
    values = ((samples - samples.mean()) / samples.std()).astype(np.float64)
    found = log_mel(samples)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    loudest = float(found.max()) * 4 - 4
    for frame in (450, 620, 700):
        centre = frame * HOP
        power = np.abs(np.fft.rfft(values[centre - 200 : centre + 200] * window)) ** 2
        # Each band has the same area, so that white noise is as loud in all of them.
        assert 10 ** (found[:, frame] * 4 - 4) == pytest.approx(_bands(power), rel=0.02, abs=10 ** (loudest - 8))


def _bands(power: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    mels = np.linspace(0, 15 + 27 * np.log(8) / np.log(6.4), BANDS + 2)
    edges = [mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27) for mel in mels]
    hertz = np.arange(201) * 40
    bands = []
    for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
        rising, falling = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
        bands.append(float(np.maximum(0, np.minimum(rising, falling)) @ power) * 2 / (high - low))
    return np.array(bands)


@pytest.mark.parametrize("count", [RATE, 8 * RATE, RATE + 5])
def test_a_frame_every_10_ms(count: int) -> None:
    assert log_mel(np.ones(count, np.float32)).shape == (BANDS, count // HOP)


def test_silence_is_finite_and_loudness_makes_no_difference() -> None:
    assert np.isfinite(log_mel(np.zeros(8 * RATE, np.float32))).all()
    assert log_mel(signal() * np.float32(0.1)) == pytest.approx(log_mel(signal()), abs=1e-2)
