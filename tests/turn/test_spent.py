"""Words that come again: a recogniser repeats in every report what it has not settled, answered or not."""

from __future__ import annotations

import pytest

from hocket.turn.spent import Spent, divide

TURN = "do you have four one five"


def spent(*, before: str = "", since: str = "") -> Spent:
    """The recogniser has reported the turn, unsettled but for `before`, and the turn has been dealt with."""
    words = Spent()
    words.take(f"{TURN} {since}".strip(), final=False)
    words.spend(f"{before} {TURN}".strip(), since)
    return words


@pytest.mark.parametrize(
    ("report", "since"),
    [
        (TURN, ""),
        (f"{TURN} no wait", "no wait"),
        ("Do you have 415? No wait", "No wait"),  # other spelling, fewer words
        ("do you have four one nine no wait", "no wait"),  # heard otherwise: as many words as before
        ("do you", ""),
        ("yes please", "yes please"),  # a recogniser that has begun afresh
        ("", ""),
    ],
)
def test_a_report_is_cut_after_the_words_that_were_dealt_with(report: str, since: str) -> None:
    assert spent().take(report, final=False) == ("", since)


@pytest.mark.parametrize(
    ("report", "settled", "since"),
    [
        (TURN, TURN, ""),
        ("Do you have 415?", "Do you have 415?", ""),
        ("do you have four hundred and sixteen kayaks", "do you have four hundred and sixteen kayaks", ""),
        ("yes please", "", "yes please"),
        ("", "", ""),
    ],
)
def test_the_final_settles_the_turn(report: str, settled: str, since: str) -> None:
    assert spent().take(report, final=True) == (settled, since)


def test_new_words_are_counted_from_the_end_of_a_final_that_reads_otherwise() -> None:
    words = spent()
    words.take(f"{TURN} no wait", final=False)
    assert words.take("do you have a fork and one five no wait", final=True) == (
        "do you have a fork and one five",
        "no wait",
    )
    assert words.take("no wait", final=False) == ("", "no wait")  # after its final nothing is repeated


def test_words_in_earlier_finals_belong_to_the_same_turn() -> None:
    assert spent(before="well").take("do you have 416", final=True) == ("well do you have 416", "")


def test_words_after_the_turn_are_not_spent_with_it() -> None:
    assert spent(since="on sunday").take(f"{TURN} on sunday please", final=False) == ("", "on sunday please")


def test_a_sealed_turn_is_not_corrected_any_more_but_still_left_out() -> None:
    words = spent()
    words.seal()
    assert words.take(f"{TURN} please", final=True) == ("", "please")


def test_a_recogniser_that_never_settles_repeats_several_turns() -> None:
    words = spent()
    words.take(f"{TURN} no wait", final=False)
    words.spend("no wait")
    assert words.take(f"{TURN} no wait thanks", final=False) == ("", "thanks")
    assert words.take(f"{TURN} no weight thanks", final=True) == ("", "thanks")  # nobody knows whose words changed


def test_dividing_prefers_the_meaning_to_the_count() -> None:
    assert divide("it's 6 o'clock yes", "it is six o'clock", 4) == ("it's 6 o'clock", "yes")


def test_of_the_words_since_it_is_known_which_are_settled() -> None:
    words = Spent()
    words.take("we are two and", final=True)
    words.take("a", final=False)
    assert words.spend("we are two", "and a") == ("and", "a")
    assert words.take("a dog", final=False) == ("", "a dog")
