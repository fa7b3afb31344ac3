from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.providers.phrase_grammar import END, MAX_STATES, START, Transition, clauses, pronounce, spell, transitions


def sentences(grammar: list[Transition], words: int = 6) -> set[str]:
    """All that can be said in one to so many words."""

    def walk(state: int, said: tuple[str, ...]) -> Iterator[str]:
        if state == END:
            yield " ".join(said)
        for before, after, _, *word in grammar:
            if before == state and len(said) + len(word) <= words:
                yield from walk(after, (*said, *word))

    return set(walk(START, ()))


def known(word: str) -> bool:
    return word != "xyzzy"


def test_runs_of_a_phrase_can_be_said() -> None:
    assert sentences(transitions([["billing", "department"]], known)) == {"billing", "department", "billing department"}


def test_nothing_stops_after_a_word_that_dangles() -> None:
    said = sentences(transitions([["put", "me", "through", "to", "the", "billing", "department"]], known))
    assert {"the billing department", "to the billing department", "billing", "put me"} <= said
    assert not {"to the", "through to", "the"} & said


def test_a_word_that_is_a_phrase_of_its_own_may_end() -> None:
    assert sentences(transitions([["on"]], known)) == {"on"}


def test_a_word_without_sounds_cuts_the_phrase() -> None:
    said = sentences(transitions([["yes", "xyzzy", "please", "today"]], known))
    assert said == {"yes", "please", "today", "please today"}


def test_a_long_knowledge_is_cut_to_size() -> None:
    grammar = transitions([[f"word{number}", "today"] for number in range(3 * MAX_STATES)], known)
    assert max(after for _, after, *_ in grammar) < MAX_STATES


def test_clauses_are_what_is_said_between_pauses() -> None:
    text = "# Ways to pay\nBy card, or in cash; it’s £25 (at 10:30). Book_boats! By card"
    assert [" ".join(words) for words in clauses([text])] == [
        "ways to pay",
        "by card",
        "or in cash",
        "it's twenty five pounds",
        "at ten thirty",
        "book boats",
    ]


@pytest.mark.parametrize(
    ("token", "spoken"),
    [
        ("0", "zero"),
        ("7", "seven"),
        ("13", "thirteen"),
        ("40", "forty"),
        ("99", "ninety nine"),
        ("305", "three hundred five"),
        ("2000", "two thousand"),
        ("9999", "nine thousand nine hundred ninety nine"),
        ("12345", "one two three four five"),
        ("007", "zero zero seven"),
        ("boats", "boats"),
    ],
)
def test_numbers_are_spelled(token: str, spoken: str) -> None:
    assert " ".join(spell(token)) == spoken


@given(st.lists(st.text(max_size=60), max_size=8))
def test_any_text_makes_words_that_a_dictionary_could_hold(phrases: list[str]) -> None:
    for clause in clauses(phrases):
        assert clause
        assert all(word == word.lower().strip() and word.replace("'", "").isalpha() for word in clause)


@pytest.mark.parametrize(
    ("word", "sounds"), [("zingerhof", "Z IH NG ER HH AA F"), ("cimpa", "S IH M P AE"), ("dograh", "D AA G R AE HH")]
)
def test_unknown_words_are_guessed_by_their_letters(word: str, sounds: str) -> None:
    assert pronounce(word) == sounds


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12))
def test_every_word_has_sounds(word: str) -> None:
    assert pronounce(word)
