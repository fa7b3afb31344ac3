"""A caller on the telephone, as Telnyx streams the call to a WebSocket server, and as Telnyx signs its webhooks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from hocket.clock import unix_time
from hocket.errors import MissingError
from hocket.sim.carrier import FRAME, RATE, CarrierCaller, CarrierPhone, Lateness, Party, json_text
from hocket.sim.dialling import ask, encoded, form

try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ImportError:
    raise MissingError(
        "Signing as Telnyx does needs cryptography, which is not installed: pip install hocket[serve]"
    ) from None

__all__ = ["FRAME", "RATE", "Lateness", "Party", "TelnyxAccount", "TelnyxCaller", "TelnyxPhone", "dial"]


class TelnyxAccount:
    """Signs webhooks as Telnyx does for an account."""

    def __init__(self, seed: bytes) -> None:
        """`seed`: 32 bytes that make the account's private key."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> str:
        """In base64, as Telnyx's portal shows it."""
        return b64encode(self._key.public_key().public_bytes_raw()).decode()

    def headers(self, body: bytes, at_s: int) -> dict[str, str]:
        """The headers of a webhook that is sent `at_s` seconds after 1970."""
        signature = self._key.sign(f"{at_s}|".encode() + body)
        return {"telnyx-signature-ed25519": b64encode(signature).decode(), "telnyx-timestamp": str(at_s)}


class TelnyxPhone(CarrierPhone):
    """What Telnyx does with a stream's messages (see `CarrierPhone`)."""

    def __init__(self, call_control_id: str, parameters: Mapping[str, str], caller: str = "+15550100") -> None:
        super().__init__(_Dialect(call_control_id, parameters, caller))


class TelnyxCaller(CarrierCaller):
    """One call from Telnyx (see `CarrierCaller`). Telnyx does not sign its request for a WebSocket."""

    def __init__(
        self,
        url: str,
        party: Party,
        *,
        call_control_id: str = "v3:sim",
        parameters: Mapping[str, str] | None = None,
        caller: str = "+15550100",
    ) -> None:
        super().__init__(url, party, TelnyxPhone(call_control_id, parameters or {}, caller))


async def dial(
    webhook: str,
    party: Party,
    *,
    account: TelnyxAccount | None = None,
    call_control_id: str = "v3:sim",
    caller: str = "+15550100",
    called: str = "+15550199",
) -> TelnyxCaller:
    """Ask a webhook such as http://127.0.0.1:8080/telnyx, as for a call to a number of a TeXML application; the caller
    that is returned calls where it says. Signed where an `account` is given. Raises `TransportError`."""
    body = encoded(form(call_control_id, caller, called))
    order = await ask(webhook, body, account.headers(body, int(unix_time())) if account is not None else {})
    return TelnyxCaller(order.url, party, call_control_id=call_control_id, parameters=order.parameters, caller=caller)


class _Dialect:
    def __init__(self, call_control_id: str, parameters: Mapping[str, str], caller: str) -> None:
        self._call = {"user_id": "user-sim", "call_control_id": call_control_id}
        self._caller = caller
        self._parameters = dict(parameters)

    def greeting(self) -> list[str]:
        about = {
            **self._call,
            "call_session_id": "session-sim",
            "from": self._caller,
            "to": "+15550199",
            "client_state": None,
            "custom_parameters": self._parameters,
            "media_format": {"encoding": "PCMU", "sample_rate": RATE, "channels": 1},
        }
        return [json_text({"event": "connected", "version": "1.0.0"}), self.message("start", {"start": about}, 1)]

    def message(self, event: str, body: Mapping[str, object], sequence: int) -> str:
        return json_text({"event": event, "sequence_number": str(sequence), **body, "stream_id": "stream-sim"})

    def goodbye(self, sequence: int) -> str:
        return self.message("stop", {"stop": self._call}, sequence)
