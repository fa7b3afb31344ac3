"""Recorded people as callers: clips that stop in mid-sentence, and clips that end."""

from __future__ import annotations

from random import Random
from typing import Final

import numpy as np
from tests import speech as recorded

from benchmarks.latency.speech import MS, PAUSE_MS, RATE, Pause, Turn, levelled
from hocket.audio.frame import Samples
from hocket.audio.resample import resample
from hocket.sim.script import Word

TRUSTED: Final = 0.93
"""Alignment score from which the times of words are right."""

KINDS: Final = (
    *("read_sentence", "incomplete_utterance", "internal_pause", "hesitation", "command", "agent_query"),
    *("short_reply", "voice_style"),
)
LEAST_MS: Final = 500
"""Of a turn; shorter clips are answers to questions that nobody asked here."""

ENOUGH_MS: Final = 1_500
"""Before a pause, for words that tell whether it is one."""

LONGEST_MS: Final = 9_000

FADE_MS: Final = 10
TONE_MS: Final = 120
"""Of a clip's room tone that is looped."""


def turns(rng: Random) -> list[Turn]:
    """Every clip with trusted words, at the telephone's rate and level: first those that end, then a turn for each
    pause of the others, stretched or cut to 200 to 600 ms of the clip's own room tone."""
    ends, holds = [], []
    for point in recorded.endpoint_points():
        clip = recorded.manifest()[point.file]
        if clip.kind not in KINDS or not clip.words_auto or (clip.align_score or 0) < TRUSTED:
            continue
        stop = round(point.t * 1000)
        start = _begin_ms(clip, stop)
        if not LEAST_MS <= stop - start <= LONGEST_MS:
            continue
        if point.label == "end":
            ends.append(_ended(clip, start, stop))
        elif point.label == "hold":
            holds += _held(clip, start, point, rng)
    return ends + holds


def _samples(file: str) -> Samples:
    return levelled(resample(recorded.clip(file), recorded.RATE, RATE))


def _ended(clip: recorded.Clip, start: int, end: int) -> Turn:
    samples = _samples(clip.file)[start * MS : end * MS]
    words = _words(clip, start, end, -start)
    return Turn(_text(words), samples, words)


def _held(clip: recorded.Clip, start: int, point: recorded.EndpointPoint, rng: Random) -> list[Turn]:
    """Speech that stops here, for a drawn time, and goes on to its next stop; none if it does not go on."""
    stop, resumes = round(point.t * 1000), round((point.t + point.silence_after_s) * 1000)
    later = [other.t for other in recorded.endpoint_points() if other.file == point.file and other.t > point.t]
    if not later:
        return []
    end = min(round(min(later) * 1000), resumes + LONGEST_MS)
    length = rng.randint(*PAUSE_MS)
    samples = _samples(clip.file)
    tone = looped(samples[stop * MS : resumes * MS], length * MS)
    said = np.concatenate((samples[start * MS : stop * MS], tone, samples[resumes * MS : end * MS]))
    words = (*_words(clip, start, stop, -start), *_words(clip, stop, end, stop + length - resumes - start))
    pause = Pause((stop - start) * MS, (stop - start + length) * MS, "hold")
    return [Turn(_text(words), said, words, (pause,))]


def looped(room: Samples, count: int) -> Samples:
    """Room tone of this length from the quietest of a pause, cross-faded where it begins anew."""
    fade, size = FADE_MS * MS, min(len(room), TONE_MS * MS)
    starts = range(0, len(room) - size + 1, FADE_MS * MS)
    quietest = min(starts, key=lambda at: float(np.square(room[at : at + size].astype(np.float64)).sum()))
    piece = room[quietest : quietest + size].astype(np.float64)
    rising = np.linspace(0, 1, fade)
    out = piece.copy()
    while len(out) < count:
        out[-fade:] = out[-fade:] * (1 - rising) + piece[:fade] * rising
        out = np.concatenate((out, piece[fade:]))
    return np.rint(out[:count]).astype(np.int16)


def _begin_ms(clip: recorded.Clip, stop: int) -> int:
    """Where a turn begins that stops there: behind a pause before, if that leaves enough, else with the first word."""
    assert clip.words_auto
    points = [point for point in recorded.endpoint_points() if point.file == clip.file]
    begins = [round((point.t + point.silence_after_s) * 1000) for point in points]
    first = max(0, round(clip.words_auto[0][1] * 1000))
    return max((begin for begin in begins if begin <= stop - ENOUGH_MS), default=first)


def _words(clip: recorded.Clip, after_ms: int, until_ms: int, shift_ms: int) -> tuple[Word, ...]:
    """Those whose middle lies between the two, moved."""
    found = []
    for text, start_s, end_s in clip.words_auto or ():
        middle_ms = (start_s + end_s) * 500
        if after_ms <= middle_ms < until_ms:
            start, end = round(start_s * 1000) + shift_ms, round(min(end_s * 1000, until_ms)) + shift_ms
            found.append(Word(text, max(0, start), end))
    return tuple(found)


def _text(words: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in words)
