"""Everything a turn engine is told once, before the call."""

from __future__ import annotations

import msgspec

from hocket.turn.endpointing import Endpointing


class TurnConfig(msgspec.Struct, frozen=True):
    """The policy of one agent's calls."""

    endpointing: Endpointing = Endpointing()
    hear_endings: bool = False
    """There is a turn detector to ask."""
    speculate: bool = True
    """Start replies before the turn is committed."""
    retrieve: bool = False
    """There is knowledge to look things up in."""
    greeting: str = ""
    greeting_interruptible: bool = True
    reprompts: tuple[str, ...] = ("Are you still there?", "Can you hear me?")
    """Said one after the other when the caller says nothing."""
    goodbye: str = "Goodbye."
    apology: str = "Sorry, something went wrong on my side. Could you say that again?"
    fillers: tuple[str, ...] = ("One moment.",)
    """Said in turn when the caller is owed a sound and the reply is not there; may be empty."""
    no_input_ms: int = 8_000
    max_duration_ms: int = 1_800_000
    decide_ms: int = 300
    """From the detected onset of a barge-in: what is over by then, without a word, was none."""
    owed_ms: int = 1_100
    """Silence after the caller's last speech that a filler ends; under 1.2 s people do not repeat themselves."""
    reply_ms: int = 8_000
    """A committed reply that has no audio by then is given up."""
    tool_ms: int = 10_000
    """Deadline of a tool that has none of its own."""
    tool_fillers: dict[str, str] = {}
    """Tool name -> what is said instead of a filler while it runs; empty for nothing."""
    tool_deadlines_ms: dict[str, int] = {}
    """Tool name -> its own deadline."""
