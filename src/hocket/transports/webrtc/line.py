"""A caller by WebRTC: Opus by RTP both ways, and hocket's messages over a data channel.

What has sounded is estimated: what was sent, less the way to the caller's ear. Nothing that was sent can be taken back,
so audio is sent when it is due. A connection that goes silent or breaks off does not end the call: silence is heard of
the caller for `RESUME_S`, nothing is sent, and who returns hears all that was not known to have arrived.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

import msgspec

from hocket.audio.frame import FRAME_MS, Frame, Samples
from hocket.errors import TransportError
from hocket.stages.transport import Receiver
from hocket.trace.news import State
from hocket.transports.client_messages import (
    MAX_MESSAGES_PER_S,
    RESUME_S,
    Buffered,
    Bye,
    Dtmf,
    HangUp,
    ServerMessage,
    Welcome,
)
from hocket.transports.webrtc.hearing import Hearing
from hocket.transports.webrtc.rtp import Report, read_reports
from hocket.transports.webrtc.shared import OUTPUT_RATE as OUTPUT_RATE
from hocket.transports.webrtc.shared import WebRtc as WebRtc
from hocket.transports.webrtc.shared import WebRtcPeer as WebRtcPeer
from hocket.transports.webrtc.voice import Sent, Voice
from hocket.transports.websocket import read, written

INPUT_RATE: Final = 16_000

TICK_S: Final = 0.1
"""How often the caller is told of, and asked after."""

LOST_S: Final = 3.0
"""A caller of whom nothing comes for so long is away. Browsers send audio 50 times a second, and a check every 2.5 s
where they have none."""

QUIET_S: Final = 0.1
"""Of whom nothing has come for so long, it is not known whether they hear."""

MAX_QUEUED_S: Final = 1.0
"""Audio that is taken before it sounds; who sends more has lost its pace."""

BACKLOG_S: Final = 5.0
"""Messages may be held up for so long and then come at once."""


class WebRtcLine:
    """One call. What the caller says before `start` is not heard."""

    name = "webrtc"
    input_rate = INPUT_RATE
    output_rate = OUTPUT_RATE
    ahead_ms = frame_ms = FRAME_MS
    farewell = "The call is over."
    """What the caller is told when the call is closed."""

    def __init__(self, shared: WebRtc, peer: WebRtcPeer, welcome: Welcome) -> None:
        """`welcome` is said as soon as there is a data channel."""
        self.resume_token = welcome.resume
        """Shows that a returning caller is this one."""
        self._welcome = welcome
        self._peer: WebRtcPeer | None = peer
        self._receiver: Receiver | None = None
        self._hearing = Hearing(shared.library, INPUT_RATE, self._heard, self._pressed)
        self._sent = Sent(OUTPUT_RATE)
        self._messages = 0.0
        self._state: State | None = None
        self._absence: _Absence | None = None
        """While the caller is away."""
        self._returns: dict[asyncio.Task[None], WebRtcPeer] = {}
        """Connections that are being made."""
        self._goodbyes: set[asyncio.Task[None]] = set()
        """Connections that are being closed."""
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._over = ""
        """Why the line is over, as one sentence; empty while it is not."""

    @property
    def call(self) -> str:
        """The call's id."""
        return self._welcome.call

    @property
    def returning(self) -> int:
        """Connections that are being made."""
        return len(self._returns)

    async def start(self, receiver: Receiver) -> None:
        """Wait for the caller's connection and begin to deliver their frames. Raises `TransportError`."""
        assert self._receiver is None, "a transport is started once"
        peer = self._peer
        if self._over or peer is None:
            raise TransportError(self._over or "The call is over.", retryable=False)
        try:
            await peer.link.connect(_Ears(self, peer))
        except TransportError as error:
            self._end(str(error))
            raise
        if self._over:
            raise TransportError(self._over, retryable=False)
        self._receiver = receiver
        self._hearing.begin(peer.link.offer.opus, peer.link.offer.keys)
        self._tick()

    def send(self, samples: Samples) -> None:
        """Send 20 ms. Raises `TransportError` when more than `MAX_QUEUED_S` waits to sound."""
        if self._over or self._receiver is None or not len(samples):
            return
        now = self._now()
        if self._sent.last_at - now > MAX_QUEUED_S:
            raise TransportError(
                f"More than {MAX_QUEUED_S:g} s of audio wait to be played; send audio when it is due.", retryable=False
            )
        self._sent.add(len(samples), now)
        if self._peer is not None and self._absence is None:
            self._peer.voice.say(samples, now)

    def clear(self) -> int:
        """Nothing, because what was sent cannot be taken back; but while the caller is away, what is not known to have
        reached them: exactly the samples that are to be said again."""
        return 0 if self._absence is None else self._sent.cut(min(self._absence.heard, self._sent.position))

    def tell(self, message: ServerMessage) -> None:
        """Show the caller what goes on in the call, if they keep up. Who returns is told the last state."""
        if isinstance(message, State):
            self._state = message
        if self._peer is not None and not self._over:
            self._peer.link.send_text(written(message))

    async def close(self) -> None:
        """Let what was sent sound, and hang up."""
        if self._closing:
            return
        self._closing = True
        try:
            if self._peer is not None and self._absence is None and not self._over:
                delay = self._peer.voice.path.delay_s
                await asyncio.sleep(min(max(0.0, self._sent.last_at + delay - self._now()), MAX_QUEUED_S + delay))
                self._report()
        finally:
            self._end(self.farewell)
            if tasks := {*self._goodbyes, *self._returns}:
                await asyncio.wait(tasks)  # bounded by the peers' own CLOSE_S

    def attach(self, peer: WebRtcPeer) -> None:
        """The caller comes back on this connection, once it is there; nothing comes of it when the call is over."""
        if self._over or self._closing or self._receiver is None:
            self._say_goodbye(peer)
        else:
            task = asyncio.get_running_loop().create_task(self._return(peer), name="webrtc return")
            self._returns[task] = peer
            task.add_done_callback(self._returns.pop)

    async def _return(self, peer: WebRtcPeer) -> None:
        try:
            await peer.link.connect(_Ears(self, peer))
            if self._over or self._closing:
                return
            self._lose()
            self._drop_peer()
            self._peer = peer
            self._hearing.begin(peer.link.offer.opus, peer.link.offer.keys)
            self._found()
        except TransportError:
            pass  # the line waits on for another
        finally:
            if self._peer is not peer:
                await peer.close()

    # -- what a connection tells, by `_Ears`

    def media(self, packet: bytes) -> None:
        """RTP."""
        if self._receiver is not None:
            self._hearing.take(packet)

    def control(self, packet: bytes, voice: Voice) -> None:
        """RTCP."""
        now = self._now()
        for item in read_reports(packet):
            if isinstance(item, Report):
                voice.reported(item, now)
            elif self._hearing.reception is not None:
                self._hearing.reception.sender_reported(item, now)

    def text(self, text: str) -> None:
        """A message of the caller's; never raises for what is in it."""
        self._messages += 1
        try:
            if self._messages > MAX_MESSAGES_PER_S * BACKLOG_S:
                raise TransportError(f"more than {MAX_MESSAGES_PER_S} messages a second", retryable=False)
            message = read(text)
            if isinstance(message, HangUp):
                self._end("The caller hung up.")
            elif isinstance(message, Dtmf):
                if len(message.digit) != 1 or message.digit not in "0123456789*#ABCD":
                    raise TransportError("a key that no telephone has", retryable=False)
                self._pressed(message.digit)
            elif isinstance(message, Buffered) and self._peer is not None:
                self._peer.voice.path.buffer_reported(message.ms)
        except TransportError as error:
            self._end(f"The client sent {error}; the call ends.")

    def channel_open(self) -> None:
        """There is a data channel."""
        if self._peer is not None and not self._over:
            position = msgspec.structs.replace(self._welcome, position=self._sent.position)
            self._peer.link.send_text(written(position))
            if self._state is not None:
                self._peer.link.send_text(written(self._state))

    def broken(self) -> None:
        """The connection is over."""
        self._lose()
        self._drop_peer()

    # -- the rest

    def _heard(self, frame: Frame) -> None:
        if self._receiver is not None and not self._closing and not self._over:
            self._receiver.hear(frame)

    def _pressed(self, digit: str) -> None:
        if self._receiver is not None and not self._closing:
            self._receiver.dtmf(digit)

    def _tick(self) -> None:
        if self._over:
            return
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        now = self._now()
        self._messages = max(0.0, self._messages - MAX_MESSAGES_PER_S * TICK_S)
        peer = self._peer
        if peer is not None:
            peer.voice.keep_alive(now, self._hearing.reception)
            there = self._there(peer)
            if self._absence is None and now - there > LOST_S:
                self._lose()
            elif self._absence is not None and there > self._absence.since:
                self._found()
        if self._absence is None:
            self._report()
        elif now - self._absence.since > RESUME_S:
            self._end(f"The connection broke off, and the caller did not come back within {RESUME_S:g} s.")

    def _there(self, peer: WebRtcPeer) -> float:
        """When the caller was there for sure: the last that came of them."""
        return max(self._hearing.heard_at, peer.link.checked_at)

    def _arrived(self, when: float) -> int:
        """The position that had sounded by then, as far as one can tell."""
        delay = self._peer.voice.path.delay_s if self._peer is not None else 0.0
        return max(self._sent.reported, self._sent.by(when - delay))

    def _report(self) -> None:
        peer = self._peer
        if peer is None or self._receiver is None:
            return
        now, there = self._now(), self._there(peer)
        # Of what was sent since they fell silent nobody knows: it may have to be said again.
        position = self._arrived(now if now - there < QUIET_S else there)
        if position > self._sent.reported:
            self._sent.reported = position
            self._receiver.played(position, peer.voice.path.bound_ms, "estimated")

    def _lose(self) -> None:
        if self._absence is not None or self._over or self._receiver is None:
            return
        since = self._now() if self._peer is None else self._there(self._peer)
        self._absence = _Absence(since, self._arrived(since))
        if self._closing:
            self._end("The caller's connection ended.")
        else:
            self._receiver.lost()

    def _found(self) -> None:
        self._absence = None
        if self._receiver is not None and not self._closing:
            self._receiver.back()

    def _drop_peer(self) -> None:
        peer, self._peer = self._peer, None
        if peer is not None:
            self._say_goodbye(peer)

    def _say_goodbye(self, peer: WebRtcPeer) -> None:
        task = asyncio.get_running_loop().create_task(peer.close(), name="webrtc goodbye")
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    def _end(self, reason: str) -> None:
        if self._over:
            return
        self._over = reason
        if self._timer is not None:
            self._timer.cancel()
        self._hearing.stop()
        for peer in self._returns.values():
            self._say_goodbye(peer)
        if self._peer is not None:
            self._peer.link.send_text(written(Bye(reason)))
        self._drop_peer()
        if self._receiver is not None and not self._closing:
            self._receiver.left(reason)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class _Absence(NamedTuple):
    since: float
    """When the caller was last there."""
    heard: int
    """The position that had sounded by then."""


class _Ears:
    """What one connection tells, as long as it is the line's."""

    __slots__ = ("_line", "_peer")

    def __init__(self, line: WebRtcLine, peer: WebRtcPeer) -> None:
        self._line = line
        self._peer = peer

    @property
    def _current(self) -> bool:
        return self._line._peer is self._peer

    def media(self, packet: bytes) -> None:
        if self._current:
            self._line.media(packet)

    def control(self, packet: bytes) -> None:
        if self._current:
            self._line.control(packet, self._peer.voice)

    def text(self, text: str) -> None:
        if self._current:
            self._line.text(text)

    def channel_open(self) -> None:
        if self._current:
            self._line.channel_open()

    def broken(self, reason: str) -> None:
        if self._current:
            self._line.broken()
