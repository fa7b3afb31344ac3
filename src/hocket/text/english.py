"""English text as it is said: what is no plain word is held until its end is seen, and then read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from hocket.text import abbreviations, addresses, codes, dates, quantities
from hocket.text.words import ATOM, UNSPACED, may_end, piece_end

LONGEST_RUN = 24
"""Pieces with numbers that are read as one, such as a telephone number or a date."""

_CONTEXT = 60
_PASSES = 4
"""What was read may have stood between two halves of something else: "x.com5" has an address when 5 is a word."""


class English:
    """A `SpeechText` for text without markup.

    A plain word waits for the white space after it, which voices and segmenters wait for too. A number, or a word such
    as "Dr.", also waits for the next word, on which its reading depends: "2 km", "3 March".
    """

    __slots__ = ("_before", "_british", "_buffer", "_run")

    def __init__(self, *, british: bool = False) -> None:
        """`british`: the day before the month, and "one hundred and five"."""
        self._british = british
        self._buffer = ""
        self._before = ""
        """What the line had before, as it was written."""
        self._run: list[str] = []
        """Pieces that are read together."""

    def push(self, token: str) -> str:
        """Take some more text; returns what is certain now."""
        buffer = self._buffer + token
        plain = 0
        if not self._run:
            plain = _PLAIN(buffer).end()  # type: ignore[union-attr]
            if plain:
                self._before = (self._before + buffer[:plain])[-_CONTEXT:]
            if plain == len(buffer) or not may_end(buffer, plain):
                self._buffer = buffer[plain:]
                return buffer[:plain]
        self._buffer = buffer[plain:]
        return buffer[:plain] + self._pieces(complete=False)

    def flush(self) -> str:
        """The text is complete: returns what is left of it. Another may follow."""
        rest = self._pieces(complete=True) + self._read("")
        self._before = ""
        return rest

    def _pieces(self, complete: bool) -> str:
        buffer, at, out = self._buffer, 0, []
        while at < len(buffer) and (end := piece_end(buffer, at, complete)) >= 0:
            out.append(self._piece(buffer[at:end]))
            at = end
        self._buffer = buffer[at:]
        return "".join(out)

    def _piece(self, piece: str) -> str:
        word = piece.strip().lstrip("(\"'“‘")
        said = ""
        if self._run:
            if len(self._run) < LONGEST_RUN and (not word or _goes_on(word)):
                self._run.append(piece)
                return self._read("") if piece.endswith("\n") else ""
            said = self._read(piece)
        self._run.append(piece)
        if piece.endswith("\n") or not (_DIGIT(word) or _DEPENDS(word)):
            said += self._read("")
        return said

    def _read(self, after: str) -> str:
        """The pieces that are held, said."""
        if not self._run:
            return ""
        written = "".join(self._run)
        self._run.clear()
        before = self._before
        self._before = "" if written.endswith("\n") else (before + written)[-_CONTEXT:]
        said = written
        for _ in range(_PASSES):
            once, said = said, _said(before + said + after, len(before), len(before) + len(said), self._british)
            if said == once:
                break
        return said


def _goes_on(word: str) -> bool:
    """Whether a word may belong to the number before it."""
    return _DIGIT(word) is not None or word.rstrip(".,?!;:)") in _GO_ON or word in _GO_ON or _ACCOUNT(word) is not None


def _said(text: str, start: int, end: int, british: bool) -> str:
    """This part of a text as it is said; what stands around it only tells what it means."""
    out: list[str] = []
    at = start
    changed = False
    while at < end:
        before = changed
        read = _read_at(text, at, end, british)
        changed = read is not None
        if read is None:
            match = _AS_IT_IS(text, at)
            assert match is not None
            read = text[at : min(match.end(), end)].replace("_", " "), match.end()
        said, at = read
        if (changed or before) and out and out[-1][-1:].isalnum() and said[:1].isalnum():
            out.append(" ")
        out.append(said)
    return "".join(out)


def _read_at(text: str, at: int, end: int, british: bool) -> tuple[str, int] | None:
    """What stands at this place, said, and where it ends; None for what is said as it is written."""
    if text[at] == " " and text[at + 1 : at + 2] not in ("-", "–"):
        return None
    for pattern, reader in _READERS:
        match = pattern.match(text, at)
        if match is not None and match.end() <= end and (said := reader(match, british)) is not None:
            return said, match.end()
    return None


def _as_written(match: re.Match[str], british: bool) -> str | None:
    return match[0]


_READERS: Final[list[tuple[re.Pattern[str], Callable[[re.Match[str], bool], str | None]]]] = [
    (re.compile(ATOM), _as_written),
    (addresses.EMAIL, addresses.read_address),
    (addresses.LINK, addresses.read_address),
    (dates.ISO, dates.read_iso),
    (dates.NUMERIC, dates.read_numeric),
    (dates.NAMES, dates.read_names),
    (dates.NAME, dates.read_name),
    (dates.DAY_MONTH, dates.read_day_month),
    (dates.CLOCK, dates.read_clock),
    (dates.HOUR, dates.read_hour),
    (quantities.MONEY, quantities.read_money),
    (quantities.MONEY_AFTER, quantities.read_money_after),
    (quantities.HOURS, quantities.read_hours),
    (quantities.MIXED_FRACTION, quantities.read_mixed_fraction),
    (quantities.VULGAR, quantities.read_vulgar),
    (quantities.FRACTION, quantities.read_fraction),
    (quantities.PER, quantities.read_per),
    (quantities.RATIO, quantities.read_ratio),
    (quantities.HEIGHT, quantities.read_height),
    (codes.PHONE, codes.read_phone),
    (quantities.VERSION, quantities.read_version),
    (codes.IBAN, codes.read_iban),
    (quantities.MEASURE, quantities.read_measure),
    (dates.DAY, dates.read_day),
    (quantities.ORDINAL, quantities.read_ordinal),
    (dates.DECADE, dates.read_decade),
    (codes.MIXED, codes.read_mixed),
    (codes.DASHED, codes.read_dashed),
    (codes.HASH, codes.read_hash),
    (codes.DIGITS, codes.read_digits),
    (dates.YEAR, dates.read_year),
    (quantities.NUMBER, quantities.read_number),
    (abbreviations.RANGE, abbreviations.read_range),
    (abbreviations.MINUS, abbreviations.read_minus),
    (abbreviations.LIST_COMMA, abbreviations.read_list_comma),
    (abbreviations.COMPARED, abbreviations.read_compared),
    (abbreviations.TITLE, abbreviations.read_title),
    (abbreviations.STREET, abbreviations.read_street),
    (abbreviations.BEFORE_NUMBER, abbreviations.read_before_number),
    (abbreviations.ANYWHERE, abbreviations.read_anywhere),
    (abbreviations.ET_CETERA, abbreviations.read_et_cetera),
    (abbreviations.WITH, abbreviations.read_with),
    (abbreviations.SIGN, abbreviations.read_sign),
]
"""In this order: the first that finds a meaning has it."""

_GO_ON: Final = dates.GO_ON | quantities.GO_ON
_SHORT_NAMES = (*dates.SHORT_NAMES, *(f"{name}." for name in dates.SHORT_NAMES))
_DEPEND = "|".join(sorted(map(re.escape, (*abbreviations.DEPENDING, *quantities.CURRENCIES, *_SHORT_NAMES))))
_DEPENDS = re.compile(rf"(?<![^\W{UNSPACED}])(?:{_DEPEND}|[<>]=?|[~№]),?\Z").search
_PLAIN = re.compile(
    rf"(?:(?!(?:{_DEPEND})(?!\w)|(?:vs|[Aa]pprox)\.)[^\W\d_½¼¾⅓⅔{UNSPACED}]++(?:['’](?:s|t|re|ve|ll|d|m))?[.,?!;:]? )*"
).match
_DIGIT = re.compile(r"[0-9½¼¾⅓⅔]").search
_ACCOUNT = re.compile(r"[A-Z]{4}[.,?!]?").fullmatch
_AS_IT_IS = re.compile(rf"[^\W0-9½¼¾⅓⅔{UNSPACED}]+|.", re.DOTALL).match
