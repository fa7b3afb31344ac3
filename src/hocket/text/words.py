"""Where a text that is still being written may be divided: after a white space that no tag, bracket or link holds."""

from __future__ import annotations

import re

LONGEST = 240
"""Characters within a tag, a pair of brackets or a link's address. What is longer is none: text is not held for it."""

LONGEST_WORD = 1000
"""Characters, after which a word is cut: an address may be long, but nothing is held for ever."""

ATOM = rf"<[A-Za-z/!][^<>\n]{{0,{LONGEST}}}>|\[[^\[\]\n]{{0,{LONGEST}}}\]"
"""A tag, such as a pause for the voice, or words in brackets, such as a manner of speaking."""

LINK = rf"\[[^\[\]\n]{{0,{LONGEST}}}\]\([^()\n]{{0,{LONGEST}}}\)"

UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3001-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60"
"""Thai, Lao, Burmese, Khmer, kana, Chinese characters, and their punctuation."""


def has_word(text: str) -> bool:
    """Whether there is anything in it that sounds."""
    return any(map(str.isalnum, text))


def may_end(text: str, start: int) -> bool:
    """Whether a piece that begins at `start` could end in this text; quicker than to look where."""
    return len(text) - start > LONGEST_WORD or _SPACE.search(text, start) is not None


def piece_end(text: str, start: int, complete: bool) -> int:
    """The end of the piece that begins at `start`: a word, which may be empty, and one white space after it.

    -1 while it depends on what follows; of a `complete` text the last piece has no white space. In scripts that write
    no spaces every character is a word.
    """
    end = _WORD(text, start).end()  # type: ignore[union-attr]
    if end == len(text):
        return end if complete else -1
    end += _SPACE.match(text, end) is not None
    if not complete and ("<" in text or "[" in text):
        # Whether this white space is within something depends on whether that is ever closed.
        begun = _BEGUN(text, start)
        if begun is not None and begun.start() < end:
            return -1
    return end


# No group is repeated possessively: early releases of CPython 3.11, such as Debian 12 has, match such wrongly.
_WORD = re.compile(rf"(?:{LINK}|{ATOM}|[^\s{UNSPACED}]){{0,{LONGEST_WORD}}}").match
_BEGUN = re.compile(
    rf"<[A-Za-z/!][^<>\n]{{0,{LONGEST}}}\Z|\[[^\[\]\n]{{0,{LONGEST}}}(?:\](?:\([^()\n]{{0,{LONGEST}}})?)?\Z"
).search
_SPACE = re.compile(rf"[\s{UNSPACED}]")
