"""A recording whose words are known, and where in it the audio of a connection lies.

A connection need not carry all of a recording: a client that reconnects begins in the middle, repeats what may have
been lost, or leaves silence out. The audio itself tells: it is found in the recording by correlation, so only words
whose sound has really come are heard.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from hocket.audio.frame import Samples
from hocket.audio.resample import resample
from hocket.sim.recognition import HEARD_PART
from hocket.sim.script import Word

PIECE_MS: Final = 20
SEARCHED_PIECES: Final = 5
"""A tenth of a second of sound is enough to find its place."""

ALIKE: Final = 0.7
"""Correlation from which two stretches are the same sound; another coding of the telephone keeps it above 0.9."""

QUIET_RMS: Final = 30.0
"""Below it a piece tells nothing about its place."""


class Track(msgspec.Struct, frozen=True):
    """A recording and its words; times in milliseconds of the recording. A pure tone cannot be found in itself."""

    samples: Samples
    rate: int
    words: tuple[Word, ...]


class Follower:
    """The words of a track, as they come on one connection."""

    def __init__(self, track: Track, rate: int) -> None:
        """`rate`: of the connection, in Hertz."""
        self.words: list[Word] = []
        """Those of which at least 60 % has come, by the time of the connection's own audio. Grows."""
        self.sounded_ms = 0.0
        """Until when a word sounded, be it one of which too little has come to be known."""
        self._track = track
        self._rate = rate
        self._size = rate * PIECE_MS // 1000
        self._reference = resample(track.samples, track.rate, rate).astype(np.float64)
        self._rest: Samples = np.zeros(0, np.int16)
        self._lost: list[Samples] = []
        """Pieces whose place is not known yet."""
        self._at: int | None = None
        """Where in the recording the next piece is expected."""
        self._heard_ms: dict[int, float] = {}
        """How much of each word has come without a break."""
        self._received = 0

    def hear(self, samples: Samples) -> None:
        """The next audio of the connection, shape (n,)."""
        whole = np.concatenate((self._rest, samples))
        end = len(whole) // self._size * self._size
        self._rest = whole[end:]
        for at in range(0, end, self._size):
            self._place(whole[at : at + self._size])

    def _place(self, piece: Samples) -> None:
        if self._at is not None and not self._lost and (_is_quiet(piece) or self._fits(piece, self._at)):
            self._cover(self._at)
            return
        self._lost.append(piece)
        if len(self._lost) < SEARCHED_PIECES:
            return
        found = None if any(map(_is_quiet, self._lost)) else self._search(np.concatenate(self._lost))
        if found is None:
            self._lost.pop(0)
            self._received += self._size
            self._at = None
            return
        if found != self._at:
            self._heard_ms.clear()
        lost, self._lost = self._lost, []
        for index in range(len(lost)):
            self._cover(found + index * self._size)

    def _cover(self, at: int) -> None:
        """A piece has come that lies here in the recording."""
        start_ms, end_ms = at * 1000 / self._rate, (at + self._size) * 1000 / self._rate
        shift_ms = self._received * 1000 / self._rate - start_ms
        for index, word, part_ms in self._words_within(start_ms, end_ms):
            before_ms = self._heard_ms.get(index, 0.0)
            self.sounded_ms = max(self.sounded_ms, min(word.end_ms, end_ms) + shift_ms)
            self._heard_ms[index] = before_ms + part_ms
            enough_ms = HEARD_PART * (word.end_ms - word.start_ms)
            if before_ms < enough_ms <= before_ms + part_ms:
                first_ms = max(0, round(word.start_ms + shift_ms))
                self.words.append(Word(word.text, first_ms, round(word.end_ms + shift_ms)))
        self._received += self._size
        self._at = at + self._size

    def _words_within(self, start_ms: float, end_ms: float) -> Iterator[tuple[int, Word, float]]:
        """Index, word and milliseconds of it, for the words that sound in this stretch."""
        for index, word in enumerate(self._track.words):
            part_ms = min(end_ms, word.end_ms) - max(start_ms, word.start_ms)
            if part_ms > 0:
                yield index, word, part_ms

    def _fits(self, piece: Samples, at: int) -> bool:
        expected = self._reference[at : at + len(piece)]
        if len(expected) < len(piece):
            return False
        norm = float(np.linalg.norm(expected) * np.linalg.norm(piece.astype(np.float64)))
        return norm > 0 and float(expected @ piece) / norm >= ALIKE

    def _search(self, sound: Samples) -> int | None:
        """Where in the recording this sound is; None if nowhere."""
        reference, count = self._reference, len(sound)
        if len(reference) < count:
            return None
        size = 1 << (len(reference) + count).bit_length()
        spectrum = np.fft.rfft(reference, size) * np.conj(np.fft.rfft(sound.astype(np.float64), size))
        products = np.fft.irfft(spectrum, size)[: len(reference) - count + 1]
        energy = np.concatenate(([0.0], np.cumsum(reference**2)))
        norms = np.sqrt(np.maximum(energy[count:] - energy[:-count], 1.0)) * np.linalg.norm(sound.astype(np.float64))
        alike = products / norms
        best = int(alike.argmax())
        return best if alike[best] >= ALIKE else None


def _is_quiet(piece: Samples) -> bool:
    return float(np.sqrt(np.mean(np.square(piece.astype(np.float64))))) < QUIET_RMS
