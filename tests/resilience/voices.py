"""Voices whose samples say which word they are, so that a lost, repeated or broken word is seen in the audio."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from typing import Literal

import numpy as np
from hypothesis import strategies as st

from hocket.errors import TtsError
from hocket.providers.spoken import phrases
from hocket.stages.tts import SpeechChunk, Tts
from hocket.turn.speakable import Segmenter

RATE = 1000
WORD_MS = 300
CHUNKS = 3
"""Of a word."""


class Cut(TtsError):
    """A voice died as planned."""


class WordVoice:
    """Says "w7," in 300 samples of value 7, the first of them -7, in three chunks of which the first has the text.

    Of each chunk it makes, plans say whether the voice dies or falls silent instead. It reads its text as hosted voices
    do, in phrases; a voice of segments says each as it comes.
    """

    def __init__(
        self,
        name: str = "fake/one",
        takes: Literal["tokens", "segments"] = "tokens",
        *,
        first_s: float = 0.1,
        chunk_s: float = 0.01,
        space: Literal["after", "before"] = "after",
        close_s: float = 0.0,
    ) -> None:
        self.name = name
        self.takes: Literal["tokens", "segments"] = takes
        self.first_s = first_s
        self.chunk_s = chunk_s
        self.close_s = close_s
        self.dies_at: deque[int | None] = deque()
        """One for each `speak` to come: chunks before it dies."""
        self.stalls_at: deque[int | None] = deque()
        self.error = Cut("fake/one died, as planned.")
        self.given: list[str] = []
        """The text of each `speak`."""
        self.open = 0
        self._word = re.compile(r"\s*\S+\s*\Z|\s*\S+(?=\s)" if space == "before" else r"\s*\S+\s*")

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        call = len(self.given)
        self.given.append("")
        dies = self.dies_at.popleft() if self.dies_at else None
        stalls = self.stalls_at.popleft() if self.stalls_at else None
        pieces: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        feeder = asyncio.create_task(self._feed(call, text, pieces))
        self.open += 1
        made = 0
        try:
            if dies == 0:
                raise self.error
            async for phrase in self._phrases(pieces):
                if not made:
                    await asyncio.sleep(self.first_s)
                for chunk in self._say(phrase, rate):
                    if made == dies:
                        raise self.error
                    if made == stalls:
                        await asyncio.Event().wait()
                    made += 1
                    yield chunk
                    await asyncio.sleep(self.chunk_s)
            if made == dies:
                raise self.error
        finally:
            feeder.cancel()
            try:
                await asyncio.wait({feeder})
                await asyncio.sleep(self.close_s)
            finally:
                self.open -= 1

    async def _feed(self, call: int, text: AsyncIterator[str], pieces: asyncio.Queue[str | Exception | None]) -> None:
        try:
            async for piece in text:
                self.given[call] += piece
                pieces.put_nowait(piece)
        except Exception as error:
            pieces.put_nowait(error)
        else:
            pieces.put_nowait(None)

    def _phrases(self, pieces: asyncio.Queue[str | Exception | None]) -> AsyncGenerator[str, None]:
        async def come() -> AsyncGenerator[str, None]:
            while (piece := await pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece

        return come() if self.takes == "segments" else phrases(come())

    def _say(self, phrase: str, rate: int) -> Iterator[SpeechChunk]:
        at = 0
        for match in self._word.finditer(phrase):
            word = np.full(rate * WORD_MS // 1000, number_of(match[0]), np.int16)
            word[0] *= -1
            parts = np.array_split(word, CHUNKS)
            text, at = phrase[at : match.end()], match.end()
            for part in parts:
                yield SpeechChunk(part, text)
                text = ""
        if at < len(phrase):
            yield SpeechChunk(np.zeros(rate // 100, np.int16), phrase[at:])


def number_of(word: str) -> int:
    return int("".join(filter(str.isdigit, word)) or 0)


def numbers_of(text: str) -> list[int]:
    """The words of a text, as they should be heard."""
    return [number_of(word) for word in text.split() if number_of(word)]


def heard(chunks: Iterable[SpeechChunk], rate: int = RATE) -> list[tuple[int, bool]]:
    """The words in the audio, and whether each is whole."""
    words: list[list[int]] = []
    for sample in np.concatenate([np.zeros(0, np.int16), *(chunk.samples for chunk in chunks)]).tolist():
        if sample < 0:
            words.append([-sample, 0])
        if sample:
            assert [sample, -sample].count(words[-1][0] if words else 0), "a word goes on that has not begun"
            words[-1][1] += 1
    return [(number, length == rate * WORD_MS // 1000) for number, length in words]


def text_of(chunks: Iterable[SpeechChunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


async def tokens_of(tokens: Iterable[str], pause_s: float = 0.012) -> AsyncGenerator[str, None]:
    for token in tokens:
        await asyncio.sleep(pause_s)
        yield token


async def spoken(tts: Tts, tokens: Iterable[str], pause_s: float = 0.012) -> list[SpeechChunk]:
    """All that is spoken of a text that is written at this pace."""
    async with aclosing(tokens_of(tokens, pause_s)) as text:
        return await drained(tts.speak(text, RATE))


async def drained(speech: AsyncGenerator[SpeechChunk, None]) -> list[SpeechChunk]:
    async with aclosing(speech):
        return [chunk async for chunk in speech]


async def timed(tts: Tts, tokens: Iterable[str], pause_s: float = 0.012) -> list[tuple[float, SpeechChunk]]:
    """The same, with the loop time of each chunk."""
    loop = asyncio.get_running_loop()
    async with aclosing(tokens_of(tokens, pause_s)) as text, aclosing(tts.speak(text, RATE)) as speech:
        return [(loop.time(), chunk) async for chunk in speech]


def split(text: str, cuts: Iterable[int]) -> list[str]:
    """The text cut at these places."""
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


def segments_of(tokens: Iterable[str]) -> list[str]:
    """As a session cuts the text of a voice that takes segments."""
    segmenter = Segmenter()
    return [segment for token in tokens for segment in segmenter.push(token)] + segmenter.flush()


ENDS = st.sampled_from(["", "", "", ",", ".", "?", ";", '."'])
SPACES = st.sampled_from([" ", " ", " ", "  ", "\n"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Numbered words with any punctuation and white space between them."""
    words = draw(st.integers(1, 14))
    body = "".join(f"w{number}{draw(ENDS)}{draw(SPACES)}" for number in range(1, words + 1))
    return draw(st.sampled_from(["", "", " ", "\n "])) + (body if draw(st.booleans()) else body.rstrip())


TOKENISED = st.tuples(texts(), st.lists(st.integers(0, 200), max_size=30)).map(lambda drawn: split(*drawn))
"""A text in tokens of any size."""
