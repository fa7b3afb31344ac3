"""The caller's connection broke off and may come back: nothing sounds meanwhile, and nothing is lost.

What played goes on from where it broke off. What the caller had said is still answered, behind the closed gate, and
heard when they are back.
"""

from __future__ import annotations

from hocket.turn import replying
from hocket.turn.commands import PausePlayout, ResumePlayout
from hocket.turn.state import MS, State
from hocket.turn.timers import Reason


def lost(s: State) -> None:
    """From now on nobody hears the agent."""
    if s.caller.away:
        return
    s.caller.away = True
    s.timers.stop(Reason.DECIDE)
    reply = s.reply
    if reply and reply.committed and not reply.paused:
        reply.paused = True
        if reply.gate_open or reply.fillers:
            s.emit(PausePlayout(reply.id))


def back(s: State, now: int) -> None:
    """The caller hears the agent again."""
    if not s.caller.away:
        return
    s.caller.away = False
    if s.timers.has(Reason.NO_INPUT):
        s.timers.set(Reason.NO_INPUT, now + s.config.no_input_ms * MS)
    reply = s.reply
    if reply is None or not reply.committed:
        return
    reply.paused = False
    if reply.gate_open or reply.fillers:
        s.emit(ResumePlayout(reply.id))
    replying.open_gate(s, reply)
    if not reply.gate_open:
        replying.owe(s, reply, now)
