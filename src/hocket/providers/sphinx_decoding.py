"""Two pocketsphinx decoders side by side on one caller's speech: open text, and the agent's own phrases.

Only the worker process (`sphinx_worker`) uses this module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from hocket.knowledge.words import STOP_WORDS
from hocket.providers.phrase_grammar import END, START, clauses, pronounce, transitions

RATE = 16_000
"""What the acoustic model was trained for."""

ALLOWANCE = 30.0
ALLOWANCE_PER_SECOND = 80.0
"""How much worse, in nats and nats a second of speech, the phrases may explain an utterance than open text does and
still be believed: they have to win against every English sentence that happens to sound a little closer. Lower loses
words of the phrases, higher forces other speech into them (`benchmarks/recognition.py`)."""

_TELLING = frozenset({"yes", "no"})
"""Words that say something on their own, whatever retrieval thinks of them."""

LEARNT_FROM = 2
"""Words with a meaning in an utterance from which the sound of the line is learnt; a door has one at the most."""

OPTIONS: dict[str, Any] = {
    "loglevel": "FATAL",
    # Second passes cost up to 2 s at the end of an utterance and make it no better.
    "fwdflat": False,
    "bestpath": False,
    # Scores are relative to the best sound of each frame. With all sounds counted the two decoders' can be compared.
    "compallsen": True,
}
_SCORE_UNIT = 1024
"""Scores of pocketsphinx are shifted right by ten bits."""

_FRAME_MS = 10
_PHRASES = "phrases"
_OPEN_TEXT = "open"
_ALTERNATIVE = re.compile(r"\(\d+\)$")


class Hypothesis(NamedTuple):
    """What one decoder has found so far."""

    words: tuple[str, ...]
    score: float
    """Log likelihood in nats, up to a constant that all decoders share."""
    speech_ms: int
    """How much of the audio the words take."""


NOTHING = Hypothesis((), -math.inf, 0)


class Choice(NamedTuple):
    """The words of the decoder that is believed."""

    words: tuple[str, ...]
    from_phrases: bool


class Models:
    """What all decoders of a process share: the language model, and the grammar of the phrases."""

    def __init__(self, phrases: Sequence[str]) -> None:
        """Raises ImportError without pocketsphinx."""
        import pocketsphinx

        self._make = pocketsphinx.Decoder
        first = self._make(**OPTIONS)
        self._language_model = first.get_lm()
        self._dictionary, self.guessed = _dictionary(first, clauses(phrases))
        self._grammar = transitions(clauses(phrases), self._dictionary.__contains__)
        self._spare: list[Any] = [first]

    def open_text(self) -> Any:
        """A decoder of open text. The language model is shared; the dictionary's 68 MB are not."""
        if self._spare:
            return self._spare.pop()
        decoder = self._make(lm=None, **OPTIONS)
        decoder.add_lm(_OPEN_TEXT, self._language_model)
        decoder.activate_search(_OPEN_TEXT)
        return decoder

    def phrases(self) -> Any | None:
        """A decoder of the phrases; None without any."""
        if not self._grammar:
            return None
        decoder = self._make(lm=None, dict=None, **OPTIONS)
        for word, sounds in self._dictionary.items():
            decoder.add_word(word, sounds, False)
        decoder.add_fsg(_PHRASES, decoder.create_fsg(_PHRASES, START, END, self._grammar))
        decoder.activate_search(_PHRASES)
        return decoder


def _dictionary(decoder: Any, clauses: list[list[str]]) -> tuple[dict[str, str], list[str]]:
    """Word -> sounds, and the words whose sounds are guessed."""
    sounds: dict[str, str] = {}
    guessed: list[str] = []
    for word in dict.fromkeys(word for clause in clauses for word in clause):
        if known := decoder.lookup_word(word):
            sounds[word] = known
            for number in range(2, 6):
                if variant := decoder.lookup_word(f"{word}({number})"):
                    sounds[f"{word}({number})"] = variant
        elif guess := pronounce(word):
            sounds[word] = guess
            guessed.append(word)
    return sounds, guessed


class Recogniser:
    """One caller: utterances, one after the other. What speech tells of the line's sound is kept between them; what
    noise tells of it is not."""

    def __init__(self, models: Models) -> None:
        self._decoders = [decoder for decoder in (models.open_text(), models.phrases()) if decoder is not None]
        self._line_sounds = [decoder.get_cmn() for decoder in self._decoders]
        self._learnt = self._line_sounds
        self._begun = False

    def restart(self) -> None:
        """Forget the caller; another one follows."""
        self.finish()
        self._learnt = self._line_sounds

    def hear(self, pcm: bytes) -> Choice:
        """Take 16-bit samples at `RATE`; returns the best guess at the utterance so far."""
        if pcm and not self._begun:
            self._begun = True
            for decoder, sound in zip(self._decoders, self._learnt, strict=True):
                decoder.set_cmn(sound)
                decoder.start_utt()
        if not self._begun:
            return Choice((), False)
        if pcm:
            for decoder in self._decoders:
                decoder.process_raw(pcm)
        return self._choose()

    def finish(self) -> Choice:
        """End the utterance; returns its words. The next one begins with the next samples."""
        if not self._begun:
            return Choice((), False)
        self._begun = False
        for decoder in self._decoders:
            decoder.end_utt()
        choice = self._choose()
        if sum(word not in STOP_WORDS for word in choice.words) >= LEARNT_FROM:
            self._learnt = [decoder.get_cmn() for decoder in self._decoders]
        return choice

    def _choose(self) -> Choice:
        open_text, *others = (hypothesis(decoder) for decoder in self._decoders)
        return choose(open_text, others[0] if others else NOTHING)


def choose(open_text: Hypothesis, phrases: Hypothesis) -> Choice:
    """The phrases are believed unless open text explains the sound much better, or they say nothing: "you", "what
    is that" and the like fit many short sounds."""
    allowance = ALLOWANCE + ALLOWANCE_PER_SECOND * open_text.speech_ms / 1000
    telling = any(word in _TELLING or word not in STOP_WORDS for word in phrases.words)
    if telling and open_text.words and phrases.score >= open_text.score - allowance:
        return Choice(phrases.words, True)
    return Choice(open_text.words, False)


def hypothesis(decoder: Any) -> Hypothesis:
    """What a decoder has found in the utterance so far."""
    found = decoder.hyp()
    if found is None or not found.hypstr or found.score <= 0:
        return NOTHING
    words = []
    speech_ms = 0
    for segment in decoder.seg():
        if segment.word[0] in "<[+(":  # silence, noise, and arcs without a word
            continue
        words.append(_ALTERNATIVE.sub("", segment.word))
        speech_ms += (segment.end_frame + 1 - segment.start_frame) * _FRAME_MS
    return Hypothesis(tuple(words), _SCORE_UNIT * math.log(found.score), speech_ms)
