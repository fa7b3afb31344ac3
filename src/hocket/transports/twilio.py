"""A caller on the telephone, over Twilio Media Streams in both directions (`<Connect><Stream>`), without the socket.

Messages are JSON text: connected, start, media, dtmf, mark and stop come in; media, mark and clear go out. Audio is
mu-law at 8 kHz, in base64. Twilio plays what it is sent in order, sends a mark back when the audio before it has
sounded, and all marks at once when the audio is cleared.
(https://www.twilio.com/docs/voice/media-streams/websocket-messages)
"""

from __future__ import annotations

import asyncio
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final, NoReturn, TypeAlias, TypeVar

import msgspec

from hocket.audio.frame import FRAME_MS, Frame, Samples
from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.errors import TransportError
from hocket.stages.transport import Receiver
from hocket.transports.playhead import Playhead

T = TypeVar("T")

RATE: Final = 8_000
FRAME: Final = RATE * FRAME_MS // 1000

MARK_SAMPLES: Final = RATE // 10
"""A mark goes out after every 100 ms of audio."""

PAUSE_S: Final = 0.03
"""Nothing sent for longer than a frame: the end of a segment, which gets a mark of its own."""

MARK_BOUND_MS: Final = float(FRAME_MS)
"""Twilio plays whole frames, so an echo may be early by one."""

MAX_MESSAGE_BYTES: Final = 64 * 1024
MAX_QUEUED_S: Final = 10
"""Audio that is taken before it sounds; who sends more has lost its pace."""

ECHO_S: Final = 1.0
"""How long after the last sound its mark is waited for."""

MAX_CONCEALED: Final = RATE
"""Of a longer gap one second is made up for with silence, and the rest is left out."""

_SILENCE: Final = b"\xff"
"""Zero, in mu-law."""


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
    message = _decode(_OPENING, text)
    return message.start if isinstance(message, _Start) else None


class TwilioLine:
    """One call. Whoever owns the socket hands `receive` each text message, and `gone` the end of the socket; `send`
    and `close` are how the line uses the socket. A message that Twilio would not send ends this call and no other.

    What the caller says before `start` is not heard. Positions that marks acknowledge are those of Twilio's player:
    the telephone network adds its own delay behind it, which nobody reports.
    """

    name = "twilio"
    input_rate = output_rate = RATE
    ahead_ms = 60

    def __init__(self, start: StartMessage, send: Callable[[str], None], close: Callable[[], None]) -> None:
        """Raises `TransportError` when the stream is not mu-law at 8 kHz."""
        media = start.media_format
        if (media.encoding, media.sample_rate, media.channels) != ("audio/x-mulaw", RATE, 1):
            raise TransportError(
                f"Twilio announces {media.encoding} at {media.sample_rate} Hz with {media.channels} channel(s), and"
                " only audio/x-mulaw at 8000 Hz with one can be used: check who connects to this address.",
                retryable=False,
            )
        self.call_id = start.call_sid
        """Twilio's CallSid."""
        self.parameters: Mapping[str, str] = start.custom_parameters
        self._stream = _json_text(start.stream_sid)
        self._send = send
        self._close = close
        self._receiver: Receiver | None = None
        self._incoming = _Incoming()
        self._playhead = Playhead(RATE)
        self._sent_at = 0.0
        self._pause: asyncio.TimerHandle | None = None
        self._all_sounded = asyncio.Event()
        self._closing = False
        self._over = ""
        """Why the line is over, as one sentence; empty while it is not."""

    @property
    def caller(self) -> str:
        """The caller's number, where the stream has it as parameter `caller` or `From`; else empty."""
        return self.parameters.get("caller") or self.parameters.get("From", "")

    async def start(self, receiver: Receiver) -> None:
        """Begin to deliver the caller's frames. Raises `TransportError` when the line is over by now."""
        assert self._receiver is None, "a transport is started once"
        if self._over:
            raise TransportError(self._over, retryable=False)
        self._receiver = receiver

    def send(self, samples: Samples) -> None:
        """Send audio, shape (n,). Raises `TransportError` when more than `MAX_QUEUED_S` waits to sound."""
        if self._over or self._receiver is None or not len(samples):
            return
        now = asyncio.get_running_loop().time()
        playhead = self._playhead
        if playhead.silent_at - now > MAX_QUEUED_S:
            raise TransportError(
                f"More than {MAX_QUEUED_S} s of audio wait to be played; send audio when it is due.", retryable=False
            )
        playhead.add(len(samples), now)
        self._sent_at = now
        payload = b2a_base64(encode_ulaw(samples), newline=False).decode("ascii")
        self._send(f'{{"event":"media","streamSid":{self._stream},"media":{{"payload":"{payload}"}}}}')
        if playhead.unmarked >= MARK_SAMPLES:
            self._mark()
        elif self._pause is None:
            self._pause = asyncio.get_running_loop().call_later(PAUSE_S, self._mark_pause)

    def clear(self) -> int:
        """Drop what has not sounded; returns how many samples that is, by marks and by time."""
        if self._over or self._playhead.acknowledged == self._playhead.sent:
            return 0
        self._send(f'{{"event":"clear","streamSid":{self._stream}}}')
        return self._playhead.take_back(asyncio.get_running_loop().time())

    async def close(self) -> None:
        """Wait for the mark behind the last sound, at most `ECHO_S` longer than that should take, and hang up."""
        if self._closing:
            return
        self._closing = True
        try:
            if not self._over and self._playhead.acknowledged < self._playhead.sent:
                if self._playhead.unmarked:
                    self._mark()
                sounds_s = max(0.0, self._playhead.silent_at - asyncio.get_running_loop().time())
                with suppress(TimeoutError):
                    async with asyncio.timeout(sounds_s + ECHO_S):
                        await self._all_sounded.wait()
        finally:
            self._end("The call was closed.")

    def receive(self, text: str | bytes) -> None:
        """The next text message from Twilio; never raises for what is in it."""
        if self._over:
            return
        try:
            if (message := _decoded(text)) is None:
                return
            if isinstance(message, _Media):
                self._hear(message.media)
            elif isinstance(message, _Mark):
                self._played(message.mark.name)
            elif isinstance(message, _Dtmf):
                self._pressed(message.dtmf.digit)
            else:
                self._end("The caller hung up.")
        except TransportError as error:
            self._end(str(error))

    def gone(self, reason: str) -> None:
        """The socket is lost, or is being closed for `reason`, one sentence. Legal twice."""
        self._end(reason)

    def _hear(self, media: _MediaBody) -> None:
        if media.track != "inbound":
            _refuse(
                f"audio of the {media.track} track: stream with <Connect><Stream>, which sends only the inbound one"
            )
        receiver = self._receiver
        if receiver is None or self._closing:
            return
        for frame in self._incoming.frames(media):
            receiver.hear(frame)

    def _pressed(self, digit: str) -> None:
        if len(digit) != 1 or digit not in "0123456789*#ABCD":
            _refuse("a key that no telephone has")
        if self._receiver is not None:
            self._receiver.dtmf(digit)

    def _played(self, name: str) -> None:
        playhead = self._playhead
        ours = len(name) < 10 and name.isdecimal()
        if not ours or not playhead.echoed(int(name), asyncio.get_running_loop().time()):
            return  # none of ours, or of audio that was taken back
        if self._receiver is not None:
            self._receiver.played(playhead.acknowledged, MARK_BOUND_MS, "acknowledged")
        if playhead.acknowledged == playhead.sent:
            self._all_sounded.set()

    def _mark(self) -> None:
        self._all_sounded.clear()
        number = self._playhead.mark()
        self._send(f'{{"event":"mark","streamSid":{self._stream},"mark":{{"name":"{number}"}}}}')

    def _mark_pause(self) -> None:
        """Mark the end of what was sent, once nothing has followed it."""
        self._pause = None
        if not self._playhead.unmarked:
            return
        loop = asyncio.get_running_loop()
        if loop.time() - self._sent_at < PAUSE_S * 0.99:
            self._pause = loop.call_at(self._sent_at + PAUSE_S, self._mark_pause)
        else:
            self._mark()

    def _end(self, reason: str) -> None:
        if self._over:
            return
        self._over = reason
        self._all_sounded.set()
        if self._pause is not None:
            self._pause.cancel()
        if self._receiver is not None and not self._closing:
            self._receiver.left(reason)
        self._close()


class _Incoming:
    """The caller's audio as frames without gaps, whatever Twilio's messages hold."""

    __slots__ = ("_at", "_base", "_chunk", "_rest", "_taken")

    def __init__(self) -> None:
        self._chunk = 0
        self._base: int | None = None
        """Media time of the stream, in samples, where `_taken` began to count."""
        self._taken = 0
        self._rest = b""
        self._at = 0

    def frames(self, media: _MediaBody) -> Iterator[Frame]:
        """The frames that are full with this message. One that comes after its successor is dropped: silence has
        taken its place."""
        if media.chunk <= self._chunk:
            return
        self._chunk = media.chunk
        data = media.payload
        missing = self._missing(media.timestamp * RATE // 1000)
        self._taken += missing + len(data)
        if missing or self._rest:
            data = self._rest + _SILENCE * missing + data
        whole = len(data) - len(data) % FRAME
        self._rest = data[whole:]
        for start in range(0, whole, FRAME):
            yield Frame(decode_ulaw(data[start : start + FRAME]), RATE, self._at)
            self._at += FRAME

    def _missing(self, begins: int) -> int:
        """How many samples are missing before those that begin at this media time. Less than a frame is jitter of
        the timestamps, and so is time that goes back."""
        if self._base is None:
            self._base = begins
        gap = begins - self._base - self._taken
        if -FRAME < gap < FRAME:
            return 0
        missing = min(max(gap, 0), MAX_CONCEALED)
        self._base += gap - missing
        return missing


class _MediaBody(msgspec.Struct, gc=False):
    track: str
    chunk: int
    timestamp: int
    """Milliseconds since the stream began."""
    payload: bytes
    """Base64 in JSON."""


class _MarkBody(msgspec.Struct, gc=False):
    name: str


class _DtmfBody(msgspec.Struct, gc=False):
    digit: str


class _Media(msgspec.Struct, tag_field="event", tag="media"):
    media: _MediaBody


class _Mark(msgspec.Struct, tag_field="event", tag="mark"):
    mark: _MarkBody


class _Dtmf(msgspec.Struct, tag_field="event", tag="dtmf"):
    dtmf: _DtmfBody


class _Stop(msgspec.Struct, tag_field="event", tag="stop"):
    pass


class _Connected(msgspec.Struct, tag_field="event", tag="connected"):
    pass


class _Start(msgspec.Struct, tag_field="event", tag="start"):
    start: StartMessage


class _Event(msgspec.Struct):
    event: str


_KNOWN: Final = ("connected", "start", "media", "mark", "dtmf", "stop")
_Opening: TypeAlias = _Connected | _Start
_Call: TypeAlias = _Media | _Mark | _Dtmf | _Stop
# Not strict: Twilio writes its numbers as strings.
_OPENING: Final[msgspec.json.Decoder[_Opening]] = msgspec.json.Decoder(_Opening, strict=False)
_EVENT: Final[msgspec.json.Decoder[_Event]] = msgspec.json.Decoder(_Event)
_CALL: Final[msgspec.json.Decoder[_Call]] = msgspec.json.Decoder(_Call, strict=False)


def _decoded(text: str | bytes) -> _Call | None:
    """A message of a call; None for an event that Twilio has added since."""
    try:
        return _decode(_CALL, text)
    except TransportError:
        with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            if len(text) <= MAX_MESSAGE_BYTES and _EVENT.decode(text).event not in _KNOWN:
                return None
        raise


def _decode(decoder: msgspec.json.Decoder[T], text: str | bytes) -> T:
    if len(text) > MAX_MESSAGE_BYTES:
        _refuse(f"a message of {len(text)} bytes, and {MAX_MESSAGE_BYTES} are the most")
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        _refuse(f"what is no message of a media stream ({error})")


def _refuse(what: str) -> NoReturn:
    raise TransportError(f"Twilio's side sent {what}; the call ends.", retryable=False)


def _json_text(text: str) -> str:
    return msgspec.json.encode(text).decode()
