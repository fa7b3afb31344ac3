from __future__ import annotations

import pytest

from tests.text.saying import said

CASES = [
    ("March 3, 2026, at noon.", "March third, twenty twenty-six, at noon."),
    ("We meet on March 3rd.", "We meet on March third."),
    ("It is due Mar 3, 2026.", "It is due March third, twenty twenty-six."),
    ("It is due Mar. 3.", "It is due March third."),
    ("It is due on 3 March 2026.", "It is due on the third of March twenty twenty-six."),
    ("the 3rd of March", "the third of March"),
    ("on the 3 March", "on the third of March"),
    ("Mon 3 Mar", "Monday the third of March"),
    ("Mon, 3 Mar at 10:00", "Monday, the third of March at ten o'clock"),
    ("Monday, March 3", "Monday, March third"),
    ("Sat 9-5, Sun closed", "Saturday nine to five, Sun closed"),
    ("Mon - Fri", "Monday to Friday"),
    ("Mon-Fri", "Monday to Friday"),
    ("Jan-Mar", "January to March"),
    ("In May 20 people came.", "In May twenty people came."),
    ("May 20 is free.", "May twentieth is free."),
    ("March 2026 is full.", "March twenty twenty-six is full."),
    ("2026-03-03", "March third, twenty twenty-six"),
    ("2026-03-03T14:05:00Z", "March third, twenty twenty-six at fourteen oh five"),
    ("2026-13-40", "two zero two six, one three, four zero"),
    ("3/4/2026", "March fourth, twenty twenty-six"),
    ("3/14/26", "March fourteenth, twenty twenty-six"),
    ("13/4/2026", "April thirteenth, twenty twenty-six"),
    ("3.4.2026", "April third, twenty twenty-six"),
    ("on 3/4", "on March fourth"),
    ("Mon is an island, and Mar a verb.", "Mon is an island, and Mar a verb."),
    ("9:30", "nine thirty"),
    ("at 9:30 am.", "at nine thirty a.m."),
    ("at 9:30am, or 10pm", "at nine thirty a.m., or ten p.m."),
    ("9 a.m. or 5 p.m. Fine", "nine a.m. or five p.m. Fine"),
    ("9 AM", "nine a.m."),
    ("9.30am", "nine thirty a.m."),
    ("10:00", "ten o'clock"),
    ("10:00 o'clock", "ten o'clock"),
    ("14:05", "fourteen oh five"),
    ("14:00", "fourteen hundred"),
    ("00:00", "midnight"),
    ("1:02:03", "one oh two three"),
    ("9:00-17:00", "nine o'clock to seventeen hundred"),
    ("9am-5pm", "nine a.m. to five p.m."),
    ("9–11:30 am", "nine to eleven thirty a.m."),
    ("5 to 7 pm", "five to seven p.m."),
    ("8 - 10 am", "eight to ten a.m."),
    ("in 1984", "in nineteen eighty-four"),
    ("since 1066", "since one thousand sixty-six"),
    ("It has 1066 rooms", "It has one thousand sixty-six rooms"),
    ("the 2026 season", "the twenty twenty-six season"),
    ("2000 steps", "two thousand steps"),
    ("2024-2026", "twenty twenty-four to twenty twenty-six"),
    ("2024-26", "twenty twenty-four to twenty-six"),
    ("in the 1990s, the '80s and her 20s", "in the nineteen nineties, the eighties and her twenties"),
    ("(1984)", "(nineteen eighty-four)"),
    ("mid-2026", "mid-twenty twenty-six"),
]

BRITISH = [
    ("March 3, 2026", "March the third, twenty twenty-six"),
    ("3/4/2026", "the third of April, twenty twenty-six"),
    ("on 3/4", "on the third of April"),
    ("2026-03-03", "the third of March, twenty twenty-six"),
    ("It was 2007, and 105 people came", "It was two thousand and seven, and one hundred and five people came"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_dates_and_times_are_read(text: str, expected: str, size: int) -> None:
    assert said(text, size=size) == expected


@pytest.mark.parametrize(("text", "expected"), BRITISH)
def test_dates_and_times_are_read_in_britain(text: str, expected: str) -> None:
    assert said(text, "en-GB") == expected
