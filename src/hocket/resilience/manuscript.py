"""A reply's text, read once and kept, so that one voice after another can be given it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from hocket.errors import TtsError
from hocket.stages.bell import Bell
from hocket.turn.speakable import Segmenter

LONGEST: Final = 100_000
"""Characters of a reply, more than an hour and a half of speech: beyond them a model has run wild, and is refused."""


class Manuscript:
    """Reads a text as fast as it is written, in a task of its own: a voice may be cancelled, its text may not."""

    def __init__(self, text: AsyncIterator[str], told: Callable[[], None] | None = None) -> None:
        """`told` is called on each piece and at the end, before any voice sees it."""
        self.text = ""
        self.pieces: list[str] = []
        self.over = False
        self.error: Exception | None = None
        """What the writing of the text failed with."""
        self._told = told
        self._news = Bell()
        self.task = asyncio.create_task(self._read(text), name="reply: text")

    async def more(self) -> None:
        """Wait for another piece, or the end. Its writer bounds how long that takes."""
        await self._news.rung()

    async def _read(self, text: AsyncIterator[str]) -> None:
        try:
            async for piece in text:
                if len(self.text) + len(piece) > LONGEST:
                    raise TtsError(
                        f"The reply is longer than {LONGEST} characters and was broken off; limit the model's tokens.",
                        retryable=False,
                    )
                if piece:
                    self.text += piece
                    self.pieces.append(piece)
                    self._tell()
        except Exception as error:
            self.error = error
        finally:
            told, self._told = self._told, None  # who is told holds the manuscript, which need not hold them any longer
        self.over = True
        if told is not None:
            told()
        self._news.ring()

    def _tell(self) -> None:
        if self._told is not None:
            self._told()
        self._news.ring()


class Reading:
    """The text from one character on, as one voice is handed it. It holds nothing open and may be dropped anywhere."""

    def __init__(
        self,
        manuscript: Manuscript,
        at: int = 0,
        segmenter: Segmenter | None = None,
        told: Callable[[], None] | None = None,
    ) -> None:
        """`segmenter`: hand it over in segments. `told` is called on each piece that is handed over, and at the end."""
        self.handed = at
        """Where the text begins that has not been handed over."""
        self.finished = False
        """All has been handed over, and the voice knows it."""
        self._manuscript = manuscript
        self._segmenter = segmenter
        self._told = told
        self._next = 0
        self._skip = at
        self._cut: deque[str] = deque()
        self._stopped = False

    def stop(self) -> None:
        """Hand over nothing more, for the voice is being closed; the end of the text would make it speak the rest."""
        self._stopped = True

    def __aiter__(self) -> Reading:
        return self

    async def __anext__(self) -> str:
        manuscript = self._manuscript
        while self._stopped or not self._cut:
            if not self._stopped and self._next < len(manuscript.pieces):
                self._take(manuscript.pieces[self._next])
            elif self._stopped or not manuscript.over:
                await manuscript.more()
            elif manuscript.error is not None:
                raise manuscript.error
            elif self._segmenter is not None:
                self._cut.extend(self._segmenter.flush())
                self._segmenter = None
            else:
                self.finished = True
                self._tell()
                raise StopAsyncIteration
        piece = self._cut.popleft()
        self.handed += len(piece)
        self._tell()
        return piece

    def _take(self, piece: str) -> None:
        self._next += 1
        skipped = min(self._skip, len(piece))
        self._skip -= skipped
        if rest := piece[skipped:]:
            self._cut.extend([rest] if self._segmenter is None else self._segmenter.push(rest))

    def _tell(self) -> None:
        if self._told is not None:
            self._told()
