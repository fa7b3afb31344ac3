"""What a simulated caller's utterances met with, worked out from nothing but when the agent was audible."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from hocket.clock import MS
from hocket.sim.script import Utterance
from hocket.sim.timeline import Said

SAME_SOUND_NS: Final = 100 * MS
"""A shorter gap in the agent's sound is within a word, and no silence."""


class Interval(NamedTuple):
    """The agent was audible, in `now` times."""

    began_at: int
    ended_at: int


class HeardTurn(msgspec.Struct, frozen=True):
    """One utterance of the caller, in `now` times."""

    utterance: Utterance
    onset: int
    last_speech: int
    answered_at: int | None
    """The first audible sample after the last of speech, before the next utterance; None if there was none."""
    over_agent: bool
    """The agent was audible as the utterance began: a barge-in, a backchannel or a cough."""
    silent_at: int | None
    """When the agent was no longer audible after that."""
    cut: tuple[bool, ...]
    """For each pause that was no end: the agent began to sound between it and the next one, or the end."""

    @property
    def response_ns(self) -> int | None:
        """Response latency: last speech sample to first audible sample."""
        return None if self.answered_at is None else self.answered_at - self.last_speech

    @property
    def yield_ns(self) -> int | None:
        """From the onset of a barge-in until the agent was inaudible."""
        return self.silent_at - self.onset if self.over_agent and self.silent_at is not None else None


def heard_turns(said: Sequence[Said], sounds: Sequence[Interval], epoch: int) -> list[HeardTurn]:
    """Judge every utterance. `epoch` is the `now` of media time 0."""
    merged = _merged(sounds)
    onsets = [epoch + one.at_ms * MS for one in said]
    # The sounds that began before each onset.
    before = [bisect_left(merged, onset, key=_began_at) for onset in onsets]
    turns = []
    for one, onset, first, last in zip(said, onsets, before, [*before[1:], len(merged)], strict=True):
        over = merged[first - 1] if first and merged[first - 1].ended_at > onset else None
        turns.append(_heard(one.utterance, onset, over, [sound.began_at for sound in merged[first:last]]))
    return turns


def _heard(utterance: Utterance, onset: int, over: Interval | None, began: list[int]) -> HeardTurn:
    last_speech = onset + utterance.last_speech_ms * MS
    pauses = [onset + pause.start_ms * MS for pause in utterance.pauses]
    return HeardTurn(
        utterance,
        onset,
        last_speech,
        answered_at=next((at for at in began if at >= last_speech), None),
        over_agent=over is not None,
        silent_at=over.ended_at if over else None,
        cut=tuple(any(start <= at < following for at in began) for start, following in pairwise(pauses)),
    )


def _merged(sounds: Sequence[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for sound in sounds:
        if merged and sound.began_at - merged[-1].ended_at < SAME_SOUND_NS:
            merged[-1] = Interval(merged[-1].began_at, sound.ended_at)
        else:
            merged.append(sound)
    return merged


def _began_at(sound: Interval) -> int:
    return sound.began_at
