from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hocket.providers.stability import StabilityFilter


def interims(partials: list[str], agreeing: int = 2) -> list[str]:
    """What is shown, each time that it changes."""
    stability = StabilityFilter(agreeing)
    return [stability.text for partial in partials if stability.push(partial.split())]


def test_a_word_is_shown_once_two_partials_agree() -> None:
    assert interims(["what", "what", "what's", "what's the", "what's the"]) == ["what", "what's", "what's the"]


def test_a_flicker_is_never_shown() -> None:
    assert interims(["the", "the weather", "the web", "the weather", "the weather"]) == ["the", "the weather"]


def test_a_shorter_partial_takes_nothing_back_at_once() -> None:
    assert interims(["the weather", "the weather", "the", "the weather", "the weather"]) == ["the weather"]


def test_what_partials_contradict_twice_is_taken_back() -> None:
    assert interims(["the web", "the web", "the weather", "the weather"]) == ["the web", "the weather"]


def test_a_new_utterance_begins_with_nothing() -> None:
    stability = StabilityFilter(1)
    stability.push(["yes"])
    stability.clear()
    assert stability.text == ""
    assert stability.push(["yes"])


@given(st.lists(st.lists(st.sampled_from(["a", "b"]), max_size=4).map(" ".join), max_size=12), st.integers(1, 3))
def test_everything_shown_was_in_that_many_partials_in_a_row(partials: list[str], agreeing: int) -> None:
    stability = StabilityFilter(agreeing)
    for index, partial in enumerate(partials):
        before = stability.text
        changed = stability.push(partial.split())
        assert changed == (stability.text != before)
        if changed:
            recent = partials[index - agreeing + 1 : index + 1]
            assert len(recent) == agreeing
            shown = stability.text.split()
            assert all(partial.split()[: len(shown)] == shown for partial in recent)
