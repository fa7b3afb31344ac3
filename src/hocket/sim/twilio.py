"""A caller on the telephone, as Twilio Media Streams carries the call to a WebSocket server, and as Twilio signs it."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping

from hocket.sim.carrier import FRAME, RATE, CarrierCaller, CarrierPhone, Lateness, Party, json_text
from hocket.sim.dialling import ask, encoded, form

__all__ = ["FRAME", "RATE", "Lateness", "Party", "TwilioCaller", "TwilioPhone", "dial", "sign"]


def sign(auth_token: str, url: str, form: Mapping[str, str] | None = None) -> str:
    """`X-Twilio-Signature` of a request to `url`, with the form that is posted; none for a WebSocket."""
    signed = url + "".join(name + value for name, value in sorted((form or {}).items()))
    return b64encode(hmac.digest(auth_token.encode(), signed.encode(), "sha1")).decode()


class TwilioPhone(CarrierPhone):
    """What Twilio does with a stream's messages (see `CarrierPhone`)."""

    def __init__(self, call_sid: str, parameters: Mapping[str, str]) -> None:
        super().__init__(_Dialect(call_sid, parameters))


class TwilioCaller(CarrierCaller):
    """One call from Twilio (see `CarrierCaller`), with a signed request where an `auth_token` is given."""

    def __init__(
        self,
        url: str,
        party: Party,
        *,
        call_sid: str = "CA-sim",
        parameters: Mapping[str, str] | None = None,
        auth_token: str = "",
        public_url: str = "",
    ) -> None:
        """`public_url` is signed, where it is not `url`, as behind a proxy."""
        headers = {"X-Twilio-Signature": sign(auth_token, public_url or url)} if auth_token else {}
        super().__init__(url, party, TwilioPhone(call_sid, parameters or {}), headers)


async def dial(
    webhook: str,
    party: Party,
    *,
    auth_token: str = "",
    call_sid: str = "CA-sim",
    caller: str = "+15550100",
    called: str = "+15550199",
) -> TwilioCaller:
    """Ask a webhook such as http://127.0.0.1:8080/twilio, as for a call to a number at Twilio; the caller that is
    returned calls where it says. Signed where an `auth_token` is given. Raises `TransportError`."""
    fields = form(call_sid, caller, called)
    headers = {"X-Twilio-Signature": sign(auth_token, webhook, fields)} if auth_token else {}
    order = await ask(webhook, encoded(fields), headers)
    return TwilioCaller(order.url, party, call_sid=call_sid, parameters=order.parameters, auth_token=auth_token)


class _Dialect:
    def __init__(self, call_sid: str, parameters: Mapping[str, str]) -> None:
        self._call_sid = call_sid
        self._stream_sid = "MZ" + call_sid.removeprefix("CA")
        self._parameters = dict(parameters)

    def greeting(self) -> list[str]:
        connected = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        about = {
            "accountSid": "AC-sim",
            "streamSid": self._stream_sid,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "customParameters": self._parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1},
        }
        return [json_text(connected), self.message("start", {"start": about}, 1)]

    def message(self, event: str, body: Mapping[str, object], sequence: int) -> str:
        return json_text({"event": event, "sequenceNumber": str(sequence), "streamSid": self._stream_sid, **body})

    def goodbye(self, sequence: int) -> str:
        return self.message("stop", {"stop": {"accountSid": "AC-sim", "callSid": self._call_sid}}, sequence)
