"""What a recogniser on the wire has understood, from a script and the length of the audio it has received: pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from hocket.sim.recognition import HEARD_PART, INTERIM_MS
from hocket.sim.script import Word
from hocket.sim.wire.exchange import Exchange

Script: TypeAlias = Sequence[Word] | Callable[[Exchange], Sequence[Word]]
"""The words that are in the audio of a connection; times are milliseconds of the audio received on it.

The sequence may grow while it is being heard, as when a caller answers what an agent says. A function gives every
connection its own.
"""

_MARKS: Final = ".,?!;:"


def script_of(script: Script, exchange: Exchange) -> Sequence[Word]:
    return script(exchange) if callable(script) else script


def plain(word: Word) -> str:
    """A word as recognisers show it before they think about sentences."""
    return word.text.lower().strip(_MARKS)


class Hearing:
    """The words of one connection, as they become known."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words
        self.position_ms = 0.0
        """How much audio has come."""
        self._shown = 0
        """How many words are in finals or interims."""
        self._settled = 0
        """How many words are in finals."""

    def interim(self) -> list[Word]:
        """The words since the last final that are shown by now: a word is, 100 ms after it ends."""
        while self._shown < len(self._words) and self._words[self._shown].end_ms + INTERIM_MS <= self.position_ms:
            self._shown += 1
        return list(self._words[self._settled : self._shown])

    def final(self) -> list[Word]:
        """Settle the words since the last final; a word of which less than 60 % has come is left for the next."""
        until = self._settled
        while until < len(self._words) and self._has_come(self._words[until]):
            until += 1
        settled = list(self._words[self._settled : until])
        self._settled = until
        self._shown = max(self._shown, until)
        return settled

    def silence_ms(self) -> float | None:
        """How long nothing has been said after the words since the last final; None while there are none."""
        waiting = [word for word in self._words[self._settled :] if word.start_ms < self.position_ms]
        return max(0.0, self.position_ms - waiting[-1].end_ms) if waiting else None

    def _has_come(self, word: Word) -> bool:
        return self.position_ms >= word.start_ms + HEARD_PART * (word.end_ms - word.start_ms)


def punctuated(words: Sequence[Word]) -> list[str]:
    """Words as a recogniser writes them that takes every pause for the end of a sentence."""
    written = [word.text for word in words]
    if written:
        written[0] = written[0][:1].upper() + written[0][1:]
        if written[-1][-1:] not in ".?!":
            written[-1] = written[-1].rstrip(_MARKS) + "."
    return written
