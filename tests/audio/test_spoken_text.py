from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hocket.audio.spoken_text import SpokenText

RATE = 8_000
texts = st.text(st.sampled_from("ab, .\nü"), max_size=12)
marks = st.lists(st.tuples(st.integers(0, 4_000), texts), max_size=8)


def spoken(pieces: list[tuple[int, str]]) -> tuple[SpokenText, int]:
    words, end = SpokenText(RATE), 0
    for samples, text in pieces:
        words.mark(end, text)
        end += samples
    return words, end


@given(marks, st.integers(-5, 40_000), st.booleans())
def test_only_whole_words_and_never_a_trailing_space_inside(
    pieces: list[tuple[int, str]], position: int, complete: bool
) -> None:
    words, end = spoken(pieces)
    heard = words.before(position, end, complete)
    assert words.text == "".join(text for _, text in pieces)
    assert words.text.startswith(heard)
    rest = words.text[len(heard) :]
    if heard and rest:
        assert not heard[-1].isspace()
        assert rest[0].isspace()


@given(marks, st.booleans())
def test_more_is_heard_the_later_it_is(pieces: list[tuple[int, str]], complete: bool) -> None:
    words, end = spoken(pieces)
    lengths = [len(words.before(position, end, complete)) for position in range(0, end + 400, 97)]
    assert lengths == sorted(lengths)


@given(marks)
def test_all_is_heard_at_the_end_of_a_complete_reply(pieces: list[tuple[int, str]]) -> None:
    words, end = spoken(pieces)
    assert words.before(end, end, complete=True) == words.text


def test_words_are_spread_by_their_characters() -> None:
    words, end = spoken([(8_000, "ab cd efgh")])
    assert words.before(1_599, end, True) == ""
    assert words.before(1_600, end, True) == "ab"
    assert words.before(3_999, end, True) == "ab"
    assert words.before(4_000, end, True) == "ab cd"
    assert words.before(7_999, end, True) == "ab cd"


def test_each_marked_text_has_its_own_place() -> None:
    words, end = spoken([(8_000, "One two."), (800, " Three four."), (8_000, "")])
    assert words.before(7_999, end, True) == "One"
    assert words.before(8_000, end, True) == "One two."
    assert words.before(8_000 + 4_400, end, True) == "One two. Three"


def test_a_word_in_two_pieces_is_one_word() -> None:
    words, end = spoken([(8_000, "yes hel"), (8_000, "lo there")])
    assert words.before(8_000, end, True) == "yes"
    assert words.before(10_000, end, True) == "yes hello"


def test_words_whose_audio_is_still_being_made_are_not_over() -> None:
    words, end = spoken([(160, "This sentence has only just begun.")])
    assert words.before(160, end, complete=False) == ""
    assert words.before(160, end, complete=True) == words.text
