from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.audio.frame import Samples
from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.transports.carrier_audio import FRAME, MAX_CONCEALED, MAX_HELD, RATE, Incoming, MediaBody

LOUD = decode_ulaw(encode_ulaw(np.full(FRAME, 8_000, np.int16)))
By = Literal["time", "count"]


def media(chunk: int, timestamp: int, samples: Samples = LOUD) -> MediaBody:
    return MediaBody("inbound", chunk, timestamp, encode_ulaw(samples))


def heard(messages: list[MediaBody], by: By = "time") -> list[Samples]:
    """The frames that become of some messages; every frame follows the one before."""
    incoming = Incoming(by)
    frames = [frame for message in messages for frame in incoming.frames(message)]
    assert [frame.at for frame in frames] == [FRAME * index for index in range(len(frames))]
    assert all(frame.samples.shape == (FRAME,) and frame.rate == RATE for frame in frames)
    return [frame.samples for frame in frames]


def loud(frames: list[Samples]) -> list[bool]:
    return [bool(frame.any()) for frame in frames]


@pytest.mark.parametrize("by", ["time", "count"])
def test_any_cut_of_the_audio_becomes_frames_of_20_ms(by: By) -> None:
    rng = np.random.default_rng(3)
    voice = decode_ulaw(rng.integers(0, 256, 4_000).astype(np.uint8).tobytes())
    messages, at, chunk = [], 0, 0
    while at < len(voice):
        count = int(rng.integers(0, 60)) * 8
        chunk += 1
        messages.append(media(chunk, at // 8, voice[at : at + count]))
        at += count
    frames = heard(messages, by)
    assert len(frames) == 4_000 // FRAME
    assert np.array_equal(np.concatenate(frames), voice)


def test_a_gap_is_filled_with_silence_of_its_length() -> None:
    frames = heard([media(1, 100), media(2, 120), media(6, 200), media(7, 220)])
    assert loud(frames) == [True, True, False, False, False, True, True]


def test_a_gap_in_time_alone_counts_too_and_need_not_be_whole_frames() -> None:
    frames = heard([media(1, 0), media(2, 50), media(3, 70)])
    assert np.flatnonzero(np.concatenate(frames)).tolist() == [*range(160), *range(400, 640)]


def test_uneven_timestamps_are_no_gap() -> None:
    frames = heard([media(1, 3), media(2, 29), media(3, 41), media(4, 66)])
    assert len(frames) == 4
    assert all(frame.all() for frame in frames)


def test_a_long_gap_is_bounded_and_what_follows_is_whole() -> None:
    frames = heard([media(1, 0), media(2, 10**9), media(3, 10**9 + 20), media(4, 5)])
    assert loud(frames) == [True, *[False] * (MAX_CONCEALED // FRAME), True, True, True]


def test_audio_that_comes_after_its_successor_is_dropped() -> None:
    frames = heard([media(1, 0), media(3, 40), media(2, 20), media(3, 40), media(4, 60)])
    assert loud(frames) == [True, False, True, True]


def test_by_count_an_overtaken_message_is_waited_for() -> None:
    frames = heard([media(n, 0, np.full(FRAME, 1_000 * n, np.int16)) for n in (3, 5, 4, 7, 8, 6)], "count")
    levels = [int(frame[0]) for frame in frames]
    assert len(levels) == 6
    assert levels == sorted(levels)


def test_by_count_a_lost_message_is_silence_once_the_wait_is_over() -> None:
    messages = [media(n, 0) for n in (1, 2, 4, 5)]
    assert loud(heard(messages, "count")) == [True, True]
    assert loud(heard([*messages, media(6, 0)], "count")) == [True, True, False, True, True, True]
    # And when it comes all the same, its place is taken.
    assert loud(heard([*messages, media(6, 0), media(3, 0), media(7, 0)], "count")) == [
        True, True, False, True, True, True, True]  # fmt: skip


def test_by_count_a_long_gap_is_bounded() -> None:
    frames = heard([media(1, 0), *(media(10**15 + n, 0) for n in range(MAX_HELD + 1))], "count")
    assert loud(frames) == [True, *[False] * (MAX_CONCEALED // FRAME), *[True] * (MAX_HELD + 1)]


def test_by_count_the_first_may_have_any_number_and_none_comes_twice() -> None:
    assert len(heard([media(0, 0), media(1, 0), media(1, 0), media(0, 0)], "count")) == 2
    assert len(heard([media(77, 0), media(76, 0), media(78, 0), media(-5, 0)], "count")) == 2


def spoken(incoming: Incoming, seconds: float, at: float, chunk: int, rate: float = 1.0) -> tuple[bool, int]:
    """Messages of 20 ms from `at` on, `rate` times as fast as they are said: was that too fast, and the next chunk."""
    for n in range(round(seconds * 50)):
        incoming.frames(media(chunk, chunk * 20))
        chunk += 1
        if incoming.too_fast(at + n * 0.02 / rate):
            return True, chunk
    return False, chunk


@pytest.mark.parametrize("by", ["time", "count"])
def test_who_is_faster_than_the_clock_is_told_of(by: By) -> None:
    assert spoken(Incoming(by), 0.98, 5.0, 1, rate=1e9)[0] is False
    assert spoken(Incoming(by), 1.1, 5.0, 1, rate=1e9)[0] is True
    assert spoken(Incoming(by), 100.0, 5.0, 1, rate=1.1)[0] is True
    assert spoken(Incoming(by), 4_000.0, 5.0, 1, rate=1.0005)[0] is False
    long = Incoming(by)
    assert long.frames(media(1, 0, np.resize(LOUD, 2 * RATE)))
    assert long.too_fast(5.0)


@pytest.mark.parametrize("by", ["time", "count"])
def test_silence_for_what_is_missing_counts_like_audio(by: By) -> None:
    incoming = Incoming(by)
    told = False
    for n in range(1, 10):
        incoming.frames(media(n * 50, n * 1000))
        told |= incoming.too_fast(0.001 * n)
    assert told


def test_what_was_held_up_may_come_at_once_but_no_more_than_that() -> None:
    incoming = Incoming("time")
    _, chunk = spoken(incoming, 1.0, 0.0, 1)
    fast, chunk = spoken(incoming, 8.9, 9.9, chunk, rate=1e9)
    assert not fast
    fast, chunk = spoken(incoming, 10.0, 9.9, chunk)
    assert not fast
    fast, _ = spoken(incoming, 12.0, 600.0, chunk, rate=1e9)  # ten minutes of silence are no leave to send as much
    assert fast


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10_000), st.integers(0, 400)), max_size=60))
def test_whatever_comes_frames_follow_each_other_and_memory_is_bounded(said: list[tuple[int, int, int]]) -> None:
    bodies = [media(chunk, timestamp, np.resize(LOUD, count)) for chunk, timestamp, count in said]
    for by in ("time", "count"):
        incoming = Incoming(by)
        at = 0
        for body in bodies:
            for frame in incoming.frames(body):
                assert frame.at == at
                at += FRAME
            assert len(incoming._held) <= MAX_HELD
        assert at <= sum(len(body.payload) + MAX_CONCEALED for body in bodies)


@given(st.lists(st.tuples(st.sampled_from([FRAME, 2 * FRAME, 3 * FRAME]), st.integers(1, 400)), max_size=60))
def test_frames_are_as_long_as_is_wanted_at_the_time_and_nothing_is_lost(said: list[tuple[int, int]]) -> None:
    incoming = Incoming("count")
    heard: list[int] = []
    sent = 0
    for chunk, (size, count) in enumerate(said):
        incoming.size = size
        frames = incoming.frames(media(chunk, 0, np.arange(sent, sent + count, dtype=np.int16)))
        sent += count
        for frame in frames:
            assert frame.samples.shape == (size,)
            heard += frame.samples.tolist()
        assert 0 <= sent - len(heard) < size
    assert heard == decode_ulaw(encode_ulaw(np.arange(sent, dtype=np.int16)))[: len(heard)].tolist()


@given(st.permutations(range(3)), st.integers(1, 30))
def test_by_count_any_order_within_the_wait_is_repaired(order: list[int], first: int) -> None:
    chunks = [first, *(first + 1 + n for n in order)]
    frames = heard([media(n, 0, np.full(FRAME, 300 * n, np.int16)) for n in chunks], "count")
    wanted = [decode_ulaw(encode_ulaw(np.full(FRAME, 300 * n, np.int16))) for n in sorted(chunks)]
    assert np.array_equal(np.concatenate(frames), np.concatenate(wanted))
