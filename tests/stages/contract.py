"""What every implementation of a stage keeps: each sentence of `hocket.stages` as a check.

A check takes `make`, which returns a fresh stage, or an asynchronous context manager that opens and closes one; and
`run`, which runs a coroutine: `hocket.sim.loop.run`, or `asyncio.run` where real threads or processes matter.
`broken`, where given, makes a stage that fails: what it raises must be the stage's own error.
"""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from hocket.audio.frame import Samples
from hocket.errors import LlmError
from hocket.stages.llm import Llm, LlmDelta, LlmRequest, Passage, TextDelta, ToolCall, Usage
from hocket.stages.retriever import Retriever
from hocket.stages.turn_detector import TurnDetector
from tests.stages.leftovers import cancelled_anywhere, collect, stops_cleanly
from tests.stages.making import Make, Run, frames_of, opened
from tests.stages.stt_contract import check_stt
from tests.stages.transport_contract import check_transport
from tests.stages.tts_contract import check_tts
from tests.stages.vad_contract import check_vad

__all__ = [
    "check_llm",
    "check_retriever",
    "check_stt",
    "check_transport",
    "check_tts",
    "check_turn_detector",
    "check_vad",
    "frames_of",
]


def check_llm(make: Make[Llm], request: LlmRequest, run: Run, broken: Make[Llm] | None = None) -> list[LlmDelta]:
    """`request` is one that the model answers. Returns the deltas of its answer."""

    async def scenario() -> list[LlmDelta]:
        async with opened(make) as llm:
            assert llm.name
            deltas = await collect(llm.reply(request))
            _assert_deltas(deltas, request)
            for other in await asyncio.gather(*(collect(llm.reply(request)) for _ in range(3))):
                _assert_deltas(other, request)
            await stops_cleanly(lambda: llm.reply(request), len(deltas))
        if broken is not None:
            async with opened(broken) as llm:
                with pytest.raises(LlmError):
                    await collect(llm.reply(request))
        return deltas

    return run(scenario())


def check_turn_detector(make: Make[TurnDetector], speech: Samples, rate: int, run: Run) -> float:
    """Returns the score of all of `speech`."""

    async def scenario() -> float:
        async with opened(make) as detector:
            assert detector.name
            scores = [
                await detector.score(speech[:end], rate) for end in (0, rate // 100, len(speech) // 2, len(speech))
            ]
            assert all(0.0 <= score <= 1.0 for score in scores), scores
            await detector.score(np.tile(speech, 12 * rate // len(speech) + 1), rate)  # longer than it looks at
            await cancelled_anywhere(lambda: detector.score(speech, rate), "score")
            return scores[-1]

    return run(scenario())


def check_retriever(make: Make[Retriever], query: str, run: Run) -> tuple[Passage, ...]:
    """`query` is one that has answers. Returns them."""

    async def scenario() -> tuple[Passage, ...]:
        async with opened(make) as retriever:
            found = await retriever.search(query)
            assert 0 < len(found) <= 3
            assert all(passage.text and passage.source for passage in found)
            assert [passage.score for passage in found] == sorted((p.score for p in found), reverse=True)
            assert len(await retriever.search(query, limit=1)) == 1
            assert isinstance(await retriever.search(""), tuple)
            await cancelled_anywhere(lambda: retriever.search(query), "search")
            return found

    return run(scenario())


def _assert_deltas(deltas: list[LlmDelta], request: LlmRequest) -> None:
    assert any(isinstance(delta, TextDelta | ToolCall) for delta in deltas), "neither text nor a tool call"
    tools = {tool.name for tool in request.tools}
    calls = [delta for delta in deltas if isinstance(delta, ToolCall)]
    assert len({call.id for call in calls}) == len(calls), "two tool calls have one id"
    for call in calls:
        assert call.name in tools, f"a tool that was not offered: {call.name}"
        assert isinstance(json.loads(call.arguments), dict), "arguments are no JSON object"
    usages = [index for index, delta in enumerate(deltas) if isinstance(delta, Usage)]
    assert usages in ([], [len(deltas) - 1]), "usage comes once, and last"
