"""WebRTC offers: each begins a call on this worker, or brings a caller back to one.

The body is JSON: `{"sdp": ..., "ticket": ...}` or `{"sdp": ..., "resume": ...}`; the answer
`{"sdp": ..., "type": "answer", "call": ..., "resume": ..., "resume_s": ...}`.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec

from hocket.errors import HocketError, InputError
from hocket.gateway.admission import Refusal
from hocket.gateway.calls import Calls
from hocket.gateway.control import Answer, OfferBody, refuse_offer, refuse_ticket
from hocket.gateway.tickets import TicketError
from hocket.transports.client_messages import RESUME_S, AudioFormat
from hocket.transports.webrtc.line import OUTPUT_RATE, WebRtc, WebRtcLine, WebRtcPeer
from hocket.transports.webrtc.sdp import read_offer

MAX_RETURNS: Final = 8
"""Connections of one call that are being made at once: who tries more often waits for those to fail."""


class OfferAnswer(msgspec.Struct, frozen=True):
    """What is answered."""

    sdp: str
    call: str
    resume: str
    """Opens the same call again within `resume_s` after the connection broke off. To be kept secret."""
    resume_s: float = RESUME_S
    type: str = "answer"


class Offers:
    """What takes them."""

    def __init__(self, calls: Calls, shared: WebRtc) -> None:
        self._calls = calls
        self._shared = shared

    async def take(self, body: bytes) -> Answer:
        """A `control.OfferTaker`; never raises for what is in it."""
        try:
            offer = _OFFER.decode(body)
            return self._resume(offer) if offer.resume else self._begin(offer)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return refuse_offer()
        except TicketError as error:
            return refuse_ticket(error)
        except InputError as error:
            return _problem(400, "offer", str(error))
        except HocketError as error:
            return _problem(404, "resume", str(error))

    def _begin(self, body: OfferBody) -> Answer:
        ticket = self._calls.read(body.ticket, "webrtc")
        if refusal := self._calls.admit(ticket.source):
            return _refused(refusal)
        offer = read_offer(body.sdp)  # a ticket is not used up for an offer that cannot be answered
        self._calls.redeem(body.ticket, "webrtc")
        peer = self._shared.answer(offer)
        line = self._calls.begin(
            ticket, AudioFormat(rate=OUTPUT_RATE), WebRtcLine.ahead_ms, partial(WebRtcLine, self._shared, peer)
        )
        return _answered(peer, line)

    def _resume(self, body: OfferBody) -> Answer:
        line = self._calls.resumable(body.resume)
        if not isinstance(line, WebRtcLine):
            return _problem(404, "resume", "There is no such call to come back to, or it is over: begin a new one.")
        if line.returning >= MAX_RETURNS:
            return _refused(Refusal("too_many_requests", 10, 429))
        offer = read_offer(body.sdp)
        peer = self._shared.answer(offer)
        line.attach(peer)
        return _answered(peer, line)


def _answered(peer: WebRtcPeer, line: WebRtcLine) -> Answer:
    return Answer(200, msgspec.json.encode(OfferAnswer(peer.answer, line.call, line.resume_token)))


def _refused(refusal: Refusal) -> Answer:
    return Answer(refusal.status, msgspec.json.encode(refusal.body), refusal.retry_after_s)


def _problem(status: int, reason: str, message: str) -> Answer:
    return Answer(status, msgspec.json.encode({"reason": reason, "message": message}))


_OFFER: Final = msgspec.json.Decoder(OfferBody)
