from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hocket.audio.frame import FRAME_MS, Samples
from hocket.audio.resample import resample
from hocket.errors import MissingError, SttError
from hocket.providers import sphinx_processes
from hocket.providers.pocketsphinx import Pocketsphinx
from hocket.sim.loop import run
from hocket.stages.stt import SttStream, Transcript
from tests.speech import RATE, clip
from tests.stages.contract import check_stt, frames_of

pytest.importorskip("pocketsphinx")

PHRASES = ("could you put me through to the billing department please", "boats for six people", "yes please")
WEATHER = "agent_query/azure_whatstheweatherlike.wav"
SIX = "short_reply/commonvoice_22058267.wav"
YES = "short_reply/speechcommands_yes.wav"
ANSWER_S = 20.0

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@asynccontextmanager
async def opened(phrases: tuple[str, ...] = PHRASES) -> AsyncIterator[Pocketsphinx]:
    stt = Pocketsphinx(phrases)
    try:
        yield stt
    finally:
        await stt.close()


class Listener:
    """A stream and what came out of it."""

    def __init__(self, stream: SttStream, rate: int) -> None:
        self.stream = stream
        self.rate = rate
        self.transcripts: list[Transcript] = []
        self._answers = 0
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for transcript in self.stream:
            self.transcripts.append(transcript)

    async def play(self, samples: Samples) -> None:
        for frame in frames_of(samples, self.rate):
            self.stream.push(frame)
            await asyncio.sleep(FRAME_MS / 1000)

    async def finalized(self) -> str:
        """Finalize, and the text that answers it."""
        self.stream.finalize()
        return await self.finalized_next()

    async def finalized_next(self) -> str:
        """The next answer to `finalize` that was not yet asked for here."""
        async with asyncio.timeout(ANSWER_S):
            while len(self._finalized()) <= self._answers:
                if self._reader.done():
                    self._reader.result()
                await asyncio.sleep(0.005)
        self._answers += 1
        return self._finalized()[self._answers - 1]

    def _finalized(self) -> list[str]:
        return [transcript.text for transcript in self.transcripts if transcript.finalized]

    async def close(self) -> None:
        await self.stream.close()
        await asyncio.wait({self._reader})


async def listen(stt: Pocketsphinx, rate: int = RATE) -> Listener:
    return Listener(await stt.open(rate), rate)


def test_it_keeps_the_contract() -> None:
    assert "weather" in check_stt(opened, clip(WEATHER), RATE, run)


def test_without_the_virtual_loop_it_hears_the_same() -> None:
    async def scenario() -> tuple[list[Transcript], str]:
        async with opened() as stt:
            caller = await listen(stt)
            await caller.play(clip(WEATHER))
            text = await caller.finalized()
            await caller.close()
            return caller.transcripts, text

    (virtual, text), (real, real_text) = run(scenario()), asyncio.run(scenario())
    assert text == real_text == "what's the weather like"
    assert [transcript for transcript in virtual if transcript.final] == [one for one in real if one.final]
    interims = [transcript.text for transcript in virtual if not transcript.final]
    assert len(interims) >= 3
    assert all(before != after for before, after in pairwise(interims))


def test_other_rates_are_resampled() -> None:
    async def scenario() -> str:
        async with opened() as stt:
            caller = await listen(stt, 8_000)
            await caller.play(resample(clip(WEATHER), RATE, 8_000))
            text = await caller.finalized()
            await caller.close()
            return text

    assert "weather" in run(scenario())


def test_what_is_pushed_after_finalize_belongs_to_the_next_utterance() -> None:
    async def scenario() -> None:
        async with opened() as stt:
            caller = await listen(stt)
            for file in (YES, SIX):
                for frame in frames_of(clip(file), RATE):
                    caller.stream.push(frame)
                caller.stream.finalize()
            caller.stream.finalize()
            assert [await caller.finalized_next() for _ in range(3)] == ["yes", "six", ""]
            one_ms, both_ms = len(clip(YES)) // 16, (len(clip(YES)) + len(clip(SIX))) // 16
            reached = [each.until_ms or 0 for each in caller.transcripts if each.finalized]
            assert reached == pytest.approx([one_ms, both_ms, both_ms], abs=FRAME_MS)
            assert caller.stream.dropped == 0
            await caller.close()

    run(scenario())


def test_two_calls_at_once_do_not_mix() -> None:
    async def scenario() -> list[str]:
        async with opened() as stt:
            callers = [await listen(stt) for _ in range(2)]
            await asyncio.gather(*(caller.play(clip(file)) for caller, file in zip(callers, (YES, SIX), strict=True)))
            texts = [await caller.finalized() for caller in callers]
            for caller in callers:
                await caller.close()
            return texts

    assert asyncio.run(scenario()) == ["yes", "six"]


def test_a_call_survives_the_death_of_its_worker() -> None:
    async def scenario() -> None:
        async with opened() as stt:
            caller = await listen(stt)
            samples = clip(WEATHER)
            await caller.play(samples[: len(samples) // 2])
            dead = stt._slots[0].pid
            os.kill(dead, signal.SIGKILL)
            await caller.play(samples[len(samples) // 2 :])
            assert await caller.finalized() == "what's the weather like"
            assert stt._slots[0].pid != dead
            await caller.close()

    run(scenario())


def test_calls_are_spread_over_the_workers() -> None:
    async def scenario() -> None:
        stt = Pocketsphinx(workers=2)
        first, second = [await stt.open(RATE) for _ in range(2)]
        assert [slot.calls for slot in stt._slots] == [1, 1]
        await second.close()
        third = await stt.open(RATE)
        assert [slot.calls for slot in stt._slots] == [1, 1]
        await third.close()
        await first.close()
        assert [slot.calls for slot in stt._slots] == [0, 0]
        await stt.close()

    run(scenario())


def test_a_worker_that_cannot_live_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sphinx_processes, "WORKER", "hocket.no_such_module")

    async def scenario() -> None:
        async with opened() as stt:
            with pytest.raises(SttError, match="died"):
                await stt.open(RATE)

    run(scenario())


@pytest.mark.parametrize("runner", [run, asyncio.run])
def test_closing_the_recogniser_fails_its_streams_and_leaves_no_process(runner: Run) -> None:
    async def scenario() -> int:
        stt = Pocketsphinx(PHRASES)
        stream = await stt.open(RATE)
        await stt.close()
        stream.finalize()
        with pytest.raises(SttError, match="closed"):
            await anext(aiter(stream))
        await stream.close()
        with pytest.raises(SttError, match="closed"):
            await stt.open(RATE)
        return stt._slots[0].pid

    with pytest.raises(ProcessLookupError):
        os.kill(runner(scenario()), 0)


@pytest.mark.parametrize("end", ["", "import os; os._exit(1)"])
def test_workers_end_when_the_program_does(end: str) -> None:
    program = f"""
from hocket.providers.pocketsphinx import Pocketsphinx
stt = Pocketsphinx()
print(stt._slots[0].pid, flush=True)
stt._slots[0].open()
{end}
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False, timeout=60)
    state = Path(f"/proc/{int(done.stdout)}/stat")

    def gone() -> bool:
        return not state.exists() or ") Z " in state.read_text()  # dead, and nobody's to wait for

    async def waited() -> None:
        async with asyncio.timeout(ANSWER_S):
            while not gone():  # noqa: ASYNC110  # it is nobody's child, so there is nothing to wait on
                await asyncio.sleep(0.02)

    asyncio.run(waited())


def test_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with opened() as stt:
            with pytest.raises(SttError, match="English"):
                await stt.open(RATE, "de-DE")

    run(scenario())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"hocket\[embedded\]"):
        Pocketsphinx()
