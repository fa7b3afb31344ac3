"""Turn detection from sound: has the speaker finished, or only stopped?"""

from __future__ import annotations

from typing import Protocol

from hocket.audio.frame import Samples


class TurnDetector(Protocol):
    """A model that hears the end of an utterance."""

    name: str

    async def score(self, samples: Samples, rate: int) -> float:
        """The probability, 0 to 1, that the turn is complete after these samples (the last 8 s at most)."""
        ...
