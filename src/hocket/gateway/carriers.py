"""Who may open a carrier's media stream at a worker, and which call becomes of it.

A stream shows the ticket that the webhook's answer named: as `<Parameter name="ticket">`, or in its URL. What opens one
for Twilio is signed as well, where the account's token is known; Telnyx does not sign it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import Final, cast
from urllib.parse import parse_qs

from picows import WSListener, WSUpgradeResponse, WSUpgradeResponseWithListener

from hocket.errors import InputError, TransportError
from hocket.gateway.admission import Refusal
from hocket.gateway.calls import Calls
from hocket.gateway.carrier_socket import CarrierSockets
from hocket.gateway.media import ListenerFactory, Upgrade
from hocket.gateway.settings import Settings
from hocket.gateway.signatures import is_twilio
from hocket.gateway.tickets import MAX_BYTES, Kind
from hocket.transports.carrier import Carrier, CarrierLine
from hocket.transports.telnyx import TELNYX
from hocket.transports.twilio import TWILIO

_CALL_ID: Final = re.compile(r"[\w:.~+=-]{1,200}", re.ASCII)


def carrier_paths(calls: Calls, sockets: CarrierSockets, settings: Settings, worker: int) -> dict[str, ListenerFactory]:
    """What takes the connections at /twilio and at /telnyx of this worker."""
    token = settings.secrets.twilio_auth_token

    def signed(upgrade: Upgrade) -> bool:
        signature = upgrade.headers.get("X-Twilio-Signature", "")
        return not token or is_twilio(token, signature, _signed_url(settings, worker, upgrade))

    return {
        "/twilio": partial(_take, calls, sockets, TWILIO, signed),
        "/telnyx": partial(_take, calls, sockets, TELNYX, lambda _: True),
    }


def _take(
    calls: Calls, sockets: CarrierSockets, carrier: Carrier, signed: Callable[[Upgrade], bool], upgrade: Upgrade
) -> WSListener | WSUpgradeResponseWithListener | Refusal:
    if not signed(upgrade):
        response = WSUpgradeResponse.create_error_response(403, f"The signature is not {carrier.title}'s.\n".encode())
        return WSUpgradeResponseWithListener(response, None)
    refusal = calls.admit()
    if refusal is not None:
        return refusal
    return sockets.listener(carrier, partial(_hold, calls, _ticket(upgrade.query)))


def _hold(calls: Calls, ticket: str, line: CarrierLine) -> asyncio.Task[None]:
    """Raises what `carrier_socket.Answer` does."""
    if _CALL_ID.fullmatch(line.call_id) is None:
        raise InputError("The call's id is not one that carriers write.")
    refusal = calls.admit()
    if refusal is not None:
        raise TransportError(refusal.sentence, retry_after_s=refusal.retry_after_s)
    leave = calls.redeem(line.parameters.get("ticket") or ticket, cast(Kind, line.name))
    told = {name: value for name, value in line.parameters.items() if name != "ticket"}
    return calls.hold(
        line,
        # A carrier may open a second stream of one call.
        call_id=f"{line.call_id}.{leave.id[:8]}",
        caller=leave.caller or line.caller,
        parameters={**told, **leave.parameters},
    )


def _signed_url(settings: Settings, worker: int, upgrade: Upgrade) -> str:
    """The address that Twilio was given. What a stranger writes into Host is worth nothing without the signature."""
    public = settings.public_url.rstrip("/")
    if public:
        return f"{public.replace('http', 'ws', 1)}/w/{worker}{upgrade.path}"
    return f"{'wss' if settings.tls else 'ws'}://{upgrade.headers.get('Host', '')}{upgrade.url_path}"


def _ticket(query: str) -> str:
    if len(query) > 2 * MAX_BYTES:
        return ""
    try:
        return parse_qs(query, max_num_fields=20).get("ticket", [""])[0]
    except ValueError:
        return ""
