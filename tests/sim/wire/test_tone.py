from __future__ import annotations

import numpy as np

from hocket.sim.wire.tone import CHARACTER_MS, characters, length_ms, tone, within, words

TEXT = "  We are, we are. "


def test_the_length_follows_the_text_and_it_sounds_from_the_first_sample() -> None:
    assert length_ms(TEXT) == CHARACTER_MS * len(TEXT)
    for rate in (8000, 16_000, 44_100):
        samples = tone(250, rate)
        assert samples.shape == (rate // 4,)
        assert np.abs(samples[: rate // 200]).max() > 1000
        assert int(np.abs(samples).max()) <= 8000


def test_every_word_and_character_has_its_place() -> None:
    assert [(word.text, round(word.start_ms / CHARACTER_MS)) for word in words(TEXT)] == [
        ("We", 2),
        ("are,", 5),
        ("we", 10),
        ("are.", 13),
    ]
    timed = characters(TEXT)
    assert "".join(item.text for item in timed) == TEXT
    assert timed[-1].end_ms == length_ms(TEXT)


def test_what_begins_in_a_stretch_is_in_no_other() -> None:
    timed = characters(TEXT)
    parts = [within(timed, start, start + 100) for start in range(0, length_ms(TEXT), 100)]
    assert [item for part in parts for item in part] == timed
