"""What all calls of an agent share in one process, and the sessions made from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from hocket.agent.agent import Agent, choices
from hocket.assembly import providers
from hocket.assembly.closing import close_stage
from hocket.assembly.wrapping import Providers
from hocket.knowledge.documents import load_documents
from hocket.knowledge.index import LexicalIndex
from hocket.session.load import LoadLevel
from hocket.session.pacing import Wheel
from hocket.session.sayings import Sayings
from hocket.session.session import Session, Stages
from hocket.stages.retriever import Retriever
from hocket.stages.transport import Transport
from hocket.stages.turn_detector import TurnDetector
from hocket.stages.vad import Vad
from hocket.trace.log import TraceLog
from hocket.trace.records import TimeKind
from hocket.turn.config import TurnConfig
from hocket.turn.endpointing import PRESETS

S = TypeVar("S")

log = logging.getLogger(__name__)


@asynccontextmanager
async def assemble(agent: Agent) -> AsyncIterator[Assembly]:
    """Open an agent's stages and knowledge; they are closed when the block is left.

    Raises `AgentError` for knowledge that cannot be read, `ConfigError` for an unknown provider and `MissingError` for
    a package or a model that is not there.
    """
    passages = load_documents(agent.knowledge).passages if agent.knowledge else ()
    phrases = (*agent.phrases, *(passage.text for passage in passages), *agent.tools)
    named = agent.stages
    async with AsyncExitStack() as opened:
        # What was opened is closed, whatever becomes of the others.
        vad = _open(opened, providers.vad(named.vad))
        detector = _open(opened, providers.turn_detector(named.turn_detector))
        stts = [_open(opened, providers.stt(one, phrases)) for one in choices(named.stt)]
        llms = [_open(opened, providers.llm(one)) for one in choices(named.llm)]
        ttss = [_open(opened, providers.tts(one)) for one in choices(named.tts)]
        complex_llm = _open(opened, providers.llm(named.complex_llm)) if named.complex_llm else None
        wrapped = _open(opened, Providers(stts, llms, ttss, complex_llm, agent.resilience))
        yield Assembly(agent, vad, wrapped, LexicalIndex(passages) if passages else None, detector)


def _open(opened: AsyncExitStack, stage: S) -> S:
    opened.push_async_callback(_close, stage)
    return stage


async def _close(stage: object) -> None:
    try:
        await close_stage(stage)
    except Exception as error:  # it must not keep the others from being closed
        log.warning("%s could not be closed", type(stage).__name__, exc_info=error)


class Assembly:
    """An agent, ready to take calls on the running loop."""

    def __init__(
        self,
        agent: Agent,
        vad: Vad,
        providers: Providers,
        retriever: Retriever | None = None,
        turn_detector: TurnDetector | None = None,
    ) -> None:
        self.agent = agent
        self.vad = vad
        self.providers = providers
        self.retriever = retriever
        self.turn_detector = turn_detector
        self.config = turn_config(agent, retriever is not None)
        self.wheel = Wheel()
        self.load = LoadLevel()
        self._sayings: dict[int, Sayings] = {}
        self._warm: set[tuple[int, int]] = set()

    async def prepare(self, input_rate: int, output_rate: int) -> Sayings:
        """Have connections open and the agent's fixed sentences synthesised for lines of these rates (Hertz), so that
        no call waits for them."""
        if (input_rate, output_rate) not in self._warm:
            self._warm.add((input_rate, output_rate))
            await self.providers.warm(input_rate, output_rate)
        sayings = self._sayings.setdefault(output_rate, Sayings(self.providers.tts, output_rate))
        config = self.config
        await sayings.prepare(
            (
                config.greeting,
                *config.fillers,
                *config.tool_fillers.values(),
                *config.reprompts,
                config.goodbye,
                config.apology,
            )
        )
        return sayings

    async def session(
        self,
        transport: Transport,
        *,
        call_id: str,
        caller: str = "",
        parameters: dict[str, Any] | None = None,
        trace: TraceLog | None = None,
        recording: Path | None = None,
    ) -> Session:
        """A session for one call; `await session.run()` holds it."""
        stages = Stages(
            self.vad,
            self.providers.stt,
            self.providers.llm,
            self.providers.tts,
            transport,
            await self.prepare(transport.input_rate, transport.output_rate),
            self.retriever,
            self.load,
            self.turn_detector,
        )
        return Session(
            self.agent,
            stages,
            self.config,
            self.wheel,
            call_id=call_id,
            caller=caller,
            parameters=parameters,
            trace=trace,
            time=self._time(),
            recording=recording.name if recording else "",
        )

    def _time(self) -> TimeKind:
        if not getattr(asyncio.get_running_loop(), "modelled", False):
            return "real"
        names = [self.vad.name, self.providers.stt.name, self.providers.llm.name, self.providers.tts.name]
        if self.turn_detector is not None:
            names.append(self.turn_detector.name)
        return "virtual" if all(name.startswith("simulated") for name in names) else "modelled"


def turn_config(agent: Agent, has_knowledge: bool) -> TurnConfig:
    """The turn policy that an agent declares."""
    manners = agent.manners
    return TurnConfig(
        endpointing=PRESETS[agent.preset],
        hear_endings=agent.stages.turn_detector is not None,
        speculate=True,
        retrieve=has_knowledge,
        greeting=agent.greeting or "",
        greeting_interruptible=manners.greeting_interruptible,
        reprompts=manners.reprompts,
        goodbye=manners.goodbye,
        fillers=(manners.filler,) if manners.filler else (),
        no_input_ms=round(manners.no_input_s * 1000),
        max_duration_ms=round(manners.max_duration_s * 1000),
        tool_fillers={tool.name: tool.filler for tool in agent.tools.values() if tool.filler is not None},
        tool_deadlines_ms={tool.name: round(tool.deadline_s * 1000) for tool in agent.tools.values()},
    )
