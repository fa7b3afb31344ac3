"""The contract of `hocket.stages.stt`."""

from __future__ import annotations

import asyncio
from functools import partial

import numpy as np
import pytest

from hocket.audio.frame import FRAME_MS, Samples
from hocket.errors import SttError
from hocket.stages.stt import Stt, SttStream, Transcript
from tests.stages.leftovers import cancelled_anywhere, leaves_nothing
from tests.stages.making import ANSWER_S, Make, Run, frames_of, opened


def check_stt(make: Make[Stt], speech: Samples, rate: int, run: Run, broken: Make[Stt] | None = None) -> str:
    """`speech` holds words. Returns what was recognised: all finals, joined with spaces."""

    async def scenario() -> str:
        async with opened(make) as stt:
            assert stt.name
            stream = await stt.open(rate)
            text = await _stt_recognises(stream, speech, rate)
            await _stt_closes(stream)
            for frames, finalize in ((0, False), (0, True), (10, False), (10, True)):
                await leaves_nothing(
                    partial(_stt_closed_early, stt, speech, rate, frames, finalize),
                    f"an STT stream closed after {frames} frames, finalize {finalize}",
                )
            await leaves_nothing(lambda: _stt_reader_cancelled(stt, speech, rate), "a cancelled reader of transcripts")
            await cancelled_anywhere(lambda: _stt_open_and_close(stt, rate), "open")
            await _stt_is_bounded(stt, speech, rate)
        if broken is not None:
            async with opened(broken) as stt:
                with pytest.raises(SttError):
                    await _stt_recognises(await stt.open(rate), speech, rate)
        return text

    return run(scenario())


async def _stt_recognises(stream: SttStream, speech: Samples, rate: int) -> str:
    """Finalize answered with nothing pushed, after speech, and once more after it."""
    transcripts: list[Transcript] = []
    reader = asyncio.create_task(_read(stream, transcripts))
    try:
        await _stt_finalizes(stream, transcripts, reader)
        for frame in frames_of(speech, rate):
            assert stream.push(frame) is None  # type: ignore[func-returns-value]
            await asyncio.sleep(FRAME_MS / 1000)
        await _stt_finalizes(stream, transcripts, reader)
        spoken = " ".join(transcript.text for transcript in transcripts if transcript.final and transcript.text)
        assert spoken, "no word was recognised"
        stream.finalize()
        await _stt_finalizes(stream, transcripts, reader)
        assert all(transcript.final for transcript in transcripts if transcript.finalized), "finalized, but not final"
        assert all(text == text.strip() for text in (transcript.text for transcript in transcripts))
        return spoken
    finally:
        await stream.close()
        await asyncio.wait({reader}, timeout=ANSWER_S)
        assert reader.done(), "transcripts did not end with close"
        if not reader.cancelled() and reader.exception() is not None:
            reader.result()


async def _read(stream: SttStream, transcripts: list[Transcript]) -> None:
    async for transcript in stream:
        transcripts.append(transcript)  # noqa: PERF401  # others watch the list grow


async def _stt_finalizes(stream: SttStream, transcripts: list[Transcript], reader: asyncio.Task[None]) -> None:
    seen = len(transcripts)
    stream.finalize()
    async with asyncio.timeout(ANSWER_S):
        while not any(transcript.finalized for transcript in transcripts[seen:]):
            if reader.done():
                reader.result()
                raise AssertionError("transcripts ended before close")
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)


async def _stt_closes(stream: SttStream) -> None:
    await stream.close()
    await stream.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(aiter(stream)), ANSWER_S)


async def _stt_closed_early(stt: Stt, speech: Samples, rate: int, frames: int, finalize: bool) -> None:
    stream = await stt.open(rate)
    reader = asyncio.create_task(_read(stream, []))
    for frame in frames_of(speech, rate)[:frames]:
        stream.push(frame)
        await asyncio.sleep(0)
    if finalize:
        stream.finalize()
    await stream.close()
    await stream.close()
    await asyncio.wait_for(reader, ANSWER_S)


async def _stt_reader_cancelled(stt: Stt, speech: Samples, rate: int) -> None:
    stream = await stt.open(rate)
    reader = asyncio.create_task(_read(stream, []))
    for frame in frames_of(speech, rate)[:10]:
        stream.push(frame)
    await asyncio.sleep(0.01)
    reader.cancel()
    await asyncio.wait({reader}, timeout=ANSWER_S)
    assert reader.cancelled(), "a cancellation was swallowed"
    await stream.close()


async def _stt_open_and_close(stt: Stt, rate: int) -> None:
    stream = await stt.open(rate)
    await stream.close()


async def _stt_is_bounded(stt: Stt, speech: Samples, rate: int) -> None:
    """Half a minute at once: frames may be dropped, or the stream may fail; it may not hang."""
    stream = await stt.open(rate)
    transcripts: list[Transcript] = []
    reader = asyncio.create_task(_read(stream, transcripts))
    try:
        for frame in frames_of(np.tile(speech, 30 * rate // len(speech) + 1), rate):
            stream.push(frame)
        await _stt_finalizes(stream, transcripts, reader)
    except SttError:
        pass
    finally:
        await stream.close()
        await asyncio.wait({reader}, timeout=ANSWER_S)
        assert reader.done(), "transcripts did not end with close"
        if not reader.cancelled():
            reader.exception()
