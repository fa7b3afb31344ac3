from __future__ import annotations

import numpy as np
import pytest

from hocket.audio.frame import Frame, Samples, silence
from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.audio.levels import SILENCE_DBFS, NoiseFloor, VoiceLevel, rms_dbfs, split_10ms
from hocket.clock import cpu_time
from tests import speech

RATE = 16_000


def noise(dbfs: float, seconds: float, seed: int = 0) -> Samples:
    sigma = 32768 * 10 ** (dbfs / 20)
    return np.rint(np.random.default_rng(seed).normal(0, sigma, round(seconds * RATE))).astype(np.int16)


def feed(level: VoiceLevel, samples: Samples, at: int = 0) -> int:
    for start in range(0, len(samples), 320):
        level.push(samples[start : start + 320], at + start)
    return at + len(samples)


def test_levels_of_known_signals() -> None:
    assert rms_dbfs(np.full(160, -32768, np.int16)) == pytest.approx(0, abs=0.001)
    sine = np.rint(32767 * np.sin(np.arange(1600) * 2 * np.pi / 16)).astype(np.int16)
    assert rms_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert rms_dbfs(silence(160)) == rms_dbfs(silence(0)) == SILENCE_DBFS


def test_split_gives_views_of_10_ms_and_the_rest() -> None:
    samples = np.arange(400).astype(np.int16)
    parts = split_10ms(samples, RATE)
    assert [len(part) for part in parts] == [160, 160, 80]
    assert np.array_equal(np.concatenate(parts), samples)
    assert all(np.shares_memory(part, samples) for part in parts)


def test_floor_falls_fast_and_finds_steady_noise() -> None:
    floor = NoiseFloor()
    for part in split_10ms(noise(-60, 0.1), RATE):
        floor.follow([rms_dbfs(part)])
    assert floor.dbfs == pytest.approx(-60, abs=1.5)


def test_floor_rises_to_new_noise_after_three_seconds_and_not_before_two() -> None:
    floor = NoiseFloor()
    for part in split_10ms(noise(-60, 4), RATE):
        floor.follow([rms_dbfs(part)])
    for tenth, part in enumerate(split_10ms(noise(-35, 4), RATE)):
        if tenth == 200:
            assert floor.dbfs < -58
        floor.follow([rms_dbfs(part)])
    assert floor.dbfs == pytest.approx(-35, abs=2)


def test_floor_has_a_bottom_so_that_digital_silence_does_not_make_whispers_of_noise_a_voice() -> None:
    level = VoiceLevel(RATE)
    end = feed(level, silence(RATE))
    feed(level, noise(-60, 1), end)
    assert level.last_voice_end == 0


def test_a_call_that_begins_with_speech_hears_it_as_speech() -> None:
    level = VoiceLevel(RATE)
    spoken = speech.clip("read_sentence/arctic_a0024.wav")[int(0.2 * RATE) : RATE]
    end = feed(level, spoken)
    assert level.last_voice_end > end - 0.1 * RATE
    assert level.floor.dbfs <= -50


def test_floor_stays_down_during_long_speech() -> None:
    spoken = speech.clip("read_sentence/arctic_a0024.wav")[int(0.25 * RATE) : int(3.7 * RATE)]
    level = VoiceLevel(RATE)
    at = feed(level, noise(-58, 1))
    voice_end = at
    for _ in range(5):
        at = feed(level, spoken, at)
        voice_end = level.last_voice_end
    assert level.floor.dbfs < rms_dbfs(spoken) - 20
    assert at - voice_end < 0.15 * RATE


def test_a_voice_ends_to_the_frame_and_quiet_is_counted_from_there() -> None:
    level = VoiceLevel(RATE)
    at = feed(level, noise(-60, 1))
    assert level.last_voice_end == 0
    at = voice = feed(level, noise(-25, 0.5), at)
    at = feed(level, noise(-60, 0.1), at)
    assert level.last_voice_end == voice
    assert level.quiet_ms == 100


def test_a_voice_just_above_the_noise_is_not_loud() -> None:
    level = VoiceLevel(RATE)
    at = feed(level, noise(-60, 1))
    at = feed(level, noise(-47.5, 0.1), at)
    assert (level.last_voice_end, level.last_loud_end) == (at, 0)
    at = loud = feed(level, noise(-40, 0.1), at)
    at = feed(level, noise(-60, 0.1), at)
    assert (level.last_voice_end, level.last_loud_end) == (loud, loud)


def last_voice_error_ms(clip: speech.Clip) -> float | None:
    """What walking back from 200 ms after the labelled end finds, against the label."""
    assert clip.auto_vad
    end = clip.auto_vad[-1][1]
    samples = speech.clip(clip.file)
    if samples.ndim > 1 or len(samples) < (end + 0.02) * RATE:
        return None
    level = VoiceLevel(RATE)
    feed(level, samples[: int((end + 0.2) * RATE)])
    return level.last_voice_end * 1000 / RATE - end * 1000


def test_last_voice_agrees_with_the_labels_of_human_clips() -> None:
    labelled = [clip for clip in speech.manifest().values() if clip.auto_vad and clip.kind != "meeting_mixed"]
    errors = [error for clip in labelled if (error := last_voice_error_ms(clip)) is not None]
    p50, p95 = np.percentile(np.abs(errors), [50, 95])
    print(f"last voice against {len(errors)} labels: |error| p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    assert p50 <= 40
    assert p95 <= 200
    assert abs(float(np.median(errors))) <= 30


def mono(clip: str) -> Samples:
    samples = speech.clip(clip)
    return samples if samples.ndim == 1 else samples[:, 0]


def faint_and_voiced(samples: Samples, ulaw: bool) -> list[tuple[bool, bool]]:
    """Of each 20 ms, whether it was called faint, and whether it was then found to have a voice."""
    level, found = VoiceLevel(RATE), []
    for at in range(0, len(samples) - 319, 320):
        codes = encode_ulaw(samples[at : at + 320])
        frame = Frame(decode_ulaw(codes), RATE, at, codes) if ulaw else Frame(samples[at : at + 320], RATE, at)
        faint = level.is_faint(frame)
        level.push(frame.samples, at)
        found.append((faint, level.last_voice_end > at))
    return found


@pytest.mark.parametrize("ulaw", [True, False])
def test_what_is_faint_has_no_voice_and_most_of_a_steady_line_is_faint(ulaw: bool) -> None:
    pause = noise(-60, 4)
    clips = [
        clip.file for clip in speech.manifest().values() if clip.kind in ("read_sentence", "short_reply", "command")
    ]
    spoken = np.concatenate([pause, *(part for clip in clips[:8] for part in (mono(clip), pause))])
    found = faint_and_voiced(spoken, ulaw)
    assert (True, True) not in found
    assert sum(voiced for _, voiced in found) > 100
    for dbfs in (-80, -60, -45):
        found = faint_and_voiced(noise(dbfs, 10), ulaw)[200:]
        assert sum(faint for faint, _ in found) > 0.9 * len(found)


@pytest.mark.parametrize("ulaw", [True, False])
@pytest.mark.parametrize(("sign", "faint"), [(1, False), (-1, False), (0, True)])
def test_one_peak_either_way_is_not_faint(ulaw: bool, sign: int, faint: bool) -> None:
    samples = silence(320)
    samples[7] = sign * 3000
    codes = encode_ulaw(samples) if ulaw else b""
    assert VoiceLevel(RATE).is_faint(Frame(samples, RATE, 0, codes)) is faint


def test_costs_microseconds_a_frame() -> None:
    level, frame = VoiceLevel(RATE), noise(-40, 0.02)
    costs = []
    for _ in range(20):
        begun = cpu_time()
        for _ in range(200):
            level.push(frame, 0)
        costs.append((cpu_time() - begun) / 200_000)
    print(f"VoiceLevel.push: {np.median(costs):.1f} us per 20 ms frame")
    assert min(costs) <= 10
