"""What is said on one simulated line, in milliseconds of media time: the truth that its ears are drawn from."""

from __future__ import annotations

from typing import NamedTuple

from hocket.sim.script import Utterance, Word


class Said(NamedTuple):
    """An utterance and when it begins."""

    at_ms: int
    utterance: Utterance

    @property
    def last_speech_ms(self) -> int:
        return self.at_ms + self.utterance.last_speech_ms


class Stretch(NamedTuple):
    """Sound without a pause."""

    start_ms: int
    end_ms: int
    voiced: bool
    """Speech; a cough is not."""


class Timeline:
    """Grows as the caller begins to speak; nothing in it changes."""

    __slots__ = ("said", "stretches", "words")

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.stretches: list[Stretch] = []
        self.words: list[Word] = []
        """All words in order, their times in media time."""

    def say(self, at_ms: int, utterance: Utterance) -> Said:
        """The caller begins an utterance, after the end of the last one."""
        assert not self.said or at_ms >= self.said[-1].last_speech_ms, "one thing is said at a time"
        said = Said(at_ms, utterance)
        self.said.append(said)
        voiced = utterance.kind != "cough"
        self.stretches += [Stretch(at_ms + start, at_ms + end, voiced) for start, end in utterance.stretches]
        self.words += [Word(w.text, at_ms + w.start_ms, at_ms + w.end_ms) for w in utterance.words if w.text]
        return said
