"""What a caller's line may carry while the agent speaks, made of the speech collection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray
from tests import speech

from benchmarks.barge_in import first_word_ms
from hocket.audio.frame import Samples
from hocket.audio.levels import rms_dbfs
from hocket.sim.script import Word

FIRST_MS: Final = 3_000
"""Where the first of a call's short sounds comes; the noise floor is known by then."""

VOICE_DBFS: Final = -26.0
"""Active speech of a caller: ITU-T P.56's nominal level."""

LISTENING: Final = ("mm-hmm", "yeah", "right", "okay", "uh-huh")

Floats: TypeAlias = NDArray[np.float64]


class Scene(msgspec.Struct, frozen=True):
    """What one caller's line carries."""

    group: str
    setting: str
    sound: Floats
    """Shape (n,) at 16 kHz, in units of int16."""
    words: tuple[Word, ...] = ()
    events: tuple[tuple[float, float], ...] = ()
    """Start and end of the short sounds in it, ms."""
    echo_ms: int = 0
    echo_gain: Floats | None = None
    """Shape (n,): of the agent's sound, at 16 kHz."""


def scenes(seconds: int, *, quick: bool) -> Iterator[Scene]:
    """All of them, or a few of each group."""
    for name, noise in noises().items():
        for snr_db in (10,) if quick else (20, 10, 5, 0):
            yield Scene("noise", f"{name}, {snr_db} dB", looped(at_level(noise, VOICE_DBFS - snr_db), seconds))
    handling = [whole(file) for file in of_kind("noise_transient")]
    for below_db in (10,) if quick else (20, 10, 0):
        loud = [at_level(clip, VOICE_DBFS - below_db) for clip in handling]
        yield short_sounds("noise", f"handling, {below_db} dB", loud, [(0, 0)] * len(loud), [""], seconds, 4_000)
    breaths = [whole("hesitation/mfa_breaths.wav")[start * 16 : end * 16] for start, end in BREATHS]
    yield short_sounds("noise", "breaths", breaths, [(0, 0)] * len(breaths), [""], seconds, 4_000)
    yield from echoes(seconds, quick=quick)
    yield from heard_people(seconds)


BREATHS: Final = ((1_000, 1_700), (2_170, 3_450), (5_720, 6_550), (10_130, 10_800))
"""Between the words of the recording, ms."""


def echoes(seconds: int, *, quick: bool) -> Iterator[Scene]:
    quiet = np.zeros(seconds * speech.RATE)
    for lost_db in (10, 20, 30):
        for delay_ms in (150,) if quick else (50, 150, 250):
            plain = np.full(len(quiet), 10 ** (-lost_db / 20))
            yield Scene("echo", f"{lost_db} dB", quiet, echo_ms=delay_ms, echo_gain=plain)
            cancelled = plain * residual(len(quiet), Random(delay_ms + lost_db))
            yield Scene("echo", f"{lost_db} dB, cancelled", quiet, echo_ms=delay_ms, echo_gain=cancelled)


def residual(length: int, rng: Random) -> Floats:
    """What a canceller leaves of an echo: all of it at first, 25 dB less after two seconds, and about every ten seconds
    80 to 250 ms of which it takes away only 10 dB, because somebody moved."""
    seconds = np.arange(length) / speech.RATE
    lost_db = np.minimum(25.0, 12.5 * seconds)
    at = rng.expovariate(1 / 10)
    while at < length / speech.RATE:
        until = at + rng.uniform(0.08, 0.25)
        lost_db[(seconds >= at) & (seconds < until)] = 10
        at = until + rng.expovariate(1 / 10)
    return np.asarray(10 ** (-lost_db / 20), np.float64)


def heard_people(seconds: int) -> Iterator[Scene]:
    """Those who listen, and those who interrupt."""
    files = of_kind("backchannel_candidate")
    spans = [span_ms(file) for file in files]
    clips = [whole(file) for file in files]
    for calls, start in enumerate(range(0, len(clips), 5)):
        words = LISTENING[calls:] + LISTENING[:calls]
        part = slice(start, start + 5)
        yield short_sounds("listening", "as recorded", clips[part], spans[part], words, seconds, 5_000)
    files = [file for kind in ("command", "agent_query", "short_reply") for file in of_kind(kind)]
    files = [file for file in files if speech.manifest()[file].transcript]
    spans = [span_ms(file) for file in files]
    clips = [at_level(whole(file), VOICE_DBFS, span) for file, span in zip(files, spans, strict=True)]
    texts = [speech.manifest()[file].transcript or "" for file in files]
    coffee = looped(at_level(whole("noise/coffee_shop_a.flac"), VOICE_DBFS - 10), seconds)
    for setting, under in (("in quiet", np.zeros(len(coffee))), ("coffee shop, 10 dB", coffee)):
        for start in range(0, len(clips), 4):
            part = slice(start, start + 4)
            scene = short_sounds("interruption", setting, clips[part], spans[part], texts[part], seconds, 7_000)
            yield msgspec.structs.replace(scene, sound=scene.sound + under)


def short_sounds(
    group: str,
    setting: str,
    clips: Sequence[Floats],
    spans: Sequence[tuple[float, float]],
    texts: Sequence[str],
    seconds: int,
    every_ms: int,
) -> Scene:
    """A sound every so often, in turn; the words of `texts` are said within its span, ms from its first sample."""
    sound = np.zeros(seconds * speech.RATE)
    words: list[Word] = []
    events: list[tuple[float, float]] = []
    for count, at_ms in enumerate(range(FIRST_MS, seconds * 1000 - 5_000, every_ms)):
        clip, span, text = clips[count % len(clips)], spans[count % len(spans)], texts[count % len(texts)]
        part = sound[at_ms * 16 : at_ms * 16 + len(clip)]
        part += clip[: len(part)]
        start, end = at_ms + span[0], at_ms + (span[1] or len(clip) / 16)
        events.append((start, end))
        said = text.split()
        edges = np.linspace(start, end, len(said) + 1).astype(int).tolist()
        words += [Word(word, edges[index], edges[index + 1]) for index, word in enumerate(said)]
    return Scene(group, setting, sound, tuple(words), tuple(events))


def noises() -> dict[str, Floats]:
    readers = [whole(file) for file in of_kind("read_sentence")][:4]
    shortest = 15 * speech.RATE
    babble = sum((looped(at_level(clip, VOICE_DBFS), 15)[:shortest] for clip in readers), np.zeros(shortest))
    return {
        "meeting room": whole("meeting_mixed/ami_trn02.flac")[: 20 * speech.RATE],
        "coffee shop": whole("noise/coffee_shop_a.flac"),
        "office": whole("noise/office_ambience_a.flac"),
        "dishes": whole("noise/dishes_a.flac"),
        "machine": whole("noise/exercise_bike_a.flac"),
        "four readers": babble,
    }


def of_kind(kind: str) -> list[str]:
    return [clip.file for clip in speech.manifest().values() if clip.kind == kind]


def whole(file: str) -> Floats:
    return speech.clip(file).astype(np.float64)


def span_ms(file: str) -> tuple[float, float]:
    """Of the speech in a clip."""
    clip = speech.manifest()[file]
    return first_word_ms(file), (clip.auto_vad or [(0.0, clip.duration_s)])[-1][1] * 1000


def at_level(sound: Floats, dbfs: float, span: tuple[float, float] | None = None) -> Floats:
    """Scaled so that it, or what is in the span (ms), has this level."""
    measured = sound if span is None else sound[int(span[0] * 16) : int(span[1] * 16)]
    return np.asarray(sound * 10 ** ((dbfs - rms_dbfs(as_samples(measured))) / 20), np.float64)


def looped(sound: Floats, seconds: int) -> Floats:
    """Repeated, each repetition faded into the next within 20 ms."""
    fade = 20 * speech.RATE // 1000
    up = np.linspace(0, 1, fade)
    once = sound[:-fade].copy()
    once[:fade] = once[:fade] * up + sound[-fade:] * (1 - up)
    return np.resize(once, seconds * speech.RATE)


def as_samples(sound: Floats) -> Samples:
    return np.rint(np.clip(sound, -32768, 32767)).astype(np.int16)
