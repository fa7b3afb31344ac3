"""Models that do what a script says, in virtual time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing

import msgspec

from hocket.errors import LlmError
from hocket.sim.wire.replies import tokens
from hocket.stages.llm import Llm, LlmDelta, LlmRequest, Message, TextDelta, ToolCall, Usage

WORDS = "We open at nine every day but Sunday, and there is parking behind the house."
ASKED = LlmRequest("Be brief.", (Message("user", "When do you open?"),))
TOOL = ToolCall("1", "hours", "{}")
BROKEN = LlmError("The vendor failed (HTTP 500).")
FOREVER = 1e6


class Script(msgspec.Struct, frozen=True):
    """What one call does."""

    text: str = WORDS
    first_s: float = 0.1
    token_s: float = 0.012
    breaks_after: int = -1
    """Tokens after which `error` is raised, or it stalls."""
    error: LlmError | None = BROKEN
    """None: it stalls there for good."""
    tools: tuple[ToolCall, ...] = ()
    """After the text."""
    early: tuple[LlmDelta, ...] = ()
    """Deltas at once, before the first token."""


class Model:
    """Answers as scripted, call by call, and from then on as in the last script."""

    def __init__(self, name: str, *scripts: Script | str) -> None:
        self.name = name
        self.asked: list[LlmRequest] = []
        self.open = 0
        """Calls that run."""
        self._scripts = deque(Script(script) if isinstance(script, str) else script for script in scripts or ("",))

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        script = self._scripts.popleft() if len(self._scripts) > 1 else self._scripts[0]
        self.asked.append(request)
        self.open += 1
        try:
            for delta in script.early:
                yield delta
            wait_s = script.first_s
            for index, delta in enumerate(_deltas(script)):
                await asyncio.sleep(wait_s)
                if index == script.breaks_after:
                    await _break(script)
                yield delta
                wait_s = script.token_s
        finally:
            self.open -= 1


def failing(error: LlmError = BROKEN, after_s: float = 0.05) -> Script:
    """Fails before its first token."""
    return Script(first_s=after_s, breaks_after=0, error=error)


def stalled(tokens: int = 0) -> Script:
    """Brings nothing more after so many tokens."""
    return Script(breaks_after=tokens, error=None)


def said(deltas: Iterable[LlmDelta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


async def timed(llm: Llm, request: LlmRequest = ASKED) -> list[tuple[float, LlmDelta]]:
    """The deltas with the seconds after which they came."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with aclosing(llm.reply(request)) as deltas:
        return [(round(loop.time() - began, 3), delta) async for delta in deltas]


async def _break(script: Script) -> None:
    if script.error is not None:
        raise script.error
    await asyncio.sleep(FOREVER)


def _deltas(script: Script) -> Iterator[LlmDelta]:
    for token in tokens(script.text):
        yield TextDelta(token)
    yield from script.tools
    yield Usage(10, 0, len(tokens(script.text)))
