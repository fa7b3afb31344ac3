"""Values in what a caller said: numbers, days, times and digits, each with the words it was made of."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from hocket.knowledge.words import tokens

_UNIT_NAMES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS_NAMES = "twenty thirty forty fifty sixty seventy eighty ninety"
UNITS = {name: value for value, name in enumerate(_UNIT_NAMES.split())}
TENS = {name: 10 * value for value, name in enumerate(_TENS_NAMES.split(), 2)}
GROUPS = {"couple": 2, "pair": 2, "dozen": 12}
HOMOPHONES = {"to": 2, "too": 2, "for": 4, "fore": 4, "won": 1, "tree": 3, "ate": 8, "sex": 6, "sicks": 6, "nein": 9}
"""Words that a recogniser writes for a number said alone."""

_AROUND_NUMBERS = "people persons us please just um uh er i think maybe about we are we're"
_AROUND = frozenset(_AROUND_NUMBERS.split())

_HOUR = rf"(?:{'|'.join(_UNIT_NAMES.split()[1:13])}|\d{{1,2}})"
_MINUTES = r"(?:fifteen|twenty|thirty|forty five|\d\d)"
_DAYTIME = r"(?:in the (?:morning|afternoon|evening)|[ap] ?m)"
_TIME = re.compile(
    rf"\b(?:at )?(?P<said>noon|midday|midnight|(?:half|quarter) (?:past|to) {_HOUR}|{_HOUR} o'clock|\d{{1,2}}[ap]m"
    rf"|{_HOUR}(?: {_MINUTES})? {_DAYTIME}|{_HOUR} {_MINUTES}(?= |$)|(?<=at ){_HOUR}(?! (?:people|persons|of|or)))\b"
)

_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_ORDINAL = (
    r"(?:(?:twenty |thirty )?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|\w+teenth|tenth|eleventh"
    r"|twelfth|twentieth|thirtieth|\d{1,2}(?:st|nd|rd|th)?)"
)
_DAY = re.compile(
    rf"\b(?P<said>the day after tomorrow|today|tonight|tomorrow|(?:next )?{_WEEKDAY}|(?:this|next|the) weekend"
    rf"|(?:the )?{_ORDINAL} (?:of )?{_MONTH}|{_MONTH} (?:the )?{_ORDINAL})\b"
)


class Value(msgspec.Struct, frozen=True):
    """Something found at words `start` to `end`."""

    start: int
    end: int
    value: int | str


class Utterance(msgspec.Struct, frozen=True):
    """What the caller said, taken apart once."""

    text: str
    words: tuple[str, ...]
    days: tuple[Value, ...]
    times: tuple[Value, ...]
    numbers: tuple[Value, ...]
    """Those that belong to no day and no time."""

    @property
    def digits(self) -> str:
        """The longest run of digits and number words, joined, as in a card or telephone number."""
        runs = [""]
        for word in self.words:
            if re.search(r"\d", word):
                runs[-1] += word
            elif word in UNITS or word in TENS:
                runs[-1] += str(UNITS.get(word, TENS.get(word)))
            elif word in ("oh", "o") and runs[-1]:
                runs[-1] += "0"
            elif runs[-1]:
                runs.append("")
        return max(runs, key=len)


def understand(text: str) -> Utterance:
    """Take an utterance apart; case and punctuation do not matter."""
    words = tuple(tokens(text))
    days = tuple(_found(_DAY, words))
    times = tuple(time for time in _found(_TIME, words) if not _overlaps(time, days))
    numbers = tuple(number for number in _numbers(words) if not _overlaps(number, days + times))
    return Utterance(text, words, days, times, numbers)


def number_said_alone(utterance: Utterance) -> int | None:
    """The number of a short answer, even one that was heard as another word."""
    if utterance.numbers:
        value = utterance.numbers[0].value
        return value if isinstance(value, int) else None
    said = [word for word in utterance.words if word not in _AROUND]
    return HOMOPHONES.get(said[0]) if len(said) == 1 else None


def _found(pattern: re.Pattern[str], words: tuple[str, ...]) -> Iterator[Value]:
    line = " ".join(words)
    for match in pattern.finditer(line):
        start = line.count(" ", 0, match.start())
        said = re.sub(rf"\b(?:{_WEEKDAY}|{_MONTH})\b", lambda name: name.group().title(), match.group("said"))
        yield Value(start, start + match.group().count(" ") + 1, "today" if said == "tonight" else said)


def _overlaps(value: Value, others: tuple[Value, ...]) -> bool:
    return any(value.start < other.end and other.start < value.end for other in others)


def _numbers(words: tuple[str, ...]) -> Iterator[Value]:
    at = 0
    while at < len(words):
        value, used = _number_at(words, at)
        # "this one", "no one": a pronoun
        if used and not (words[at] == "one" and at and words[at - 1] in ("this", "that", "the", "which", "no", "any")):
            yield Value(at, at + used, value)
        at += max(1, used)


def _number_at(words: tuple[str, ...], at: int) -> tuple[int, int]:
    """(value, words used) of the number that begins here; no words when none does."""
    word, *following = words[at : at + 5]
    after = following[0] if following else ""
    if word == "half" and following[:2] == ["a", "dozen"]:
        return 6, 3
    if word == "a" and after in GROUPS:
        return GROUPS[after], 2
    if word in GROUPS:
        return GROUPS[word], 1
    if word.isdecimal():
        return int(word[:9]), 1
    if after == "hundred" and (word == "a" or word in UNITS):
        skip = 3 if following[1:2] == ["and"] else 2
        rest, used = _number_at(words, at + skip) if at + skip < len(words) else (0, 0)
        return 100 * UNITS.get(word, 1) + (rest if used else 0), (skip + used) if used else 2
    if word in TENS:
        unit = UNITS.get(after, 0)
        return (TENS[word] + unit, 2) if 0 < unit < 10 else (TENS[word], 1)
    return (UNITS[word], 1) if word in UNITS else (0, 0)
