"""What a call leaves out when its process is loaded."""

from __future__ import annotations

from enum import IntEnum


class Shed(IntEnum):
    """Optional work in the order it goes: at a level all up to it is left out, and the caller waits the longer for it.

    What a call needs is never left out; new calls are refused before that.
    """

    NOTHING = 0
    SPECULATIVE_TTS = 1
    """A reply that is started before the commit is written, but spoken only from the commit on."""
    EARLY_LLM = 2
    """Replies start at the candidate, not at a pause before it."""
    TURN_MODEL = 3
    """Whether the caller has finished is read from the words alone."""
    OPUS_COMPLEXITY = 4
    """Audio is encoded with less effort; the business of the transports."""
