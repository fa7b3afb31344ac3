"""Which words of a recogniser's changing guesses are worth showing."""

from __future__ import annotations

from collections.abc import Sequence


class StabilityFilter:
    """Turns partial hypotheses of one utterance into interims.

    A word is shown when it has stood at its place, after the same words, in `agreeing` partials in a row: the search
    takes back its newest words far more often than older ones. What was shown is taken back when as many partials in
    a row contradict it.
    """

    def __init__(self, agreeing: int) -> None:
        self._agreeing = agreeing
        self._shown: tuple[str, ...] = ()
        self._recent: list[tuple[str, ...]] = []

    @property
    def text(self) -> str:
        """The interim."""
        return " ".join(self._shown)

    def push(self, words: Sequence[str]) -> bool:
        """Take the next partial. Returns whether `text` changed."""
        partial = tuple(words)
        self._recent = [*self._recent, partial][-self._agreeing :]
        if len(self._recent) < self._agreeing:
            return False
        stable = partial[: min(_common(partial, other) for other in self._recent)]
        if stable == self._shown[: len(stable)] and self._possible():
            return False
        self._shown = stable
        return True

    def clear(self) -> None:
        """A new utterance begins."""
        self._shown = ()
        self._recent = []

    def _possible(self) -> bool:
        """Whether one of the recent partials still begins with what is shown."""
        return any(partial[: len(self._shown)] == self._shown for partial in self._recent)


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """How many words two guesses begin with alike."""
    for count, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return count
    return min(len(first), len(second))
