"""Telephone numbers, account numbers and codes as English words, digit by digit."""

from __future__ import annotations

import re
from typing import Final

from hocket.text.numbers import cardinal, digits, grouped

PHONE: Final = re.compile(
    r"(\+?)(?:\(?[0-9]{1,5}\)?)(?:[-. ]\(?[0-9]{2,5}\)?(?![0-9])|(?<=\))[0-9]{2,5}){1,6}(?![0-9%])"
)
IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w)")
MIXED: Final = re.compile(r"(?:[A-Z]+[0-9]+|[0-9]+[A-Z]+)(?:[0-9]+|[A-Z]+)*(?!\w)")
DASHED: Final = re.compile(r"([A-Z]+)-([0-9]+)(?![0-9])")
HASH: Final = re.compile(r"(?:#|[Nn]o\. ?|№ ?)(?=[0-9])")
DIGITS: Final = re.compile(r"[0-9]+(?![,.][0-9])")


def read_phone(match: re.Match[str], british: bool) -> str | None:
    """555-0199, +1 (555) 123-4567, 123-45-6789: every group digit by digit, with a pause between two."""
    text = match[0]
    groups = _GROUP(text)
    sizes = [len(group) for group in groups]
    if not 7 <= sum(sizes) <= 15:
        return None
    sure = match[1] or "(" in text or text.startswith("0")
    if len(groups) == 2 and sizes != [3, 4] and not sure:
        return None  # rather a range
    if not sure and (" " in text or "." in text) and min(sizes) < 3:
        return None  # rather a list of numbers
    return ("plus " if match[1] else "") + ", ".join(map(digits, groups))


def read_iban(match: re.Match[str], british: bool) -> str | None:
    """GB29 NWBK 6016 ...: in groups of four, as it is printed."""
    text = match[0].replace(" ", "")
    return ", ".join(_spelled(text[at : at + 4]) for at in range(0, len(text), 4))


def read_mixed(match: re.Match[str], british: bool) -> str | None:
    """BA117, B12, X7K9: letters one by one, and digits, but a single short number as such."""
    runs = _RUN(match[0])
    if len(runs) > 2:
        return _spelled(match[0])
    return " ".join(_number(run) if run.isdigit() else _spelled(run) for run in runs)


def read_dashed(match: re.Match[str], british: bool) -> str | None:
    """COVID-19, ABC-1234: the letters may be a word."""
    return f"{match[1]} {_number(match[2])}"


def read_hash(match: re.Match[str], british: bool) -> str | None:
    """#3, No. 3."""
    return "number "


def read_digits(match: re.Match[str], british: bool) -> str | None:
    """Digits that are no quantity: very many, with zeros in front, or after "room" and the like."""
    text = match[0]
    if text[0] == "0" and len(text) > 1:
        return grouped(text)
    if len(text) >= 7 and not text.endswith("00000"):
        return grouped(text)
    if len(text) >= 3 and _CODE_FOLLOWS(match.string, 0, match.start()):
        return grouped(text)
    if len(text) == 5 and _STATE(match.string, 0, match.start()):
        return digits(text)
    return None


def _number(text: str) -> str:
    return cardinal(int(text)) if len(text) < 3 and text[0] != "0" else digits(text)


def _spelled(text: str) -> str:
    return " ".join(digits(character) if character.isdigit() else character for character in text)


_GROUP = re.compile(r"[0-9]+").findall
_RUN = re.compile(r"[0-9]+|[A-Z]+").findall
_CODE_FOLLOWS = re.compile(
    r"\b(?:room|flight|train|gate|code|codes|pin|zip|postcode|extension|ext\.?|route|apartment|apt\.?|suite|ste\.?"
    r"|order|ticket|reference|ref\.?|confirmation|account|invoice|case|passcode|password|booking|highway|ends in"
    r"|ending in|flight [A-Z]{2})(?: (?:number|no\.|is|code))*:? #?\Z",
    re.IGNORECASE,
).search
_STATE = re.compile(r"\b[A-Z]{2} \Z").search
