from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.knowledge.words import MISHEARD, certainty, sentences, similar, stem, terms, tokens, variants, weight


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("booking", "book"),
        ("booked", "books"),
        ("prices", "price"),
        ("hiring", "hire"),
        ("rental", "hires"),
        ("children", "kids"),
        ("ponies", "pony"),
        ("stopped", "stop"),
        ("classes", "class"),
        ("refunds", "refund"),
        ("welcome", "allowed"),
    ],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(("one", "other"), [("bus", "bu"), ("boat", "boot"), ("sing", "s"), ("red", "r")])
def test_other_words_keep_their_own(one: str, other: str) -> None:
    assert stem(one) != stem(other)


def test_terms_are_what_a_question_is_about() -> None:
    assert terms("What's the weather like?") == ["weather"]
    assert terms("How much is it, please?") == ["price"]
    assert terms("um, yes, I'd like that") == []


def test_weak_terms_count_little() -> None:
    assert weight(stem("something-else")) == 1.0
    assert weight(stem("properly")) == weight(stem("working")) == weight(stem("hours")) < 0.5


@given(st.text(st.characters(categories=["Ll"], max_codepoint=127), min_size=5, max_size=14), st.data())
def test_one_wrong_letter_is_forgiven_from_five_letters_on(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    assert similar(word, word[:at] + letter + word[at + 1 :])
    if len(word) > 5:
        assert similar(word, word[:at] + word[at + 1 :])


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_similarity_has_no_direction(one: str, other: str) -> None:
    assert similar(one, other) == similar(other, one)
    assert one in variants(one)


def test_short_words_must_be_right() -> None:
    assert not similar("boat", "coat")
    assert certainty("boat", {"coat"}) == 0
    assert certainty("weather", {"weather", "whether"}) == 1
    assert certainty("whether", {"weather"}) == MISHEARD
    assert certainty("department", {"apartment"}) == MISHEARD


def test_sentences_do_not_end_at_abbreviations_or_in_numbers() -> None:
    text = "Ask Dr. Brown at 3 p.m. on Monday. It costs 2.50 a day! Is that all? yes"
    assert sentences(text) == ["Ask Dr. Brown at 3 p.m. on Monday.", "It costs 2.50 a day!", "Is that all? yes"]
    assert sentences("  ") == []


@given(st.text(max_size=300))
def test_sentences_lose_no_words(text: str) -> None:
    assert tokens(" ".join(sentences(text))) == tokens(" ".join(text.split()))
