"""Telnyx media streaming in both directions, in RTP mode (`<Stream bidirectionalMode="rtp">`): how Telnyx writes a
carrier's messages.

They differ from Twilio's in this: names have underscores, the stream is named beside `start` and not in what is sent,
the order of messages is not guaranteed, and what Telnyx could not use it answers with `error`. Payloads are bare,
without RTP's headers.
(https://developers.telnyx.com/docs/voice/programmable-voice/media-streaming)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from hocket.errors import TransportError
from hocket.transports.carrier import Carrier, CarrierLine, Fault, Message, Stream, decode, read_call
from hocket.transports.carrier_audio import RATE, Incoming

ENCODINGS: Final = ("PCMU", "audio/x-mulaw")
"""Both are G.711 mu-law; Telnyx writes either."""


class MediaFormat(msgspec.Struct, frozen=True):
    """How a stream is encoded."""

    encoding: str
    sample_rate: int
    """Hertz."""
    channels: int


class StartMessage(msgspec.Struct, frozen=True, rename={"caller": "from"}):
    """What Telnyx says about a stream as it starts."""

    call_control_id: str
    media_format: MediaFormat
    caller: str = ""
    """The caller's number, or SIP address."""
    custom_parameters: dict[str, str] = {}
    """The `<Parameter>`s of the stream."""


def read_start(text: str | bytes) -> StartMessage | None:
    """What a message before the call says: None for `connected`. Raises `TransportError` for any other message."""
    message = decode("Telnyx", _OPENING, text)
    return message.start if isinstance(message, _Start) else None


class TelnyxLine(CarrierLine):
    """One call (see `CarrierLine`)."""

    name = "telnyx"

    def __init__(
        self,
        start: StartMessage,
        send: Callable[[str], None],
        close: Callable[[], None],
    ) -> None:
        """Raises `TransportError` when the stream is not mu-law at 8 kHz."""
        media = start.media_format
        if media.encoding not in ENCODINGS or (media.sample_rate, media.channels) != (RATE, 1):
            raise TransportError(
                f"Telnyx announces {media.encoding} at {media.sample_rate} Hz with {media.channels} channel(s), and"
                " only PCMU at 8000 Hz with one can be used: let the connection of the number offer PCMU or PCMA,"
                ' between which Telnyx translates for <Stream codec="PCMU">.',
                retryable=False,
            )
        about = Stream(start.call_control_id, start.caller, start.custom_parameters)
        # What its timestamps count is not documented, and that chunks count messages is.
        super().__init__(about, _Dialect(), Incoming("count"), send, close)


class _Dialect:
    """A connection has one stream, so no message to Telnyx names it."""

    carrier = "Telnyx"

    def read(self, text: str | bytes) -> Message | None:
        message = read_call(self.carrier, text)
        if isinstance(message, str):
            return _fault(decode(self.carrier, _ERROR, text)) if message == "error" else None
        return message

    def audio(self, payload: str) -> str:
        return f'{{"event":"media","media":{{"payload":"{payload}"}}}}'

    def mark(self, number: int) -> str:
        return f'{{"event":"mark","mark":{{"name":"{number}"}}}}'

    def clear(self) -> str:
        return '{"event":"clear"}'


class _Connected(msgspec.Struct, tag_field="event", tag="connected"):
    pass


class _Start(msgspec.Struct, tag_field="event", tag="start"):
    start: StartMessage


class _ErrorBody(msgspec.Struct, frozen=True):
    code: int | str = ""
    title: str = ""


class _Error(msgspec.Struct):
    payload: _ErrorBody = _ErrorBody()


def _fault(error: _Error) -> Fault:
    said = f"{error.payload.code} {error.payload.title}".strip()
    return Fault("".join(letter for letter in said[:60] if letter.isprintable()) or "no reason given")


_Opening: TypeAlias = _Connected | _Start
_OPENING: Final[msgspec.json.Decoder[_Opening]] = msgspec.json.Decoder(_Opening, strict=False)
_ERROR: Final[msgspec.json.Decoder[_Error]] = msgspec.json.Decoder(_Error, strict=False)


def _answer(text: str | bytes, send: Callable[[str], None], close: Callable[[], None]) -> TelnyxLine | None:
    start = read_start(text)
    return None if start is None else TelnyxLine(start, send, close)


TELNYX: Final = Carrier("telnyx", "Telnyx", _answer)
