"""Abbreviations and signs as English words."""

from __future__ import annotations

import re
from typing import Final

_BEFORE_NAMES = {"Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Prof": "Professor", "St": "Saint", "Mt": "Mount"}
_STREETS = {
    "St": "Street",
    "Dr": "Drive",
    "Ave": "Avenue",
    "Blvd": "Boulevard",
    "Rd": "Road",
    "Ln": "Lane",
    "Hwy": "Highway",
    "Pkwy": "Parkway",
}
_BEFORE_NUMBERS = {"ext": "extension", "apt": "apartment", "ste": "suite", "fig": "figure", "p": "page", "pp": "pages"}
_ANYWHERE = {"e.g.": "for example", "i.e.": "that is", "vs.": "versus", "approx.": "approximately"}
_SIGNS = {
    "&": "and",
    "&amp;": "and",
    "+": "plus",
    "=": "equals",
    "*": "times",
    "×": "times",
    "÷": "divided by",
    "@": "at",
    "→": "to",
    "≈": "about",
    "±": "plus or minus",
    "−": "minus",
    "%": "percent",
    "≤": "at most",
    "≥": "at least",
}
_COMPARED = {"<": "less than", ">": "more than", "<=": "at most", ">=": "at least", "~": "about"}

DEPENDING: Final = frozenset(
    f"{short}."
    for short in (*_BEFORE_NAMES, *_STREETS, *_BEFORE_NUMBERS, *map(str.capitalize, _BEFORE_NUMBERS), "No", "no", "etc")
)
"""Words whose reading depends on the next one."""

TITLE: Final = re.compile(rf"({'|'.join(_BEFORE_NAMES)})\.(?= [A-Z])")
STREET: Final = re.compile(rf"({'|'.join(_STREETS)})\.")
BEFORE_NUMBER: Final = re.compile(rf"((?i:{'|'.join(_BEFORE_NUMBERS)}))\. ?(?=[0-9])")
ANYWHERE: Final = re.compile(r"[Ee]\.g\.|[Ii]\.e\.|vs\.|[Aa]pprox\.")
ET_CETERA: Final = re.compile(r"etc\.")
WITH: Final = re.compile(r"([Ww])/(o\b|(?!\S/))")
SIGN: Final = re.compile(r"&amp;|[&+=*×÷@→≈±−%≤≥]")
COMPARED: Final = re.compile(r"([<>]=?|~) ?(?=[$£€]?\.?[0-9])")
RANGE: Final = re.compile(r"[-–](?=[$£€]?\.?[0-9])| [-–] (?=[$£€]?\.?[0-9])")
MINUS: Final = re.compile(r"-(?=[$£€]?\.?[0-9])")
LIST_COMMA: Final = re.compile(r"(?<=[0-9]),(?=[0-9])")


def read_title(match: re.Match[str], british: bool) -> str | None:
    """Dr. Smith, St. Mary; but 5 Elm St. Boston."""
    if match[1] in _STREETS and _STREET_BEFORE(match.string, 0, match.start()):
        return None
    return _BEFORE_NAMES[match[1]]


def read_street(match: re.Match[str], british: bool) -> str | None:
    """5 Elm St., Fifth Ave. The full stop stays where the sentence may end."""
    if not _NAME_BEFORE(match.string, 0, match.start()):
        return None
    return _STREETS[match[1]] + _stop(match)


def read_before_number(match: re.Match[str], british: bool) -> str | None:
    """ext. 5, p. 12."""
    word = _BEFORE_NUMBERS[match[1].lower()]
    return f"{word.capitalize() if match[1][0].isupper() else word} "


def read_anywhere(match: re.Match[str], british: bool) -> str | None:
    """e.g., i.e."""
    word = _ANYWHERE[match[0].lower()]
    return word.capitalize() if match[0][0].isupper() else word


def read_et_cetera(match: re.Match[str], british: bool) -> str | None:
    """etc."""
    return f"et cetera{_stop(match)}"


def read_with(match: re.Match[str], british: bool) -> str | None:
    """w/, w/o."""
    word = "without" if match[2] else "with"
    return word.capitalize() if match[1] == "W" else word


def read_sign(match: re.Match[str], british: bool) -> str | None:
    """&, +, =, also within words."""
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    # Of two signs the first makes the room between.
    return f"{'' if before in _SIGNS else _gap(before)}{_SIGNS[match[0]]}{_gap(after)}"


def read_compared(match: re.Match[str], british: bool) -> str | None:
    """<5, ~10."""
    return f"{_COMPARED[match[1]]} "


def read_range(match: re.Match[str], british: bool) -> str | None:
    """The dash of 9-5 or $5 - $10; in 5 - 3 = 2 it is a minus."""
    if not _NUMBER_BEFORE(match.string, 0, match.start()):
        return None
    return " minus " if match[0][0] == " " and _EQUALS_AFTER(match.string, match.end()) else " to "


def read_minus(match: re.Match[str], british: bool) -> str | None:
    """-5."""
    return "minus " if match.string[: match.start()][-1:] in ("", " ", "\n", "(", "=", "“", '"') else None


def read_list_comma(match: re.Match[str], british: bool) -> str | None:
    """1,2,3."""
    return ", "


def _stop(match: re.Match[str]) -> str:
    """A full stop, unless the sentence goes on."""
    return "" if _GOES_ON(match.string, match.end()) else "."


def _gap(neighbour: str) -> str:
    return "" if not neighbour or neighbour.isspace() or neighbour in ".,?!;:)]#->|" else " "


_STREET_BEFORE = re.compile(r"[0-9]\w* (?:[A-Z][\w'’]* ){1,3}\Z").search
_NAME_BEFORE = re.compile(r"(?:[A-Z][\w'’]*\.?|[0-9](?:st|nd|rd|th|/[0-9]+)) \Z").search
_GOES_ON = re.compile(r"[,;:?!.…]| [a-z0-9&(]").match
_NUMBER_BEFORE = re.compile(r"[0-9]\S{0,8}(?: (?:[AaPp]\.?[Mm]\.?|km|kg|m|miles|°[CF]|%))?\Z").search
_EQUALS_AFTER = re.compile(r"[0-9.,]+ ?=").match
