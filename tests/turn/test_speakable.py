from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.turn.speakable import Segmenter


def segments(text: str, size: int = 4) -> list[str]:
    """The segments of a text that comes in tokens of so many characters."""
    segmenter = Segmenter()
    out: list[str] = []
    for at in range(0, len(text), size):
        out += segmenter.push(text[at : at + size])
    return out + segmenter.flush()


# "|" stands where a segment ends.
CUTS = [
    "Hello. |How are you? |Fine!",
    "Yes: |we are open; |come in.",
    "Well... |I see.",
    "No. |We are closed.",
    'He said "stop!" |Then he left.',
    "(That was it.) |Next.",
    "**Good.** |Then we go on.",
    "Really?! |Yes.",
    # Commas and dashes.
    "Sure, no problem.",
    "Let me look that up for you, |one moment please, sir, or madam, as it may be, |thank you.",
    "We have a table at seven - |would that suit you, or is it too late for you - |or too early?",
    "A well-known, much-loved restaurant, |by the sea.",
    # Numbers, times, prices, dates.
    "It costs $3.50 a month. |Is that fine?",
    "That makes 1,200 dollars. |Good.",
    "The total is $1,234.56, |tax included.",
    "Is 3:30 good? |Or 4:15?",
    "We open at 9 a.m. and close at 5 p.m. |Would you like to book?",
    "Come at 3 p.m. on Monday.",
    "At 5 p.m.? |Fine.",
    "It is due on March 3, 2026, |by noon.",
    "Your room is No. 5. |Enjoy.",
    "It was 3. |Now it is 4.",
    "1. Open the door. |2. Close it.",
    "Version 2.0.1 is out. |Try it.",
    # Abbreviations and names.
    "Dr. Smith is in. |Mrs. Jones is not.",
    "Bring a coat, e.g. a warm one. |Good.",
    "We have rings, watches, |etc. and also clocks, all of them new.",
    "He is from the U.S. and she is not.",
    "J. R. Smith called. |So did I. |Bye.",
    "Meet me at St. Mary's. |Thanks.",
    "She works at Acme Inc. |He does not.",
    # Addresses.
    "We are at 12 Main Street, Springfield, IL 62704, |near the station.",
    "Go to 742 Evergreen Terrace, Springfield. |It is blue.",
    "It is at 5 Elm St. in Boston. |Come by.",
    # E-mail, links, markup.
    "Write to jane.doe@example.com. |We answer.",
    "See https://example.com/a.b?c=d:e;f, |or call us.",
    "Go to www.example.com! |Now.",
    'Wait <break time="1.5 s, at least. OK"/> for it. |Good.',
    "<emphasis level='strong'>No. Never.</emphasis> |Good.",
    "It is [laughs. loudly] funny. |Yes.",
    "If x < yours. |Then stop.",
    # Line breaks.
    "- bread\n|- butter\n|- jam",
    "One.\n|\nTwo.",
    "Bonjour ! |Ça va ?",
    # Longer than eighty characters.
    "this goes on and on without any mark at all and it will have to be cut at a |word somewhere or other",
    "the number that you have to call when there is nobody else in the whole house |is 555 123 4567 at night",
    "go to |https://example.com/a/very/long/link/that/does/not/end/before/the/limit/of/eighty/characters |now",
    "so here is the only thing that you need to know before you come to see us |at 3 p.m. or at any time",
    "so here is the only thing that you need to know before you come and talk to |Dr. Smith about it all",
    "you should come and meet all of us at the old house which is |at 12 North Western Avenue today",
    "so here is the only thing that you need to know before you come to see us |at 12 North Western Avenue today",
]


@pytest.mark.parametrize("size", [1, 4, 7, 1000])
@pytest.mark.parametrize("cut", CUTS)
def test_cuts(cut: str, size: int) -> None:
    assert segments(cut.replace("|", ""), size) == cut.split("|")


def test_a_segment_is_given_out_as_soon_as_it_is_certain() -> None:
    segmenter = Segmenter()
    assert segmenter.push("It is 3.") == []
    assert segmenter.push("50") == []
    assert segmenter.push(".") == []
    assert segmenter.push(" ") == ["It is 3.50. "]
    assert segmenter.push("At 5 p.m. ") == []
    assert segmenter.push("W") == ["At 5 p.m. "]
    assert segmenter.flush() == ["W"]
    assert segmenter.flush() == []


def test_the_opener_may_be_shorter() -> None:
    segmenter = Segmenter()
    assert segmenter.push("Thank you very much, dear caller, ") == ["Thank you very much, "]
    assert segmenter.push("and this is again a longer piece, x") == ["dear caller, and this is again a longer piece, "]


def test_an_endless_word_or_tag_is_cut_in_the_end() -> None:
    assert [len(segment) for segment in segments("x" * 1000)][:2] == [80, 80]
    assert max(len(segment) for segment in segments("<tag " + "and so on. " * 100)) <= 320


PIECES = st.sampled_from(
    [
        *["Hello", "we", "are", "open", "until", "Monday", "I", "No", "Dr", "p.m", "U.S", "3", "12", "1,200", "3.50"],
        *["Main", "Street", "$5", "a@b.com", "https://x.y/z?a=b", "etc", "e.g", "<b>", "</b>", "<br/>", "<", "[", "]"],
        *[".", ",", "!", "?", ":", ";", "...", " - ", " ", "\n", '"', ")", "x" * 30, "-", "–", "،"],
    ]
)
TEXTS = st.lists(st.tuples(PIECES, st.sampled_from([" ", "", " "])), max_size=60).map(
    lambda pieces: "".join(piece + space for piece, space in pieces)
)


@given(TEXTS | st.text(), st.integers(1, 50))
def test_nothing_is_lost_and_tokens_do_not_matter(text: str, size: int) -> None:
    by_token = segments(text, size)
    assert "".join(by_token) == text
    assert by_token == segments(text, 1)
    assert all(by_token)
    assert all(any(char.isalnum() for char in segment) for segment in by_token[:-1] if len(segment) <= 80)


@given(st.lists(st.text("abcdefg,.", min_size=1, max_size=12), max_size=80))
def test_plain_words_are_never_cut_and_no_segment_is_too_long(words: list[str]) -> None:
    text = " ".join(words)
    cut = segments(text)
    assert max((len(segment) for segment in cut if any(map(str.isalpha, segment))), default=0) <= 80 or "a" not in text
    assert [word for segment in cut for word in segment.split()] == words
