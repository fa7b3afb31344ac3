"""What a simulated recogniser writes, and when: pure, so that the loop's world and the engine's share it."""

from __future__ import annotations

from random import Random
from typing import Final

from hocket.clock import MS
from hocket.sim.delays import INTERIM_NS
from hocket.sim.script import Word
from hocket.sim.sentences import MISHEARD

CHANGED_PART: Final = 0.08
"""Of interims, that differ from the final in one word: they match it to about 92 %."""

HEARD_PART: Final = 0.6
"""Of a word: with less of it the recogniser has not got the word."""

STOPPED_PART: Final = 0.5
"""Of finals in mid-sentence, that get a full stop: vendors end sentences where people only pause."""

INTERIM_MS: Final = INTERIM_NS // MS
_PUNCTUATION: Final = ".,?!;:"


class Recognition:
    """The words of a line, as they become known. The list of words may grow."""

    __slots__ = ("_rng", "_settled", "_shown", "_words")

    def __init__(self, words: list[Word], rng: Random) -> None:
        self._words = words
        self._rng = rng
        self._settled = 0
        """How many words are in finals."""
        self._shown = 0
        """How many are in finals or interims."""

    def begin(self, position_ms: int) -> None:
        """Audio before `position_ms` does not come: words of which too little is left are not heard."""
        words = self._words
        while self._settled < len(words) and not _is_left(words[self._settled], position_ms):
            self._settled += 1
        self._shown = self._settled

    def interim(self, position_ms: int) -> str | None:
        """Audio up to `position_ms` is known: the words since the last final, if there is a new one to show."""
        words, shown = self._words, self._shown
        while shown < len(words) and words[shown].end_ms + INTERIM_MS <= position_ms:
            shown += 1
        if shown == self._shown:
            return None
        self._shown = shown
        heard = [word.text.lower().strip(_PUNCTUATION) for word in words[self._settled : shown]]
        if self._rng.random() < CHANGED_PART:
            changed = self._rng.randrange(len(heard))
            heard[changed] = self._rng.choice([word for word in MISHEARD if word != heard[changed]])
        return " ".join(heard)

    def final(self, position_ms: int) -> str:
        """Settle all words up to `position_ms`, and return those since the last final."""
        words = self._words
        until = self._settled
        while until < len(words) and _is_heard(words[until], position_ms):
            until += 1
        text = " ".join(word.text for word in words[self._settled : until])
        if text and text[-1] not in _PUNCTUATION and self._rng.random() < STOPPED_PART:
            text += "."
        self._settled = until
        self._shown = max(self._shown, until)
        return text

    def settled_ms(self, position_ms: int) -> int:
        """Up to where a final at `position_ms` settles the audio: a word that it leaves for the next is not in it."""
        words = self._words
        unheard = self._settled < len(words)
        return min(position_ms, words[self._settled].start_ms) if unheard else position_ms


def _is_left(word: Word, position_ms: int) -> bool:
    return word.end_ms - position_ms >= HEARD_PART * (word.end_ms - word.start_ms)


def _is_heard(word: Word, position_ms: int) -> bool:
    return position_ms >= word.start_ms + HEARD_PART * (word.end_ms - word.start_ms)
