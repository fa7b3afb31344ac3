"""A caller who uses hocket's own protocol (`client_messages`), without the socket.

The client says what has sounded. When its connection breaks off, the call goes on without it for `RESUME_S`: silence is
heard of it, nothing is sent, and who returns in time hears all that had not sounded.
"""

from __future__ import annotations

import asyncio
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from hocket.audio.frame import FRAME_MS, Frame, Samples
from hocket.errors import TransportError
from hocket.stages.transport import Receiver
from hocket.trace.news import State
from hocket.transports.client_messages import (
    MAX_MESSAGES_PER_S,
    MAX_TEXT_BYTES,
    RESUME_S,
    Bye,
    ClientMessage,
    Dtmf,
    HangUp,
    Hello,
    Ping,
    Played,
    Pong,
    ServerMessage,
    Welcome,
)
from hocket.transports.incoming import Codec, Incoming
from hocket.transports.outgoing import Outgoing

AHEAD_MS: Final = 60

REPORT_BOUND_MS: Final = float(FRAME_MS)
"""A client knows what its sound card has been given, a block at a time."""

MAX_QUEUED_S: Final = 10
"""Audio that is taken before it sounds; who sends more has lost its pace."""

STALL_S: Final = 1.0
"""A connected client that sends no audio for so long is muted: silence takes its place."""

BACKLOG_S: Final = 5.0
"""Messages may be held up for so long and then come at once."""

CloseCode: TypeAlias = Literal[1000, 1008, 4001]
"""Of WebSocket (RFC 6455, 7.4): done; the client broke the rules; 4001: another connection has taken the call over."""


class Socket(Protocol):
    """What a line needs of its connection. Nothing here blocks or raises."""

    def send(self, message: str | bytes) -> None:
        """Send text, or binary."""
        ...

    def offer(self, text: str) -> None:
        """Send what nobody misses: not at all if the far end is slow to read."""
        ...

    def close(self, code: CloseCode) -> None:
        """Send what is unsent and close. The line hears no more of this socket."""
        ...


def read(text: str | bytes) -> ClientMessage:
    """One message of a client. Raises `TransportError` for anything else."""
    if len(text) > MAX_TEXT_BYTES:
        raise TransportError(f"text of {len(text)} bytes, and {MAX_TEXT_BYTES} are the most", retryable=False)
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise TransportError(f"what is no message of a client ({error})", retryable=False) from None


def written(message: ServerMessage) -> str:
    """A message as it is sent."""
    return _ENCODER.encode(message).decode()


class WebSocketLine:
    """One call. Whoever owns the socket hands over what it receives, and `gone` the end of the socket. A message that
    no client would send ends this call and no other, with the reason.

    What the client says before `start` is not heard. A connection that is lost before then ends the call.
    """

    name = "websocket"
    ahead_ms = AHEAD_MS
    frame_ms = FRAME_MS
    farewell = "The call is over."
    """What the client is told when the call is closed."""

    def __init__(self, welcome: Welcome, socket: Socket) -> None:
        """Welcomes the client. Raises `TransportError` for a format that is not spoken."""
        codec = Codec(welcome.audio)
        self.input_rate = self.output_rate = codec.rate
        self.resume_token = welcome.resume
        """Shows that a returning client is this one."""
        self._welcome = welcome
        self._socket: Socket | None = socket
        self._receiver: Receiver | None = None
        self._outgoing = Outgoing(codec)
        self._incoming = Incoming(codec, self._now())
        self._quota = _Quota()
        self._state: State | None = None
        self._given_up_at = 0.0
        """When the client is away: how long it is waited for."""
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._over = ""
        """Why the line is over, as one sentence; empty while it is not."""
        socket.send(written(welcome))

    async def start(self, receiver: Receiver) -> None:
        """Begin to deliver the caller's frames. Raises `TransportError` when the line is over by now."""
        assert self._receiver is None, "a transport is started once"
        if self._over:
            raise TransportError(self._over, retryable=False)
        self._receiver = receiver
        self._keep_pace()

    def send(self, samples: Samples) -> None:
        """Send audio, shape (n,); it is kept for a client that is away. Raises `TransportError` when more than
        `MAX_QUEUED_S` waits to sound."""
        if self._over or self._receiver is None or not len(samples):
            return
        outgoing, now = self._outgoing, self._now()
        if self._socket is not None and outgoing.playhead.silent_at - now > MAX_QUEUED_S:
            raise TransportError(
                f"More than {MAX_QUEUED_S} s of audio wait to be played; send audio when it is due.", retryable=False
            )
        outgoing.say(samples, now)
        self._flush()

    def clear(self) -> int:
        """Drop what has not sounded; returns how many samples that is, by reports and by time.

        Nothing while the client is away, because only the client knows. In `Receiver.back`, and when the line is over,
        it is exactly what was sent and not heard; what is not cleared then is sent again.
        """
        if self._over or self._socket is None:
            return self._outgoing.clear(self._now())[0] if self._over else 0
        dropped, message = self._outgoing.clear(self._now())
        if message is not None:
            self._socket.send(written(message))
        return dropped

    def tell(self, message: ServerMessage) -> None:
        """Show the client what goes on in the call, if it keeps up. Who returns is told the last state."""
        if isinstance(message, State):
            self._state = message
        if self._socket is not None and not self._over:
            self._socket.offer(written(message))

    async def close(self) -> None:
        """Say goodbye, wait for the report of the last sound, at most `ECHO_S` longer than that should take, and hang
        up."""
        if self._closing:
            return
        self._closing = True
        try:
            if self._socket is not None and not self._over:
                self._socket.send(written(Bye(self.farewell)))
                await self._outgoing.silent(self._now())
        finally:
            self._end(self.farewell)

    def receive(self, text: str | bytes) -> None:
        """The next text message; never raises for what is in it."""
        if self._over:
            return
        try:
            self._quota.use(self._now())
            message = read(text)
            if isinstance(message, Played):
                self._played(message)
            elif isinstance(message, Dtmf):
                self._pressed(message.digit)
            elif isinstance(message, HangUp):
                self._end("The caller hung up.")
            elif isinstance(message, Ping):
                self.tell(_PONG)
            elif isinstance(message, Hello):
                raise TransportError("a second hello", retryable=False)
        except TransportError as error:
            self._refuse(error)

    def receive_audio(self, data: bytes) -> None:
        """The next binary message; never raises for what is in it."""
        if self._over:
            return
        try:
            now = self._now()
            self._quota.use(now)
            self._hear(self._incoming.take(data, now))
        except TransportError as error:
            self._refuse(error)

    def refuse(self, what: str) -> None:
        """The client sent what no client would, below the messages: the call ends. Legal twice."""
        self._refuse(TransportError(what, retryable=False))

    def gone(self, reason: str) -> None:
        """The socket is lost. Legal twice."""
        if self._over or self._socket is None:
            return
        self._socket = None
        if self._receiver is None or self._closing:
            self._end(reason)
            return
        self._given_up_at = self._now() + RESUME_S
        self._receiver.lost()
        self._keep_pace()

    def attach(self, hello: Hello, socket: Socket) -> None:
        """The client is back on another socket: it is welcomed, and hears what had not sounded. Raises
        `TransportError` when that cannot be, and then nothing has changed."""
        if self._over or self._closing or self._receiver is None:
            raise TransportError("The call is over.", retryable=False)
        if hello.audio != self._welcome.audio:
            raise TransportError("A call goes on in the format it began with.", retryable=False)
        try:
            heard = self._outgoing.heard(hello)
        except TransportError as error:
            raise TransportError(f"The client says {error}.", retryable=False) from None
        if self._socket is not None:
            old = self._socket
            self.gone("Another connection has taken the call over.")
            old.close(4001)
        self._outgoing.restart(heard, self._now())
        self._socket = socket
        self._quota = _Quota()
        socket.send(written(msgspec.structs.replace(self._welcome, position=heard, clears=self._outgoing.clears)))
        if self._state is not None:
            socket.offer(written(self._state))
        self._receiver.back()
        self._flush()
        self._keep_pace()

    def _hear(self, frames: list[Frame]) -> None:
        for frame in frames:
            if self._receiver is not None and not (self._over or self._closing):
                self._receiver.hear(frame)

    def _played(self, report: Played) -> None:
        if self._outgoing.reported(report, self._now()) and self._receiver is not None:
            self._receiver.played(report.sample, REPORT_BOUND_MS, "acknowledged")

    def _pressed(self, digit: str) -> None:
        if len(digit) != 1 or digit not in "0123456789*#ABCD":
            raise TransportError("a key that no telephone has", retryable=False)
        if self._receiver is not None:
            self._receiver.dtmf(digit)

    def _flush(self) -> None:
        if self._socket is not None:
            for message in self._outgoing.unsent():
                self._socket.send(message)

    def _keep_pace(self) -> None:
        """Put silence in the place of what a client that is away, or is muted, does not send."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._over or self._closing:
            return
        now = self._now()
        if self._socket is None and now >= self._given_up_at:
            self._end(f"The connection broke off, and the caller did not come back within {RESUME_S:g} s.")
            return
        stalls_in = STALL_S - self._incoming.quiet_s(now)
        # A timer may fire a hair early.
        if self._socket is not None and stalls_in > 0.001:
            due = now + stalls_in
        else:
            self._hear(self._incoming.fill(now))
            due = self._incoming.next_fill(now)
        if not self._over:
            self._timer = asyncio.get_running_loop().call_at(due, self._keep_pace)

    def _refuse(self, error: TransportError) -> None:
        self._end(f"The client sent {error}; the call ends.", 1008)

    def _end(self, reason: str, code: CloseCode = 1000) -> None:
        if self._over:
            return
        self._over = reason
        if self._timer is not None:
            self._timer.cancel()
        socket, self._socket = self._socket, None
        if socket is not None:
            if not self._closing:
                socket.send(written(Bye(reason)))
            socket.close(code)
        else:
            self._outgoing.restart(self._outgoing.playhead.acknowledged, self._now())
        self._outgoing.over()
        if self._receiver is not None and not self._closing:
            self._receiver.left(reason)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class _Quota:
    """How many messages a client may send."""

    __slots__ = ("_at",)

    def __init__(self) -> None:
        self._at = float("-inf")

    def use(self, now: float) -> None:
        """One message. Raises `TransportError` when it is too many."""
        self._at = max(self._at, now - BACKLOG_S) + 1 / MAX_MESSAGES_PER_S
        if self._at > now:
            raise TransportError(f"more than {MAX_MESSAGES_PER_S} messages a second", retryable=False)


_PONG: Final = Pong()
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final[msgspec.json.Decoder[ClientMessage]] = msgspec.json.Decoder(ClientMessage)
