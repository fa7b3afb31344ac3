"""How many frames of WebSocket a connection may bring, of any kind, and the answer to its pings.

Lines count messages. Pings, pongs and parts of messages are none, and cost as much.
"""

from __future__ import annotations

from typing import Final

from hocket.errors import MissingError

try:
    from picows import WSFrame, WSMsgType, WSTransport
except ImportError:
    raise MissingError("Serving calls needs picows, which is not installed: pip install hocket[serve]") from None

PER_S: Final = 250
"""In the long run; a call has some 60, and a line itself takes 200 messages."""

AT_ONCE: Final = 5 * PER_S
"""What was held up on its way comes all together."""

BEFORE_HELLO: Final = 20
"""Of who has not even said who they are."""

TOO_MANY: Final = f"more than {PER_S} frames of WebSocket a second"

UNREAD_BYTES: Final = 16 * 1024
"""Of what was written: a far end that does not read gets no more pongs."""


class Frames:
    """Of one connection."""

    __slots__ = ("_at", "_strange")

    def __init__(self) -> None:
        self._at = float("-inf")
        self._strange = 0

    def allow(self, now: float, *, known: bool) -> bool:
        """One more, at this time of the event loop; False when there were too many. `known`: a call has begun."""
        if not known:
            self._strange += 1
            return self._strange <= BEFORE_HELLO
        self._at = max(self._at, now - AT_ONCE / PER_S) + 1 / PER_S
        return self._at <= now


def pong(transport: WSTransport, frame: WSFrame) -> None:
    """Answer a ping. The server's own pongs would be kept for ever for whoever never reads them."""
    if frame.msg_type == WSMsgType.PING and transport.underlying_transport.get_write_buffer_size() < UNREAD_BYTES:
        transport.send_pong(frame.get_payload_as_bytes())
