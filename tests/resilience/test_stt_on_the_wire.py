"""Recognition over real sockets that break: a person's words, through Deepgram's protocol, each heard once.

What breaks is tried all at once, in the time of one utterance and of what is sent again of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import numpy as np
import pytest

from hocket.audio.frame import FRAME_MS, Frame, Samples
from hocket.audio.resample import resample
from hocket.errors import SttError
from hocket.providers.deepgram import Deepgram, DeepgramFlux
from hocket.resilience.fallback_stt import FallbackStt
from hocket.sim.script import Word
from hocket.sim.wire.deepgram import DeepgramServer
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.track import Track
from hocket.stages.notices import Notice, listen
from hocket.stages.stt import SttStream
from tests.providers.on_the_wire import Reader, against
from tests.resilience.ears import chain_of
from tests.sim.wire.scripted import plain
from tests.speech import clip, manifest

RATE = 8000
SENTENCE = "read_sentence/librispeech_testing_routine.wav"
QUESTION = "agent_query/azure_whatstheweatherlike.wav"
ANSWER_S = 12.0


def track_of(*files: str) -> Track:
    """Clips one after the other, over the telephone."""
    samples: list[Samples] = []
    words: list[Word] = []
    for file in files:
        start_ms = sum(map(len, samples)) * 1000 // RATE
        for text, start, end in manifest()[file].words_auto or ():
            words.append(Word(text, start_ms + round(start * 1000), start_ms + round(end * 1000)))
        samples.append(resample(clip(file), 16_000, RATE))
    return Track(np.concatenate(samples), RATE, tuple(words))


ONE = track_of(SENTENCE)
TWO = track_of(QUESTION, SENTENCE)
"""A final is asked for between them."""
BETWEEN_MS = 1800


class Call:
    """One call over a server of its own."""

    def __init__(self, server: DeepgramServer, stream: SttStream) -> None:
        self.server = server
        self.stream = stream
        self.notices: list[Notice] = []
        self.heard = ""

    def reset(self) -> None:
        """The connection is gone, without a word."""
        transport = self.server.exchanges[-1].request.transport
        assert transport is not None
        transport.abort()


Break: TypeAlias = Callable[[Call], Coroutine[Any, Any, None]]


def cut_after(ms: int, *, politely: bool = False) -> Break:
    async def broken(call: Call) -> None:
        await asyncio.sleep(ms / 1000)
        if politely:
            await call.server.exchanges[-1].close(1011, "NET-0000")
        else:
            call.reset()

    return broken


def gone_after(ms: int, seconds: float) -> Break:
    async def broken(call: Call) -> None:
        await asyncio.sleep(ms / 1000)
        call.server.faults.standing = Fault("status", status=503)
        call.reset()
        await asyncio.sleep(seconds)
        call.server.faults.clear()

    return broken


async def whole(call: Call) -> None:
    """Nothing breaks by the test's hand."""


class Case:
    """What happens to one call."""

    def __init__(self, track: Track, broken: Break = whole, fault: Fault | None = None, flux: bool = False) -> None:
        self.track = track
        self.broken = broken
        self.fault = fault
        self.flux = flux

    async def hold(self) -> Call:
        def adapter(url: str) -> Deepgram | DeepgramFlux:
            if self.flux:
                return DeepgramFlux(key="k", base_url=url, encoding="mulaw")
            return Deepgram(key="k", base_url=url, encoding="mulaw")

        async with against(DeepgramServer(self.track), adapter) as (server, stt):
            server.faults.plan(self.fault)
            notices: list[Notice] = []
            listen(notices.append)
            call = Call(server, await FallbackStt(chain_of(stt)).open(RATE))
            call.notices = notices
            reader = Reader(call.stream)
            breaking = asyncio.create_task(self.broken(call))
            try:
                await self._speak(call.stream)
                await breaking
                call.stream.finalize()
                async with asyncio.timeout(ANSWER_S):
                    await self._final(reader)
                call.heard = plain(" ".join(each.text for each in reader.found if each.final and each.text))
                assert call.stream.dropped == 0
            finally:
                await reader.close()
                await asyncio.wait({breaking})
            return call

    async def _speak(self, stream: SttStream) -> None:
        loop = asyncio.get_running_loop()
        began, size = loop.time(), RATE * FRAME_MS // 1000
        for at in range(0, len(self.track.samples) - size + 1, size):
            await asyncio.sleep(began + (at + size) / RATE - loop.time())
            stream.push(Frame(self.track.samples[at : at + size], RATE, at))
            if self.track is TWO and at == BETWEEN_MS * RATE // 1000:
                stream.finalize()

    async def _final(self, reader: Reader) -> None:
        """The answer to the last request: it settles nearly all."""
        length_ms = len(self.track.samples) * 1000 // RATE
        while not any(each.finalized and (each.until_ms or 0) > length_ms - 400 for each in reader.found):
            reader.check()
            await asyncio.sleep(0.01)


CASES = {
    **{f"cut at {ms} ms": Case(ONE, cut_after(ms, politely=ms % 400 == 0)) for ms in range(0, 3001, 200)},
    **{f"cut after a final, at {ms} ms": Case(TWO, cut_after(ms)) for ms in (1900, 2500, 3100, 4500)},
    "cut twice": Case(ONE, cut_after(1000), Fault("reset", after_messages=2)),
    "stalls before a word": Case(ONE, fault=Fault("stall", after_messages=0, seconds=60)),
    "stalls after two words": Case(ONE, fault=Fault("stall", after_messages=2, seconds=60)),
    "stalls at the end": Case(ONE, fault=Fault("stall", after_messages=6, seconds=60)),
    "gone for two seconds": Case(ONE, gone_after(700, 2.0)),
    "Flux, cut at 1300 ms": Case(ONE, cut_after(1300), flux=True),
    "nothing": Case(TWO),
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Call | BaseException]:
    async def all_at_once() -> dict[str, Call | BaseException]:
        results = await asyncio.gather(*(case.hold() for case in CASES.values()), return_exceptions=True)
        return dict(zip(CASES, results, strict=True))

    return asyncio.run(all_at_once())


@pytest.mark.parametrize("name", CASES)
def test_every_word_is_heard_once(outcomes: dict[str, Call | BaseException], name: str) -> None:
    call, case = outcomes[name], CASES[name]
    if isinstance(call, BaseException):
        raise call
    assert call.heard == plain(" ".join(word.text for word in case.track.words))
    left = [notice.detail for notice in call.notices if notice.step == "left"]
    assert bool(left) == (name != "nothing")
    assert len(call.server.exchanges) > len([each for each in left if "503" not in each])


def test_a_call_whose_provider_stays_away_ends_with_its_words() -> None:
    async def scenario() -> None:
        async with against(DeepgramServer(ONE), lambda url: Deepgram(key="k", base_url=url)) as (server, stt):
            server.faults.plan(None)
            server.faults.standing = Fault("status", status=401)
            stream = await FallbackStt(chain_of(stt)).open(RATE)
            server.exchanges[-1].request.transport.abort()  # type: ignore[union-attr]
            with pytest.raises(SttError, match="refused the key"):
                await asyncio.wait_for(anext(aiter(stream)), 2)
            await stream.close()

    asyncio.run(scenario())
