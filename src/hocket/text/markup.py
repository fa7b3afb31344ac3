"""Markdown and emoji, taken out of a text that is still being written; what they set apart is set apart by pauses."""

from __future__ import annotations

import re

from hocket.text.words import ATOM, LINK, UNSPACED, may_end, piece_end

LONGEST_ROW = 600
"""Characters of a table's row, which is held until its end is seen."""


class Markup:
    """A `SpeechText` for any language: the words, without what was there for the eye.

    Headings, list items and rows of tables end like sentences. Emphasis, code marks, addresses of links and emoji are
    dropped. Tags and words in brackets pass unchanged: they may be meant for the voice. Each word is held until the
    white space after it, because `jane_` may become an e-mail address; segmenters and voices wait for that white space
    too, so nothing is heard later for it.
    """

    __slots__ = ("_buffer", "_ended", "_fresh", "_held", "_joined", "_marked")

    def __init__(self) -> None:
        self._buffer = ""
        self._start_line()

    def push(self, token: str) -> str:
        """Take some more text; returns what is certain now."""
        buffer = self._buffer + token
        if not self._fresh and not self._marked:
            plain = _PLAIN(buffer).end()  # type: ignore[union-attr]
            if plain:
                self._joined = False
            if plain == len(buffer) or not may_end(buffer, plain):
                self._buffer = buffer[plain:]
                return buffer[:plain]
        self._buffer = buffer
        return self._read(complete=False)

    def flush(self) -> str:
        """The text is complete: returns what is left of it. Another may follow."""
        rest = self._read(complete=True) + self._line_end()
        self._start_line()
        return rest

    def _start_line(self) -> None:
        self._fresh = True
        """The line has no words yet."""
        self._marked = False
        """The line is a heading, a list item or a row, so its end is a pause."""
        self._ended = True
        """It has its pause already."""
        self._joined = False
        """The last piece had no white space at its end."""
        self._held = ""
        """White space that is passed on if more words follow."""

    def _read(self, complete: bool) -> str:
        buffer, at, out = self._buffer, 0, []
        while at < len(buffer):
            row = self._fresh and buffer[at] == "|"
            end = _row_end(buffer, at, complete) if row else piece_end(buffer, at, complete)
            if end < 0:
                break
            out.append(self._row(buffer[at:end]) if row else self._piece(buffer[at:end]))
            at = end
        self._buffer = buffer[at:]
        return "".join(out)

    def _piece(self, piece: str) -> str:
        word = piece.rstrip()
        space = _ODD(" ", piece[len(word) :])
        text = _inline(word)
        joined, self._joined = self._joined, word == piece
        if joined:  # a star that stands alone in this piece does not in the text
            text = text.removeprefix("*")
        if self._fresh and word:
            if _FENCE(word) and space in ("\n", "\r", ""):
                return ""
            text = self._unmarked(text)
        if not text:
            if space == "\n":
                return self._new_line()
            if word and not joined:  # it is gone, and one white space with it
                return ""
            return self._hold(space)
        self._fresh = False
        self._ended = _ENDED(text) is not None
        held, self._held = self._held, ""
        if space == "\n":
            return held + text + self._new_line()
        return held + text + self._hold(space)

    def _hold(self, space: str) -> str:
        """White space of a marked line may turn out to be its end."""
        if not self._marked or self._fresh:
            return space
        self._held += space
        return ""

    def _new_line(self) -> str:
        end = self._line_end() + "\n"
        self._start_line()
        return end

    def _line_end(self) -> str:
        return "" if self._ended or not self._marked else "."

    def _unmarked(self, text: str) -> str:
        """The first words of a line without a heading's, an item's or a quotation's mark."""
        words = _MARKERS(text)
        if words is None:
            return text
        if words.end():
            self._marked = self._marked or _SETS_APART(words[0]) is not None
            text = text[words.end() :]
        if number := _NUMBERED(text):
            self._marked = True
            return f"{number[1]}."
        return text

    def _row(self, row: str) -> str:
        """A table's row as a phrase; nothing for the line below its head."""
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        if all(_RULE(cell) for cell in cells):
            return ""
        phrase = self._unmarked(", ".join(filter(None, (_inline(cell).strip() for cell in cells))))
        if not phrase:
            return "\n" if row.endswith("\n") else ""
        self._fresh, self._marked, self._ended = False, True, _ENDED(phrase) is not None
        if row.endswith("\n"):
            return phrase + self._new_line()
        self._held = " "
        return phrase


def _row_end(text: str, start: int, complete: bool) -> int:
    """The end of a table's row, its line break included; -1 while it is not known."""
    end = text.find("\n", start, start + LONGEST_ROW) + 1
    if end:
        return end
    if len(text) - start >= LONGEST_ROW:
        return start + LONGEST_ROW
    return len(text) if complete else -1


def _inline(text: str) -> str:
    """Words without emphasis, code marks, addresses of links and emoji. What that lays bare is taken out too."""
    before = ""
    while text != before and _SUSPECT(text):
        before, text = text, _LINKS(r"\1", _EMOJIS("", _ODD(" ", text)))
        if text == before:  # of links within links the inner ones go first, and other brackets after them
            text = _INLINE(_without, text)
    return text


def _without(match: re.Match[str]) -> str:
    return match["kept"] or match["address"] or (" " if match["joint"] else "")


_EMOJI = "\u231a\u231b\u23e9-\u23fa\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_EMOJI_PARTS = "\ufe0f\u20e3\U000e0020-\U000e007f"
_ODD_SPACES = "\u00a0\u2007\u2009\u202f"
_IN_LINKS = r"(?:[\w.,:;/?#@!$&'+=%-]|~(?!~))"
_ADDRESS = (
    rf"(?<![^\W{UNSPACED}])(?:(?:https?://|www\.)(?=[^\W_{UNSPACED}]){_IN_LINKS}+"
    r"|[^\W_][\w.+-]*@[^\W_][\w-]*(?:\.[^\W_]+)+"
    rf"|(?:[^\W_][\w-]*\.)+[a-z]{{2,}}/{_IN_LINKS}*)"
)
"""Underscores and tildes in these are no markup."""

_EMOJIS = re.compile(rf"\u200d?[{_EMOJI}][{_EMOJI_PARTS}\u200d]*|[{_EMOJI_PARTS}]").sub
_ODD = re.compile(f"[{_ODD_SPACES}]").sub
_LINKS = re.compile(rf"!?(?={LINK})\[([^\[\]]*)\]\([^()]*\)").sub
_INLINE = re.compile(
    r"<(?P<address>https?://[^<>\s]+)>"
    r"|\[\^?[0-9]{1,3}\]"  # a footnote; a bracket that stays alone goes below
    rf"|(?P<kept>{ATOM}|{_ADDRESS}|(?<!\S)\*[.,]?(?!\S)|(?<=[0-9])\*(?=[0-9]))"
    r"|\[|[*`]+|~~+|\\(?=[*_`~#\[\]()>!+-])"
    r"|(?<![^\W_])_+|_+(?![^\W_])|(?P<joint>_+)"
).sub
_SUSPECT = re.compile(rf"[*_`~\[<\\{_ODD_SPACES}{_EMOJI}{_EMOJI_PARTS}]").search
_PLAIN = re.compile(rf"(?:[^\s*_`~\[\]<>\\{_EMOJI}{_EMOJI_PARTS}]*+ )*").match
_FENCE = re.compile(r"(?:```|~~~)[\w+#.-]*").fullmatch
_MARKERS = re.compile(r"(?:(?:[-*+]|#{1,6}|>+|-{3,}|={3,}|\[[ xX]?\])(?:\s+|\Z)|[•◦▪‣|]\s*)*").match
_SETS_APART = re.compile(r"[^>\s]").search
_NUMBERED = re.compile(r"([0-9]{1,3})[.)]").fullmatch
_RULE = re.compile(r":?-+:?").fullmatch
_ENDED = re.compile(r"[.!?:;,…。！？][\"'”’)]*\Z").search
