"""Twilio Media Streams in both directions (`<Connect><Stream>`): how Twilio writes a carrier's messages.

(https://www.twilio.com/docs/voice/media-streams/websocket-messages)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from hocket.errors import TransportError
from hocket.transports.carrier import Carrier, CarrierLine, Message, Stream, decode, json_text, read_call
from hocket.transports.carrier_audio import RATE, Incoming


class MediaFormat(msgspec.Struct, frozen=True, rename="camel"):
    """How a stream is encoded."""

    encoding: str
    sample_rate: int
    """Hertz."""
    channels: int


class StartMessage(msgspec.Struct, frozen=True, rename="camel"):
    """What Twilio says about a stream as it starts."""

    stream_sid: str
    call_sid: str
    media_format: MediaFormat
    custom_parameters: dict[str, str] = {}
    """The `<Parameter>`s of the stream."""


def read_start(text: str | bytes) -> StartMessage | None:
    """What a message before the call says: None for `connected`. Raises `TransportError` for any other message."""
    message = decode("Twilio", _OPENING, text)
    return message.start if isinstance(message, _Start) else None


class TwilioLine(CarrierLine):
    """One call (see `CarrierLine`)."""

    name = "twilio"

    def __init__(
        self,
        start: StartMessage,
        send: Callable[[str], None],
        close: Callable[[], None],
    ) -> None:
        """Raises `TransportError` when the stream is not mu-law at 8 kHz."""
        media = start.media_format
        if (media.encoding, media.sample_rate, media.channels) != ("audio/x-mulaw", RATE, 1):
            raise TransportError(
                f"Twilio announces {media.encoding} at {media.sample_rate} Hz with {media.channels} channel(s), and"
                " only audio/x-mulaw at 8000 Hz with one can be used: check who connects to this address.",
                retryable=False,
            )
        about = Stream(start.call_sid, "", start.custom_parameters)
        super().__init__(about, _Dialect(start.stream_sid), Incoming("time"), send, close)


class _Dialect:
    """Every message to Twilio names its stream."""

    carrier = "Twilio"

    def __init__(self, stream_sid: str) -> None:
        self._stream = json_text(stream_sid)

    def read(self, text: str | bytes) -> Message | None:
        message = read_call(self.carrier, text)
        return None if isinstance(message, str) else message

    def audio(self, payload: str) -> str:
        return f'{{"event":"media","streamSid":{self._stream},"media":{{"payload":"{payload}"}}}}'

    def mark(self, number: int) -> str:
        return f'{{"event":"mark","streamSid":{self._stream},"mark":{{"name":"{number}"}}}}'

    def clear(self) -> str:
        return f'{{"event":"clear","streamSid":{self._stream}}}'


class _Connected(msgspec.Struct, tag_field="event", tag="connected"):
    pass


class _Start(msgspec.Struct, tag_field="event", tag="start"):
    start: StartMessage


_Opening: TypeAlias = _Connected | _Start
_OPENING: Final[msgspec.json.Decoder[_Opening]] = msgspec.json.Decoder(_Opening, strict=False)


def _answer(text: str | bytes, send: Callable[[str], None], close: Callable[[], None]) -> TwilioLine | None:
    start = read_start(text)
    return None if start is None else TwilioLine(start, send, close)


TWILIO: Final = Carrier("twilio", "Twilio", _answer)
