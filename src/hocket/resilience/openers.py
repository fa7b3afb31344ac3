"""The sound of replies' first words, kept from earlier replies: what was spoken before need not be waited for again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Final, Literal

import msgspec
import numpy as np

from hocket.audio.frame import silence
from hocket.resilience.manuscript import Manuscript, Reading
from hocket.resilience.recital import Recital, close
from hocket.stages.bell import Bell
from hocket.stages.notices import notify
from hocket.stages.tts import SpeechChunk, Tts
from hocket.text.opening import LONGEST, may_be_opener
from hocket.text.words import has_word
from hocket.turn.speakable import Segmenter

COMMA_FROM: Final = 8
"""Characters from which an opener may end at a comma: "Of course, " is one, "Yes, " is not."""

CHUNK_BYTES: Final = 256
"""What a chunk takes beside its samples: three Python objects."""

_REST_MS = 5


class StoredChunk(SpeechChunk, frozen=True):
    """Speech from the cache: it is whole, and how soon it came says nothing of a voice."""


class Opener(msgspec.Struct, frozen=True):
    """An opener as it was spoken once."""

    chunks: tuple[StoredChunk, ...]
    """Their texts, joined, are the opener; their samples cannot be written to."""
    ms: float
    """From the first text to the first sound, when it was synthesised."""
    size: int
    """Bytes that it takes."""

    def said_as(self, text: str) -> Iterator[StoredChunk]:
        """The chunks of this text, which may end with other white space than the opener did."""
        said = 0
        words = len(text.rstrip())
        for chunk in self.chunks:
            end = said + len(chunk.text)
            yield StoredChunk(chunk.samples, text[said:]) if said < words <= end else chunk
            said = end


class Openers:
    """Openers by voice, rate and exact text but for the white space behind it, shared by all calls. The one unused for
    longest makes room for others."""

    def __init__(self, limit_bytes: int) -> None:
        """`limit_bytes`: 0 keeps none."""
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self.evictions = 0
        self._stored: OrderedDict[tuple[str, int, str], Opener] = OrderedDict()

    def __contains__(self, key: tuple[str, int, str]) -> bool:
        voice, rate, text = key
        return (voice, rate, text.rstrip()) in self._stored

    def get(self, voice: str, rate: int, text: str) -> Opener | None:
        """Look one up; it counts as a hit or a miss."""
        key = voice, rate, text.rstrip()
        opener = self._stored.get(key)
        if opener is None:
            self.misses += 1
        else:
            self.hits += 1
            self._stored.move_to_end(key)
        return opener

    def store(self, voice: str, rate: int, text: str, chunks: Sequence[SpeechChunk], ms: float) -> None:
        """Keep a copy. The texts of the chunks are `text`; white space at their end may differ, for it has no sound.

        What is there already stays, and what is larger than the whole cache is not kept.
        """
        key = voice, rate, text.rstrip()
        size = len(text) + sum(chunk.samples.nbytes + CHUNK_BYTES for chunk in chunks)
        if key in self._stored or size > self.limit_bytes:
            return
        self._stored[key] = Opener(_copies(chunks, text), ms, size)
        self.bytes += size
        while self.bytes > self.limit_bytes:
            _, oldest = self._stored.popitem(last=False)
            self.bytes -= oldest.size
            self.evictions += 1


class OpenerTts:
    """A voice whose replies begin from the cache where it has their opener.

    The opener is the reply's first segment: of a voice that takes segments the first item of its text, otherwise what
    a `Segmenter` cuts first, at a comma from `COMMA_FROM` characters on; at most `LONGEST` characters. What has been
    one before is mostly taken for one as soon as it is there. The voice is given the text at once. If the opener turns
    out to be cached before any sound has come, it is heard from the cache, that synthesis is closed in the background,
    and a second one begins behind the opener; it is started with the first word there, so that a reply of nothing else
    needs none. Otherwise the opener's sound is kept when it has come to its end, if it ends where a chunk ends.
    """

    def __init__(self, tts: Tts, openers: Openers) -> None:
        self.name = tts.name
        self.takes: Literal["tokens", "segments"] = tts.takes
        self._tts = tts
        self._openers = openers

    def remembers(self, opener: str, rate: int) -> bool:
        """Whether its sound is kept."""
        return (self.name, rate, opener) in self._openers

    def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Speak the text as it arrives, at `rate` Hertz. Closing it cancels. Raises `TtsError`."""
        return self._speak(text, rate) if self._openers.limit_bytes else self._tts.speak(text, rate)

    async def _speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        reply = _Reply(self._tts, self._openers, text, rate)
        try:
            while (chunk := await reply.next()) is not None:
                yield chunk
        finally:
            await reply.close()


class _Reply:
    """One reply: a synthesis from its beginning, or the opener's sound and a synthesis from there."""

    def __init__(self, tts: Tts, openers: Openers, text: AsyncIterator[str], rate: int) -> None:
        self._tts = tts
        self._openers = openers
        self._rate = rate
        self._news = Bell()
        self._began_at: float | None = None
        self._search: _Search | None = _Search(tts.takes)
        self._missed = ""
        """The opener that is to be kept when its sound is complete."""
        self._recording: _Recording | None = _Recording()
        self._stored: deque[StoredChunk] = deque()
        self._at = 0
        """Where the text begins that is not spoken from the cache."""
        self._manuscript = Manuscript(text, self._heard)
        self._reading = Reading(self._manuscript)
        self._recitals = [Recital(tts.speak(self._reading, rate), self._news)]

    async def next(self) -> SpeechChunk | None:
        """The next chunk; None at the end. Raises what the voice or the text raised."""
        while not self._stored:
            if len(self._recitals) == 1 + bool(self._at):
                if self._recitals[-1].ready:
                    return self._take()
            elif self._manuscript.over:
                return self._rest()
            await self._news.rung()
        return self._stored.popleft()

    async def close(self) -> None:
        await close(self._manuscript, self._recitals)

    def _heard(self) -> None:
        """The text has gone on, or has ended."""
        manuscript = self._manuscript
        if self._began_at is None:
            self._began_at = asyncio.get_running_loop().time()
        if self._search is not None:
            # What was an opener before is one now: that is as good as to see what follows.
            text = manuscript.text
            known = may_be_opener(text) and (self._tts.name, self._rate, text) in self._openers
            if (opener := text if known else self._search.found(manuscript)) is not None:
                self._search = None
                self._look_up(opener)
        elif self._at and len(self._recitals) == 1:
            self._begin_rest()
        if manuscript.over:
            self._news.ring()

    def _look_up(self, opener: str) -> None:
        first = self._recitals[0]
        if not opener:
            self._recording = None
        elif first.first_at is not None or first.over:
            # Its own sound is there as soon.
            self._keep_later("" if (self._tts.name, self._rate, opener) in self._openers else opener)
        elif stored := self._openers.get(self._tts.name, self._rate, opener):
            self._play(opener, stored)
        else:
            notify("tts", "missed", opener)
            self._keep_later(opener)

    def _play(self, opener: str, stored: Opener) -> None:
        self._recording = None
        self._reading.stop()
        self._recitals[0].leave()
        self._stored.extend(stored.said_as(opener))
        self._at = len(opener)
        waited_ms = self._since_text_ms(asyncio.get_running_loop().time())
        notify("tts", "hit", opener, max(0, round(stored.ms - waited_ms)))
        if wasted := self._reading.handed:
            notify("tts", "wasted", "", wasted)
        self._begin_rest()
        self._news.ring()

    def _begin_rest(self) -> None:
        if has_word(self._manuscript.text[self._at :]):
            speech = self._tts.speak(Reading(self._manuscript, self._at), self._rate)
            self._recitals.append(Recital(speech, self._news))

    def _rest(self) -> SpeechChunk | None:
        """After an opener that nothing followed: what there is has no sound."""
        if self._manuscript.error is not None:
            raise self._manuscript.error
        rest = self._manuscript.text[self._at :]
        self._at += len(rest)
        return SpeechChunk(silence(self._rate * _REST_MS // 1000), rest) if rest else None

    def _take(self) -> SpeechChunk | None:
        chunk = self._recitals[-1].take()
        if self._recording is not None:
            if chunk is None:
                self._recording.end()
            else:
                self._recording.add(chunk)
            self._keep()
        return chunk

    def _keep_later(self, opener: str) -> None:
        self._missed = opener
        if opener:
            self._keep()
        else:
            self._recording = None

    def _keep(self) -> None:
        """Store the opener if its sound is complete, and forget the recording if nothing can come of it."""
        recording, opener = self._recording, self._missed
        if not opener or recording is None:
            return
        first_at = self._recitals[0].first_at
        if (chunks := recording.of(opener)) and first_at is not None:
            self._openers.store(self._tts.name, self._rate, opener, chunks, self._since_text_ms(first_at))
            self._recording = None
        elif recording.is_past(opener):
            self._recording = None

    def _since_text_ms(self, at: float) -> float:
        """From the first text to this loop time."""
        return 0.0 if self._began_at is None else (at - self._began_at) * 1000


class _Search:
    """Looks for the opener while the text is written."""

    def __init__(self, takes: Literal["tokens", "segments"]) -> None:
        self._segmenter = Segmenter(opener_min=COMMA_FROM) if takes == "tokens" else None

    def found(self, manuscript: Manuscript) -> str | None:
        """The opener, empty if there is none; None while that is not certain. To be called on each piece."""
        if manuscript.error is not None:
            return ""
        if self._segmenter is None:
            segments = manuscript.pieces
        elif manuscript.over:
            segments = self._segmenter.flush()
        else:
            segments = self._segmenter.push(manuscript.pieces[-1])
        if not segments:
            return "" if manuscript.over else None
        return segments[0] if len(segments[0]) <= LONGEST and has_word(segments[0]) else ""


class _Recording:
    """The first chunks of a reply, and where words end in them. It grows for as long as the opener is sought, which the
    `Segmenter` bounds, or is being said."""

    def __init__(self) -> None:
        self._chunks: list[SpeechChunk] = []
        self._said = ""
        self._borders: dict[int, int] = {}
        """Characters said, without white space at their end -> the chunks that say them."""

    def add(self, chunk: SpeechChunk) -> None:
        """More of it."""
        if chunk.text.strip():
            self.end()
        self._said += chunk.text
        self._chunks.append(chunk)

    def end(self) -> None:
        """What was said so far has its whole sound."""
        self._borders[self._length] = len(self._chunks)

    def of(self, opener: str) -> Sequence[SpeechChunk]:
        """The whole sound of an opener; empty where there is none."""
        words = opener.rstrip()
        if not self._said.startswith(words):
            return ()
        return self._chunks[: self._borders.get(len(words), 0)]

    def is_past(self, opener: str) -> bool:
        """More than the opener was said."""
        return self._length > len(opener.rstrip())

    @property
    def _length(self) -> int:
        return len(self._said.rstrip())


def _copies(chunks: Sequence[SpeechChunk], text: str) -> tuple[StoredChunk, ...]:
    """Chunks whose samples nobody can write to and whose texts, joined, are this one."""
    copies = []
    left = text
    words = len(text.rstrip())
    said = 0
    for chunk in chunks:
        said += len(chunk.text)
        # The chunk with the last word has the white space too.
        part = left if said >= words else left[: len(chunk.text)]
        left = left[len(part) :]
        copies.append(StoredChunk(np.frombuffer(chunk.samples.tobytes(), np.int16), part))
    return tuple(copies)
