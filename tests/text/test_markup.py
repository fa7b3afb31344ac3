from __future__ import annotations

import pytest

from hocket.text.markup import LONGEST_ROW, Markup
from hocket.text.words import LONGEST_WORD
from tests.text.saying import joined, said

CASES = [
    # Emphasis and code.
    ("That is **very** good.", "That is very good."),
    ("That is *very* good.", "That is very good."),
    ("That is ***very*** good.", "That is very good."),
    ("That is __very__ _good_.", "That is very good."),
    ("**A whole sentence.** And more", "A whole sentence. And more"),
    ("~~Old~~ new", "Old new"),
    ("Press `Enter` now", "Press Enter now"),
    ("the free_slots tool", "the free slots tool"),
    ("Not \\*this\\*", "Not this"),
    ("5 * 3 and 5*3", "5 * 3 and 5*3"),
    ("```python\nrun it\n```\nThen wait.", "run it\nThen wait."),
    ("Say ```this``` now", "Say this now"),
    # Headings, lists, rules, quotations.
    ("# Opening hours\nWe open.", "Opening hours.\nWe open."),
    ("### Prices:\nLow.", "Prices:\nLow."),
    ("## **Prices**", "Prices."),
    ("We have:\n- bread\n- jam", "We have:\nbread.\njam."),
    ("* bread\n* jam!\n", "bread.\njam!\n"),
    ("+ bread\n", "bread.\n"),
    ("• bread\n•jam\n", "bread.\njam.\n"),
    ("  - bread \n", "  bread.\n"),
    ("- - bread\n", "bread.\n"),
    ("- **Monday**: closed\n", "Monday: closed.\n"),
    ("- (maybe.)\n", "(maybe.)\n"),
    ("- [ ] call\n- [x] write\n", "call.\nwrite.\n"),
    ("1. Open\n2) Close\n", "1. Open.\n2. Close.\n"),
    ("> She said so.\n", "She said so.\n"),
    ("One.\n\n---\n\nTwo.", "One.\n\n\n\nTwo."),
    ("Title\n=====\n", "Title\n\n"),
    ("- \n- bread", "\nbread."),
    ("-5 degrees", "-5 degrees"),
    ("one - two", "one - two"),
    ("1. Wait", "1. Wait."),
    # Links.
    ("See [our page](https://example.com/a_b).", "See our page."),
    ('See [our *new* page](https://example.com "the title") now', "See our new page now"),
    ("![A map](map.png) is here", "A map is here"),
    ("[![A map](map.png)](https://example.com)", "A map"),
    ("Go to <https://example.com/a_b> now", "Go to https://example.com/a_b now"),
    ("So it is.[1] Really.[^2]", "So it is. Really."),
    (
        "jane_doe@example.com and https://example.com/~jane_doe",
        "jane_doe@example.com and https://example.com/~jane_doe",
    ),
    ("**jane_doe@example.com**", "jane_doe@example.com"),
    ("example.com/a_b", "example.com/a_b"),
    # Tables.
    ("| Day | Hours |\n|---|:--:|\n| Mon | 9-5 |\n", "Day, Hours.\nMon, 9-5.\n"),
    ("| **Day** | [Hours](u) |\n| --- | --- |\n", "Day, Hours.\n"),
    ("| Mon | |\n|\nMore", "Mon.\n\nMore"),
    ("Fine.\n| Mon | closed", "Fine.\nMon, closed."),
    ("this | that", "this | that"),
    # For the voice.
    ('Wait <break time="1.5 s"/> a *bit*', 'Wait <break time="1.5 s"/> a bit'),
    ("<emphasis level='strong'>No</emphasis>", "<emphasis level='strong'>No</emphasis>"),
    ("[laughs out loud] Well", "[laughs out loud] Well"),
    ("if x < y", "if x < y"),
    ("[open", "open"),
    ("[[A *map*](u) of it](v)", "A map of it](v)"),
    # Scripts without spaces.
    ("我们**九点**开门。*好* 吗", "我们九点开门。好 吗"),
    ("- 面包\n- `茶`\n", "面包.\n茶.\n"),
    # Emoji and odd spaces.
    ("Hello 👋 there", "Hello there"),
    ("Great! 🎉", "Great! "),
    ("Great!🎉 Now", "Great! Now"),
    ("👨‍👩‍👧 Family 🇩🇪 1️⃣", "Family 1"),
    ("✅ Done\n", "Done\n"),
    ("10\u00a0km", "10 km"),
    ("♥️", ""),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_markup_is_taken_out(text: str, expected: str, size: int) -> None:
    assert said(text, "de", size) == expected


def test_words_are_passed_on_at_the_white_space_after_them() -> None:
    markup = Markup()
    assert [markup.push(token) for token in ("Well", ", I", " see", " *it", "*", " now")] == [
        *["", "Well, ", "I ", "see ", "", "it "]
    ]
    assert markup.flush() == "now"


def test_scripts_without_spaces_are_passed_on_at_once() -> None:
    markup = Markup()
    assert [markup.push(token) for token in ("我们", "**九点", "**开门。")] == ["我们", "九点", "开门。"]


def test_a_word_is_not_held_for_ever() -> None:
    markup = Markup()
    assert markup.push("go ") == "go "
    assert markup.push("a" * (LONGEST_WORD + 1)) == "a" * LONGEST_WORD


def test_a_row_is_not_held_for_ever() -> None:
    markup = Markup()
    assert markup.push("| " + "word " * (LONGEST_ROW // 5)) != ""


def test_the_next_text_is_another() -> None:
    markup = Markup()
    assert joined(markup, ["- one"]) == "one."
    assert joined(markup, ["two"]) == "two"
    assert joined(markup, ["- three"]) == "three."


def test_line_breaks_of_windows() -> None:
    assert said("```sh\r\nrun\r\n```\r\n- one\r\n", "de") == "\nrun\r\n\none.\n"
