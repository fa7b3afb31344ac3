"""An agent that speaks without end, so that every frame of every call is due at a known time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from random import Random
from typing import Final

from tests.cli.small_stages import LevelVad, WordsStt

from hocket import Agent
from hocket.gateway import admission
from hocket.sim.delays import Delays, Even
from hocket.sim.speaking import CHARACTER_MS, SimTts
from hocket.stages.llm import LlmDelta, LlmRequest, TextDelta

# A machine that has other things to do is late by itself, and offenders that are not even admitted show little. It is
# set in the worker, which imports this module.
admission.LAG_P99_MS = 10_000.0  # type: ignore[misc]

AHEAD_S: Final = 3.0
SENTENCE: Final = "there is a small charge of twelve euros for that, and it takes about two working days. "

_DELAYS: Final = Delays(Random(1), Even(1, 2), Even(1, 2), Even(1, 2))


class EndlessLlm:
    """Says the same sentence for ever, a few seconds before it is spoken."""

    name = "endless"

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        loop = asyncio.get_running_loop()
        due = loop.time() - AHEAD_S
        while True:
            yield TextDelta(SENTENCE)
            due += len(SENTENCE) * CHARACTER_MS / 1000
            await asyncio.sleep(max(0.0, due - loop.time()))


agent = Agent(
    "You are being attacked.",
    name="endless",
    vad=LevelVad(),
    stt=WordsStt("tell me everything"),
    llm=EndlessLlm(),
    tts=SimTts(_DELAYS),
)
