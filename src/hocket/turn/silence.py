"""Bounded silence, in both directions, and the ends of a call."""

from __future__ import annotations

from typing import Final

from hocket.turn import replying
from hocket.turn.commands import PlayFiller
from hocket.turn.state import MS, Ending, Reply, Saying, State
from hocket.turn.timers import Reason

FILLER_GAP: Final = 4_000 * MS
"""Between one filler and the next while the reply still does not come."""


LAST_WORDS: Final = 15_000 * MS
"""What the goodbye has before the call ends without it."""

TOO_LONG: Final = "the call reached its longest duration"


def call_started(s: State, now: int) -> None:
    config = s.config
    s.timers.set(Reason.MAX_DURATION, now + config.max_duration_ms * MS)
    if config.greeting:
        replying.say(s, Saying(config.greeting, "greeting", config.greeting_interruptible))
    s.timers.set(Reason.NO_INPUT, now + config.no_input_ms * MS)


def owed(s: State, now: int) -> None:
    """The caller has waited long enough for a sound."""
    reply = s.reply
    assert reply and reply.committed and not reply.audible
    if reply.paused:
        s.timers.set(Reason.OWED, s.timers.due(Reason.DECIDE))  # owed the more if it was only a cough
        return
    if not reply.gate_open and (words := _filler(s, reply)):
        s.emit(PlayFiller(reply.id, words))
        reply.fillers += 1
    s.timers.set(Reason.OWED, now + FILLER_GAP)


def _filler(s: State, reply: Reply) -> str:
    """What a running tool has to say for itself the first time, else the agent's fillers in turn; empty for none."""
    if not reply.fillers:
        for tool in s.tools.values():
            if tool.name in s.config.tool_fillers:
                return s.config.tool_fillers[tool.name]
    fillers = s.config.fillers
    return fillers[reply.fillers % len(fillers)] if fillers else ""


def no_input(s: State, now: int) -> None:
    """The caller says nothing: ask, ask again, say goodbye."""
    s.timers.set(Reason.NO_INPUT, now + s.config.no_input_ms * MS)
    if s.caller.away:
        return
    if s.caller.reprompted < len(s.config.reprompts):
        s.caller.reprompted += 1
        replying.say(s, Saying(s.config.reprompts[s.caller.reprompted - 1], "reprompt"))
    else:
        close(s, "the caller said nothing", s.config.goodbye)


def too_long(s: State, now: int) -> None:
    """The longest duration: a goodbye when the floor is free, and the end even if it never is."""
    if s.ending is Ending.GOODBYE:
        replying.end(s, TOO_LONG)
        return
    close(s, TOO_LONG, s.config.goodbye)
    if not s.ended:
        s.ending = Ending.GOODBYE
        s.timers.set(Reason.MAX_DURATION, now + LAST_WORDS)


def close(s: State, reason: str, goodbye: str | None) -> None:
    """End the call once the goodbye, and what is being said before it, has been heard."""
    if s.ending is Ending.GOODBYE:
        return
    reply = s.reply if s.reply and s.reply.committed else None
    if reply and not goodbye:
        reply.ends_call = reason  # its own words are the goodbye; the caller may still talk it out of leaving
        return
    s.ending = Ending.GOODBYE
    if reply:
        reply.ends_call = ""  # it has said so before, without these words
    words = s.config.goodbye if goodbye is None else goodbye
    if words:
        replying.say(s, Saying(words, "goodbye", interruptible=False, ends_call=reason))
    else:
        replying.end(s, reason)
