from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.audio.frame import Samples, silence
from hocket.providers.trim import Trim, pause_ms

RATE = 16_000


def tone(ms: int, amplitude: int = 8000) -> Samples:
    at = np.arange(RATE * ms // 1000)
    return (amplitude * np.sin(at * 2 * np.pi * 400 / RATE)).astype(np.int16)


def quiet(ms: int) -> Samples:
    return silence(RATE * ms // 1000)


def trimmed(samples: Samples, pause: int = 100, sizes: int = 320) -> tuple[Samples, int | None]:
    trim = Trim(RATE)
    heard = [trim.push(samples[at : at + sizes]) for at in range(0, len(samples), sizes)]
    return np.concatenate((*heard, trim.finish(pause))), trim.lead


def test_sound_begins_one_window_after_the_start_and_ends_with_the_pause() -> None:
    heard, lead = trimmed(np.concatenate((quiet(200), tone(100), quiet(300))))
    assert lead == RATE * 195 // 1000
    assert len(heard) == RATE * (5 + 100 + 100) // 1000
    assert not heard[: RATE * 5 // 1000].any()


def test_silence_inside_stays() -> None:
    heard, _ = trimmed(np.concatenate((tone(50), quiet(400), tone(50), quiet(20))), pause=150)
    assert len(heard) == RATE * (50 + 400 + 50 + 150) // 1000


def test_a_pause_that_the_voice_leaves_out_is_added() -> None:
    heard, _ = trimmed(np.concatenate((tone(50), quiet(10))), pause=150)
    assert len(heard) == RATE * (50 + 150) // 1000


def test_noise_below_the_threshold_is_silence() -> None:
    noise = np.random.default_rng(1).normal(0, 60, RATE // 5).astype(np.int16)
    heard, lead = trimmed(np.concatenate((noise, tone(50))))
    assert lead == RATE * 195 // 1000
    assert len(heard) == RATE * 155 // 1000


def test_silence_alone_is_nothing() -> None:
    assert len(trimmed(quiet(500))[0]) == 0
    assert len(Trim(RATE).finish(100)) == 0


@given(sizes=st.integers(1, 1000), lead=st.integers(0, 60), tail=st.integers(0, 60))
def test_however_it_is_cut_up_the_same_is_heard(sizes: int, lead: int, tail: int) -> None:
    samples = np.concatenate((quiet(lead), tone(30), quiet(25), tone(20), quiet(tail)))
    whole, whole_lead = trimmed(samples, sizes=len(samples))
    pieces, pieces_lead = trimmed(samples, sizes=sizes)
    assert np.array_equal(whole, pieces)
    assert whole_lead == pieces_lead


@pytest.mark.parametrize(
    ("text", "ms"),
    [("Yes. ", 150), ('"Yes!" ', 150), ("Well, ", 80), ("and then", 40), ("", 40), ("(one);", 80), ("…", 150)],
)
def test_the_pause_follows_the_punctuation(text: str, ms: int) -> None:
    assert pause_ms(text) == ms
