"""A voice of the cloud is fed with text while its audio is read: the two meet in its inbox."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from hocket.errors import TtsError
from hocket.providers.cloud import Inbox
from hocket.stages.patience import Patience

M = TypeVar("M")

SILENT_S = 5.0
"""With all text sent and nothing coming for so long, the voice is given up."""


class Feed(Generic[M]):
    """Sends the text of one reply, in a task of its own, and hands out what comes back."""

    def __init__(self, vendor: str, inbox: Inbox[M], send: Callable[[], Awaitable[bool]]) -> None:
        """`send`: sends all of the text, and returns whether there was anything to say."""
        self._vendor = vendor
        self._inbox = inbox
        self._patience = Patience(SILENT_S)
        self._task = asyncio.create_task(self._run(send), name=f"{vendor}: feed")

    @property
    def done(self) -> bool:
        """All text has been sent."""
        return self._task.done()

    async def next(self) -> M | None:
        """The next message; None when there was nothing to say.

        Raises `TtsError` when the vendor is lost or silent, and what the text raised.
        """
        while True:
            try:
                with self._patience:
                    return await self._inbox.take()
            except TimeoutError:
                if self.done:
                    raise TtsError(f"{self._vendor} sent no sound for {SILENT_S:g} s.") from None
            except _NothingToSay:
                return None

    async def close(self) -> None:
        """Send no more."""
        self._patience.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, send: Callable[[], Awaitable[bool]]) -> None:
        try:
            if not await send():
                self._inbox.end(_NothingToSay(), at_once=True)
        except Exception as error:
            # What the vendor has said in refusal says more than that it has hung up.
            self._inbox.end(error, at_once=not isinstance(error, TtsError))


class _NothingToSay(Exception):
    """The text had no word."""


def from_base64(data: str, vendor: str) -> bytes:
    """Raises `TtsError`."""
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise TtsError(f"{vendor} sent a message that cannot be read (the audio is no base64).") from None
