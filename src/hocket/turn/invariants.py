"""What is always true after an event has been handled. Asserted in production too: a broken one is a bug of ours."""

from __future__ import annotations

from typing import Final

from hocket.turn import tools
from hocket.turn.commands import PlayFiller, ResumePlayout, StartPlayout
from hocket.turn.state import Reply, State
from hocket.turn.timers import Reason

_SOUNDS: Final = (StartPlayout, PlayFiller, ResumePlayout)


def check(s: State) -> None:
    """Raise AssertionError with the law that does not hold."""
    reply, timers = s.reply, s.timers
    committed = reply is not None and reply.committed
    if reply is not None:
        assert reply.committed or not reply.gate_open, "no sound before the commit"
        assert reply.committed or not reply.ran_tools, "no tool before the commit"
        assert reply.gate_open or not reply.audible, "only what passed the gate sounds"
        assert reply.id <= s.ids.reply, "reply ids only grow"
        assert not reply.paused or timers.has(Reason.DECIDE), "a pause is decided"
    for command in s.out:
        if isinstance(command, _SOUNDS):
            assert reply is not None and command.reply == reply.id, "only the current reply sounds"
            assert committed, "no sound before the commit"
    if s.ended:
        assert reply is None and timers.next is None, "nothing goes on after the end"
    elif not committed:
        assert not timers.has(Reason.DECIDE), "nothing to decide while nothing sounds"
        if timers.has(Reason.MAX_DURATION):  # the call has started
            assert _caller_is_waited_for(s), "somebody has to speak next"
    else:
        assert reply is not None
        assert reply.gate_open or _is_waited_for(s, reply), "a committed turn is answered or explained"


def _caller_is_waited_for(s: State) -> bool:
    has = s.timers.has
    if s.caller.speaking:
        return has(Reason.STUCK)
    return has(Reason.NO_INPUT) or has(Reason.COMMIT) or has(Reason.CANDIDATE) or has(Reason.FINALIZE)


def _is_waited_for(s: State, reply: Reply) -> bool:
    return s.timers.has(Reason.REPLY) or s.timers.has(Reason.DECIDE) or tools.waited_for(s, reply)
