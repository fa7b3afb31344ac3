"""What a recogniser on the wire has understood, from a script and the audio it has received: pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias, cast

from hocket.audio.frame import Samples
from hocket.sim.recognition import HEARD_PART, INTERIM_MS
from hocket.sim.script import Word
from hocket.sim.wire.exchange import Exchange
from hocket.sim.wire.track import Follower, Track

Said: TypeAlias = Sequence[Word] | Track
"""What is in the audio of a connection.

Words have times in milliseconds of the audio received; the sequence may grow while it is being heard, as when a caller
answers what an agent says. A track is found in the audio wherever it is, so it suits clients that reconnect.
"""

Script: TypeAlias = Said | Callable[[Exchange], Said]
"""The same for all connections, or each connection's own."""

_MARKS: Final = ".,?!;:"


def said_on(script: Script, exchange: Exchange) -> Said:
    return script(exchange) if callable(script) else script


def plain(word: Word) -> str:
    """A word as recognisers show it before they think about sentences."""
    return word.text.lower().strip(_MARKS)


class Hearing:
    """The words of one connection, as they become known."""

    def __init__(self, said: Said, rate: int) -> None:
        """`rate`: of the audio, in Hertz."""
        self._follower = Follower(said, rate) if isinstance(said, Track) else None
        self._words: Sequence[Word] = self._follower.words if self._follower else cast(Sequence[Word], said)
        self._rate = rate
        self.position_ms = 0.0
        """How much audio has come."""
        self._shown = 0
        """How many words are in finals or interims."""
        self._settled = 0
        """How many words are in finals."""

    def hear(self, samples: Samples) -> None:
        """The next audio, shape (n,)."""
        self.position_ms += len(samples) * 1000 / self._rate
        if self._follower is not None:
            self._follower.hear(samples)

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
