"""One WebRTC connection: ICE, DTLS, SRTP and a data channel of aiortc's, without its media.

aiortc's own receiver waits for packets that are lost and has a thread a call, and its sender takes no bitrate; here
RTP is handed over as it comes, and sent as it is given. Private parts of aiortc and aioice are used, in this module and
in `webrtc_ice`; their minor versions are held.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol, cast

from hocket.errors import MissingError, TransportError
from hocket.transports.webrtc.ice import IceConnection, Sockets
from hocket.transports.webrtc.rtp import is_rtcp
from hocket.transports.webrtc.sdp import Local, Offer, write_answer

try:
    from aiortc.rtcdatachannel import RTCDataChannel
    from aiortc.rtcdtlstransport import (
        RTCCertificate,
        RTCDtlsFingerprint,
        RTCDtlsParameters,
        RTCDtlsTransport,
    )
    from aiortc.rtcicetransport import RTCIceTransport
    from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport
    from pylibsrtp import Error as SrtpError
except ImportError:
    raise MissingError("Calls by WebRTC need aiortc, which is not installed: pip install hocket[webrtc]") from None

log = logging.getLogger(__name__)

CONNECT_S: Final = 9.0
"""From the answer to the first encrypted packet: the page gives up after ten, and so does the call. A browser asks its
user nothing in between."""

CLOSE_S: Final = 2.0
"""For goodbyes that nobody has to hear."""

CHANNEL: Final = "hocket"
"""The label of the data channel that is spoken on."""

MAX_CHANNELS: Final = 4
UNREAD_BYTES: Final = 256 * 1024
"""Parts of messages that wait for their rest."""

UNSENT_BYTES: Final = 128 * 1024
"""Over the data channel; a caller who reads nothing is not told more."""

MAX_PACKET_BYTES: Final = 1_400
"""Of RTP; within what every network takes whole."""


class PeerOwner(Protocol):
    """Who uses a connection. Nothing here may block or raise."""

    def media(self, packet: bytes) -> None:
        """RTP, decrypted and authentic."""
        ...

    def control(self, packet: bytes) -> None:
        """RTCP, likewise."""
        ...

    def text(self, text: str) -> None:
        """A message on the data channel."""
        ...

    def channel_open(self) -> None:
        """The data channel is there."""
        ...

    def broken(self, reason: str) -> None:
        """The connection is over, by itself or by the far end; told once, and not after `close`."""
        ...


class Peer:
    """Answers one offer."""

    def __init__(self, offer: Offer, sockets: Sockets, certificate: RTCCertificate, source: int, name: str) -> None:
        self.offer = offer
        self._owner: PeerOwner | None = None
        self._ice = sockets.connection(self._received)
        self._ice.remote_username, self._ice.remote_password = offer.ufrag, offer.password
        wire = cast(RTCIceTransport, _DtlsWire(self._ice))
        self._dtls = RTCDtlsTransport(wire, [certificate])
        self._dtls._set_role(offer.role)
        self._sctp = _Sctp(self._dtls, self._break) if offer.sctp_port is not None else None
        self._channel: RTCDataChannel | None = None
        self._closed = False
        self.answer = write_answer(
            offer,
            Local(
                ufrag=self._ice.local_username,
                password=self._ice.local_password,
                fingerprint=next(f.value for f in certificate.getFingerprints() if f.algorithm == "sha-256"),
                candidates=[candidate.to_sdp() for candidate in self._ice.local_candidates],
                source=source,
                name=name,
                sctp_port=self._sctp.port if self._sctp else 5_000,
            ),
        )

    @property
    def connected(self) -> bool:
        """Can be spoken over."""
        return not self._closed and self._dtls.state == "connected"

    @property
    def checked_at(self) -> float:
        """When the caller last gave a sign of life by a check of ICE, in the event loop's time."""
        return self._ice.heard_at

    async def connect(self, owner: PeerOwner) -> None:
        """Wait for the caller's checks and shake hands. Raises `TransportError`."""
        self._owner = owner
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._ice.connect()
                prints = [RTCDtlsFingerprint(algorithm, value) for algorithm, value in self.offer.fingerprints]
                await self._dtls.start(RTCDtlsParameters(prints, self.offer.role))
        except TimeoutError:
            raise TransportError(f"The caller's WebRTC did not connect within {CONNECT_S:g} s.") from None
        except ConnectionError as error:
            raise TransportError(f"The caller's WebRTC did not connect ({error}).") from error
        if not self.connected:
            raise TransportError("The caller's WebRTC did not connect: its certificate is not the one it offered.")
        self._dtls.on("statechange", self._state_changed)
        if self._sctp is not None and self.offer.sctp_port is not None:
            self._sctp.on("datachannel", self._opened)
            await self._sctp.start(RTCSctpCapabilities(self.offer.max_message), self.offer.sctp_port)

    def send_media(self, packet: bytes) -> None:
        """Send RTP, if there is a connection."""
        if self.connected:
            self._ice.send_now(self._dtls._tx_srtp.protect(packet))

    def send_control(self, packet: bytes) -> None:
        """Send RTCP, if there is a connection."""
        if self.connected:
            self._ice.send_now(self._dtls._tx_srtp.protect_rtcp(packet))

    def send_text(self, text: str) -> bool:
        """Send a message on the data channel. False when there is none, or the caller does not read."""
        channel = self._channel
        if self._closed or channel is None or channel.readyState != "open" or channel.bufferedAmount > UNSENT_BYTES:
            return False
        with suppress(ValueError):  # more than the far end takes at a time
            channel.send(text)
            return True
        return False

    async def close(self) -> None:
        """Say goodbye and forget the connection. Legal twice."""
        if self._closed:
            return
        self._closed = True
        self._owner = None
        try:
            async with asyncio.timeout(CLOSE_S):
                if self._sctp is not None:
                    await self._sctp.stop()
                await self._dtls.stop()
        except (TimeoutError, ConnectionError):
            pass
        finally:
            await self._ice.close()

    def _received(self, data: bytes) -> None:
        session = self._dtls._rx_srtp
        owner = self._owner
        if session is None or owner is None or len(data) > MAX_PACKET_BYTES:
            return
        try:
            if is_rtcp(data):
                owner.control(session.unprotect_rtcp(data))
            else:
                owner.media(session.unprotect(data))
        except SrtpError:
            return  # forged, or came twice

    def _opened(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._message)
        if self._owner is not None:
            self._owner.channel_open()

    def _message(self, message: str | bytes) -> None:
        if self._owner is not None:
            if isinstance(message, str):
                self._owner.text(message)
            else:
                self._break("The client sent a binary message over the data channel, which has none.")

    def _state_changed(self) -> None:
        if self._dtls.state in ("closed", "failed"):
            self._break("The caller's connection ended.")

    def _break(self, reason: str) -> None:
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.broken(reason)


class _DtlsWire:
    """What aiortc's DTLS needs of its ICE."""

    def __init__(self, ice: IceConnection) -> None:
        self._recv = ice.recv
        self._send = ice.send
        self.role = "controlled"


class _Sctp(RTCSctpTransport):
    """Data channels within bounds; what breaks them ends this connection only."""

    def __init__(self, dtls: RTCDtlsTransport, failed: Callable[[str], None]) -> None:
        super().__init__(dtls)
        self._most = self._advertised_rwnd
        self._failed = failed

    async def _handle_data(self, data: bytes) -> None:
        try:
            await super()._handle_data(data)
        except ConnectionError:
            raise
        except Exception as error:  # of a parser that trusts what it reads
            log.info("data channel: %s", type(error).__name__)
            self._failed("The client sent what is no message of a data channel.")
            return
        if self._most - self._advertised_rwnd > UNREAD_BYTES or len(self._data_channels) > MAX_CHANNELS:
            self._failed("The client opened more than one data channel may hold.")


def make_certificate() -> Any:
    """What DTLS proves itself with: made anew by each process, good for 30 days."""
    return RTCCertificate.generateCertificate()
