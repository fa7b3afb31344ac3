"""Numbers as English words."""

from __future__ import annotations

from typing import Final


def cardinal(number: int, british: bool = False) -> str:
    """105 -> "one hundred five", British "one hundred and five". From a quadrillion on, digit by digit."""
    if number < 0:
        return f"minus {cardinal(-number, british)}"
    if number >= _BEYOND:
        return grouped(str(number))
    if number < 100:
        return _below_hundred(number)
    words: list[str] = []
    for value, name in _SCALES:
        count, number = divmod(number, value)
        if count:
            words += [cardinal(count, british), name]
    if number:
        words += ["and", _below_hundred(number)] if british else [_below_hundred(number)]
    return " ".join(words)


def ordinal(number: int, british: bool = False) -> str:
    """22 -> "twenty-second"."""
    words = cardinal(number, british)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    if last in _ORDINALS:
        return words[:cut] + _ORDINALS[last]
    return words[:-1] + "ieth" if last.endswith("y") else words + "th"


def year(number: int, british: bool = False) -> str:
    """1984 -> "nineteen eighty-four", 1905 -> "nineteen oh five", 2007 -> "two thousand seven"."""
    century, rest = divmod(number, 100)
    if century % 10 == 0 and rest < 10:
        return cardinal(number, british)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def decade(text: str) -> str:
    """1990 -> "nineteen nineties", 80 -> "eighties", 2000 -> "two thousands"."""
    words = year(int(text)) if len(text) == 4 else cardinal(int(text))
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def digits(text: str) -> str:
    """Digit by digit."""
    return " ".join(_SMALL[int(digit)] for digit in text)


def grouped(text: str) -> str:
    """Digit by digit, with a pause after every three or four."""
    if len(text) < 6:
        return digits(text)
    size = 4 if len(text) % 4 == 0 else 3
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    if len(parts[-1]) == 1:
        parts[-2:] = ["".join(parts[-2:])]
    return ", ".join(map(digits, parts))


def amount(text: str, british: bool = False) -> str:
    """What `AMOUNT` matches: 1,250 as a cardinal, 3.14 with its places one by one."""
    whole, point, places = text.replace(",", "").partition(".")
    words = cardinal(int(whole), british) if whole else ""
    return f"{words} point {digits(places)}".lstrip() if point else words


def fraction(upper: int, lower: int) -> str | None:
    """1, 2 -> "one half"; None for what is hardly meant as one."""
    if not (0 < upper < lower and lower in _PARTS):
        return None
    return f"{cardinal(upper)} {_PARTS[lower]}{'s' if upper > 1 else ''}"


AMOUNT: Final = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]*\.[0-9]+|[0-9]+)"
"""A number without its sign."""

_SMALL: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES: Final = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_BEYOND: Final = 10**15
_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def _below_hundred(number: int) -> str:
    if number < 20:
        return _SMALL[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens - 2]}-{_SMALL[ones]}" if ones else _TENS[tens - 2]


_PARTS: Final = {2: "half", 4: "quarter", **{lower: ordinal(lower) for lower in (3, 5, 6, 7, 8, 9, 10, 16)}}
