"""Dates and times of day as English words.

A reader takes what its pattern has matched, with the text around it, and returns the words; None where it is no date.
"""

from __future__ import annotations

import re
from typing import Final

from hocket.text.numbers import cardinal, decade, ordinal, year

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_NAMES: Final = {
    **{name: name for name in (*_MONTHS, *_WEEKDAYS)},
    **{name[:3]: name for name in (*_MONTHS, *_WEEKDAYS)},
    "Sept": "September",
    "Tues": "Tuesday",
    "Thur": "Thursday",
    "Thurs": "Thursday",
}
_SHORT = [short for short, name in _NAMES.items() if short != name]
_MONTH = "|".join(short for short, name in _NAMES.items() if name in _MONTHS)
_WEEKDAY = "|".join(short for short, name in _NAMES.items() if name in _WEEKDAYS)
_NO_NUMBER_GOES_ON = r"(?![\w%°$€£]|[.,:/][0-9])"
_YEAR = rf"(,? )([12][0-9]{{3}}){_NO_NUMBER_GOES_ON}"

SHORT_NAMES: Final = frozenset(_SHORT)
"""Words whose reading depends on the next one."""

GO_ON: Final = frozenset([*_NAMES, "am", "pm", "AM", "PM", "a.m.", "p.m.", "o'clock", "o’clock"])
"""Words that may go on with what a number or a short name begins."""

ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::[0-9.]*[0-9])?Z?)?(?![\w-])")
NUMERIC: Final = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})(?:\2([0-9]{4}|[0-9]{2}))?(?![\w/%-]|[.,:][0-9])")
DAY_MONTH: Final = re.compile(rf"([0-9]{{1,2}})(?:st|nd|rd|th)? ({_MONTH})\b(?:\.(?= [0-9a-z]))?(?:{_YEAR})?")
DAY: Final = re.compile(rf"([0-9]{{1,2}})(?:st|nd|rd|th)?{_NO_NUMBER_GOES_ON}(?:{_YEAR})?")
NAME: Final = re.compile(rf"({'|'.join(_SHORT)})\b\.?(?=,? [0-9])|({_WEEKDAY})\b\.?(?=,? (?:{_MONTH})\b\.? [0-9])")
NAMES: Final = re.compile(rf"({_WEEKDAY}) ?[-–] ?({_WEEKDAY})\b|({_MONTH}) ?[-–] ?({_MONTH})\b")
CLOCK: Final = re.compile(
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?![0-9]|:[0-9])(?: ?([AaPp])(?:\.[Mm]\.|[Mm]\b\.?)| o['’]clock\b)?"
)
HOUR: Final = re.compile(r"([0-9]{1,2})(?:\.([0-9]{2}))? ?([AaPp])(?:\.[Mm]\.|[Mm]\b\.?)")
DECADE: Final = re.compile(r"['’]?([0-9]0|[12][0-9]{2}0)['’]?s\b")
YEAR: Final = re.compile(rf"[12][0-9]{{3}}{_NO_NUMBER_GOES_ON}")


def read_iso(match: re.Match[str], british: bool) -> str | None:
    """2026-03-03, perhaps with a time."""
    words = _date(int(match[3]), int(match[2]), match[1], british)
    if words and match[4]:
        words += f" at {_time(int(match[4]), match[5])}"
    return words


def read_numeric(match: re.Match[str], british: bool) -> str | None:
    """3/4/2026 in the order of the country, 3.4.2026 with the day first; 3/4 only after "on" or a weekday."""
    first, sign, second, written = match.groups()
    if written is None and not (sign == "/" and _ON_A_DAY(match.string, 0, match.start())):
        return None
    if written is not None and len(written) == 2:
        if sign != "/":
            return None
        written = f"{20 if int(written) < 50 else 19}{written}"
    day, month = (first, second) if british or sign == "." else (second, first)
    if int(month) > 12:
        day, month = month, day
    return _date(int(day), int(month), written, british)


def read_day_month(match: re.Match[str], british: bool) -> str | None:
    """3 March 2026, 3rd Mar."""
    if not 0 < int(match[1]) <= 31:
        return None
    the = "" if match.string[: match.start()].lower().endswith("the ") else "the "
    return f"{the}{ordinal(int(match[1]))} of {_NAMES[match[2]]}{_with_year(match[3], match[4], british)}"


def read_day(match: re.Match[str], british: bool) -> str | None:
    """The 3 of March 3, 2026."""
    if not 0 < int(match[1]) <= 31 or not _MONTH_BEFORE(match.string, 0, match.start()) or counts(match):
        return None
    return f"{'the ' if british else ''}{ordinal(int(match[1]))}{_with_year(match[2], match[3], british)}"


def read_name(match: re.Match[str], british: bool) -> str | None:
    """Mon, Mar."""
    return _NAMES[match[1] or match[2]]


def read_names(match: re.Match[str], british: bool) -> str | None:
    """Mon-Fri."""
    first, last = (name for name in match.groups() if name)
    return f"{_NAMES[first]} to {_NAMES[last]}"


def read_clock(match: re.Match[str], british: bool) -> str | None:
    """9:30, 14:05, 10:00 am; 16:9 is none, and neither is 45:00."""
    if int(match[1]) > 24 or int(match[2]) > 59:
        return None
    if match[3]:
        return f"{_time(int(match[1]), match[2])} {cardinal(int(match[3]))}"
    return _time(int(match[1]), match[2], match[4])


def read_hour(match: re.Match[str], british: bool) -> str | None:
    """9 am, 9.30pm."""
    if int(match[1]) > 24 or int(match[2] or 0) > 59:
        return None
    return _time(int(match[1]), match[2] or "00", match[3])


def read_decade(match: re.Match[str], british: bool) -> str | None:
    """1990s, '80s."""
    return decade(match[1])


def read_year(match: re.Match[str], british: bool) -> str | None:
    """A number like a year, in a place where a year may stand."""
    number = int(match[0])
    if number < 1100 or number > 2099 or counts(match):
        return None
    if number < 1900 and not _YEAR_FOLLOWS(match.string, 0, match.start()):
        return None
    return year(number, british)


def counts(match: re.Match[str]) -> bool:
    """Whether things follow that the number counts: "2000 steps", "3 more"."""
    return _COUNTED(match.string, match.end()) is not None


def _date(day: int, month: int, written: str | None, british: bool) -> str | None:
    if not 0 < day <= 31 or not 0 < month <= 12:
        return None
    name, said = _MONTHS[month - 1], ordinal(day)
    words = f"the {said} of {name}" if british else f"{name} {said}"
    return f"{words}{_with_year(', ', written, british)}"


def _with_year(between: str | None, written: str | None, british: bool) -> str:
    return f"{between}{year(int(written), british)}" if written else ""


def _time(hour: int, minute: str, half: str | None = None) -> str:
    """`half` is "a" or "p"."""
    said = cardinal(hour)
    if half:
        past = "" if minute == "00" else f" {_minutes(minute)}"
        return f"{said}{past} {half.lower()}.m."
    if minute != "00":
        return f"{said} {_minutes(minute)}"
    if hour in (0, 24):
        return "midnight"
    return f"{said} o'clock" if hour <= 12 else f"{said} hundred"


def _minutes(minute: str) -> str:
    return f"{'oh ' if minute < '10' else ''}{cardinal(int(minute))}"


_MONTH_BEFORE = re.compile(rf"\b(?:{_MONTH})\.? \Z").search
_ON_A_DAY = re.compile(rf"\b(?:[Oo]n|{_WEEKDAY})[.,]? \Z").search
_YEAR_FOLLOWS = re.compile(
    rf"(?:\b(?:in|since|until|till|by|year|circa|around|early|late|{_MONTH}),? |\(|\b[12][0-9]{{3}} ?[-–] ?)\Z",
    re.IGNORECASE,
).search
_COUNTED = re.compile(
    r" (?!(?:was|is|has|does|as|this|us|its|yes|always|perhaps|across|plus|times|minus|equals|versus|vs)\b)"
    r"(?:[a-z]+s|people|men|women|children|feet|euro|yen|percent|more|of|different|other)\b"
).match
