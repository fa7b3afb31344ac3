"""Silence around a synthesised segment: none before it, a natural pause after it."""

from __future__ import annotations

import numpy as np

from hocket.audio.frame import Samples, silence

AUDIBLE_DBFS = -50.0
"""Root mean square of a window from which it counts as sound; the noise floors of the offline voices lie below -53."""

WINDOW_MS = 5

_PAUSE_MS = {".": 150, "?": 150, "!": 150, ",": 80, ";": 80, ":": 80, "-": 80, "–": 80, "—": 80, "…": 150}
_PAUSE_INSIDE_A_PHRASE_MS = 40
_CLOSING = "\"'”’)]}"


class Trim:
    """Cuts one segment, as it is made, down to what is heard of it.

    The sound begins `WINDOW_MS` before the first audible window. Silence is held back until more sound follows; what
    is held at the end is cut to the pause.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._window = rate * WINDOW_MS // 1000
        self._held: Samples = np.zeros(0, np.int16)
        self.lead: int | None = None
        """Samples cut from the start; None before the first sound."""
        self._skipped = 0

    def push(self, samples: Samples) -> Samples:
        """Take the next samples, shape (n,); returns those that are known to be heard, shape (m,), maybe none."""
        self._held = np.concatenate((self._held, samples))
        loud = np.flatnonzero(_audible(self._held, self._window))
        if self.lead is None:
            quiet = int(loud[0]) if len(loud) else len(self._held) // self._window
            skipped = max(0, quiet - 1)
            self._held = self._held[skipped * self._window :]
            self._skipped += skipped * self._window
            loud = loud - skipped
        if not len(loud):
            return self._held[:0]
        self.lead = self._skipped
        end = (int(loud[-1]) + 1) * self._window
        heard, self._held = self._held[:end], self._held[end:]
        return heard

    def finish(self, pause_ms: int) -> Samples:
        """The pause after the segment, of exactly this length; nothing if there was no sound."""
        if self.lead is None:
            return self._held[:0]
        pause = self._held[: self._rate * pause_ms // 1000]
        return np.concatenate((pause, silence(self._rate * pause_ms // 1000 - len(pause))))


def pause_ms(text: str) -> int:
    """How long a voice rests after these words, by their last mark of punctuation."""
    return _PAUSE_MS.get(text.rstrip().rstrip(_CLOSING)[-1:], _PAUSE_INSIDE_A_PHRASE_MS)


def _audible(samples: Samples, window: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether each whole window is loud enough, shape (n // window,)."""
    whole = len(samples) // window
    power = np.square(samples[: whole * window].astype(np.float32)).reshape(whole, window).mean(axis=1)
    floor = 32768 * 10 ** (AUDIBLE_DBFS / 20)
    return np.asarray(power >= floor * floor)
