from __future__ import annotations

import numpy as np
import pytest

from hocket.audio.frame import Frame, joined, silence
from hocket.audio.g711 import decode_ulaw, encode_ulaw

RATE = 8000


def test_its_length_gives_its_end_and_duration() -> None:
    frame = Frame(silence(160), RATE, 800)
    assert (frame.end, frame.duration_ms) == (960, 20.0)


@pytest.mark.parametrize(("until", "voiced"), [(700, 0), (800, 0), (880, 80), (960, 160)])
def test_a_voice_is_told_by_how_far_it_reaches_into_the_frame(until: int, voiced: int) -> None:
    assert Frame(silence(160), RATE, 800).with_voice_until(until).voiced == voiced


def test_joined_they_are_one_of_all_their_samples() -> None:
    ulaw = encode_ulaw(np.arange(0, 3200, 10, dtype=np.int16))
    parts = [Frame(decode_ulaw(ulaw[at : at + 160]), RATE, 800 + at, ulaw[at : at + 160], 0) for at in (0, 160)]
    whole = joined(parts)
    assert whole.samples.tolist() == decode_ulaw(ulaw).tolist()
    assert (whole.rate, whole.at, whole.ulaw, whole.voiced) == (RATE, 800, ulaw, None)


def test_joined_they_are_in_mu_law_only_if_all_came_so() -> None:
    assert joined([Frame(silence(2), RATE, 0, b"\xff\xff"), Frame(silence(2), RATE, 2)]).ulaw == b""
