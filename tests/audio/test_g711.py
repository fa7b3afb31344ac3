from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

import numpy as np
import pytest

from hocket.audio.frame import Samples
from hocket.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw

ALL_SAMPLES = np.arange(-32768, 32768).astype(np.int16)
ALL_CODES = bytes(range(256))


def ulaw_decisions() -> list[int]:
    """Lower decision values of the 128 positive intervals, at 16 bits: G.711 table 2a, built by its step sizes."""
    values, value = [0], 4  # the first interval is half a step, all of the first segment's others are 8 wide
    for segment in range(8):
        for _ in range(15 if segment == 0 else 16):
            values.append(value)
            value += 8 << segment
    return values


def alaw_decisions() -> list[int]:
    """Table 1a: two segments with steps of 16, then each step twice the one before."""
    values, value = [], 0
    for segment in range(8):
        for _ in range(16):
            values.append(value)
            value += 16 << max(segment - 1, 0)
    return values


def test_ulaw_encodes_every_sample_into_the_interval_of_the_standard() -> None:
    decisions = ulaw_decisions()
    codes = encode_ulaw(ALL_SAMPLES)
    for sample, code in zip(ALL_SAMPLES.tolist(), codes, strict=True):
        level = bisect_right(decisions, abs(sample)) - 1
        assert code == (127 - level if sample < 0 else 255 - level), sample


def test_alaw_encodes_every_sample_into_the_interval_of_the_standard() -> None:
    decisions = alaw_decisions()
    codes = encode_alaw(ALL_SAMPLES)
    for sample, code in zip(ALL_SAMPLES.tolist(), codes, strict=True):
        level = bisect_right(decisions, sample if sample >= 0 else -sample - 1) - 1
        assert code ^ 0x55 == (level if sample < 0 else 0x80 + level), sample


def test_ulaw_decodes_every_code_to_the_middle_of_its_interval() -> None:
    decisions = [*ulaw_decisions(), 32636]
    decoded = decode_ulaw(ALL_CODES)
    for level in range(128):
        middle = 0 if level == 0 else (decisions[level] + decisions[level + 1]) // 2
        assert decoded[255 - level] == middle
        assert decoded[127 - level] == -middle


def test_alaw_decodes_every_code_to_the_middle_of_its_interval() -> None:
    decisions = [*alaw_decisions(), 32768]
    decoded = decode_alaw(ALL_CODES)
    for level in range(128):
        middle = (decisions[level] + decisions[level + 1]) // 2
        assert decoded[(0x80 + level) ^ 0x55] == middle
        assert decoded[level ^ 0x55] == -middle


@pytest.mark.parametrize(("encode", "decode"), [(encode_ulaw, decode_ulaw), (encode_alaw, decode_alaw)])
def test_a_second_trip_changes_nothing(encode: Callable[[Samples], bytes], decode: Callable[[bytes], Samples]) -> None:
    once = decode(encode(ALL_SAMPLES))
    assert np.array_equal(decode(encode(once)), once)


def test_known_codes() -> None:
    assert encode_ulaw(np.array([0, -1, 32767, -32768], np.int16)) == b"\xff\x7f\x80\x00"
    assert encode_alaw(np.array([0, -1, 32767, -32768], np.int16)) == b"\xd5\x55\xaa\x2a"


def test_nothing_in_nothing_out_and_strided_input_is_taken() -> None:
    assert encode_ulaw(np.zeros(0, np.int16)) == b""
    assert len(decode_alaw(b"")) == 0
    stereo = np.array([[100, -100], [2000, -2000]], np.int16)
    assert encode_ulaw(stereo[:, 0]) == encode_ulaw(stereo[:, 0].copy())
