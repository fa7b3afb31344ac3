"""Answers out of passages: the sentence or two that say what was asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from hocket.knowledge.documents import heading_of, plain
from hocket.knowledge.words import certainty, sentences, terms, tokens, weight
from hocket.providers.dialogue.phrasing import SPOKEN_WORDS, shortened
from hocket.stages.llm import Passage

UNDERSTOOD = 0.55
"""The share of the caller's words, by weight, that a passage must hold to be an answer; `SUBJECT` counts towards it.
Less is a coincidence."""

HEADING = 0.5
"""How much a word of the question counts that is in the heading only: enough to say that the sentence is about it."""

SUBJECT = 0.15
"""What a passage gains when what was asked about is its heading."""

FITS = 0.4
"""What a sentence gains by holding the kind of thing that was asked for: a time, an amount, a place."""

TERMS = 30

_NUMBER = (
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty)\b"
)
_HOURS = r"\b(?:when|what times?|hours|how late|until when|open|close[ds]?)\b"
_AMOUNTS = r"\b(?:free|costs?|pounds?|euros?|dollars?|pence|cents?)\b|[£$€]"
_PLACES = r"\b(?:at|on|beside|behind|next to|opposite|near|in) the\b|\b(?:street|road|square)\b"
_KINDS = (
    (_HOURS, r"\b(?:noon|midnight|\w+days?|every day|until|from|past)\b"),
    (r"\b(?:how much|costs?|prices?|fees?|expensive)\b", _AMOUNTS),
    (r"\b(?:how (?:many|old|long|far|big)|what age)\b", _NUMBER),
    (r"\b(?:where|which way|how do i get)\b", _PLACES),
    (r"\b(?:can|may|allowed|do you)\b", r"\b(?:may|can|can't|cannot|must|welcome|allowed|yes|no|not)\b"),
    (r"\b(?:phone|call|e-?mail|contact|reach|speak|talk)\b", r"\b(?:phone|call|e-?mail|reach)\b"),
)
"""What a question asks for, and what a sentence holds that gives it."""
_FITTING = tuple((re.compile(asked), re.compile(given)) for asked, given in _KINDS)
_GOES_ON = re.compile(
    r"^(?:it|they|that|this|these|those|there|then|later|after|otherwise|you can|we)\b", re.IGNORECASE
)


class Answer(msgspec.Struct, frozen=True):
    """What a passage says, and how much of the question it covers, 0 to 1."""

    text: str
    coverage: float


def find_answer(question: str, passages: Sequence[Passage]) -> Answer | None:
    """The best answer, at most `SPOKEN_WORDS` words; None when no passage covers the question."""
    asked = tuple(dict.fromkeys(terms(question)))[-TERMS:]
    telling = {term for term in asked if weight(term) == 1}
    best: tuple[float, float, int, Passage] | None = None
    for rank, passage in enumerate(passages):
        heading = set(terms(heading_of(passage)))
        share = coverage(asked, heading if not telling else heading | set(terms(passage.text)))
        fit = (share + SUBJECT * coverage(heading, telling), share, -rank)
        if fit[0] >= UNDERSTOOD and (best is None or fit > best[:3]):
            best = (*fit, passage)
    return Answer(_extract(question, asked, best[3]), best[1]) if best else None


def coverage(asked: Iterable[str], given: Iterable[str]) -> float:
    """The share of the asked terms that are given, by weight."""
    known = set(given)
    total = found = 0.0
    for term in asked:
        total += weight(term)
        found += weight(term) * certainty(term, known)
    return found / total if total else 0.0


def _extract(question: str, asked: Sequence[str], passage: Passage) -> str:
    lines = sentences(plain(passage.text))
    heading = set(terms(heading_of(passage)))
    scores = [_score(question, asked, line, heading) for line in lines]
    best = max(range(len(lines)), key=lambda at: (scores[at], -at))
    chosen = {best}
    second = max((at for at in range(len(lines)) if at != best), key=lambda at: (scores[at], -at), default=None)
    if second is not None and scores[second] >= 0.75 * scores[best]:
        chosen.add(second)
    elif best + 1 < len(lines) and _GOES_ON.match(lines[best + 1]):
        chosen.add(best + 1)
    if len(" ".join(lines[at] for at in chosen).split()) > SPOKEN_WORDS:
        chosen = {best}
    return shortened(" ".join(lines[at] for at in sorted(chosen)))


def _score(question: str, asked: Sequence[str], line: str, heading: set[str]) -> float:
    own = set(terms(line))
    score = sum(weight(term) * max(certainty(term, own), HEADING * certainty(term, heading)) for term in asked)
    words, spoken = " ".join(tokens(question)), line.lower()
    return score + sum(FITS for wanted, given in _FITTING if wanted.search(words) and given.search(spoken))
