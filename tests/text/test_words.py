from __future__ import annotations

import pytest

from hocket.text.words import LONGEST, LONGEST_WORD, piece_end


def pieces(text: str) -> list[str]:
    out, at = [], 0
    while at < len(text):
        end = piece_end(text, at, complete=True)
        out.append(text[at:end])
        at = end
    return out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Well, so be it", ["Well, ", "so ", "be ", "it"]),
        ("a  b\n\nc", ["a ", " ", "b\n", "\n", "c"]),
        ('Wait <break time="1 s" /> for it', ["Wait ", '<break time="1 s" /> ', "for ", "it"]),
        ("[laughs out loud], he", ["[laughs out loud], ", "he"]),
        ("see [our page](http://a.b the title).", ["see ", "[our page](http://a.b the title)."]),
        ("a < b > c", ["a ", "< ", "b ", "> ", "c"]),
        ("[never closed", ["[never ", "closed"]),
        ("<never\nclosed>", ["<never\n", "closed>"]),
        ("我们 open。好", ["我", "们", " ", "open。", "好"]),
        ("สวัส", list("สวัส")),
        ("a" * LONGEST_WORD + "bc d", ["a" * LONGEST_WORD, "bc ", "d"]),
        (f"<a {'b' * LONGEST} c>", ["<a ", f"{'b' * LONGEST} ", "c>"]),
    ],
)
def test_words_end_at_white_space_that_nothing_holds(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


@pytest.mark.parametrize("text", ["word", "<break time='1", "<b", "[our page", "[our page](the add", "[our page]"])
def test_a_word_in_progress_is_waited_for(text: str) -> None:
    assert piece_end(text, 0, complete=False) == -1
    assert piece_end(text, 0, complete=True) > 0


def test_a_tag_that_is_too_long_is_not_waited_for() -> None:
    assert piece_end(f"<a {'b' * LONGEST}", 0, complete=False) == len("<a ")


def test_what_comes_before_an_open_tag_is_not_held() -> None:
    assert piece_end("Wait <break time=", 0, complete=False) == len("Wait ")
