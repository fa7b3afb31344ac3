"""Speakable segments: the pieces of a reply that can be synthesised on their own while the rest is being written."""

from __future__ import annotations

import re


class Segmenter:
    """Cuts one reply's tokens into segments; all segments joined are all tokens joined.

    A segment ends at `. ! ? : ;` or a line break; at a comma or spaced dash once it is `opener_min` characters long
    (the first one) or `later_min` (the others); and at a word where it would be longer than `limit`. Numbers, times,
    prices, addresses, abbreviations, e-mail addresses, links and tags stay whole, beyond `limit` if need be, up to four
    times of it. How the text is divided into tokens changes nothing. A segment may be white space at the very end.
    """

    __slots__ = ("_buffer", "_comma_min", "_later_min", "_limit", "_scanned")

    def __init__(self, opener_min: int = 20, later_min: int = 40, limit: int = 80) -> None:
        self._comma_min = opener_min
        self._later_min = later_min
        self._limit = limit
        self._buffer = ""
        self._scanned = 0  # no segment ends before this

    def push(self, token: str) -> list[str]:
        """Take some more text; returns the segments that are certain now."""
        buffer = self._buffer = self._buffer + token
        segments: list[str] = []
        while True:
            match = _BOUNDARY(buffer, self._scanned)
            end = match.end() if match else len(buffer) + 1
            if end > self._limit < len(buffer) and (forced := self._forced(buffer, end)):
                buffer = self._cut(forced, segments)
            elif not match:
                # A boundary is known by the white space after it, so the last word will be looked at again.
                self._scanned = max(self._scanned, buffer.rfind(" ") - 1)
                return segments
            elif (verdict := self._judge(buffer, match)) is None:
                return segments
            elif verdict:
                buffer = self._cut(end, segments)
            else:
                self._scanned = max(end - 1, match.start() + 1)

    def flush(self) -> list[str]:
        """The reply is complete: returns what is left."""
        rest, self._buffer, self._scanned = self._buffer, "", 0
        return [rest] if rest else []

    def _cut(self, end: int, segments: list[str]) -> str:
        segments.append(self._buffer[:end])
        self._comma_min = self._later_min
        self._buffer = self._buffer[end:]
        self._scanned = 0
        return self._buffer

    def _judge(self, buffer: str, match: re.Match[str]) -> bool | None:
        """Whether a segment ends here; None if that depends on what follows."""
        start = match.start()
        mark = buffer[start]
        following = buffer[match.end() : match.end() + 1]
        if mark in ",،":
            if start + 1 < self._comma_min:
                return False
            if _NUMBERED(buffer, 0, start):  # "March 3, 2026", "12 Main Street, Springfield"
                if not following:
                    return None
                if following.isupper() or following.isdigit():
                    return False
        elif mark.isspace() and mark != "\n":
            if match.end() < self._comma_min:
                return False
        elif mark == "." and buffer[start + 1] not in ".!?:;…":
            ends = _full_stop_ends(buffer[:start], following)
            if not ends:
                return ends
        return _WORD(buffer, 0, match.end()) is not None and not _inside_markup(buffer[: match.end()])

    def _forced(self, buffer: str, boundary: int) -> int:
        """Where to cut before the next boundary, which is too far; 0 to wait for more."""
        end = self._limit
        while (end := buffer.rfind(" ", 0, end)) > 0:
            if self._may_part(buffer, end):
                return end + 1
        most = _PATIENCE * self._limit
        end = self._limit - 1
        while (end := buffer.find(" ", end + 1, min(boundary - 1, most))) > 0:
            if self._may_part(buffer, end):
                return end + 1
        if min(boundary, len(buffer)) <= most:
            return 0
        return buffer.rfind(" ", 1, self._limit) + 1 or self._limit

    def _may_part(self, buffer: str, space: int) -> bool:
        """Whether two words may come into two segments."""
        before = buffer[buffer.rfind(" ", 0, space) + 1 : space]
        if not before or _DIGIT(before) or not buffer[space + 1 : space + 2].strip() or buffer[space + 1].isdigit():
            return False
        if before.endswith(".") and (before[:-1].lower() in _TITLES or _INITIALS(before[:-1])):
            return False
        if buffer[space + 1].isupper() and _NUMBERED(buffer, 0, space):
            return False
        return _WORD(buffer, 0, space) is not None and not _inside_markup(buffer[:space])


def _full_stop_ends(text: str, following: str) -> bool | None:
    """Whether a full stop after this text ends its sentence; None if that depends on what follows."""
    word = text[max(text.rfind(" "), text.rfind("\n")) + 1 :].lstrip("(\"'[“‘*")
    lowered = word.lower()
    if lowered in _TITLES or (len(word) == 1 and word.isalpha() and word != "I"):
        return False
    if word.isdigit() and text.strip("(*# \n") == word:  # "1. Open the door"
        return False
    if lowered in _BEFORE_NUMBERS:
        return not following.isdigit() if following else None
    if lowered in _MAY_END or _INITIALS(word):
        return following.isupper() if following else None
    return True


def _inside_markup(text: str) -> bool:
    """Whether a tag, an element or a bracket is open at the end of this."""
    if "[" in text and text.rfind("[") > text.rfind("]"):
        return True
    if "<" not in text:
        return False
    opened = text.rfind("<")
    if opened > text.rfind(">"):
        return text[opened + 1 : opened + 2].isalpha() or text[opened + 1 : opened + 2] in ("", "/", "!")
    return len(_OPEN_TAGS(text)) > len(_CLOSE_TAGS(text))


_PATIENCE = 4
_split = str.split
_TITLES = frozenset(
    _split("dr mr mrs ms mx prof st mt ft vs approx dept gen sen rev hon capt sgt lt col e.g i.e eg ie cf sra z.b d.h")
)
"""What never ends a sentence with its full stop."""
_BEFORE_NUMBERS = frozenset(_split("no nr fig ext tel jan feb mar apr jun jul aug sep sept oct nov dec"))
"""What does not if a number follows."""
_MAY_END = frozenset(
    _split("etc inc ltd co corp llc jr sr ave blvd rd ln apt ste min max hrs pm am bros hwy pkwy ct pl sq")
)
"""What does only if a capital follows."""

_BOUNDARY = re.compile(r"\n|[.!?:;…؟؛]+(?:[\"')\]*_”’»]|</\w+>)*\s|[,،]\s|[^\S\n][-–—]+\s").search
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]").fullmatch  # "p.m", "U.S"
_NUMBERED = re.compile(r"(?<![^\s(#$€£])\d[\w.,:/-]*(?:,?\s(?:[A-Z][\w.'’-]*|\d[\w-]*))*\Z").search
_DIGIT = re.compile(r"\d").search
_WORD = re.compile(r"[^\W_]").search
_OPEN_TAGS = re.compile(r"<[a-zA-Z][^<>]*(?<!/)>").findall
_CLOSE_TAGS = re.compile(r"</[a-zA-Z][^<>]*>").findall
