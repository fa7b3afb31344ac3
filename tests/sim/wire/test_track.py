from __future__ import annotations

import numpy as np
import pytest

from hocket.audio.frame import Samples, silence
from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.audio.resample import resample
from hocket.sim.script import Word
from hocket.sim.wire.track import Follower, Track
from tests.sim.wire.scripted import RATE, SCRIPT
from tests.speech import Clip, clip, manifest

MS = RATE // 1000
NOISE: Samples = (3000 * np.random.default_rng(5).standard_normal(RATE)).astype(np.int16)
NOISE[500 * MS : 700 * MS] = 0
TRACK = Track(NOISE, RATE, SCRIPT)
"""Noise is as distinct as speech; the pause is silent."""


def followed(*parts: Samples, rate: int = RATE, step_ms: int = 20) -> Follower:
    follower = Follower(TRACK, rate)
    whole = np.concatenate(parts)
    for at in range(0, len(whole), step_ms * rate // 1000):
        follower.hear(whole[at : at + step_ms * rate // 1000])
    return follower


def part(start_ms: int, end_ms: int) -> Samples:
    return NOISE[start_ms * MS : end_ms * MS]


@pytest.mark.parametrize("step_ms", [7, 20, 1000])
def test_the_whole_recording_gives_its_words_at_their_times(step_ms: int) -> None:
    assert followed(NOISE, step_ms=step_ms).words == list(SCRIPT)


def test_the_telephones_coding_and_rate_do_not_matter() -> None:
    line = decode_ulaw(encode_ulaw(resample(NOISE, RATE, 8000)))
    heard = followed(line, rate=8000).words
    assert [word.text for word in heard] == [word.text for word in SCRIPT]
    assert [word.start_ms for word in heard] == pytest.approx([word.start_ms for word in SCRIPT], abs=2)


def test_a_connection_that_begins_in_the_middle_hears_what_comes_from_there() -> None:
    heard = followed(part(330, 1000)).words
    # Of "move", from 300 to 400 ms, 70 % has come.
    assert [(word.text, word.start_ms) for word in heard] == [("move", 0), ("it", 70), ("to", 370), ("Friday?", 470)]
    assert [word.text for word in followed(part(350, 1000)).words] == ["it", "to", "Friday?"]


def test_a_gap_loses_the_words_in_it() -> None:
    heard = followed(part(0, 200), part(400, 1000)).words
    assert [(word.text, word.start_ms) for word in heard] == [
        ("Could", 100),
        ("it", 200),
        ("to", 500),
        ("Friday?", 600),
    ]


def test_what_is_repeated_is_heard_again() -> None:
    heard = followed(part(0, 300), part(100, 500)).words
    assert [word.text for word in heard] == ["Could", "you", "Could", "you", "move", "it"]


def test_silence_left_out_or_put_in_moves_the_times() -> None:
    assert [word.start_ms for word in followed(part(0, 500), part(700, 1000)).words][-2:] == [500, 600]
    heard = followed(silence(300 * MS), NOISE).words
    assert [(word.text, word.start_ms) for word in heard][:2] == [("Could", 400), ("you", 500)]


def test_other_sound_is_no_word() -> None:
    other = (3000 * np.random.default_rng(6).standard_normal(RATE)).astype(np.int16)
    assert followed(other).words == []
    assert [word.text for word in followed(other, NOISE).words] == [word.text for word in SCRIPT]


def spoken_clips() -> list[Clip]:
    """A few human clips of several words whose places are known."""
    known = [item for item in manifest().values() if item.words_auto and len(item.words_auto) >= 5]
    return sorted(known, key=lambda item: item.file)[:6]


def test_human_speech_over_a_telephone_is_found_from_anywhere() -> None:
    assert spoken_clips()
    for item in spoken_clips():
        samples = clip(item.file)
        words = tuple(Word(word, round(start * 1000), round(end * 1000)) for word, start, end in item.words_auto or ())
        line = decode_ulaw(encode_ulaw(resample(samples, RATE, 8000)))
        for first in (0, 1, len(words) // 2, len(words) - 2):
            # It begins where a word does, or 300 ms earlier: there is something to be found by before it.
            start_ms = max(0, words[first].start_ms - 300)
            follower = Follower(Track(samples, RATE, words), 8000)
            follower.hear(line[start_ms * 8 :])
            heard = [word.text for word in follower.words]
            expected = [word.text for word in words if word.start_ms >= start_ms]
            assert heard[-len(expected) :] == expected, (item.file, start_ms)
            ends = [word.end_ms + start_ms for word in follower.words][-len(expected) :]
            assert ends == pytest.approx([word.end_ms for word in words][-len(expected) :], abs=25), item.file
