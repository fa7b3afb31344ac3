from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hocket.audio.frame import silence
from hocket.providers.captions import Captions


def test_every_word_begins_a_chunk() -> None:
    captions = Captions("Yes, I can. ", 1000)
    for offset, start in ((0, 7), (5, 100), (7, 150)):
        captions.expect(offset, start)
    chunks = captions.cut(silence(120)) + captions.cut(silence(80)) + captions.rest()
    assert [(chunk.text, len(chunk.samples)) for chunk in chunks] == [
        ("Yes, ", 100),
        ("I ", 20),
        ("", 30),
        ("can. ", 50),
    ]


def test_what_the_voice_leaves_out_stays_with_its_neighbours() -> None:
    captions = Captions("-- one — two 三", 1000)
    captions.expect(3, 0)
    captions.expect(9, 50)
    chunks = captions.cut(silence(100)) + captions.rest()
    assert [chunk.text for chunk in chunks] == ["-- one ", "— two ", "三"]
    assert len(chunks[-1].samples) == 5


def test_several_spoken_words_for_one_written_word_are_one_caption() -> None:
    captions = Captions("at 10:30 sharp", 1000)
    for offset, start in ((0, 0), (3, 10), (3, 20), (6, 30), (9, 40)):
        captions.expect(offset, start)
    assert [chunk.text for chunk in captions.cut(silence(50))] == ["at ", "10:30 ", "sharp"]


def test_no_text_no_chunk() -> None:
    assert Captions("", 1000).rest() == []


@given(
    words=st.lists(st.tuples(st.integers(0, 40), st.integers(-5, 300)), max_size=8),
    sizes=st.lists(st.integers(0, 60), max_size=8),
    text=st.text(max_size=40),
)
def test_no_sample_and_no_character_is_lost(words: list[tuple[int, int]], sizes: list[int], text: str) -> None:
    captions = Captions(text, 1000)
    for offset, start in words:
        captions.expect(offset, start)
    given_samples = np.arange(sum(sizes), dtype=np.int16)
    edges = np.cumsum([0, *sizes])
    chunks = [chunk for a, b in itertools.pairwise(edges) for chunk in captions.cut(given_samples[int(a) : int(b)])]
    heard = np.concatenate([chunk.samples for chunk in chunks] or [silence(0)])
    assert np.array_equal(heard, given_samples)
    assert all(len(chunk.samples) for chunk in chunks)
    assert "".join(chunk.text for chunk in chunks + captions.rest()) == text
