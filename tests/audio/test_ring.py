from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hocket.audio.ring import Ring


@given(capacity=st.integers(1, 50), sizes=st.lists(st.integers(0, 120), max_size=20), position=st.integers(-5, 2_500))
def test_keeps_exactly_the_newest_samples(capacity: int, sizes: list[int], position: int) -> None:
    ring = Ring(capacity)
    stream = np.zeros(0, np.int16)
    for size in sizes:
        more = np.arange(len(stream), len(stream) + size).astype(np.int16)
        stream = np.concatenate((stream, more))
        ring.append(more)
        assert ring.end == len(stream)
        assert ring.start == max(len(stream) - capacity, 0)
        first = min(max(position, ring.start), ring.end)
        assert ring.since(position).tolist() == stream[first:].tolist()
        assert ring.since(position, 7).tolist() == stream[first : first + 7].tolist()


def test_what_was_handed_out_does_not_change_later() -> None:
    ring = Ring(4)
    ring.append(np.array([1, 2, 3, 4], np.int16))
    kept = ring.since(0)
    ring.append(np.array([5, 6, 7, 8], np.int16))
    assert kept.tolist() == [1, 2, 3, 4]


def test_samples_may_be_bytes() -> None:
    ring = Ring(4, np.uint8)
    ring.append(np.arange(250, 256, dtype=np.uint8))
    assert ring.since(0).tolist() == [252, 253, 254, 255]
    assert ring.since(0).dtype == np.uint8
