"""English words as retrieval sees them: sentences, terms, and words that a recogniser may have confused."""

from __future__ import annotations

import functools
import re
from collections.abc import Set

_STOP = """
a about also am an and any are as at be been being but by can could did do does doing done for from had has have
having he her here him his how i if in into is it its just let like may me might mine my no not now of off on
onto or our ours out over please she should so some someone something than that the their them then there these
they this those through to too tell under up us very was we were what when where which while who whom whose why
will with would yes you your yours um uh er erm oh ah hmm well ok okay hello hi hey thanks thank gonna wanna
gotta isn aren wasn don doesn didn won wouldn couldn shouldn whats wheres hows whens whos thats theres im ive
youre dont cant lets isnt arent
"""
STOP_WORDS = frozenset(_STOP.split())
"""Words that say nothing about the subject."""

_WEAK = """
ask bit come different does easy even ever exactly first find get give go good got happen have hear help
important information interested keep know look lot make many maybe mean more moment much need new next okay one
only other possible properly question quick real really right same say see some soon start still stuff sure take
talk thing think time today tomorrow tonight try use usual want way work wonder yesterday year monday tuesday
wednesday thursday friday saturday sunday weekend weekday two three four five six seven eight nine ten eleven
twelve people person hour
"""
WEAK_WORDS = frozenset(_WEAK.split())
"""Words too common to tell one subject from another."""

WEAK = 0.3
"""How much a weak word counts, where a telling one counts 1."""

MISHEARD = 0.8
"""How much a term counts that was found under a similar spelling only."""

_SAME = {
    "kid": "child",
    "children": "child",
    "toddler": "child",
    "cost": "price",
    "fee": "price",
    "charg": "price",
    "tariff": "price",
    "pric": "price",
    "telephon": "phone",
    "mail": "email",
    "shut": "clos",
    "rent": "hir",
    "rental": "hir",
    "permit": "allow",
    "welcom": "allow",
    "reservation": "reserv",
    "invoic": "bill",
    "dat": "day",
    "hour": "tim",
    "toilet": "bathroom",
    "restroom": "bathroom",
}
"""Stem -> the stem it counts as; words that callers and documents use for the same thing, whatever the business."""

_PHRASES = (
    (re.compile(r"\bhow (?:much|expensive)\b"), "price"),
    (re.compile(r"\bmoney back\b"), "refund"),
    (re.compile(r"\bhow old\b"), "age"),
    (
        re.compile(
            r"\b(?:when|what times?|how late|until when) (?:do|does|are|is) \w+(?: \w+)? (?:open|closed?|shut)\b"
        ),
        "open hours",
    ),
    (re.compile(r"\be[- ]mail"), "email"),
    (re.compile(r"\bhow (?:do|can|would) (?:i|we) (?:get (?:to|there)|find)\b|\bwhere (?:are|is) you\b"), "find"),
)

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_CONTRACTION = re.compile(r"(?:n't|'(?:s|d|ll|re|ve|m|t))$")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[\"'(]*[A-Z0-9])")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|No|e\.g|i\.e|etc|vs|approx|[ap]\.m|[A-Z])\.$")


def tokens(text: str) -> list[str]:
    """All words, in lower case, without punctuation; apostrophes inside words stay."""
    return _WORD.findall(text.lower().replace("’", "'"))


def terms(text: str) -> list[str]:
    """The words that carry the subject, stemmed, in order, with synonyms made equal."""
    lower = text.lower().replace("’", "'")
    for pattern, word in _PHRASES:
        lower = pattern.sub(word, lower)
    bare = (_CONTRACTION.sub("", word) for word in _WORD.findall(lower))
    return [stem(word) for word in bare if word not in STOP_WORDS and (len(word) > 1 or word.isdigit())]


@functools.lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """The word without the endings of plural, -ing, -ed and -ly, and without a final e; synonyms have one stem."""
    if word in _SAME:
        return _SAME[word]
    stemmed = _without_endings(word)
    return _SAME.get(stemmed, stemmed)


def weight(term: str) -> float:
    """1 for a telling term, `WEAK` for a common one."""
    return WEAK if term in _WEAK_STEMS else 1.0


def certainty(term: str, known: Set[str]) -> float:
    """1 for a term that is known, `MISHEARD` for one `similar` to a known one, else 0."""
    if term in known:
        return 1.0
    return MISHEARD if len(term) >= 4 and any(similar(term, other) for other in known) else 0.0


def similar(first: str, second: str) -> bool:
    """Whether a recogniser may have heard one term for the other: an edit apart, from 5 letters; two, from 8."""
    if first == second:
        return True
    return abs(len(first) - len(second)) <= 2 and not variants(first).isdisjoint(variants(second))


@functools.lru_cache(maxsize=16_384)
def variants(term: str) -> frozenset[str]:
    """The term with up to as many letters left out as it may have wrong; terms that share one are `similar`."""
    if len(term) < 5:
        return frozenset((term,))
    once = {term[:i] + term[i + 1 :] for i in range(len(term))}
    if len(term) < 8:
        return frozenset(once | {term})
    return frozenset({term} | once | {one[:i] + one[i + 1 :] for one in once for i in range(len(one))})


def sentences(text: str) -> list[str]:
    """The sentences of plain text, trimmed; abbreviations do not end one."""
    found: list[str] = []
    for piece in _SENTENCE_END.split(" ".join(text.split())):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] = f"{found[-1]} {piece}"
        elif piece:
            found.append(piece)
    return found


def _without_endings(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed", "ly"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3 and re.search("[aeiouy]", rest):
            undoubled = rest[:-1] if rest[-1] == rest[-2] and rest[-1] not in "lsz" else rest
            word = undoubled
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


_WEAK_STEMS = frozenset(stem(word) for word in WEAK_WORDS)
