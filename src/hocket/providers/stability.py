"""Which words of a recogniser's changing guesses are worth showing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class TimedWord(NamedTuple):
    """A word, and where in the utterance it ends."""

    text: str
    end_ms: int


class StabilityFilter:
    """Turns partial hypotheses of one utterance into interims.

    A word is shown when it has stood at its place, with all words before it, in `agreeing` consecutive partials and
    has been over for `age_ms`: the search takes back the newest words far more often than older ones. What was shown
    stays until a partial contradicts it `agreeing` times in a row.
    """

    def __init__(self, agreeing: int, age_ms: int) -> None:
        self._agreeing = agreeing
        self._age_ms = age_ms
        self._shown: tuple[str, ...] = ()
        self._recent: list[tuple[str, ...]] = []

    @property
    def text(self) -> str:
        """The interim."""
        return " ".join(self._shown)

    def push(self, words: Sequence[TimedWord], heard_ms: int) -> bool:
        """Take the next partial, of an utterance of which `heard_ms` were heard. Returns whether `text` changed."""
        partial = tuple(word.text for word in words)
        self._recent = [*self._recent[1 - self._agreeing :], partial] if self._agreeing > 1 else [partial]
        if len(self._recent) < self._agreeing:
            return False
        agreed = min(_common(partial, other) for other in self._recent)
        grown_up = sum(1 for word in words if word.end_ms <= heard_ms - self._age_ms)
        stable = partial[: min(agreed, grown_up)]
        if self._shown[: len(stable)] == stable and self._still_possible():
            return False
        changed = stable != self._shown
        self._shown = stable
        return changed

    def clear(self) -> None:
        """A new utterance begins."""
        self._shown = ()
        self._recent = []

    def _still_possible(self) -> bool:
        """Whether one of the recent partials still begins with what is shown."""
        return any(partial[: len(self._shown)] == self._shown for partial in self._recent)


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """How many words two guesses begin with alike."""
    for count, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return count
    return min(len(first), len(second))
