"""One voice speaking in a task of its own, so that it can be left without being waited for."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Final

from hocket.errors import TtsError
from hocket.resilience.manuscript import Manuscript
from hocket.stages.bell import Bell
from hocket.stages.tts import SpeechChunk

log = logging.getLogger(__name__)

AHEAD: Final = 4
"""Chunks that wait to be taken; the voice waits then."""

CLOSE_S: Final = 3.0
"""What voices and texts have to close, more than a closing handshake takes; then they are left to themselves."""


class Recital:
    """The speech of one voice. Its error comes after its last chunk."""

    def __init__(self, speech: AsyncGenerator[SpeechChunk, None], news: Bell) -> None:
        """`news` is rung at each chunk and at the end."""
        self.first_at: float | None = None
        """Loop time of the first chunk."""
        self._news = news
        self._chunks: deque[SpeechChunk] = deque()
        self._room = Bell()
        self._over = False
        self._left = False
        self._error: Exception | None = None
        self.task = asyncio.create_task(self._read(speech), name="reply: voice")

    @property
    def ready(self) -> bool:
        """`take` has something to give."""
        return bool(self._chunks) or self._over

    @property
    def over(self) -> bool:
        """The voice has ended, well or not."""
        return self._over

    def take(self) -> SpeechChunk | None:
        """The next chunk, when `ready`; None at the end. Raises what the voice raised."""
        assert self.ready, "nothing has come that could be taken"
        if self._chunks:
            self._room.ring()
            return self._chunks.popleft()
        if self._error is not None:
            raise self._error
        return None

    def leave(self) -> None:
        """Cancel the voice and do not wait for it. Legal twice: what it does to close is not cancelled."""
        if not self._left:
            self._left = True
            self.task.cancel()

    async def _read(self, speech: AsyncGenerator[SpeechChunk, None]) -> None:
        try:
            async with aclosing(speech):
                async for chunk in speech:
                    if self.first_at is None:
                        self.first_at = asyncio.get_running_loop().time()
                    self._chunks.append(chunk)
                    self._news.ring()
                    while len(self._chunks) >= AHEAD:
                        await self._room.rung()
        except Exception as error:
            self._error = error
        except asyncio.CancelledError:
            # Unless it was left, the voice has cancelled itself, and its text is not all spoken.
            self._error = TtsError("The voice was cancelled before its end.")
            raise
        finally:
            self._over = True
            self._news.ring()


async def close(manuscript: Manuscript, recitals: Iterable[Recital]) -> None:
    """Cancel a reply's text and its voices and see them end; the text's owner may close it only then."""
    manuscript.task.cancel()
    closing = {manuscript.task}
    for recital in recitals:
        recital.leave()
        closing.add(recital.task)
    _, left = await asyncio.wait(closing, timeout=CLOSE_S)
    for task in left:
        log.error("%s goes on although it was cancelled", task.get_name())
