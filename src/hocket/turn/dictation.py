"""Numbers, e-mail addresses and names that are being dictated: is that all of them?"""

from __future__ import annotations

from hocket.turn.anchors import ANSWER, DANGLING, DIGITS_GOING_ON, LIKELY_DANGLING, PHRASE, SENTENCE
from hocket.turn.asked import Asked
from hocket.turn.lexicon import DIGITS, FILLERS


def dictated(words: list[str], asked: Asked) -> float | None:
    """The completion score of words that end in a dictation; None if they do not."""
    if words[-1] in DIGITS or words[-1][0].isdigit():
        return _digits(words, asked)
    return _letters(words, asked)


def _digits(words: list[str], asked: Asked) -> float | None:
    start, count, spoken_singly = _run(words)
    if asked.kind == "digits":
        return ANSWER if count >= (asked.digits or _USUAL_LENGTH) else DIGITS_GOING_ON
    if count <= 4 and (asked.kind == "number" or (asked.kind in ("time", "date") and spoken_singly < 3)):
        return None  # but "two zero seven" is no time of day
    before = words[start - 1] if start else ""
    announced = not before or before in _ANNOUNCING or before in FILLERS
    wanted = next((_LENGTHS[word] for word in words[max(0, start - 6) : start] if word in _LENGTHS), 0)
    if wanted and announced:
        return SENTENCE if count >= wanted else DIGITS_GOING_ON
    if before in _BEFORE_TIME or len(words) - start < 2 or (spoken_singly < 2 and len(words) - start < 3):
        return None
    if count >= _USUAL_LENGTH:
        return SENTENCE
    return DIGITS_GOING_ON if announced else PHRASE


def _run(words: list[str]) -> tuple[int, int, int]:
    """Of the number at the end: where it starts, its digits, and whether some of them were said one by one."""
    start, count, spoken_singly = len(words), 0, 0
    while start and (words[start - 1] in DIGITS or words[start - 1][0].isdigit()):
        start -= 1
        word = words[start]
        digits = len(word) if word[0].isdigit() else DIGITS[word]
        count += digits
        spoken_singly += 2 if digits > 2 else digits == 1  # "415" was said as "four one five"
    return start, count, spoken_singly


def _letters(words: list[str], asked: Asked) -> float | None:
    last = words[-1]
    if last in _GLUE and (asked.kind in ("email", "spelling") or last in _NEVER_LAST):
        return DANGLING
    if "dot" in words[-3:-1] and last in _DOMAINS:
        return ANSWER
    if last in _MAIL_HOSTS and "at" in words[-3:-1]:
        return LIKELY_DANGLING
    if asked.kind == "email" and last not in _REFUSALS:
        return DIGITS_GOING_ON
    if len(last) == 1 and last not in "ai" and len(words) > 1:
        letters = sum(len(word) == 1 for word in words[-6:])
        if letters > 1 or asked.kind == "spelling":
            return LIKELY_DANGLING if letters < _USUAL_NAME else 0.4
    return None


_split = str.split
_USUAL_LENGTH = 10  # digits of a phone number; nobody says how long an account number is
_USUAL_NAME = 4
_LENGTHS = {"zip": 5, "postcode": 5, "pin": 4, "digits": 4, "code": 4, "phone": 10, "telephone": 10, "mobile": 10,
            "cell": 10, "number": 10, "account": 10, "card": 16}  # fmt: skip
_ANNOUNCING = frozenset(_split("is are it's its that's number code zip pin digits with then and was")) | _LENGTHS.keys()
_BEFORE_TIME = frozenset(_split("at by around until till before after about for"))
_GLUE = frozenset(_split("at dot underscore hyphen dash slash"))
_NEVER_LAST = frozenset(_split("dot underscore hyphen"))
_DOMAINS = frozenset(_split("com net org edu gov co uk de fr es it io us ca au"))
_MAIL_HOSTS = frozenset(_split("gmail yahoo hotmail outlook icloud aol"))
_REFUSALS = frozenset(_split("yes no sure okay one none know"))
