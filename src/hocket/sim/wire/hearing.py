"""What a recogniser on the wire has understood, from a script and the audio it has received: pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias, runtime_checkable

from hocket.audio.frame import Samples
from hocket.sim.recognition import HEARD_PART, INTERIM_MS
from hocket.sim.script import Word
from hocket.sim.wire.exchange import Exchange
from hocket.sim.wire.track import Follower, Track


@runtime_checkable
class Ear(Protocol):
    """Finds out for itself, from the audio of one connection, what is said in it."""

    @property
    def words(self) -> Sequence[Word]:
        """Those found so far, in milliseconds of the connection's audio; grows."""
        ...

    @property
    def sounded_ms(self) -> float:
        """Until when somebody spoke, be it a word that is not in `words` yet."""
        ...

    def hear(self, samples: Samples) -> None:
        """The next audio, shape (n,)."""
        ...


Said: TypeAlias = Sequence[Word] | Track | Ear
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
        ear = Follower(said, rate) if isinstance(said, Track) else said
        self._ear = ear if isinstance(ear, Ear) else None
        self._words = ear.words if isinstance(ear, Ear) else ear
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
        if self._ear is not None:
            self._ear.hear(samples)

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
        if not waiting:
            return None
        sounded_ms = self._ear.sounded_ms if self._ear is not None else 0.0
        return max(0.0, self.position_ms - max(waiting[-1].end_ms, sounded_ms))

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
