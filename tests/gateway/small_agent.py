"""An agent whose stages cost nothing, for gateways that are started in tests: it answers whatever is loud."""

from __future__ import annotations

from random import Random

from hocket import Agent
from hocket.sim.delays import Delays, Even
from hocket.sim.speaking import SimLlm, SimTts
from tests.cli.small_stages import LevelVad, WordsStt

DELAYS = Delays(Random(1), Even(1, 2), Even(1, 2), Even(1, 2))

agent = Agent(
    "You are being tested.",
    name="small",
    vad=LevelVad(),
    stt=WordsStt("what time is it"),
    llm=SimLlm(DELAYS),
    tts=SimTts(DELAYS),
    greeting="Hello.",
)
