"""A caller on the telephone, over a carrier's media stream in both directions, without the socket.

Carriers agree on nearly all of it: JSON text messages (start, media, dtmf, mark, stop come in; media, mark, clear go
out), audio as mu-law at 8 kHz in base64, played in order. A mark comes back when the audio before it has sounded, and
all marks at once when the audio is cleared. What differs is a `Dialect`, a file for each carrier.
"""

from __future__ import annotations

import asyncio
import logging
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, NoReturn, Protocol, TypeAlias, TypeVar

import msgspec

from hocket.audio.frame import FRAME_MS, Samples
from hocket.audio.g711 import encode_ulaw
from hocket.errors import TransportError
from hocket.stages.transport import Receiver
from hocket.transports.carrier_audio import FRAME, RATE, Incoming, MediaBody
from hocket.transports.playhead import Playhead

T = TypeVar("T")

MARK_MS: Final = 100
MARK_SAMPLES: Final = RATE * MARK_MS // 1000
"""A mark goes out after so much audio."""

PIECE_MS: Final = 50
"""Of audio is sent at a time: carriers take pieces of any length, and at 20 ms sending costs twice as much."""

PAUSE_S: Final = 0.07
"""Nothing sent for longer than a piece without a mark lasts: the end of a segment, which gets a mark of its own."""

MARK_BOUND_MS: Final = float(FRAME_MS)
"""Carriers play whole frames, so an echo may be early by one."""

MAX_MESSAGE_BYTES: Final = 64 * 1024
MAX_QUEUED_S: Final = 10
"""Audio that is taken before it sounds; who sends more has lost its pace."""

ECHO_S: Final = 1.0
"""How long after the last sound its mark is waited for."""

MAX_FAULTS: Final = 10
"""So many messages the carrier may refuse; then it and the line do not speak the same language, and the call ends."""

_LOG = logging.getLogger(__name__)


class Dialect(Protocol):
    """How one carrier writes the messages of one stream."""

    carrier: str
    """The carrier's name, as people write it."""

    def read(self, text: str | bytes) -> Message | None:
        """A message of the call; None for an event that is not known. Raises `TransportError`."""
        ...

    def audio(self, payload: str) -> str:
        """`media` with audio in base64."""
        ...

    def mark(self, number: int) -> str:
        """`mark` with a number for its name."""
        ...

    def clear(self) -> str:
        """`clear`."""
        ...


class CarrierLine:
    """One call. Whoever owns the socket hands `receive` each text message, and `gone` the end of the socket; `send`
    and `close` are how the line uses the socket. A message that the carrier would not send ends this call and no other.

    What the caller says before `start` is not heard. Positions that marks acknowledge are those of the carrier's
    player: the telephone network adds its own delay behind it, which nobody reports.
    """

    name = "carrier"
    input_rate = output_rate = RATE
    ahead_ms = 60

    def __init__(
        self,
        about: Stream,
        dialect: Dialect,
        incoming: Incoming,
        send: Callable[[str], None],
        close: Callable[[], None],
    ) -> None:
        self.about = about
        self._loop = asyncio.get_running_loop()  # in CPython 3.11 every call of that is a call of the system
        self._dialect = dialect
        self._send = send
        self._close = close
        self._receiver: Receiver | None = None
        self._incoming = incoming
        self._playhead = Playhead(RATE)
        self._sent_at = 0.0
        self._pause: asyncio.TimerHandle | None = None
        self._all_sounded = asyncio.Event()
        self._closing = False
        self._faults = 0
        self._over = ""
        """Why the line is over, as one sentence; empty while it is not."""

    @property
    def frame_ms(self) -> int:
        """See `Transport`."""
        return PIECE_MS if self._incoming.size == FRAME else MARK_MS

    @property
    def call_id(self) -> str:
        """The carrier's name for the call."""
        return self.about.call_id

    @property
    def parameters(self) -> Mapping[str, str]:
        """The `<Parameter>`s of the stream."""
        return self.about.parameters

    @property
    def caller(self) -> str:
        """The caller's number, where the stream tells it or has it as parameter `caller` or `From`; else empty."""
        return self.about.caller or self.parameters.get("caller") or self.parameters.get("From", "")

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
        now = self._loop.time()
        playhead = self._playhead
        if playhead.silent_at - now > MAX_QUEUED_S:
            raise TransportError(
                f"More than {MAX_QUEUED_S} s of audio wait to be played; send audio when it is due.", retryable=False
            )
        playhead.add(len(samples), now)
        self._sent_at = now
        self._send(self._dialect.audio(b2a_base64(encode_ulaw(samples), newline=False).decode("ascii")))
        if playhead.unmarked >= MARK_SAMPLES:
            self._mark()
        elif self._pause is None:
            self._pause = self._loop.call_later(PAUSE_S, self._mark_pause)

    def gather(self, messages: int) -> None:
        """Do with so many messages at once, of 20 ms, what takes the work of one."""
        self._incoming.size = messages * FRAME

    def clear(self) -> int:
        """Drop what has not sounded; returns how many samples that is, by marks and by time."""
        if self._over or self._playhead.acknowledged == self._playhead.sent:
            return 0
        self._send(self._dialect.clear())
        return self._playhead.take_back(self._loop.time())

    async def close(self) -> None:
        """Wait for the mark behind the last sound, at most `ECHO_S` longer than that should take, and hang up."""
        if self._closing:
            return
        self._closing = True
        try:
            if not self._over and self._playhead.acknowledged < self._playhead.sent:
                if self._playhead.unmarked:
                    self._mark()
                sounds_s = max(0.0, self._playhead.silent_at - self._loop.time())
                with suppress(TimeoutError):
                    async with asyncio.timeout(sounds_s + ECHO_S):
                        await self._all_sounded.wait()
        finally:
            self._end("The call was closed.")

    def receive(self, text: str | bytes) -> None:
        """The next text message from the carrier; never raises for what is in it."""
        if self._over:
            return
        try:
            message = self._dialect.read(text)
            if isinstance(message, Media):
                self._hear(message.media)
            elif isinstance(message, Mark):
                self._played(message.mark.name)
            elif isinstance(message, Dtmf):
                self._pressed(message.dtmf.digit)
            elif isinstance(message, Fault):
                self._refused(message)
            elif message is not None:
                self._end("The caller hung up.")
        except TransportError as error:
            self._end(str(error))

    def gone(self, reason: str) -> None:
        """The socket is lost, or is being closed for `reason`, one sentence. Legal twice."""
        self._end(reason)

    def _hear(self, media: MediaBody) -> None:
        if media.track != "inbound":
            refuse(
                self._dialect.carrier,
                f"audio of the {media.track} track: stream with <Connect><Stream>, which sends only the inbound one",
            )
        receiver = self._receiver
        if receiver is None or self._closing:
            return
        frames = self._incoming.frames(media)
        if frames and self._incoming.too_fast(self._loop.time()):
            refuse(self._dialect.carrier, "audio faster than it can be said")
        for frame in frames:
            receiver.hear(frame)

    def _pressed(self, digit: str) -> None:
        if len(digit) != 1 or digit not in "0123456789*#ABCD":
            refuse(self._dialect.carrier, "a key that no telephone has")
        if self._receiver is not None:
            self._receiver.dtmf(digit)

    def _played(self, name: str) -> None:
        playhead = self._playhead
        ours = len(name) < 10 and name.isdecimal()
        if not ours or not playhead.echoed(int(name), self._loop.time()):
            return  # none of ours, or of audio that was taken back
        if self._receiver is not None:
            self._receiver.played(playhead.acknowledged, MARK_BOUND_MS, "acknowledged")
        if playhead.acknowledged == playhead.sent:
            self._all_sounded.set()

    def _refused(self, fault: Fault) -> None:
        """The carrier could not use a message of ours."""
        self._faults += 1
        _LOG.warning("call %s: %s refused a message (%s)", self.call_id, self._dialect.carrier, fault.reason)
        if self._faults >= MAX_FAULTS:
            self._end(f"{self._dialect.carrier} refused {MAX_FAULTS} messages ({fault.reason}); the call ends.")

    def _mark(self) -> None:
        self._all_sounded.clear()
        self._send(self._dialect.mark(self._playhead.mark()))

    def _mark_pause(self) -> None:
        """Mark the end of what was sent, once nothing has followed it."""
        self._pause = None
        if not self._playhead.unmarked:
            return
        if self._loop.time() - self._sent_at < PAUSE_S * 0.99:
            self._pause = self._loop.call_at(self._sent_at + PAUSE_S, self._mark_pause)
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
        close, self._close = self._close, _nothing
        self._send = _nothing  # the socket knows the line, and the line no more the socket
        close()


def _nothing(*_: object) -> None:
    pass


class Carrier(NamedTuple):
    """What a server has to know of a carrier."""

    name: str
    """In lower case: its path, and the kind of its tickets."""
    title: str
    """As people write it."""
    answer: Callable[[str | bytes, Callable[[str], None], Callable[[], None]], CarrierLine | None]
    """Make a line of the first messages, with what sends and what closes; None for `connected`, which says nothing.
    Raises `TransportError` for any other message."""


class Stream(msgspec.Struct, frozen=True):
    """What a carrier says about a stream as it starts."""

    call_id: str
    caller: str
    """A telephone number, or empty."""
    parameters: Mapping[str, str]


class _Name(msgspec.Struct, gc=False):
    name: str


class _Digit(msgspec.Struct, gc=False):
    digit: str


class Media(msgspec.Struct, tag_field="event", tag="media"):
    """20 ms of the caller's voice, more or less."""

    media: MediaBody


class Mark(msgspec.Struct, tag_field="event", tag="mark"):
    """All before a mark has sounded, or was cleared."""

    mark: _Name


class Dtmf(msgspec.Struct, tag_field="event", tag="dtmf"):
    """The caller pressed a key."""

    dtmf: _Digit


class Stop(msgspec.Struct, tag_field="event", tag="stop"):
    """The call, or its stream, is over."""


class Fault(msgspec.Struct):
    """The carrier could not use what it was sent."""

    reason: str
    """A few printable words."""


class _Event(msgspec.Struct):
    event: str


Message: TypeAlias = Media | Mark | Dtmf | Stop | Fault

KNOWN: Final = frozenset({"connected", "start", "media", "mark", "dtmf", "stop"})
# Not strict: carriers write numbers as strings.
_CALL: Final[msgspec.json.Decoder[Media | Mark | Dtmf | Stop]] = msgspec.json.Decoder(
    Media | Mark | Dtmf | Stop, strict=False
)
_EVENT: Final[msgspec.json.Decoder[_Event]] = msgspec.json.Decoder(_Event)


def read_call(carrier: str, text: str | bytes) -> Media | Mark | Dtmf | Stop | str:
    """A message of a call; only its event's name where carriers do not all have it. Raises `TransportError`."""
    try:
        return decode(carrier, _CALL, text)
    except TransportError:
        with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            if len(text) <= MAX_MESSAGE_BYTES and (event := _EVENT.decode(text).event) not in KNOWN:
                return event
        raise


def decode(carrier: str, decoder: msgspec.json.Decoder[T], text: str | bytes) -> T:
    """A message of at most `MAX_MESSAGE_BYTES`. Raises `TransportError`."""
    if len(text) > MAX_MESSAGE_BYTES:
        refuse(carrier, f"a message of {len(text)} bytes, and {MAX_MESSAGE_BYTES} are the most")
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        refuse(carrier, f"what is no message of a media stream ({error})")


def refuse(carrier: str, what: str) -> NoReturn:
    """End the call for what came from the carrier's side."""
    raise TransportError(f"{carrier}'s side sent {what}; the call ends.", retryable=False)


def json_text(value: Any) -> str:
    """A value as JSON."""
    return msgspec.json.encode(value).decode()
