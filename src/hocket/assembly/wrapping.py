"""What is put around an agent's providers so that a slow or a dead one is not its callers' trouble."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from hocket.agent.agent import Resilience
from hocket.errors import StageError
from hocket.resilience.chain import Chain
from hocket.resilience.fallback_llm import FallbackLlm
from hocket.resilience.fallback_stt import FallbackStt
from hocket.resilience.fallback_tts import FallbackTts
from hocket.resilience.hedge import HedgedLlm
from hocket.resilience.openers import Openers, OpenerTts
from hocket.resilience.routing import RoutedLlm
from hocket.resilience.slots import Slots
from hocket.stages.llm import Llm
from hocket.stages.stt import Stt
from hocket.stages.tts import Tts
from hocket.stages.warm import Warmable

log = logging.getLogger(__name__)

STT_SLOW_MS: Final = 600
"""Of an answer to finalize. This and the next two: medians above them are slow whatever a provider's usual is."""

LLM_SLOW_MS: Final = 1500
"""Of a first token."""

TTS_SLOW_MS: Final = 800
"""Of a first sound."""

WARM_S: Final = 5.0
"""What a provider has to open its first connections, before calls are taken without them."""


class Providers:
    """An agent's recognisers, models and voices with everything around them; shared by its calls."""

    def __init__(
        self,
        stts: Sequence[Stt],
        llms: Sequence[Llm],
        ttss: Sequence[Tts],
        complex_llm: Llm | None,
        resilience: Resilience,
    ) -> None:
        self.slots = Slots(resilience.slots)
        self.openers = Openers(round(resilience.openers_mb * 1e6))
        self._hedge = resilience.hedge
        self._closing: list[HedgedLlm | FallbackLlm] = []
        self._stts = tuple(stts)
        self._listeners = (*stts, *llms, *((complex_llm,) if complex_llm else ()))
        self._voices = tuple(ttss)
        self.stt: Stt = FallbackStt(Chain(stts, self.slots, STT_SLOW_MS))
        usual = self._model(llms)
        # A complex turn that its own model cannot answer is answered by the usual ones.
        self.llm: Llm = RoutedLlm(usual, self._model((complex_llm, *llms))) if complex_llm else usual
        voices = [OpenerTts(tts, self.openers) for tts in ttss]
        self.tts: Tts = FallbackTts(Chain(voices, self.slots, TTS_SLOW_MS))

    async def warm(self, input_rate: int, output_rate: int) -> None:
        """Have connections open for calls at these rates (Hertz); a provider that has none to offer is only logged."""
        async with asyncio.TaskGroup() as group:
            for stages, rate in ((self._listeners, input_rate), (self._voices, output_rate)):
                for stage in stages:
                    if isinstance(stage, Warmable):
                        group.create_task(_warm(stage, rate))

    def has_room(self) -> bool:
        """Has any recogniser a stream left for one more call? Only those are held as long as their call."""
        return self.slots.has_room(stt.name for stt in self._stts)

    async def close(self) -> None:
        """Wait for the calls that lost to end; the providers themselves are closed by whoever opened them."""
        for wrapper in self._closing:
            await wrapper.close()

    def _model(self, llms: Sequence[Llm]) -> Llm:
        fallback = FallbackLlm(Chain([self._hedged(llm) for llm in llms], self.slots, LLM_SLOW_MS))
        self._closing.insert(0, fallback)
        return fallback

    def _hedged(self, llm: Llm) -> Llm:
        if self._hedge == "off":
            return llm
        hedged = HedgedLlm(llm, when=self._hedge)
        self._closing.append(hedged)
        return hedged


async def _warm(stage: Warmable, rate: int) -> None:
    try:
        async with asyncio.timeout(WARM_S):
            await stage.warm(rate)
    except TimeoutError:
        log.warning("%s could not be warmed within %g s", getattr(stage, "name", stage), WARM_S)
    except StageError as error:
        log.warning("%s could not be warmed: %s", getattr(stage, "name", stage), error)
