"""What all WebRTC calls of a process share, and the connections that are made of it."""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Sequence
from typing import Any, Final

from hocket.transports.webrtc.ice import Sockets
from hocket.transports.webrtc.libopus import load_opus
from hocket.transports.webrtc.peer import Peer, make_certificate
from hocket.transports.webrtc.sdp import Offer
from hocket.transports.webrtc.voice import NAME, Effort, Voice

OUTPUT_RATE: Final = 24_000
"""Hertz. Opus costs the same at 16 kHz, and voices are made for 24."""


class WebRtc:
    """What all WebRTC calls of a process share: the UDP port, the certificate, the codec."""

    def __init__(self) -> None:
        """Raises `MissingError` when there is no libopus."""
        self.library: ctypes.CDLL = load_opus()
        self.sockets = Sockets()
        self.effort = Effort()
        """Of all encoders; whoever sheds load turns it down, and up again."""
        self._certificate: Any = make_certificate()

    async def open(self, addresses: Sequence[str] = (), port: int = 0, advertised: Sequence[str] = ()) -> None:
        """Listen; see `Sockets.open`."""
        await self.sockets.open(addresses, port, advertised)

    def close(self) -> None:
        """Listen no more."""
        self.sockets.close()

    def answer(self, offer: Offer) -> WebRtcPeer:
        """A connection that waits for the caller; to be handed to a line, or closed."""
        return WebRtcPeer(self, offer)


class WebRtcPeer:
    """A connection and the stream that is sent over it."""

    def __init__(self, shared: WebRtc, offer: Offer) -> None:
        source = secrets.randbits(32)
        self.link = Peer(offer, shared.sockets, shared._certificate, source, NAME)
        self.voice = Voice(
            shared.library,
            OUTPUT_RATE,
            offer.opus,
            source,
            secrets.randbits(47),
            shared.effort,
            (self.link.send_media, self.link.send_control),
        )

    @property
    def answer(self) -> str:
        """SDP."""
        return self.link.answer

    async def close(self) -> None:
        """Legal twice."""
        self.voice.end()
        await self.link.close()
