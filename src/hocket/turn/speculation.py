"""When a reply may be started before the turn is committed, and when that has stopped paying."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

_MS: Final = 1_000_000

READS_COMPLETE: Final = 0.5
"""Completion score from which words are worth a model call before the candidate."""

LEAD: Final = 400 * _MS
"""A reply takes about this long to its first sound; starting it earlier than that before the commit gains nothing."""

LAST_WORD: Final = 140 * _MS
"""Recognisers show a word about 100 ms after it ends: words older than the last speech wait this long for it."""

FRESH: Final = 40 * _MS
"""Words that changed so long after the last speech sample hold the last word."""

CALLS_PER_TURN: Final = 3
"""Speculative model calls a turn; one more may follow at the commit. Pauses inside a sentence use up some of them, and
without one left the reply waits for the commit."""

_REMEMBERED: Final = 16
_ENOUGH: Final = 8
_POOR: Final = 0.3


@dataclass(slots=True)
class Speculation:
    """The record of early starts in this call."""

    calls: int = 0
    """Replies started for the present utterance."""
    outcomes: deque[bool] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    """Of the latest early starts: was the reply the one committed?"""

    shed: int = 0
    """A `turn.shedding.Shed`: under load the work up to it is left out."""
    looked_up: str = ""
    """The words that knowledge was last looked up for."""

    @property
    def pays(self) -> bool:
        """Early starts are committed often enough to be worth their tokens."""
        return len(self.outcomes) < _ENOUGH or sum(self.outcomes) >= _POOR * len(self.outcomes)

    @property
    def within_budget(self) -> bool:
        return self.calls < CALLS_PER_TURN

    def next_utterance(self) -> None:
        self.calls = 0
