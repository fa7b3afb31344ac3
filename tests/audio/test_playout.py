from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.audio.frame import Samples, silence
from hocket.audio.playout import Playout
from hocket.clock import cpu_time

RATE = 1_000
"""Low, so that hypotheses are short; nothing depends on it."""
FADE = 15


def ramp(start: int, count: int) -> Samples:
    """Audio in which every sample tells its position."""
    return np.arange(10_000 + start, 10_000 + start + count).astype(np.int16)


class Oracle:
    """The same, sample by sample, with the whole state remembered before every sample."""

    def __init__(self) -> None:
        self.end = self.position = 0
        self.gain, self.sounding = FADE, False
        self.playing, self.dead, self.complete = True, False, False
        self.before: list[tuple[int, int, bool]] = []
        self.out: list[int] = []

    def emit(self, value: float) -> None:
        self.out.append(round(value))

    def gain_of(self, index: int) -> float:
        return 0.5 - 0.5 * float(np.cos(np.pi * index / FADE))

    def step(self) -> None:
        self.before.append((self.position, self.gain, self.sounding))
        if self.position < self.end and (self.playing or (self.sounding and self.gain)):
            factor = 1.0 if self.gain == FADE and self.playing else self.gain_of(self.gain - (not self.playing))
            self.emit((10_000 + self.position) * factor)
            self.position += 1
            self.gain = min(self.gain + 1, FADE) if self.playing else self.gain - 1
            self.sounding = True
        else:
            self.emit(0)
            self.gain, self.sounding = 0, False

    def take(self, count: int) -> list[int] | None:
        ready = self.end - self.position
        if self.playing:
            nothing = not ready and (self.complete or not self.before)
        else:
            nothing = not (self.sounding and self.gain and ready)
            if self.sounding and not ready:
                self.gain, self.sounding = 0, False
        if nothing:
            return None
        begin = len(self.out)
        for _ in range(count):
            self.step()
        return self.out[begin:]

    def rewind(self, count: int) -> int:
        count = min(count, len(self.before))
        if count:
            self.position, self.gain, self.sounding = self.before[-count]
            del self.before[-count:], self.out[-count:]
        return count


actions = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 60)),
        st.tuples(st.just("take"), st.integers(1, 40)),
        st.tuples(st.just("rewind"), st.integers(0, 70)),
        st.tuples(st.sampled_from(["pause", "resume", "finish"]), st.just(0)),
    ),
    max_size=60,
)


def apply(playout: Playout, oracle: Oracle, action: str, count: int) -> None:
    match action:
        case "append" if not oracle.complete:
            playout.append(ramp(oracle.end, count))
            oracle.end += count
        case "take":
            got = playout.take(count)
            assert (None if got is None else got.tolist()) == oracle.take(count)
        case "rewind":
            assert playout.rewind(count) == count - oracle.rewind(count)
        case "pause" | "resume":
            getattr(playout, action)()
            oracle.playing = action == "resume"
        case "finish":
            playout.finish()
            oracle.complete = True


@settings(max_examples=600, deadline=None)
@given(actions)
def test_every_sample_is_the_one_that_the_plain_description_gives(steps: list[tuple[str, int]]) -> None:
    playout, oracle = Playout(RATE), Oracle()
    for action, count in steps:
        apply(playout, oracle, action, count)
        assert playout.taken == oracle.position
        assert playout.sent == len(oracle.out)
        assert playout.buffered_ms == oracle.end - oracle.position
        assert playout.finished == (oracle.complete and oracle.position == oracle.end)
        positions = [before[0] for before in oracle.before] + [oracle.position]
        assert [playout.position_at(sent) for sent in range(len(positions))] == positions


@settings(max_examples=200, deadline=None)
@given(actions, st.integers(1, 40))
def test_nothing_is_lost_and_nothing_doubled(steps: list[tuple[str, int]], size: int) -> None:
    """A far end that only knows what it was sent and what it dropped ends with the whole reply, in order."""
    playout = Playout(RATE, fade_ms=1)  # fades of one sample: all others keep their value
    far_end: list[int] = []
    end = 0
    for action, count in [*steps, ("resume", 0), ("end", 0)]:
        if action == "append":
            playout.append(ramp(end, count))
            end += count
        elif action == "take":
            far_end += taken.tolist() if (taken := playout.take(count)) is not None else []
        elif action == "rewind":
            kept = max(len(far_end) - count, 0)
            assert playout.rewind(count) == max(count - len(far_end), 0)
            del far_end[kept:]
        elif action in ("pause", "resume"):
            getattr(playout, action)()
    playout.finish()
    while (taken := playout.take(size)) is not None:
        far_end += taken.tolist()
    positions = [value - 10_000 for value in far_end if value]
    assert positions == sorted(set(positions))
    silenced = set(range(end)) - set(positions)
    assert playout.finished
    assert playout.taken == end
    # A sample is only silenced as the last of a fade-out or the first of a fade-in.
    assert len(silenced) <= 2 * len(steps)
    assert far_end.count(0) - len(silenced) == playout.sent - end


@settings(max_examples=200, deadline=None)
@given(actions, st.lists(st.one_of(st.integers(1, 40), st.just(-7)), min_size=1, max_size=20))
def test_after_cut_nothing_but_the_fade(steps: list[tuple[str, int]], takes: list[int]) -> None:
    playout, oracle = Playout(RATE), Oracle()
    for action, count in steps:
        apply(playout, oracle, action, count)
    playout.cut()
    kept = 0
    for count in takes:
        playout.resume()
        if count < 0:
            dropped = min(-count, kept)
            playout.rewind(dropped)
            kept -= dropped
            continue
        before = playout.taken
        if (got := playout.take(count)) is not None:
            kept += count
            assert not got[playout.taken - before :].any()
        assert playout.taken <= oracle.position + FADE
        if not oracle.complete:
            playout.append(ramp(0, 50), "late")
    assert "late" not in playout.unheard(0)


def filled(samples: int = 400, rate: int = RATE) -> Playout:
    playout = Playout(rate)
    playout.append(ramp(0, samples))
    return playout


def test_pause_fades_within_15_ms_and_resume_goes_on_with_the_next_sample() -> None:
    playout = filled()
    assert playout.take(20) is not None
    playout.pause()
    fade = playout.take(20)
    assert fade is not None
    assert fade[0] > 0.9 * 10_020
    assert np.all(np.diff(fade[:15].astype(int)) < 0)
    assert not fade[14:].any()
    assert playout.take(20) is None
    assert playout.taken == 35
    playout.resume()
    again = playout.take(40)
    assert again is not None
    assert again[15:].tolist() == ramp(50, 25).tolist()
    assert np.all(np.diff(again[:15].astype(int)) > 0)


def test_a_fade_goes_on_over_short_takes() -> None:
    whole, short = filled(), filled()
    for playout in (whole, short):
        playout.take(20)
        playout.pause()
    fade = whole.take(15)
    pieces = [short.take(1) for _ in range(15)]
    assert fade is not None
    assert [int(piece[0]) for piece in pieces if piece is not None] == fade.tolist()
    assert short.take(1) is None


def test_pause_and_resume_between_two_takes_leave_no_trace() -> None:
    playout = filled()
    playout.take(20)
    playout.pause()
    playout.resume()
    got = playout.take(20)
    assert got is not None
    assert got.tolist() == ramp(20, 20).tolist()


def test_nothing_sounds_that_arrives_during_a_pause() -> None:
    early, starved = Playout(RATE), filled(20)
    starved.take(20)
    for playout in (early, starved):
        playout.pause()
        assert playout.take(20) is None
        playout.append(ramp(0, 100))
        assert playout.take(20) is None


def test_clear_then_fade_continues_from_what_was_heard() -> None:
    """The order of a barge-in on a transport that can clear: what follows fades from the position kept."""
    playout = filled()
    for _ in range(5):
        playout.take(20)
    playout.cut()
    assert playout.rewind(50) == 0
    fade = playout.take(20)
    assert fade is not None
    assert fade[0] == round(10_050 * (0.5 - 0.5 * np.cos(np.pi * 14 / 15)))
    assert playout.taken == 65


def test_underruns_are_padded_and_counted_and_the_end_is_not_one() -> None:
    playout = filled(30)
    assert playout.take(20) is not None
    late = playout.take(20)
    assert late is not None
    assert late.tolist() == [*ramp(20, 10).tolist(), *[0] * 10]
    assert playout.take(20) is not None
    assert playout.underrun_samples == 30
    playout.append(ramp(30, 5))
    playout.finish()
    last = playout.take(20)
    assert last is not None
    assert playout.underrun_samples == 30
    assert playout.finished
    assert playout.take(20) is None
    assert playout.position_at(35) == 30
    assert playout.position_at(60) == 30
    assert playout.position_at(63) == 33


def test_first_audible_sample_is_found_across_blocks() -> None:
    playout = Playout(8_000)
    found = []
    for amplitude, count in [(50, 37)] * 4 + [(5_000, 100), (20_000, 100)]:
        playout.append(np.full(count, amplitude, np.int16))
        found.append(playout.first_audible)
    assert found[:4] == [None] * 4
    assert found[4] is not None
    assert 148 - 16 < found[4] <= 148
    assert found[5] == found[4]


@given(
    pieces=st.lists(st.tuples(st.integers(0, 300), st.text("ab ", max_size=9)), max_size=8),
    position=st.integers(0, 2_500),
    complete=st.booleans(),
)
def test_heard_and_unheard_are_all_the_text(pieces: list[tuple[int, str]], position: int, complete: bool) -> None:
    playout = Playout(RATE)
    for count, text in pieces:
        playout.append(silence(count), text)
    if complete:
        playout.finish()
    text = "".join(text for _, text in pieces)
    assert playout.heard(position) + playout.unheard(position) == text
    if complete and position >= sum(count for count, _ in pieces):
        assert playout.heard(position) == text


def test_audio_after_finish_is_a_bug() -> None:
    playout = Playout(RATE)
    playout.finish()
    with pytest.raises(AssertionError):
        playout.append(silence(1))


def test_long_replies_stay_cheap() -> None:
    def cost(blocks: int) -> float:
        playout = Playout(16_000)
        for _ in range(blocks):
            playout.append(np.full(80, 3_000, np.int16), "word ")
        playout.take(80 * (blocks - 500))
        costs: list[Any] = []
        for _ in range(20):
            begun = cpu_time()
            for _ in range(5):
                playout.take(320)
                playout.rewind(10)
            costs.append((cpu_time() - begun) / 5_000)
        return float(np.median(costs))

    short, long = cost(600), cost(20_000)
    print(f"Playout.take: {short:.1f} us per 20 ms frame early in a reply, {long:.1f} us after 100 s of it")
    assert long < 3 * short + 2
