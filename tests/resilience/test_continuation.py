"""The seam between a text that broke off and its continuation."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.resilience.continuation import Seam, continued
from hocket.sim.speaking import CLAUSES, OPENERS
from hocket.sim.wire.replies import tokens
from hocket.stages.llm import LlmRequest, Message
from tests.resilience.models import ASKED

CASES = [
    # What was said, the continuation, what is heard of it.
    ("We open at nine", "nine every day.", " every day."),
    ("We open at nine", "every day.", " every day."),
    ("We open at nine", " every day.", " every day."),
    ("We open at nine ", " every day.", "every day."),
    ("We open at nine ", "nine every day.", "every day."),
    ("We open at nine,", "nine, every day.", " every day."),
    ("We open at nine, ", "Nine, every day.", "every day."),
    ("We open at nine", "nine, every day.", ", every day."),
    ("We open at nine.", "We close at six.", " We close at six."),
    ("We open at nine", ". We close at six.", ". We close at six."),
    ("We open at nine.", ". We close at six.", " We close at six."),
    ("We open at nine.", "nine.", ""),
    ("We open at nine.", ".", ""),
    ("We open at nine", "nine.", "."),
    ("We open at nine.", "", ""),
    ("We open at nine", "... every day.", " every day."),
    ("We open at nine", "…nine every day.", " every day."),
    # Inside a word.
    ("We open at ni", "nine every day.", "ne every day."),
    ("We open at ni", "at nine every day.", "ne every day."),
    ("It costs 12", "120 euros.", "0 euros."),
    ("At 4.", "At 4.30.", "30."),
    ("Bring your kay", "Kayak, please.", "ak, please."),
    ("I think it", "it's open.", "'s open."),
    ("I think it’", "it's open.", "s open."),
    # The next word begins like the last, which is whole.
    ("We open to", "tomorrow at nine.", " tomorrow at nine."),
    ("I have a", "apple.", " apple."),
    ("We open nin", " nineteen doors.", " nineteen doors."),
    # More than was asked for.
    ("We open at nine", "We open at nine every day.", " every day."),
    ("We open at nine", "open AT nine, every day.", ", every day."),
    ("the cat and the", "the cat and the dog", " dog"),
    ("the cat and the", "the dog", " dog"),
    # No repetition, however it begins.
    ("We open at nine", "at eight it is quiet.", " at eight it is quiet."),
    ("We open at nine", "nineteen doors", "teen doors"),
    ("Yes -", "no", " no"),
    ("a well-", "known place", "known place"),
    ("Say (", "loudly) no", "loudly) no"),
    ("It costs", "$12 a day.", " $12 a day."),
    ("It costs", "costs $12 a day.", " $12 a day."),
    ("…", "Yes.", " Yes."),
    ("", "Yes.", "Yes."),
    ("", " Yes.", " Yes."),
    ("Öffnet um", "um neun", " neun"),
]


def heard(said: str, pieces: list[str]) -> str:
    seam = Seam(said)
    return "".join(seam.push(piece) for piece in pieces) + seam.finish()


@pytest.mark.parametrize(("said", "continuation", "rest"), CASES)
def test_what_is_heard_of_a_continuation(said: str, continuation: str, rest: str) -> None:
    assert heard(said, [continuation]) == rest
    assert heard(said, list(continuation)) == rest
    assert heard(said, tokens(continuation)) == rest


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


VOCABULARY = re.findall(
    r"\S+",
    "kayak Thursday morning harbour twelve euros bookings o'clock Nordström 4.30 seventeen platform breakfast. it's "
    "garden, appointment, reservation? yes, to the a in we're open restaurant! and",
)
Texts = st.one_of(
    st.lists(st.sampled_from(VOCABULARY), min_size=2, max_size=14, unique=True).map(" ".join),
    st.tuples(st.sampled_from(OPENERS), st.lists(st.sampled_from(CLAUSES), min_size=1, max_size=3, unique=True)).map(
        lambda parts: " ".join((parts[0], *parts[1]))
    ),
)


@settings(derandomize=True, database=None, deadline=None, max_examples=600)
@given(Texts, st.data())
def test_no_word_is_lost_or_said_twice_wherever_the_text_breaks(text: str, data: st.DataObject) -> None:
    pieces = tokens(text)
    cut = data.draw(st.integers(1, len(pieces)), "tokens said")
    said = "".join(pieces[:cut])
    begun = len(said.split())
    # Inside a word the model has to say it once more, as it is asked to; at its end it may go on with the next.
    inside = cut < len(pieces) and not pieces[cut][0].isspace()
    repeats = data.draw(st.integers(1 if inside else 0, 3), "words repeated")
    rest = " ".join(text.split()[max(0, begun - repeats) :])
    if repeats == 0 and rest and data.draw(st.booleans(), "with its space"):
        rest = f" {rest}"
    if data.draw(st.booleans(), "in capitals"):
        rest = rest.upper()
    whole = said + heard(said, tokens(rest))
    assert words(whole) == words(text)
    assert whole.lower() == text.lower(), "nor do marks and spaces change"


@pytest.mark.parametrize(
    ("said", "pieces", "sizes"),
    [
        # Held back for the repeated word, then for what follows it.
        ("We open at nine", ["nine", " every", " day"], [0, 6, 4]),
        # A first word that repeats nothing is not held back at all.
        ("We open at nine", ["Every", " day"], [6, 4]),
        # As long as it may still be the whole beginning again.
        ("We open at nine", ["We", " open", " late", " on"], [0, 0, 13, 3]),
    ],
)
def test_the_continuation_is_held_back_no_longer_than_the_seam_is_open(
    said: str, pieces: list[str], sizes: list[int]
) -> None:
    seam = Seam(said)
    assert [len(seam.push(piece)) for piece in pieces] == sizes


def test_a_continuation_is_asked_for_in_the_callers_turn_after_what_was_said() -> None:
    request = continued(ASKED, "We open at nine, every day but Sun")
    assert request.messages[0] == ASKED.messages[0]
    assert request.messages[1] == Message("assistant", "We open at nine, every day but Sun")
    assert request.messages[2].role == "user"
    assert "“at nine, every day but Sun”" in request.messages[2].content
    assert len(request.messages) == 3
    assert LlmRequest(request.instructions, request.messages) == request
