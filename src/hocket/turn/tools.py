"""The race of tools: asked for by a reply, run once its turn is committed, given up at a deadline.

A tool outlives the reply that asked for it: what has been started is finished and remembered, though the caller may
have taken the floor meanwhile.
"""

from __future__ import annotations

from hocket.ids import ToolCallId
from hocket.turn.commands import CancelTool, RunTool
from hocket.turn.events import ToolFinished, ToolRequested
from hocket.turn.state import MS, Reply, State
from hocket.turn.timers import Reason


def requested(s: State, reply: Reply, event: ToolRequested, now: int) -> None:
    """The gate for effects: a speculative reply runs nothing."""
    if reply.committed:
        _run(s, reply, event, now)
    else:
        reply.waiting_tools.append(event)


def run_waiting(s: State, reply: Reply, now: int) -> None:
    waiting, reply.waiting_tools = reply.waiting_tools, []
    for event in waiting:
        _run(s, reply, event, now)


def finished(s: State, event: ToolFinished, now: int) -> None:
    if s.tools.pop(event.call, None) is None:
        return
    s.timers.stop_one(Reason.TOOL, event.call)
    s.history.tool_result(event.call, event.result)
    reply = s.current(event.reply)
    if reply and not reply.ready and not waited_for(s, reply):
        # The model speaks again after the last result: its time counts from here.
        s.timers.set(Reason.REPLY, now + s.config.reply_ms * MS)


def overdue(s: State, call: ToolCallId) -> None:
    limit_ms = _limit_ms(s, s.tools[call].name)
    s.emit(CancelTool(call, f"no answer within {limit_ms / 1000:g} s"))


def cancel_all(s: State, reason: str) -> None:
    for call in s.tools:
        s.emit(CancelTool(call, reason))


def waited_for(s: State, reply: Reply) -> bool:
    """Whether a tool that this reply asked for still runs."""
    return any(tool.reply == reply.id for tool in s.tools.values())


def _limit_ms(s: State, name: str) -> int:
    return s.config.tool_deadlines_ms.get(name, s.config.tool_ms)


def _run(s: State, reply: Reply, event: ToolRequested, now: int) -> None:
    assert reply.committed, "no tool before the commit"
    reply.ran_tools = True
    s.history.tool_call(event.call, event.name, event.arguments)
    s.tools[event.call] = event
    s.timers.set(Reason.TOOL, now + _limit_ms(s, event.name) * MS, event.call)
    s.timers.stop(Reason.REPLY)
    s.emit(RunTool(event.reply, event.call, event.name, event.arguments))
