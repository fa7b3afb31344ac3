"""The contract of `hocket.stages.tts`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import numpy as np
import pytest

from hocket.errors import LlmError, TtsError
from hocket.stages.tts import SpeechChunk, Tts
from tests.stages.leftovers import collect, leaves_nothing, stops_cleanly
from tests.stages.making import ANSWER_S, Make, Run, opened

SENTENCES = ("We are open from nine to five, ", "and on Saturdays until noon. ", "Shall I book you in?")
TOKENS = (
    "We",
    " are",
    " open",
    " from",
    " nine",
    " to",
    " five",
    ".",
    " And",
    " on",
    " Saturdays",
    " until",
    " noon",
    ".",
)


def check_tts(make: Make[Tts], run: Run, broken: Make[Tts] | None = None) -> list[SpeechChunk]:
    """Returns the chunks of a reply of three segments at 16 kHz."""

    async def scenario() -> list[SpeechChunk]:
        async with opened(make) as tts:
            assert tts.name
            assert tts.takes in ("tokens", "segments")
            chunks = await collect(tts.speak(_text(SENTENCES), 16_000))
            _assert_speech(chunks, SENTENCES, 16_000)
            slower = await collect(tts.speak(_text(SENTENCES), 8_000))
            _assert_speech(slower, SENTENCES, 8_000)
            assert 0.8 < 2 * _length(slower) / _length(chunks) < 1.25, "the rate changes how fast the voice speaks"
            if tts.takes == "tokens":
                _assert_speech(await collect(tts.speak(_text(TOKENS), 16_000)), TOKENS, 16_000)
            assert _length(await collect(tts.speak(_text(()), 16_000))) == 0, "sound without text"
            await _tts_speaks_before_the_end(tts)
            await _tts_passes_on_what_its_text_raises(tts)
            await stops_cleanly(lambda: tts.speak(_text(SENTENCES), 16_000), len(chunks))
            await leaves_nothing(lambda: _tts_closed_while_text_waits(tts), "closing a voice that waits for text")
        if broken is not None:
            async with opened(broken) as tts:
                with pytest.raises(TtsError):
                    await collect(tts.speak(_text(SENTENCES), 16_000))
        return chunks

    return run(scenario())


async def _text(pieces: tuple[str, ...]) -> AsyncGenerator[str, None]:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


def _length(chunks: list[SpeechChunk]) -> int:
    return sum(len(chunk.samples) for chunk in chunks)


def _assert_speech(chunks: list[SpeechChunk], pieces: tuple[str, ...], rate: int) -> None:
    assert "".join(chunk.text for chunk in chunks) == "".join(pieces), "the texts of the chunks are not the text given"
    for chunk in chunks:
        assert chunk.samples.dtype == np.int16
        assert chunk.samples.ndim == 1
    letters = len("".join(pieces))
    assert 0.02 < _length(chunks) / rate / letters < 0.3, "that is no pace of speech"
    sound = np.concatenate([chunk.samples for chunk in chunks]).astype(np.int32)
    assert np.abs(sound[: rate // 50]).max() > 64, "silence before the first sound"


async def _tts_speaks_before_the_end(tts: Tts) -> None:
    heard = asyncio.Event()

    async def text() -> AsyncGenerator[str, None]:
        for piece in TOKENS[:9] if tts.takes == "tokens" else SENTENCES[:1]:
            yield piece
        async with asyncio.timeout(ANSWER_S):
            await heard.wait()
        yield " And so on."

    async for chunk in tts.speak(text(), 16_000):
        if len(chunk.samples):
            heard.set()
    assert heard.is_set()


async def _tts_passes_on_what_its_text_raises(tts: Tts) -> None:
    async def text() -> AsyncGenerator[str, None]:
        yield SENTENCES[0]
        raise LlmError("the model is gone")

    with pytest.raises(LlmError, match="the model is gone"):
        await collect(tts.speak(text(), 16_000))


async def _tts_closed_while_text_waits(tts: Tts) -> None:
    async def text() -> AsyncGenerator[str, None]:
        yield SENTENCES[0]
        await asyncio.sleep(3600)

    stream = tts.speak(text(), 16_000)
    await asyncio.wait_for(anext(stream), ANSWER_S)
    await asyncio.wait_for(stream.aclose(), ANSWER_S)
