"""What the front asks of a worker, over a unix socket in a folder that only this user can open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from hocket.errors import MissingError
from hocket.gateway.admission import Refusal, refusal
from hocket.gateway.calls import Calls
from hocket.gateway.tickets import TicketError

try:
    from aiohttp import web
except ImportError:
    raise MissingError("Serving calls needs aiohttp, which is not installed: pip install hocket[serve]") from None

MAX_OFFER_BYTES: Final = 64 * 1024
"""Of a WebRTC offer: an SDP of a browser has some 5 KB."""

OfferTaker = Callable[[bytes], Awaitable["Answer"]]
"""Takes the body of POST /webrtc/offer."""


class OfferBody(msgspec.Struct, frozen=True):
    """What is posted."""

    sdp: str
    ticket: str = ""
    resume: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What the front hands on to whoever asked."""

    status: int
    body: bytes
    """JSON."""
    retry_after_s: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Of HTTP."""
        return {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}


def refuse_offer() -> Answer:
    """The answer to a body that is no offer."""
    message = 'An offer is JSON with "sdp" and "ticket", or "sdp" and "resume".'
    return Answer(400, msgspec.json.encode({"reason": "offer", "message": message}))


def refuse_ticket(error: TicketError) -> Answer:
    """The answer to a ticket that opens no call."""
    return Answer(403, msgspec.json.encode({"reason": "ticket", "message": str(error)}))


class Report(msgspec.Struct, frozen=True):
    """How a worker is."""

    port: int
    """Where it takes media."""
    live: int
    max_calls: int
    lag_p99_ms: float
    refusal: Refusal | None
    """Why it would not take a call now."""
    webrtc: bool = False
    """Does it take calls by WebRTC?"""


class Drain(msgspec.Struct, frozen=True):
    """Take no more calls, and end when the live ones have."""

    timeout_s: float
    reason: str
    """Of the calls that are ended after the time-out."""


class Control:
    """The application behind the socket."""

    def __init__(
        self,
        calls: Calls,
        port: int,
        *,
        drain: Callable[[Drain], None],
        offer: OfferTaker | None,
        metrics: Callable[[], bytes],
    ) -> None:
        self._calls = calls
        self._port = port
        self._drain = drain
        self._offer = offer
        self._metrics = metrics
        self._runner: web.AppRunner | None = None

    async def listen(self, path: str) -> None:
        """Answer at this path from now on."""
        app = web.Application(client_max_size=MAX_OFFER_BYTES)
        app.router.add_get("/load", self._answer_load)
        app.router.add_get("/metrics", self._answer_metrics)
        app.router.add_post("/offer", self._answer_offer)
        app.router.add_post("/drain", self._answer_drain)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.UnixSite(self._runner, path).start()

    async def close(self) -> None:
        """Answer no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer_load(self, _: web.Request) -> web.Response:
        load = self._calls.load
        webrtc = self._offer is not None
        report = Report(self._port, load.live, load.max_calls, load.lag_p99_ms, refusal(load), webrtc)
        return _json(msgspec.json.encode(report))

    async def _answer_metrics(self, _: web.Request) -> web.Response:
        return _json(self._metrics())

    async def _answer_offer(self, request: web.Request) -> web.Response:
        if self._offer is None:
            body = {"reason": "no_webrtc", "message": "This server has no WebRTC: pip install hocket[webrtc]"}
            return _json(msgspec.json.encode(body), 501)
        answer = await self._offer(await request.read())
        return _json(answer.body, answer.status, answer.headers)

    async def _answer_drain(self, request: web.Request) -> web.Response:
        self._drain(msgspec.json.decode(await request.read(), type=Drain))
        return _json(b"{}", 202)


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")
