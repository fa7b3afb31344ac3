from __future__ import annotations

import numpy as np

from hocket.audio.frame import Samples, silence
from hocket.providers.sphinx_audio import BACKLOG_S, LEAD_IN_MS, QUIET_MS, UTTERANCE_S, PendingAudio
from tests.speech import RATE, clip
from tests.stages.contract import frames_of

YES = "short_reply/speechcommands_yes.wav"


def push(pending: PendingAudio, samples: Samples) -> None:
    for frame in frames_of(samples, RATE):
        pending.push(frame.samples)


def noise(seconds: float) -> Samples:
    return np.random.default_rng(1).integers(-9_000, 9_000, int(RATE * seconds), np.int16)


def taken(pending: PendingAudio) -> tuple[Samples, list[bool]]:
    """All that is ready, and for every end whether it was asked for."""
    parts, ends = [silence(0)], []
    while batch := pending.next():
        parts.append(batch.samples)
        if batch.finish:
            ends.append(batch.finalized)
    return np.concatenate(parts), ends


def test_nothing_comes_out_before_somebody_speaks() -> None:
    pending = PendingAudio(RATE)
    push(pending, silence(5 * RATE))
    assert pending.next() is None
    push(pending, clip(YES))
    samples, ends = taken(pending)
    assert ends == []
    lead_in = len(samples) - len(clip(YES))
    assert -RATE * 0.3 < lead_in <= RATE * LEAD_IN_MS / 1000
    assert samples[-RATE // 2 :].tolist() == clip(YES)[-RATE // 2 :].tolist()


def test_a_noise_is_over_soon_and_the_next_voice_is_heard() -> None:
    pending = PendingAudio(RATE)
    for _ in range(2):
        push(pending, noise(0.1))
        samples, _ = taken(pending)
        assert len(samples) >= RATE // 10
        push(pending, silence((QUIET_MS + 500) * RATE // 1000))
        assert taken(pending)[1] == [False]


def test_an_end_comes_after_what_was_pushed_before_it() -> None:
    pending = PendingAudio(RATE)
    pending.finish()
    assert taken(pending)[1] == [True]
    for _ in range(2):
        push(pending, noise(1))
        pending.finish()
    first = pending.next()
    assert first
    samples, ends = taken(pending)
    assert ends == [True, True]
    assert len(first.samples) + len(samples) == 2 * RATE


def test_a_backlog_drops_the_oldest_and_keeps_the_ends() -> None:
    pending = PendingAudio(RATE)
    push(pending, noise(1))
    pending.finish()
    burst = np.concatenate((noise(0.5), silence(3 * RATE // 10)))  # a steady noise would be taken for the line's own
    push(pending, np.tile(burst, (BACKLOG_S + 2) * 10 // 8))
    assert pending.dropped == 3 * RATE
    end = pending.next()
    assert end
    assert (len(end.samples), end.finalized) == (0, True)
    assert len(taken(pending)[0]) == BACKLOG_S * RATE


def test_a_long_utterance_is_cut() -> None:
    pending = PendingAudio(RATE)
    ends = []
    for _ in range(UTTERANCE_S + 5):
        push(pending, noise(1))
        ends += taken(pending)[1]
    assert ends == [False]


def test_other_rates_come_out_at_16_khz() -> None:
    pending = PendingAudio(8_000)
    pending.push(noise(1)[::2])
    pending.finish()
    assert abs(len(taken(pending)[0]) - RATE) < RATE // 100


def test_a_batch_says_how_much_of_the_stream_is_behind_it() -> None:
    pending = PendingAudio(8_000)
    # Silence that is forgotten counts, and what comes after the end does not.
    pending.push(silence(5 * 8_000))
    assert pending.next() is None
    pending.push(noise(1)[::2])
    pending.finish()
    pending.push(noise(1)[::2])
    ends = []
    while batch := pending.next():
        ends += [batch.until_ms] if batch.finish else []
    assert ends == [5_999]  # the resampler holds back a millisecond
