"""What all WebSocket connections of a worker do alike: they wait for one thing at a time, and close for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from hocket.errors import MissingError
from hocket.gateway.frames import Frames

try:
    from picows import WSListener, WSTransport
except ImportError:
    raise MissingError("Serving calls needs picows, which is not installed: pip install hocket[serve]") from None

CLOSE_S: Final = 2.0
"""How long the far end may take to read the rest of what it was sent."""


class Connection(WSListener):
    """One, for a listener to begin with."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: WSTransport | None = None
        self._frames = Frames()
        self._timer: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Nothing: what is unsent is measured at every write."""

    def resume_writing(self) -> None:
        """Nothing, as above."""

    async def _disconnected(self) -> None:
        """Return when the connection is closed."""
        if self._transport is not None and not self._transport.is_disconnected:
            await self._transport.wait_disconnected()  # bounded by CLOSE_S

    def _disconnect(self, transport: WSTransport) -> None:
        """Close what has sent its last."""
        transport.disconnect()
        # What is unsent would keep the connection for as long as the far end does not read.
        self._deadline(CLOSE_S, transport.disconnect, False)

    def _deadline(self, seconds: float, then: Callable[..., object], *arguments: object) -> None:
        """In place of the one there was."""
        self._no_deadline()
        self._timer = self._loop.call_later(seconds, then, *arguments)

    def _no_deadline(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
