"""A lexical index: BM25 over terms, with the coverage of the query, fast enough to run on every interim."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from hocket.knowledge.documents import heading_of
from hocket.knowledge.words import MISHEARD, terms, variants, weight
from hocket.stages.llm import Passage

K1 = 1.2
B = 0.75
"""Okapi BM25's customary constants (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009)."""

HEADING_COUNTS = 2
"""A heading's word counts as often as this many in the text: it says what the passage is about."""

CLOSE = 0.4
"""The share of the query, by weight, that a passage must hold to be close."""

QUERY_TERMS = 40


class LexicalIndex:
    """A `Retriever` over passages. Immutable, so all calls share it; a search takes well under a millisecond."""

    __slots__ = ("_idf", "_passages", "_postings", "_spellings", "_unknown")

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._passages = tuple(passages)
        counts = [_counts(passage) for passage in self._passages]
        found_in: Counter[str] = Counter(term for count in counts for term in count)
        total = len(counts)
        self._idf = {term: _idf(total, found) * weight(term) for term, found in found_in.items()}
        self._unknown = _idf(total, min(1, total))  # a word that no passage has tells as much as the rarest
        self._postings = _postings(counts)
        self._spellings: dict[str, list[str]] = defaultdict(list)
        for term in found_in:
            for variant in variants(term):
                self._spellings[variant].append(term)

    async def search(self, query: str, limit: int = 3) -> tuple[Passage, ...]:
        """The closest passages, best first; none when nothing is close."""
        return self.closest(query, limit)

    def closest(self, query: str, limit: int = 3) -> tuple[Passage, ...]:
        """As `search`, for callers without a loop."""
        asked = tuple(dict.fromkeys(terms(query)))[-QUERY_TERMS:]
        scores: dict[int, float] = defaultdict(float)
        covered: dict[int, float] = defaultdict(float)
        whole = 0.0
        for term in asked:
            known, certainty = self._known(term)
            idf = self._idf.get(known, self._unknown * weight(term))
            whole += idf
            for number, frequency in self._postings.get(known, ()):
                scores[number] += idf * certainty * frequency
                covered[number] += idf * certainty
        close = [
            (scores[number] * covered[number] / whole, -number)
            for number in scores
            if covered[number] >= CLOSE * whole > 0
        ]
        best = sorted(close, reverse=True)[:limit]
        return tuple(self._scored(-number, score) for score, number in best)

    def _known(self, term: str) -> tuple[str, float]:
        """The term of the index that a query's term stands for, and how certain that is."""
        if term in self._idf:
            return term, 1.0
        near = {known for variant in variants(term) for known in self._spellings.get(variant, ())}
        near = {known for known in near if abs(len(known) - len(term)) <= 2}
        if not near:
            return term, 0.0
        return min(near, key=lambda known: (abs(len(known) - len(term)), known)), MISHEARD

    def _scored(self, number: int, score: float) -> Passage:
        passage = self._passages[number]
        return Passage(passage.text, passage.source, round(score, 4))


def _counts(passage: Passage) -> Counter[str]:
    count = Counter(terms(passage.text))
    for term in terms(heading_of(passage)):
        count[term] += HEADING_COUNTS
    return count


def _postings(counts: Sequence[Counter[str]]) -> dict[str, list[tuple[int, float]]]:
    """Term -> (passage, its saturated frequency there)."""
    lengths = [count.total() for count in counts]
    mean = max(1.0, sum(lengths) / max(1, len(lengths)))
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, count in enumerate(counts):
        norm = K1 * (1 - B + B * lengths[number] / mean)
        for term, frequency in count.items():
            postings[term].append((number, frequency * (K1 + 1) / (frequency + norm)))
    return dict(postings)


def _idf(total: int, found: int) -> float:
    return math.log(1 + (total - found + 0.5) / (found + 0.5))
