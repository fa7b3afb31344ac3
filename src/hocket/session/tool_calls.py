"""Running the agent's tools beside the call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from hocket.agent.call import Call, ToolRun
from hocket.agent.tools import Tool
from hocket.errors import ToolError
from hocket.ids import ReplyId, ToolCallId
from hocket.stages.llm import ToolCall
from hocket.trace.records import Mark
from hocket.turn.commands import CancelTool, RunTool
from hocket.turn.events import Event, ToolFinished, ToolRequested


class ToolCalls:
    """Each request is told to the engine, which says when to run it; the reply waits for its result here."""

    def __init__(
        self,
        call: Call,
        tools: dict[str, Tool],
        post: Callable[[Event], None],
        mark: Callable[[Mark], None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._call = call
        self._tools = tools
        self._post = post
        self._mark = mark
        self._spawn = spawn
        self._running: dict[ToolCallId, tuple[RunTool, asyncio.Task[None]]] = {}
        self._results: dict[ToolCallId, asyncio.Future[str]] = {}
        self._requested = 0

    def request(self, reply: ReplyId, wanted: ToolCall) -> ToolCallId:
        """Ask the engine for a tool on behalf of a reply, which has to wait for `results`. The id is ours: models
        repeat theirs."""
        self._requested += 1
        call = ToolCallId(f"{self._requested}:{wanted.id}")
        self._results[call] = asyncio.get_running_loop().create_future()
        self._post(ToolRequested(reply, call, wanted.name, wanted.arguments))
        return call

    async def results(self, calls: Sequence[ToolCallId]) -> list[str]:
        """What the tools answered, or what went wrong, as the model is told. The engine bounds the wait."""
        try:
            return [await self._results[call] for call in calls]
        finally:
            for call in calls:
                self._results.pop(call, None)

    def run(self, command: RunTool) -> None:
        self._running[command.call] = command, self._spawn(self._work(command))

    def cancel(self, command: CancelTool) -> None:
        """Give a tool up. Its end is not waited for: it may take as long as it likes, and changes nothing."""
        if running := self._running.get(command.call):
            run, task = running
            self._finished(run, f"{run.name} was given up: {command.reason}.", True)
            task.cancel()

    async def _work(self, command: RunTool) -> None:
        self._mark(Mark("tool", "started", command.reply, command.name))
        try:
            tool = self._tools.get(command.name)
            if tool is None:
                raise ToolError(f"There is no tool {command.name}.", retryable=False)
            result, failed = await tool.run(self._call, command.arguments), False
        except ToolError as error:
            result, failed = str(error), True
        self._finished(command, result, failed)

    def _finished(self, command: RunTool, result: str, failed: bool) -> None:
        if self._running.pop(command.call, None) is None:
            return  # it was given up before
        self._mark(Mark("tool", "failed" if failed else "ended", command.reply, command.name))
        self._call.emit("tool", ToolRun(command.name, command.arguments, result, failed))
        self._post(ToolFinished(command.reply, command.call, result, failed))
        if (waiting := self._results.get(command.call)) and not waiting.done():
            waiting.set_result(result)
