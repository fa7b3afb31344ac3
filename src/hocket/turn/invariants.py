"""What is always true after an event has been handled. Asserted in production too: a broken one is a bug of ours."""

from __future__ import annotations

from typing import Final

from hocket.turn.commands import PlayFiller, ResumePlayout, StartPlayout
from hocket.turn.state import Phase, State
from hocket.turn.timers import Reason

_WAITS_OF_LISTENING: Final = (Reason.CANDIDATE, Reason.COMMIT, Reason.FINALIZE, Reason.NO_INPUT)
_SOUNDS: Final = (StartPlayout, PlayFiller, ResumePlayout)


def check(s: State) -> None:
    """Raise AssertionError with the law that does not hold."""
    reply = s.reply
    if reply is not None:
        assert reply.committed or not reply.gate_open, "no sound before the commit"
        assert reply.committed or not reply.ran_tools, "no tool before the commit"
        assert reply.gate_open or not reply.audible, "only what passed the gate sounds"
        assert reply.id <= s.ids.reply, "reply ids only grow"
        assert not (reply.paused and not s.timers.has(Reason.DECIDE)), "a pause is decided"
    for command in s.out:
        if isinstance(command, _SOUNDS):
            assert reply is not None and command.reply == reply.id, "only the current reply sounds"
            assert reply.committed, "no sound before the commit"
    if s.ended:
        assert reply is None and s.timers.next is None, "nothing goes on after the end"
    elif s.phase is Phase.LISTENING:
        assert not s.timers.has(Reason.DECIDE), "nothing to decide while nothing sounds"
        if s.timers.has(Reason.MAX_DURATION) and not s.caller.speaking and not s.says:
            assert any(s.timers.has(reason) for reason in _WAITS_OF_LISTENING), "somebody has to speak next"
    elif not s.caller.speaking and not reply_has_sound(s):
        assert _is_waited_for(s), "a committed turn is answered or explained"


def reply_has_sound(s: State) -> bool:
    return s.reply is not None and s.reply.gate_open


def _is_waited_for(s: State) -> bool:
    return s.timers.has(Reason.REPLY) or bool(s.tools) or s.timers.has(Reason.DECIDE)
