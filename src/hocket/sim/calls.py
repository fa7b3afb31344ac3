"""Whole simulated sessions: the session as it is in production, between simulated stages and a simulated caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, TypeAlias

from hocket.agent.agent import Agent
from hocket.agent.call import CallRecord
from hocket.session.pacing import Wheel
from hocket.session.sayings import Sayings
from hocket.session.session import Session, Stages
from hocket.sim.caller import Manners, SimCaller
from hocket.sim.delays import Delays
from hocket.sim.heard import HeardTurn
from hocket.sim.hearing import SimStt, SimVad
from hocket.sim.line import SimLine
from hocket.sim.loop import run
from hocket.sim.script import Utterance
from hocket.sim.speaking import SimLlm, SimTts
from hocket.sim.timeline import Timeline
from hocket.trace.log import TraceLog
from hocket.turn.config import TurnConfig
from hocket.turn.history import Entry

Takes: TypeAlias = Literal["tokens", "segments"]

CONFIG: Final = TurnConfig(fillers=())
"""Without fillers, so that what is measured is the reply."""

LIMIT_S: Final = 3 * 3600.0


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """A call that is over."""

    record: CallRecord
    trace: TraceLog
    heard: list[HeardTurn]
    """What each of the caller's utterances met with, by the line's own stopwatch."""
    history: tuple[Entry, ...]
    """The conversation as the engine remembers it."""
    stages: Stages
    config: TurnConfig

    @property
    def duration_s(self) -> float:
        """Of virtual time."""
        return self.record.duration_ms / 1000


def hold_call(
    seed: int,
    *,
    turns: int = 10,
    delays: Literal["reference", "uniform"] = "reference",
    takes: Takes = "tokens",
    manners: Manners = Manners(),  # noqa: B008 (immutable)
    config: TurnConfig = CONFIG,
    agent: Agent | None = None,
    script: Sequence[Utterance] | None = None,
    change: Callable[[Stages], Stages] | None = None,
) -> SimulatedCall:
    """Hold one call in virtual time. The same arguments give the same call, byte for byte.

    The caller says `turns` utterances drawn from the seed, or those of `script`. `takes` is what the voice wants to be
    fed. `change` may put other stages in the place of some, such as a broken voice.
    """
    agent = agent or Agent("You answer simulated callers.", name="simulated")
    return run(_hold(seed, turns, delays, takes, manners, config, agent, script, change), limit_s=LIMIT_S)


async def _hold(
    seed: int,
    turns: int,
    delays: str,
    takes: Takes,
    manners: Manners,
    config: TurnConfig,
    agent: Agent,
    script: Sequence[Utterance] | None,
    change: Callable[[Stages], Stages] | None,
) -> SimulatedCall:
    rng = Random(seed)
    drawn = Delays.uniform(rng) if delays == "uniform" else Delays.reference(rng)
    timeline = Timeline()
    line = SimLine(SimCaller(rng, turns, manners, script), timeline)
    voice = SimTts(drawn, takes)
    stages = Stages(
        SimVad(timeline, drawn, rng),
        SimStt(timeline, drawn, rng),
        SimLlm(drawn, seed),
        voice,
        line,
        Sayings(voice, line.output_rate),
    )
    stages = change(stages) if change else stages
    trace = TraceLog()
    session = Session(agent, stages, config, Wheel(), call_id=f"simulated-{seed}", time="virtual", trace=trace)
    record = await session.run()
    heard = stages.transport.heard() if isinstance(stages.transport, SimLine) else []
    return SimulatedCall(record, trace, heard, tuple(session.history.messages()), stages, config)
