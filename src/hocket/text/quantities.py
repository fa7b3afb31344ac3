"""Money, measures, fractions and plain numbers as English words."""

from __future__ import annotations

import re
from typing import Final

from hocket.text.numbers import AMOUNT, amount, cardinal, digits, fraction, ordinal

_CURRENCIES: Final = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "", ""),
    "USD": ("US dollar", "US dollars", "cent", "cents"),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "JPY": ("yen", "yen", "", ""),
}
"""One, many; one of its hundredths, many."""

_SCALES: Final = {
    **{name: name for name in ("thousand", "million", "billion", "trillion")},
    "k": "thousand",
    "K": "thousand",
    "m": "million",
    "M": "million",
    "bn": "billion",
    "B": "billion",
}

_UNITS: Final = {
    short: (one, many or f"{one}s")
    for shorts, one, many in (
        ("km", "kilometer", ""),
        ("m", "meter", ""),
        ("cm", "centimeter", ""),
        ("mm", "millimeter", ""),
        ("mi", "mile", ""),
        ("ft", "foot", "feet"),
        ("yd", "yard", ""),
        ("m²|sqm|sq m", "square meter", ""),
        ("m³", "cubic meter", ""),
        ("km²|sq km", "square kilometer", ""),
        ("sqft|sq ft", "square foot", "square feet"),
        ("ha", "hectare", ""),
        ("kg", "kilogram", ""),
        ("g", "gram", ""),
        ("mg", "milligram", ""),
        ("lb|lbs", "pound", ""),
        ("oz", "ounce", ""),
        ("l|L", "liter", ""),
        ("ml|mL", "milliliter", ""),
        ("°C|℃", "degree Celsius", "degrees Celsius"),
        ("°F|℉", "degree Fahrenheit", "degrees Fahrenheit"),
        ("°", "degree", ""),
        ("mph", "mile per hour", "miles per hour"),
        ("km/h|kph", "kilometer per hour", "kilometers per hour"),
        ("m/s", "meter per second", "meters per second"),
        ("ms", "millisecond", ""),
        ("sec|secs", "second", ""),
        ("min|mins", "minute", ""),
        ("h|hr|hrs", "hour", ""),
        ("wk|wks", "week", ""),
        ("yr|yrs", "year", ""),
        ("kB|KB", "kilobyte", ""),
        ("MB", "megabyte", ""),
        ("GB", "gigabyte", ""),
        ("TB", "terabyte", ""),
        ("Mbps|Mbit/s", "megabit per second", "megabits per second"),
        ("Gbps|Gbit/s", "gigabit per second", "gigabits per second"),
        ("kWh", "kilowatt hour", ""),
        ("kW", "kilowatt", ""),
        ("Hz", "hertz", "hertz"),
        ("kHz", "kilohertz", "kilohertz"),
        ("MHz", "megahertz", "megahertz"),
        ("GHz", "gigahertz", "gigahertz"),
        ("kcal", "kilocalorie", ""),
        ("%", "percent", "percent"),
        ("k", "thousand", "thousand"),
    )
    for short in shorts.split("|")
}
"""Not "in", which is a word, nor "s", "W" and "V", which mean other things beside a number."""

_VULGAR: Final = {"½": (1, 2), "¼": (1, 4), "¾": (3, 4), "⅓": (1, 3), "⅔": (2, 3)}

CURRENCIES: Final = frozenset(_CURRENCIES)
"""Words whose reading depends on the next one."""

GO_ON: Final = frozenset([*_UNITS, *_CURRENCIES, *_SCALES, "-", "–", "−", "+", "=", "*", "×", "÷", *_VULGAR, "sq"])
"""Words that may go on with what a number begins."""

_SIGN = r"(?:\b(?:US|CA|C|AU|A))?[$£€¥]"
_CODE = "|".join(code for code in _CURRENCIES if code.isalpha())
_SCALE = rf"(?: ?({'|'.join(_SCALES)})\b)?"
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))

MONEY: Final = re.compile(rf"(?:({_SIGN})|\b({_CODE})) ?({AMOUNT})(?: ?[-–] ?(?:{_SIGN})?({AMOUNT}))?{_SCALE}")
MONEY_AFTER: Final = re.compile(rf"({AMOUNT})() ?(?:([£€¥$])(?![0-9])|({_CODE})\b)")
HOURS: Final = re.compile(r"([0-9]+) ?h(?:rs?)? ?([0-9]{1,2}) ?m(?:ins?)?\b")
MEASURE: Final = re.compile(rf"({AMOUNT})([ -]?)({_UNIT})(?!\w)(?:\.(?= [a-z]))?")
PER: Final = re.compile(r"/(month|mo|year|yr|week|wk|day|hour|hr|h|night|person|user|minute|min|kg|lb|km|mile)\b")
MIXED_FRACTION: Final = re.compile(r"([0-9]+) ([0-9]{1,2})/([0-9]{1,2})(?![\w/%]|[.,][0-9])")
FRACTION: Final = re.compile(r"([0-9]{1,3})/([0-9]{1,3})(?![\w/%]|[.,][0-9])")
VULGAR: Final = re.compile(rf"(?:([0-9]+) ?)?([{''.join(_VULGAR)}])")
RATIO: Final = re.compile(r"([0-9]{1,4}):([0-9]{1,4})(?![0-9:])")
HEIGHT: Final = re.compile(r"([0-9])['’′]([0-9]{1,2})[\"”″]")
VERSION: Final = re.compile(r"([vV])?([0-9]+(?:\.[0-9]+)+)(?![0-9])")
ORDINAL: Final = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,12})(?:st|nd|rd|th)\b")
NUMBER: Final = re.compile(AMOUNT)


def read_money(match: re.Match[str], british: bool) -> str | None:
    """$1,250.50, £3, $5-10, $5 million, EUR 5, a $5 bill."""
    sign, code, first, last, scale = match.groups()
    names = _CURRENCIES[code or sign[-1]]
    if last:
        scaled = f" {_SCALES[scale]}" if scale else ""
        return f"{amount(first, british)} to {amount(last, british)}{scaled} {names[1]}"
    if scale:
        return f"{amount(first, british)} {_SCALES[scale]} {names[1]}"
    if "." not in first and _ARTICLE(match.string, 0, match.start()) and _WORD_AFTER(match.string, match.end()):
        return f"{amount(first, british)}-{names[0]}"
    return _money(first, names, british)


def read_money_after(match: re.Match[str], british: bool) -> str | None:
    """5 €, 5 USD."""
    return _money(match[1], _CURRENCIES[match[3] or match[4]], british)


def read_hours(match: re.Match[str], british: bool) -> str | None:
    """1h 30m."""
    hours, minutes = int(match[1]), int(match[2])
    return f"{cardinal(hours, british)} hour{_s(hours)} {cardinal(minutes)} minute{_s(minutes)}"


def read_measure(match: re.Match[str], british: bool) -> str | None:
    """10 km, 5kg, 20 °C, 5%, a 10-km run."""
    number, between, unit = match.groups()
    one, many = _UNITS[unit]
    said = amount(number, british)
    return f"{said}-{one}" if between == "-" else f"{said} {one if number == '1' else many}"


def read_per(match: re.Match[str], british: bool) -> str | None:
    """The /month of $5/month."""
    if not _NUMBER_BEFORE(match.string, 0, match.start()):
        return None
    unit = match[1]
    return f" per {'month' if unit == 'mo' else _UNITS[unit][0] if unit in _UNITS else unit}"


def read_mixed_fraction(match: re.Match[str], british: bool) -> str | None:
    """2 1/2."""
    return _mixed(match[1], int(match[2]), int(match[3]), british)


def read_fraction(match: re.Match[str], british: bool) -> str | None:
    """1/2; 24/7 and 50/50 are two numbers."""
    upper, lower = match.groups()
    return fraction(int(upper), int(lower)) or f"{cardinal(int(upper), british)} {cardinal(int(lower), british)}"


def read_vulgar(match: re.Match[str], british: bool) -> str | None:
    """½, 2½."""
    return _mixed(match[1], *_VULGAR[match[2]], british)


def read_ratio(match: re.Match[str], british: bool) -> str | None:
    """16:9."""
    return f"{cardinal(int(match[1]), british)} to {cardinal(int(match[2]), british)}"


def read_height(match: re.Match[str], british: bool) -> str | None:
    """5'10"."""
    return f"{cardinal(int(match[1]))} foot {cardinal(int(match[2]))}"


def read_version(match: re.Match[str], british: bool) -> str | None:
    """2.0.1, v2.0; 3.14 is a number."""
    parts = match[2].split(".")
    if len(parts) == 2 and not match[1]:
        return None
    said = " point ".join(cardinal(int(part)) if len(part) < 3 and part[0] != "0" else digits(part) for part in parts)
    return f"version {said}" if match[1] else said


def read_ordinal(match: re.Match[str], british: bool) -> str | None:
    """1st, 22nd."""
    return ordinal(int(match[1].replace(",", "")), british)


def read_number(match: re.Match[str], british: bool) -> str | None:
    """1,250, 3.14, 5."""
    return amount(match[0], british)


def _money(text: str, names: tuple[str, str, str, str], british: bool) -> str:
    one, many, part, parts = names
    whole, point, places = text.replace(",", "").partition(".")
    if point and (len(places) != 2 or not parts):
        return f"{amount(text, british)} {many}"
    units, rest = int(whole or 0), int(places or 0)
    said = f"{cardinal(units, british)} {one if units == 1 else many}"
    if not rest:
        return said
    small = f"{cardinal(rest)} {part if rest == 1 else parts}"
    return f"{said} and {small}" if units else small


def _mixed(whole: str | None, upper: int, lower: int, british: bool) -> str | None:
    said = fraction(upper, lower)
    if said is None or not whole:
        return said
    return f"{cardinal(int(whole), british)} and {'a' + said.removeprefix('one') if upper == 1 else said}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


_NUMBER_BEFORE = re.compile(r"[0-9]\S*\Z").search
_ARTICLE = re.compile(r"\b[Aa]n? \Z").search
_WORD_AFTER = re.compile(r" [a-z]").match
