"""What a carrier asks when somebody dials: POST /twilio and POST /telnyx, answered with TwiML and TeXML.

The answer names the least loaded worker's stream and a ticket for it, or says busy. Only what the carrier signed is
answered. Callers' numbers go into the ticket, for the agent; they are not logged.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote
from xml.sax.saxutils import quoteattr

from hocket.clock import unix_time
from hocket.errors import MissingError
from hocket.gateway.admission import Refusal
from hocket.gateway.placing import Place, media_url, web_url
from hocket.gateway.settings import Settings
from hocket.gateway.signatures import TOLERANCE_S, TelnyxKey, is_twilio
from hocket.gateway.tickets import Kind

try:
    from aiohttp import web
except ImportError:
    raise MissingError("Serving calls needs aiohttp, which is not installed: pip install hocket[serve]") from None

log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 32 * 1024
"""Carriers send about 1 KB."""

MAX_FIELDS: Final = 200

BODY_S: Final = 5.0
"""How long a body may take; carriers write theirs at once."""

REMEMBERED: Final = 10_000
"""Answers that are kept, the latest; each for `TOLERANCE_S`."""

NUMBER_CHARACTERS: Final = 64
"""Of a telephone number or SIP address; a longer one is left out. With both a ticket stays below 500 characters, the
most that a parameter of Twilio's may have."""

WARNING_S: Final = 60.0
"""At least so long between two warnings about the same carrier."""


class _Asked(NamedTuple):
    """A carrier's request whose signature is right, or need not be."""

    signature: str
    form: Mapping[str, str]


class Webhooks:
    """The handlers of both carriers."""

    def __init__(self, place: Place, settings: Settings) -> None:
        """Raises `ConfigError` for a key that is none."""
        key = settings.secrets.telnyx_public_key
        self._place = place
        self._settings = settings
        self._telnyx_key = TelnyxKey(key) if key else None
        self._answers: dict[str, tuple[float, str]] = {}
        """Signature -> until when, and what: a request that comes again, by the carrier or by who listened in, gets
        the same ticket, which opens one call."""
        self._warned: dict[str, float] = {}

    def routes(self) -> list[web.RouteDef]:
        """To be added to the front's application."""
        return [web.post("/twilio", self.twilio), web.post("/telnyx", self.telnyx)]

    async def twilio(self, request: web.Request) -> web.Response:
        """A call to a number at Twilio."""
        return await self._handle(request, self._ask_twilio, "twilio", _twiml)

    async def telnyx(self, request: web.Request) -> web.Response:
        """A call to a number of a TeXML application at Telnyx."""
        return await self._handle(request, self._ask_telnyx, "telnyx", _texml)

    async def _handle(
        self,
        request: web.Request,
        ask: Callable[[web.Request, bytes], _Asked],
        kind: Kind,
        markup: Callable[[str, str], str],
    ) -> web.Response:
        asked = ask(request, await _body(request))
        if not asked.form.get("CallSid"):
            raise web.HTTPBadRequest(text="That is not about a call.")
        now = unix_time()
        known = self._answers.get(asked.signature)
        if known is not None and known[0] > now:
            return _xml(known[1])
        parameters = {"to": _number(asked.form, "To")}
        placed = self._place(kind, caller=_number(asked.form, "From"), parameters=parameters)
        if isinstance(placed, Refusal):
            log.info("%s: a call is told that the line is busy (%s)", kind, placed.reason)
            return _xml('<Reject reason="busy"/>')
        answer = markup(media_url(self._settings, request.host, placed, f"/{kind}"), placed.ticket)
        if asked.signature:
            self._answers[asked.signature] = (now + TOLERANCE_S, answer)
            if len(self._answers) > REMEMBERED:
                del self._answers[next(iter(self._answers))]
        return _xml(answer)

    def _ask_twilio(self, request: web.Request, body: bytes) -> _Asked:
        form = _form(request, body)
        token = self._settings.secrets.twilio_auth_token
        signature = request.headers.get("X-Twilio-Signature", "")
        if not token:
            self._unconfigured("Twilio", "TWILIO_AUTH_TOKEN")
        elif not is_twilio(token, signature, self._url(request), form):
            raise self._forged("Twilio", "TWILIO_AUTH_TOKEN, and that --public-url is the address in Twilio's console")
        return _Asked(signature if token else "", dict(form))

    def _ask_telnyx(self, request: web.Request, body: bytes) -> _Asked:
        signature = request.headers.get("telnyx-signature-ed25519", "")
        timestamp = request.headers.get("telnyx-timestamp", "")
        if self._telnyx_key is None:
            self._unconfigured("Telnyx", "TELNYX_PUBLIC_KEY")
        elif not self._telnyx_key.signed(body, timestamp, signature, unix_time()):
            raise self._forged("Telnyx", "TELNYX_PUBLIC_KEY and this machine's clock")
        # The same bytes have several spellings in base64, and each would be a ticket of its own.
        known = b64decode(signature).hex() if self._telnyx_key else ""
        return _Asked(known, dict(_form(request, body)))

    def _url(self, request: web.Request) -> str:
        """As the carrier wrote it. What a stranger writes into Host is worth nothing without the signature."""
        return web_url(self._settings, request.host, request.raw_path)

    def _unconfigured(self, carrier: str, variable: str) -> None:
        if not self._settings.dev:
            raise web.HTTPForbidden(text=f"Calls from {carrier} are not taken: {variable} is not set here.")

    def _forged(self, carrier: str, check: str) -> web.HTTPForbidden:
        now = asyncio.get_running_loop().time()
        if now - self._warned.get(carrier, -WARNING_S) >= WARNING_S:
            self._warned[carrier] = now
            log.warning("A webhook that %s did not sign was refused. If it was real, check %s.", carrier, check)
        return web.HTTPForbidden(text=f"The signature is not {carrier}'s.")


async def _body(request: web.Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while chunk := await request.content.read(MAX_BODY_BYTES + 1 - len(body)):
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, len(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    return bytes(body)


def _form(request: web.Request, body: bytes) -> list[tuple[str, str]]:
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType(text="Carriers send application/x-www-form-urlencoded.")
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
            strict_parsing=True,
        )
    except ValueError:  # of Unicode too
        raise web.HTTPBadRequest(text="That is no form.") from None


def _number(form: Mapping[str, str], name: str) -> str:
    number = form.get(name, "")
    return number if len(number) <= NUMBER_CHARACTERS and number.isprintable() else ""


def _twiml(url: str, ticket: str) -> str:
    """The ticket is a parameter: Twilio takes no query in a stream's URL."""
    parameter = f'<Parameter name="ticket" value={quoteattr(ticket)}/>'
    return f"<Connect><Stream url={quoteattr(url)}>{parameter}</Stream></Connect>"


def _texml(url: str, ticket: str) -> str:
    """The ticket is in the URL, because where parameters stand in Telnyx's `start` is not documented. Telnyx does not
    hang up when the stream ends."""
    with_ticket = quoteattr(f"{url}?ticket={quote(ticket)}")
    stream = (
        f'<Stream url={with_ticket} track="inbound_track" codec="PCMU" bidirectionalMode="rtp"'
        ' bidirectionalCodec="PCMU" bidirectionalSamplingRate="8000"/>'
    )
    return f"<Connect>{stream}</Connect><Hangup/>"


def _xml(verbs: str) -> web.Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{verbs}</Response>\n'
    return web.Response(text=text, content_type="application/xml", headers={"Cache-Control": "no-store"})
