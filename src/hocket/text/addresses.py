"""E-mail addresses and links as English words."""

from __future__ import annotations

import re
from typing import Final

from hocket.text.numbers import digits
from hocket.text.words import UNSPACED


def read_address(match: re.Match[str], british: bool) -> str:
    """What `EMAIL` or `LINK` matched: "jane dot doe at example dot com"; without "https://" and a slash at the end."""
    return _SPACES(" ", _SIGN(_said, _SCHEME("", match[0]).rstrip("/"))).strip()


_FIRST = rf"(?<![^\W{UNSPACED}])"
_REST = rf"[^\s<>()\[\]\"“”{UNSPACED}]"

EMAIL: Final = re.compile(rf"{_FIRST}(?:mailto:)?[^\W_](?:[\w.+%-]*[\w+%-])?@[^\W_][\w-]*(?:\.[^\W_][\w-]*)+")

_TOP = "com|org|net|edu|gov|info|biz|io|ai|app|dev|co|uk|de|fr|nl|eu|ca|au|nz|ie|ch"
"""Without those that are English words, such as "in": a full stop may lack its space."""

LINK: Final = re.compile(
    rf"{_FIRST}(?:(?:https?://|www\.)(?=[^\W_]){_REST}+"
    rf"|(?:[^\W_][\w-]*\.)+(?:{_TOP})(?![\w@-]|\.[^\W_])(?::[0-9]+)?(?:[/?#]{_REST}*)?)(?<![.,?!:;'’…*])"
)

_SIGNS = {
    "@": "at",
    ".": "dot",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    ":": "colon",
    "%": "percent",
    "+": "plus",
    "~": "tilde",
    ",": "comma",
    ";": "semicolon",
    "!": "exclamation mark",
}
_SIGN = re.compile(r"[0-9]+|[^\w\s]|_").sub
_SCHEME = re.compile(r"^(?:https?://|mailto:)").sub
_SPACES = re.compile(r" +").sub


def _said(match: re.Match[str]) -> str:
    sign = match[0]
    return f" {digits(sign) if sign[0] in '0123456789' else _SIGNS.get(sign, ' ')} "
