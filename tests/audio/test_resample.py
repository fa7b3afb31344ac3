from __future__ import annotations

from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.audio.frame import Samples
from hocket.audio.resample import Resampler, resample

PAIRS = [
    (8_000, 16_000),
    (16_000, 8_000),
    (24_000, 48_000),
    (48_000, 24_000),
    (24_000, 8_000),
    (24_000, 16_000),
    (16_000, 24_000),
    (48_000, 16_000),
    (8_000, 48_000),
    (44_100, 16_000),
    (22_050, 16_000),
    (16_000, 22_050),
    (11_025, 8_000),
    (16_000, 16_000),
]


def tone(hertz: float, rate: int, seconds: float = 0.5, amplitude: float = 10_000) -> Samples:
    return np.rint(amplitude * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def level_db(samples: Samples, of: float) -> float:
    """RMS level against a tone of amplitude `of`, without the ends where the filter sees silence."""
    middle = samples[len(samples) // 5 : -len(samples) // 5].astype(np.float64)
    return float(10 * np.log10(np.mean(middle**2) / (of**2 / 2) + 1e-12))


@settings(max_examples=150, deadline=None)
@given(
    pair=st.sampled_from(PAIRS),
    seed=st.integers(0, 9),
    total=st.integers(0, 3_000),
    cuts=st.lists(st.integers(0, 3_000), max_size=12),
)
def test_chunks_do_not_matter_and_lengths_are_exact(
    pair: tuple[int, int], seed: int, total: int, cuts: list[int]
) -> None:
    source, target = pair
    samples = np.random.default_rng(seed).integers(-32768, 32768, total).astype(np.int16)
    edges = [0, *sorted(min(cut, total) for cut in cuts), total]
    stream = Resampler(source, target)
    made = 0
    parts = []
    for start, end in pairwise(edges):
        parts.append(stream.push(samples[start:end]))
        made += len(parts[-1])
        held_back_ms = end * 1000 / source - made * 1000 / target
        assert held_back_ms <= stream.delay_ms + 1e-9
    parts.append(stream.flush())
    together = np.concatenate(parts)
    assert len(together) == ceil(total * target / source)
    assert np.array_equal(together, resample(samples, source, target))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_tone_keeps_its_level_and_its_place(source: int, target: int) -> None:
    for fraction in (0.05, 0.3, 0.6, 0.84):
        hertz = fraction * min(source, target) / 2
        out = resample(tone(hertz, source), source, target)
        wanted = tone(hertz, target)[: len(out)]
        assert level_db(out, 10_000) == pytest.approx(0, abs=0.15)
        # 38 dB of image rejection and the ripple are all that may differ, also in phase.
        assert level_db(out[: len(wanted)] - wanted, 10_000) < -34


@pytest.mark.parametrize(("source", "target"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_what_the_target_cannot_carry_is_removed(source: int, target: int) -> None:
    for fraction in (1.16, 1.3, 1.6, 1.9):
        hertz = fraction * target / 2
        if hertz < source / 2:
            assert level_db(resample(tone(hertz, source), source, target), 10_000) < -38


@pytest.mark.parametrize(("source", "target"), [pair for pair in PAIRS if pair[0] < pair[1]])
def test_no_image_of_the_source_appears(source: int, target: int) -> None:
    hertz = 0.8 * source / 2
    spectrum = np.abs(np.fft.rfft(resample(tone(hertz, source, 1.0), source, target) * np.hanning(target)))
    images = spectrum[int(1.15 * source / 2) :].max()
    assert 20 * np.log10(images / spectrum.max()) < -37


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_steady_level_stays_exactly_steady_and_full_scale_does_not_wrap(source: int, target: int) -> None:
    steady = resample(np.full(source // 10, 12_345, np.int16), source, target)
    edge = target // 100
    assert set(steady[edge:-edge].tolist()) == {12_345}
    square = np.where(np.arange(source // 10) // 8 % 2, 32767, -32768).astype(np.int16)
    ratio = target / source
    for position, value in enumerate(resample(square, source, target).tolist()):
        if 3 < position / ratio % 8 < 4 and ratio >= 1:
            assert (value > 0) == bool(position / ratio // 8 % 2)


def test_doubling_keeps_the_samples_it_was_given() -> None:
    samples = np.random.default_rng(1).integers(-20_000, 20_000, 500).astype(np.int16)
    assert np.array_equal(resample(samples, 8_000, 16_000)[::2], samples)


@pytest.mark.parametrize(
    ("source", "target", "most_ms"),
    [(8_000, 16_000, 1.0), (24_000, 8_000, 1.0), (44_100, 16_000, 0.53), (8_000, 8_000, 0)],
)
def test_the_delay_is_about_a_millisecond(source: int, target: int, most_ms: float) -> None:
    assert Resampler(source, target).delay_ms <= most_ms


def test_flush_begins_a_new_stream() -> None:
    samples = np.random.default_rng(2).integers(-9_000, 9_000, 400).astype(np.int16)
    stream = Resampler(24_000, 16_000)
    first = np.concatenate((stream.push(samples), stream.flush()))
    second = np.concatenate((stream.push(samples), stream.flush()))
    assert np.array_equal(first, second)
