"""What callers say, and how the recogniser on the wire finds it in the audio that it is sent.

A call's line has noise, so no two of its frames are alike. Whoever sends the recogniser these very samples, later, in
other pieces, over a connection that was opened ahead or after a reconnection, is found by them: exactly, and without
knowing how the system under test deals with connections.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.latency.speech import MS
from hocket.audio.frame import Samples
from hocket.sim.script import Word

NEEDLE: Final = 160
"""Samples by which a place is found: 20 ms of noise are like no other."""

SEARCHED_S: Final = 5
"""Of what was said last. Older audio is not sent again."""

_WIDTH: Final = 2


class Line:
    """One call's said side, as the telephone network delivers it, and its words."""

    def __init__(self) -> None:
        self.words: list[tuple[str, int, int]] = []
        """Text, first sample, last sample; in order, and known before their sound is."""
        self._said = bytearray()

    def say(self, samples: Samples) -> None:
        """The next samples, as they are after their coding."""
        self._said += samples.tobytes()

    def holds(self, data: bytes, at: int) -> bool:
        """Whether these samples lie here."""
        return self._said.startswith(data, at * _WIDTH)

    def find(self, data: bytes) -> int | None:
        """Where these samples lie; None if nowhere."""
        at = self._said.find(data, max(0, len(self._said) - SEARCHED_S * 1000 * MS * _WIDTH))
        while at >= 0 and at % _WIDTH:
            at = self._said.find(data, at + 1)
        return at // _WIDTH if at >= 0 else None


class Lines:
    """The calls that are held now."""

    def __init__(self) -> None:
        self._open: list[Line] = []

    def open(self) -> Line:
        line = Line()
        self._open.append(line)
        return line

    def close(self, line: Line) -> None:
        self._open.remove(line)

    def find(self, data: bytes) -> tuple[Line, int] | None:
        for line in self._open:
            if (at := line.find(data)) is not None:
                return line, at
        return None


class LineEar:
    """Hears one connection of the recogniser: a `hocket.sim.wire.hearing.Ear`.

    A word begins to be heard when its first sample has come. Silence that the system adds, before the call or in it,
    moves what follows.
    """

    def __init__(self, lines: Lines) -> None:
        self.words: list[Word] = []
        self.sounded_ms = 0.0
        self.lines = lines
        self.line: Line | None = None
        """Whose call it hears; None while that is not known."""
        self._at = 0
        """Of the line: the next sample to come."""
        self._next = 0
        """Of the line's words: the next to come."""
        self._heard = 0
        """Samples on this connection."""
        self._lost = b""

    def hear(self, samples: Samples) -> None:
        data = samples.astype(np.int16).tobytes()
        self._heard += len(samples)
        if self.line is not None and not self._lost and self.line.holds(data, self._at):
            self._at += len(samples)
        else:
            self._search(data)
        if self.line is not None and not self._lost:
            self._follow(self.line)

    def _search(self, data: bytes) -> None:
        self._lost = (self._lost + data)[-NEEDLE * _WIDTH :]
        if len(self._lost) < NEEDLE * _WIDTH or self._lost.count(self._lost[:_WIDTH]) * _WIDTH == len(self._lost):
            return
        found = self.lines.find(self._lost)
        if found is None:
            return
        line, at = found
        if line is not self.line:
            self.line, self._next = line, 0
            while self._next < len(line.words) and line.words[self._next][1] < at:
                self._next += 1
        self._at = at + NEEDLE
        self._lost = b""

    def _follow(self, line: Line) -> None:
        shift = self._heard - self._at
        while self._next < len(line.words) and line.words[self._next][1] < self._at:
            text, first, last = line.words[self._next]
            self.words.append(Word(text, (first + shift) // MS, (last + shift) // MS))
            self._next += 1
