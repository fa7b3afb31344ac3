"""What is always true after an event has been handled. Asserted in production too: a broken one is a bug of ours."""

from __future__ import annotations

from typing import Final

from hocket.turn import tools
from hocket.turn.commands import PlayFiller, ResumePlayout, StartPlayout
from hocket.turn.state import Reply, State
from hocket.turn.timers import Reason

_WAITS_OF_LISTENING: Final = (Reason.NO_INPUT, Reason.COMMIT, Reason.CANDIDATE, Reason.FINALIZE)
_SOUNDS: Final = (StartPlayout, PlayFiller, ResumePlayout)


def check(s: State) -> None:
    """Raise AssertionError with the law that does not hold."""
    reply, has = s.reply, s.timers.has
    committed = reply is not None and reply.committed
    if reply is not None:
        assert reply.committed or not reply.gate_open, "no sound before the commit"
        assert reply.committed or not reply.ran_tools, "no tool before the commit"
        assert reply.gate_open or not reply.audible, "only what passed the gate sounds"
        assert reply.id <= s.ids.reply, "reply ids only grow"
        assert not reply.paused or s.caller.away or has(Reason.DECIDE), "a pause is decided"
    for command in s.out:
        if isinstance(command, _SOUNDS):
            assert reply is not None and command.reply == reply.id, "only the current reply sounds"
            assert committed, "no sound before the commit"
            assert not s.caller.away, "nothing sounds while nobody is there"
    if s.ended:
        assert reply is None and s.timers.next is None, "nothing goes on after the end"
    elif not committed:
        assert not has(Reason.DECIDE), "nothing to decide while nothing sounds"
        waited_for = has(Reason.STUCK) if s.caller.speaking else any(map(has, _WAITS_OF_LISTENING))
        assert waited_for or not has(Reason.MAX_DURATION), "somebody has to speak next"  # once the call has started
    else:
        assert reply is not None
        assert reply.gate_open or s.caller.away or _is_waited_for(s, reply), "a committed turn is answered or explained"


def _is_waited_for(s: State, reply: Reply) -> bool:
    return s.timers.has(Reason.REPLY) or s.timers.has(Reason.DECIDE) or tools.waited_for(s, reply)
