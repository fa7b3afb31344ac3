"""All the ways by which calls come to a worker: its WebSocket port, and its UDP port for WebRTC."""

from __future__ import annotations

import logging
import ssl
from typing import Final
from urllib.parse import urlsplit

from hocket.errors import MissingError
from hocket.gateway.calls import Calls
from hocket.gateway.carrier_socket import CarrierSockets
from hocket.gateway.carriers import carrier_paths
from hocket.gateway.client_socket import ClientSockets
from hocket.gateway.control import OfferTaker
from hocket.gateway.media import MediaServer
from hocket.gateway.settings import Settings, is_loopback
from hocket.turn.shedding import Shed

log = logging.getLogger(__name__)

COMPLEXITY: Final = 5
"""Of Opus, as long as there is time for it."""

LEAST_COMPLEXITY: Final = 0


class Lines:
    """Of one worker."""

    def __init__(self, calls: Calls, settings: Settings, number: int) -> None:
        self.offer: OfferTaker | None = None
        """Takes WebRTC offers; None where WebRTC is not installed."""
        self._calls = calls
        self._settings = settings
        self._clients = ClientSockets(calls)
        self._carriers = CarrierSockets(lambda: calls.live)
        paths = {"/ws": self._clients.listener, **carrier_paths(calls, self._carriers, settings, number)}
        self._media = MediaServer(number, settings, calls.max_calls, paths)
        self._webrtc: _WebRtc | None = None

    async def open(self, port: int, tls: ssl.SSLContext | None) -> int:
        """Take calls from now on; returns the port. WebRTC takes the same, by UDP. Raises `MissingError` when one
        cannot be used."""
        await self._media.listen(self._settings.host, port, tls)
        if not udp_reachable(self._settings):
            log.info("no calls by WebRTC: UDP comes to this machine only; give --public-ip")
            return self._media.port
        try:
            self._webrtc = _WebRtc(self._calls)
        except (MissingError, ModuleNotFoundError) as error:
            log.info("no calls by WebRTC: %s", error)
        else:
            await self._webrtc.open(self._settings, port)
            self.offer = self._webrtc.take
        return self._media.port

    async def close(self) -> None:
        """Take no more, and end what is there."""
        self._media.close()
        await self._calls.close()
        await self._clients.close()
        await self._carriers.close()
        if self._webrtc is not None:
            self._webrtc.close()


class _WebRtc:
    """Raises `MissingError` or `ModuleNotFoundError` where it is not installed."""

    def __init__(self, calls: Calls) -> None:
        from hocket.gateway.offers import Offers
        from hocket.transports.webrtc.line import WebRtc

        self._shared = WebRtc()
        self._load = calls.assembly.load
        self.take = Offers(calls, self._shared).take

    async def open(self, settings: Settings, port: int) -> None:
        logging.getLogger("aioice").setLevel(logging.WARNING)  # it would log addresses
        if settings.public_ip:
            await self._shared.open(port=port, advertised=(settings.public_ip,))
        else:
            await self._shared.open(udp_addresses(settings.host), port)
        self._load.follow(self, self._follow)

    def close(self) -> None:
        self._load.leave(self)
        self._shared.close()

    def _follow(self, level: int) -> None:
        self._shared.effort.complexity = LEAST_COMPLEXITY if level >= Shed.OPUS_COMPLEXITY else COMPLEXITY


def udp_addresses(host: str) -> tuple[str, ...]:
    """Where to listen for WebRTC when the other ports listen on `host`; nothing for all addresses of this machine."""
    if host == "localhost":
        return ("127.0.0.1",)
    return () if host in ("0.0.0.0", "::", "") else (host,)


def udp_reachable(settings: Settings) -> bool:
    """Can callers send UDP to where it would be listened for? A proxy passes none on, and who was offered WebRTC
    all the same would wait in vain before they call over a WebSocket."""
    if settings.public_ip or not settings.public_url:
        return True
    return not is_loopback(settings.host) or is_loopback(urlsplit(settings.public_url).hostname or "")
