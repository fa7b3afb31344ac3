"""What the front answers over HTTP: tickets, offers, health, figures, the page and carriers' webhooks."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import msgspec
from aiohttp import web

from hocket.clock import SECOND, cpu_time
from hocket.gateway.addresses import Networks, Origins, Proxies, Rate
from hocket.gateway.admission import Refusal
from hocket.gateway.control import MAX_OFFER_BYTES
from hocket.gateway.figures import resident_bytes
from hocket.gateway.placing import Placement, media_url, web_url
from hocket.gateway.settings import Settings, is_loopback
from hocket.gateway.tickets import EXPIRES_S, MAX_EXPIRES_S, Kind
from hocket.gateway.workers import Workers
from hocket.observe.metrics import Meters, ProcessFigures

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY_S: Final = 5.0
"""What a client has to send the body of a request."""

REQUESTS_PER_S: Final = 20.0
REQUESTS_AT_ONCE: Final = 100
"""Requests of any kind of one address. A talk page takes some ten."""

TICKETS_PER_S: Final = 0.5
TICKETS_AT_ONCE: Final = 20
"""Tickets for pages of one address; servers with a key may have as many as there are calls."""

HSTS_S: Final = 180 * 86_400
"""So long browsers ask this host for nothing without TLS, once it was the gateway's own."""

MAX_PARAMETERS_BYTES: Final = 2_048

ADDRESS: Final = web.RequestKey("hocket_address", str)
"""Whence a request came, behind trusted proxies too."""


class SessionRequest(msgspec.Struct, frozen=True):
    """The body of POST /v1/voice/session; may be left out."""

    kind: Literal["ws", "webrtc"] = "ws"
    expires_s: float = EXPIRES_S
    """How soon the call has to begin, 1 to 600."""
    caller: str = ""
    """Who calls; only of a server with a key."""
    parameters: dict[str, Any] = {}
    """For the agent; only of a server with a key. Not secret: the client can read its ticket."""


class Front:
    """The application, on the workers it gives calls to."""

    def __init__(self, settings: Settings, workers: Workers, render: Callable[[dict[str, bytes]], bytes]) -> None:
        """`render`: the figures of "front" and of each worker -> the text of /metrics."""
        self.proxies = Proxies(settings.trusted_proxies)
        self._near = Networks(("127.0.0.0/8", "::1", *settings.metrics_from))
        self._settings = settings
        self._workers = workers
        self._render = render
        self._meters = Meters()
        """Of the calls that no worker was asked to take."""
        self._origins = Origins(settings.origins, dev=settings.dev)
        self._requests = Rate(REQUESTS_PER_S, REQUESTS_AT_ONCE)
        self._tickets = Rate(TICKETS_PER_S, TICKETS_AT_ONCE)

    def place(
        self,
        kind: Kind,
        *,
        expires_s: float = EXPIRES_S,
        caller: str = "",
        parameters: dict[str, Any] | None = None,
        address: str = "",
    ) -> Placement | Refusal:
        """A `placing.Place`: as the workers say, and a refusal is counted. The calls of an `address` are limited."""
        placed = self._workers.place(kind, expires_s=expires_s, caller=caller, parameters=parameters, address=address)
        if isinstance(placed, Refusal):
            self._meters.refused(placed.reason)
        return placed

    def application(self) -> web.Application:
        """With its routes; more may be added."""
        app = web.Application(middlewares=[self._guard], client_max_size=MAX_OFFER_BYTES)
        app.on_response_prepare.append(self._headers)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/v1/voice/session", self._session)
        app.router.add_post("/webrtc/offer", self._offer)
        for path in ("/v1/voice/session", "/webrtc/offer"):
            app.router.add_route("OPTIONS", path, self._preflight)
        return app

    # -- every request

    async def _headers(self, _: web.Request, response: web.StreamResponse) -> None:
        """Of all answers, the page's and the webhooks' too."""
        response.headers["Server"] = "hocket"
        response.headers["X-Content-Type-Options"] = "nosniff"
        if self._settings.tls and not self._settings.dev:  # a developer's localhost has other servers
            response.headers["Strict-Transport-Security"] = f"max-age={HSTS_S}"

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Who asks, how often, from which page; and no traceback for anybody."""
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
        address = request[ADDRESS] = self.proxies.caller(_peer(request), forwarded)
        if refusal := self._too_often(self._requests, address):
            return refusal
        if self._settings.dev and not is_loopback(_host_name(request.host)):
            # Else a page elsewhere whose name is made to point here would count as one of this machine.
            return _problem(421, "host", "In development this server answers to localhost only.")
        origin = request.headers.get("Origin", "")
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = _problem(error.status, "http", error.text or error.reason)
            response.headers.extend({k: v for k, v in error.headers.items() if k in ("Allow", "Retry-After")})
        except Exception as error:
            log.error("%s %r failed", request.method, request.path, exc_info=error)
            response = _problem(500, "error", "An error in hocket; its log says more.")
        if origin and self._origins.allow(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Vary"] = "Origin"
        return response

    # -- calls

    async def _session(self, request: web.Request) -> web.StreamResponse:
        """A ticket for one call, and where to take it."""
        with_key = self._has_key(request)
        if not with_key:
            refusal = self._not_a_page(request) or self._too_often(self._tickets, request[ADDRESS])
            if refusal is not None:
                return refusal
        try:
            body = await _body(request)
            asked = msgspec.json.decode(body, type=SessionRequest) if body.strip() else SessionRequest()
        except (msgspec.DecodeError, RecursionError) as error:
            return _problem(400, "body", f"The body is not what it should be: {_first_words(error)}")
        problem = _check(asked, with_key=with_key or self._settings.dev)
        if problem:
            return _problem(400, "body", problem)
        placed = self.place(
            asked.kind,
            expires_s=asked.expires_s,
            caller=asked.caller,
            parameters=asked.parameters,
            address="" if with_key or self._settings.dev else request[ADDRESS],
        )
        if isinstance(placed, Refusal):
            return _refused(placed)
        settings, host = self._settings, request.host
        urls = {"ws": media_url(settings, host, placed, "/ws")}
        if placed.webrtc:
            urls["webrtc"] = web_url(settings, host, f"/webrtc/offer?worker={placed.worker}")
        answer = {
            "ticket": placed.ticket,
            "expires_s": asked.expires_s,
            "worker": placed.worker,
            "urls": urls,
            "region": "local",
        }
        return _json(answer, headers={"Cache-Control": "no-store"})

    async def _offer(self, request: web.Request) -> web.StreamResponse:
        """Handed on to the worker that the URL names, which knows whether its ticket is good."""
        origin = request.headers.get("Origin")
        if origin is not None and not self._origins.allow(origin):
            return _problem(403, "origin", "Pages of this origin may not call.")
        number = request.query.get("worker", "")
        worker = (
            self._workers.numbered(int(number)) if number.isascii() and number.isdigit() and len(number) < 4 else None
        )
        if worker is None:
            return _problem(
                404, "worker", "There is no such worker, or it has ended and its calls with it: begin a new one."
            )
        answer = await worker.offer(await _body(request))
        if answer is None:
            return _refused(Refusal("overloaded", 5))
        return web.Response(
            body=answer.body,
            status=answer.status,
            content_type="application/json",
            headers={"Cache-Control": "no-store", **answer.headers},
        )

    async def _preflight(self, request: web.Request) -> web.StreamResponse:
        """A page of another origin asks whether it may ask."""
        if not self._origins.allow(request.headers.get("Origin", "")):
            return _problem(403, "origin", "Pages of this origin may not call.")
        allowed = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type"}
        return web.Response(status=204, headers={**allowed, "Access-Control-Max-Age": "600"})

    # -- for operators

    async def _healthz(self, _: web.Request) -> web.StreamResponse:
        """The front is alive."""
        return _json({"alive": True})

    async def _readyz(self, _: web.Request) -> web.StreamResponse:
        """Would a worker be asked to take a call? A full gateway is ready, one that drains is not."""
        ready = self._workers.ready
        return _json({"ready": bool(ready), "workers": ready}, 200 if ready else 503)

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        """The figures of all workers, for who is near or has a key."""
        if not (self._has_key(request) or self._is_near(request)):
            return _problem(403, "forbidden", "Figures are for --metrics-from, or for who shows an API key.")
        running = self._workers.running
        found = await asyncio.gather(*(worker.metrics() for worker in running))
        figures = {str(worker.number): body for worker, body in zip(running, found, strict=True) if body is not None}
        self._meters.figures.process = ProcessFigures(memory_bytes=resident_bytes(), cpu_s=cpu_time() / SECOND)
        figures["front"] = msgspec.json.encode(self._meters.figures)
        return web.Response(
            body=self._render(figures), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    # -- who asks

    def _has_key(self, request: web.Request) -> bool:
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        found = False
        for key in self._settings.secrets.api_keys:  # all of them, so that time does not tell which is nearly right
            found |= hmac.compare_digest(key.encode(), shown.strip().encode("utf-8", "replace"))
        return found

    def _not_a_page(self, request: web.Request) -> web.Response | None:
        """Why somebody without a key gets no ticket."""
        if "Authorization" in request.headers:
            return _problem(401, "key", "That API key is not valid.", {"WWW-Authenticate": "Bearer"})
        origin = request.headers.get("Origin")
        if origin is None:
            if self._settings.dev:
                return None
            return _problem(401, "key", "Show an API key, or call from a page.", {"WWW-Authenticate": "Bearer"})
        if self._origins.allow(origin):
            return None
        return _problem(403, "origin", "Pages of this origin may not call: the gateway's --origin does not name it.")

    def _too_often(self, rate: Rate, address: str) -> web.Response | None:
        """Why an address has to wait; a developer's own machine never does."""
        wait_s = 0.0 if self._settings.dev else rate.ask(address, asyncio.get_running_loop().time())
        return _refused(Refusal("too_many_requests", max(1, round(wait_s)), 429)) if wait_s else None

    def _is_near(self, request: web.Request) -> bool:
        """May it see figures for where it comes from, and not through a proxy that is not known? An address is not near
        for being private: those of all callers are where a container's network translates them."""
        if not self.proxies.trusts(_peer(request)) and {"X-Forwarded-For", "Forwarded"} & set(request.headers):
            return False
        return request[ADDRESS] in self._near


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


def _check(asked: SessionRequest, *, with_key: bool) -> str:
    """What is wrong with it; empty when nothing is."""
    if not 1 <= asked.expires_s <= MAX_EXPIRES_S:
        return f"expires_s is {asked.expires_s:g}: give 1 to {MAX_EXPIRES_S}."
    if (asked.caller or asked.parameters) and not with_key:
        return "Only a server with an API key may say who calls, and give parameters."
    if len(asked.caller) > 200 or len(msgspec.json.encode(asked.parameters)) > MAX_PARAMETERS_BYTES:
        return f"caller may have 200 characters, and parameters {MAX_PARAMETERS_BYTES} bytes of JSON."
    return ""


def _refused(refusal: Refusal) -> web.Response:
    return _json(refusal.body | {"sip": refusal.sip}, refusal.status, refusal.headers)


def _problem(status: int, reason: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return _json({"reason": reason, "message": message}, status, headers)


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, headers=headers, content_type="application/json")


def _peer(request: web.Request) -> str:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return str(peer[0]) if peer else ""


def _host_name(host: str) -> str:
    """A Host header without its port."""
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower()


def _first_words(error: Exception) -> str:
    return str(error)[:200] or "it is nested too deep"
