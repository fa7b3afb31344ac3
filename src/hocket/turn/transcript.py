"""The caller's words so far, assembled from what the recogniser reports."""

from __future__ import annotations


class Transcript:
    """One utterance. The recogniser's words are kept as it gave them."""

    __slots__ = ("_interim", "_previous", "_settled", "text")

    def __init__(self) -> None:
        self.text = ""
        """All words: settled ones, then the current interim."""
        self._settled = ""
        self._interim = ""
        self._previous = ""  # the interim before this one

    @property
    def stable(self) -> str:
        """The words that will hardly change: settled ones, then those that the last two interims agree on."""
        if not self._interim:
            return self._settled
        if self._interim == self._previous:
            return self.text
        agreed = []
        for word, before in zip(self._interim.split(), self._previous.split(), strict=False):
            if word != before and word.strip(_MARKS).lower() != before.strip(_MARKS).lower():
                break
            agreed.append(word)
        return _both(self._settled, " ".join(agreed))

    @property
    def final(self) -> bool:
        """Whether nothing is unsettled."""
        return not self._interim

    def update(self, text: str, final: bool) -> None:
        """Take a report: all words since the last final."""
        text = text.strip()
        if final:
            self._settled = self.text = _both(self._settled, text)
            self._interim = self._previous = ""
        else:
            self._previous = self._interim
            self._interim = text
            self.text = _both(self._settled, text)

    def clear(self) -> None:
        """Forget all words: the turn is over."""
        self.text = self._settled = self._interim = self._previous = ""


def _both(first: str, second: str) -> str:
    return f"{first} {second}" if first and second else first or second


_MARKS = ".,;:!?…"
