"""A vendor's audio and word times as speech chunks, and a model's tokens as phrases a vendor can be fed with."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator

import numpy as np

from hocket.audio.frame import Samples
from hocket.audio.resample import Resampler
from hocket.providers.captions import Captions
from hocket.providers.trim import Trim
from hocket.stages.tts import SpeechChunk
from hocket.text.opening import is_opening
from hocket.text.words import has_word

FIRST_PHRASE = 12
"""Characters from which the first phrase of a reply is worth sending: about three tokens, 40 ms of a model's time."""

FIRST_WORD = 3
"""The first whole word, for a vendor that carries the prosody on from what it has been sent before. A single letter
waits for the next word: its sound would be over before more comes."""

LATER_PHRASE = 40
"""Later ones have time: they are spoken after what went before."""

_AHEAD_WORDS = 8
_ENDS = (".", "?", "!", ":", ";", ",")
_ENDS_WORD = (",", "?", "!", ";", ":")
"""After a letter. A point may go on: "e.g."."""

_WORD = re.compile(r"\S+")


async def phrases(
    text: AsyncIterator[str], first_phrase: int = FIRST_PHRASE, language: str = ""
) -> AsyncGenerator[str, None]:
    """The text in whole words, joined the same: a phrase ends at punctuation, or when it is long enough.

    `language`: where the first word is enough, one that is sure to be whole is sent before it is seen what follows.

    Vendors that speak each message at once (ElevenLabs in auto mode, Cartesia without buffering) would otherwise break
    words apart.
    """
    waiting = ""
    enough = first_phrase
    async for token in text:
        waiting += token
        # The last word may go on in the next token.
        whole = max(waiting.rfind(" "), waiting.rfind("\n")) + 1
        if enough == first_phrase and waiting[-1:] in _ENDS_WORD and waiting[-2:-1].isalpha():
            whole = len(waiting)
        opening = enough == first_phrase == FIRST_WORD and waiting == token and is_opening(token, language)
        if opening:
            whole = len(waiting)
        ended = waiting[:whole].rstrip().endswith(_ENDS) and has_word(waiting[:whole])
        if opening or ended or len(waiting[:whole].lstrip()) >= enough:
            yield waiting[:whole]
            waiting = waiting[whole:]
            # A word lasts no longer than it takes to write the forty characters after it.
            enough = FIRST_PHRASE if enough < FIRST_PHRASE else LATER_PHRASE
    if waiting:
        yield waiting


class Speech:
    """Raw audio and word times to chunks: no silence before the first sound, every word at its own."""

    def __init__(self, source_rate: int, rate: int) -> None:
        """From audio of `source_rate` Hertz to chunks of `rate`."""
        self._source_rate = source_rate
        self._rate = rate
        self._lead = Trim(source_rate)
        self._before: list[Samples] = []
        """All audio until the first sound has come."""
        self._sounds = False
        self._resampler = Resampler(source_rate, rate)
        self._captions = _GrowingCaptions("", rate)
        self._said: list[tuple[str, float, bool]] = []
        self._received = 0

    @property
    def received_s(self) -> float:
        """How much audio has come, in seconds."""
        return self._received / self._source_rate

    def write(self, text: str) -> None:
        """More text has been given to the vendor."""
        self._captions.write(text)

    @property
    def speakable(self) -> bool:
        """Whether the text so far has anything that sounds."""
        return self._captions.speakable

    def word(self, word: str, at_s: float, *, whole: bool = True) -> None:
        """The vendor says a word from this second of its audio on, or the beginning of one; words come in order."""
        self._said.append((word, at_s, whole))

    def push(self, samples: Samples) -> list[SpeechChunk]:
        """The next audio, shape (n,)."""
        self._received += len(samples)
        if not self._sounds:
            samples = self._from_the_first_sound(samples)
            if not self._sounds:
                return []
        return self._cut(self._resampler.push(samples))

    def finish(self) -> list[SpeechChunk]:
        """What is left; text that no sound has carried comes on a moment of silence."""
        return [*self._cut(self._resampler.flush()), *self._captions.rest()]

    def _from_the_first_sound(self, samples: Samples) -> Samples:
        self._before.append(samples)
        self._lead.push(samples)
        lead = self._lead.lead
        if lead is None:
            return samples[:0]
        self._sounds = True
        heard = np.concatenate(self._before)[lead:]
        self._before.clear()
        return heard

    def _cut(self, samples: Samples) -> list[SpeechChunk]:
        for word, at_s, whole in self._said:
            start = at_s * self._source_rate - (self._lead.lead or 0)
            self._captions.said(word, max(0, round(start * self._rate / self._source_rate)), whole)
        self._said.clear()
        return self._captions.cut(samples)


class _GrowingCaptions(Captions):
    """Captions of a text that is still being written, by a vendor that tells words and not where they stand."""

    def __init__(self, text: str, rate: int) -> None:
        super().__init__(text, rate)
        self._found = 0
        """Where the text begins that has not been said."""
        self._unknown: int | None = None
        """When the first word was said that is not written so, such as "ten" for "10:30"."""

    @property
    def speakable(self) -> bool:
        return has_word(self._text)

    def write(self, text: str) -> None:
        self._text += text

    def said(self, word: str, start: int, whole: bool) -> None:
        """This word, or one that begins so, sounds from this sample on."""
        key = _key(word)
        if not key:
            return
        skipped: re.Match[str] | None = None
        for index, written in enumerate(_WORD.finditer(self._text, self._found)):
            if index == _AHEAD_WORDS:
                break
            if _key(written[0]) == key or (not whole and _key(written[0]).startswith(key)):
                if skipped is not None:
                    self.expect(skipped.start(), start if self._unknown is None else self._unknown)
                self.expect(written.start(), start)
                self._found, self._unknown = written.end(), None
                return
            skipped = written
        if self._unknown is None:
            self._unknown = start


def _key(word: str) -> str:
    return "".join(character for character in word.lower() if character.isalnum())
