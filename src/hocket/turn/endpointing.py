"""Two-stage endpointing: how long a silence must last before the turn is the agent's.

Where a turn detector listens, words that read complete in a voice that does not sound as if it had finished stretch it
too. A voice never shortens a wait: words that show more is to come are right more often than it is.

The first stage, the *candidate*, comes `silence_ms` after the detector's flip and starts everything downstream. The
second, the *commit*, comes `confirm_ms` later when the words read complete; otherwise the wait stretches without steps
up to `limit_ms`.
"""

from __future__ import annotations

from typing import Final

import msgspec

_MS: Final = 1_000_000

COMPLETE: Final = 0.6
"""The completion score from which the turn is committed without any stretch."""

SOUNDS_COMPLETE: Final = 0.2
"""The turn detector's probability from which a voice stretches nothing."""

SOUNDS_OPEN: Final = 0.3
"""What words are worth at most in a voice that is sure to go on: 0.8 s from the flip, by the default waits."""


def as_heard(words: float, sound: float) -> float:
    """The completion score of words that score `words` by themselves, said in a voice that scores `sound`."""
    if sound >= SOUNDS_COMPLETE:
        return words
    return min(words, SOUNDS_OPEN + (COMPLETE - SOUNDS_OPEN) * sound / SOUNDS_COMPLETE)


class Endpointing(msgspec.Struct, frozen=True):
    """The waits of one preset, counted from the voice-activity detector's flip to silence: at the soonest 80 ms after
    the last speech."""

    silence_ms: int = 110
    """Flip to candidate."""
    confirm_ms: int = 60
    """Candidate to commit, for words that read complete."""
    limit_ms: int = 1500
    """Flip to commit at the latest, whatever the words."""
    min_speech_ms: int = 200
    """Speech shorter than this takes the turn only when it is recognised as a word, or was asked for."""
    stuck_ms: int = 4000
    """Words unchanged for so long are committed though the detector still hears something: music, a crowd."""

    @property
    def stretches(self) -> bool:
        """Whether a turn's score makes a difference."""
        return self.silence_ms + self.confirm_ms < self.limit_ms

    def wait(self, score: float) -> int:
        """Nanoseconds from the flip to the commit for a turn whose completion score is `score`, 0 to 1."""
        soonest_ms = self.silence_ms + self.confirm_ms
        slack = max(0.0, COMPLETE - score) / COMPLETE
        return round((soonest_ms + (self.limit_ms - soonest_ms) * slack) * _MS)


PRESETS: Final[dict[str, Endpointing]] = {
    "adaptive": Endpointing(),
    # The fixed presets have no room between commit and limit, so words make no difference.
    "safe": Endpointing(confirm_ms=590, limit_ms=700),
    "tuned": Endpointing(confirm_ms=190, limit_ms=300),
    "aggressive": Endpointing(confirm_ms=40, limit_ms=150),
}
"""Preset name -> waits. `aggressive` cuts into ordinary pauses: for trained operators only."""
