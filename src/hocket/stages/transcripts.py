"""Transcripts on their way from a recogniser to whoever reads them."""

from __future__ import annotations

from collections import deque
from typing import Final

from hocket.errors import SttError
from hocket.stages.bell import Bell
from hocket.stages.stt import Transcript

WAITING: Final = 64


class Transcripts:
    """What has not been read yet. An interim gives way to what follows it; more than `WAITING` finals become fewer."""

    def __init__(self) -> None:
        self._waiting: deque[Transcript] = deque()
        self._news = Bell()
        self._ended = False
        self._error: SttError | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, transcript: Transcript) -> None:
        """Add the next one; never blocks. Nothing after the end."""
        if self._ended:
            return
        if self._waiting and not self._waiting[-1].final:
            self._waiting.pop()
        if len(self._waiting) >= WAITING and transcript.final:
            transcript = _joined(self._waiting.pop(), transcript)
        self._waiting.append(transcript)
        self._news.ring()

    def end(self, error: SttError | None) -> None:
        """No more will come; what waits can still be read, unless it was `close` that ended it, without an error."""
        if error is None:
            self._waiting.clear()
            self._error = None
        elif not self._ended:
            self._error = error
        self._ended = True
        self._news.ring()

    async def next(self) -> Transcript | None:
        """The next one; None after `end(None)`. Raises the error that ended them."""
        while not self._waiting:
            if self._error is not None:
                raise self._error
            if self._ended:
                return None
            await self._news.rung()
        return self._waiting.popleft()


def _joined(first: Transcript, second: Transcript) -> Transcript:
    """Two finals as one."""
    return Transcript(
        f"{first.text} {second.text}".strip(),
        final=True,
        finalized=first.finalized or second.finalized,
        until_ms=first.until_ms if second.until_ms is None else second.until_ms,
    )
