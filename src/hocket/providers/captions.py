"""The words of a segment, placed on the samples in which their sound begins."""

from __future__ import annotations

import re
from collections import deque

from hocket.audio.frame import Samples, silence
from hocket.stages.tts import SpeechChunk

_LAST_TEXT_MS = 5
_WORD_AND_SPACE = re.compile(r"\S*\s*")


class Captions:
    """Cuts the audio of one segment so that every word begins a chunk.

    A written word of which the voice says nothing stays with the one before it.
    """

    def __init__(self, text: str, rate: int) -> None:
        self._text = text
        self._rate = rate
        self._written = 0
        self._coming: deque[tuple[int, int]] = deque()
        self._position = 0
        self._announced = 0

    def expect(self, offset: int, start: int) -> None:
        """The word at this offset of the text sounds from this output sample on. Words come in order."""
        match = _WORD_AND_SPACE.match(self._text, offset)
        end = match.end() if match else offset
        # A voice says several words for one such as "10:30": they are one caption.
        if end > self._announced:
            # The first one owns the beginning: its sound may build up for some milliseconds before it is said to start.
            self._coming.append((end, start if self._announced else 0))
            self._announced = end

    def cut(self, samples: Samples) -> list[SpeechChunk]:
        """The next samples, shape (n,), as chunks. Words that begin in them must have been announced."""
        chunks = []
        text = ""
        end = self._position + len(samples)
        while self._coming and self._coming[0][1] < end:
            through, start = self._coming.popleft()
            if start > self._position:
                before = start - self._position
                chunks.append(SpeechChunk(samples[:before], text))
                samples, text, self._position = samples[before:], "", start
            text += self._text[self._written : through]
            self._written = through
        if len(samples):
            chunks.append(SpeechChunk(samples, text))
        self._position = end
        return chunks

    def rest(self) -> list[SpeechChunk]:
        """At the end: the text that no sound has carried, on a moment of silence."""
        rest = self._text[self._written :]
        self._written = len(self._text)
        return [SpeechChunk(silence(self._rate * _LAST_TEXT_MS // 1000), rest)] if rest else []
