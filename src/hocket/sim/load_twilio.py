"""Callers of a load over Twilio Media Streams: as little work as a far end can do that keeps to the protocol."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np

from hocket.audio.frame import FRAME_MS
from hocket.audio.g711 import decode_ulaw
from hocket.errors import MissingError
from hocket.sim.load import Answer, Heard, Pacer, Script, Turn, answers

try:
    from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
except ImportError:
    raise MissingError("A load of callers needs picows, which is not installed: pip install hocket[serve]") from None

RATE: Final = 8_000
FRAME: Final = RATE * FRAME_MS // 1000
FRAME_S: Final = FRAME_MS / 1000

AUDIBLE: Final = 330
"""Of a sample's 32,768: -40 dBFS; no line's noise, and crossed within a millisecond where speech or a tone begins."""

ANSWER_S: Final = 5.0
"""A server that does not accept a connection for so long is given up."""

STREAM_SID: Final = "MZ" + "0" * 32
"""The same for all: a server knows its calls by their connections."""

NO_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({})
"""Of a stream's `<Parameter>`s, where there are none."""

_QUIET: Final = bytes(np.flatnonzero(np.abs(decode_ulaw(bytes(range(256))).astype(np.int32)) < AUDIBLE).tolist())

Ended: TypeAlias = Literal["", "caller", "server", "refused"]


def script(ulaw: bytes, turns: tuple[Turn, ...]) -> Script:
    """A script from all that is said in a call, mu-law at 8 kHz: cut to whole frames."""
    frames = (ulaw[at : at + FRAME] for at in range(0, len(ulaw) - FRAME + 1, FRAME))
    return Script(tuple(_media(number, frame) for number, frame in enumerate(frames)), turns)


class LoadPhone:
    """The caller's end without a socket. Times are seconds of the loop; messages go out by `send`."""

    def __init__(
        self,
        call_sid: str,
        script: Script,
        send: Callable[[str], object],
        parameters: Mapping[str, str] = NO_PARAMETERS,
    ) -> None:
        self.began_s = 0.0
        """When the first sample was said, as intended."""
        self.said = 0
        """Frames so far."""
        self.heard = Heard()
        self._call_sid = call_sid
        self._parameters = dict(parameters)
        self._script = script
        self._send = send
        self._silent_at = 0.0
        self._marks: deque[tuple[float, str]] = deque()

    def greet(self) -> None:
        """`connected` and `start`."""
        self._send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        about = {
            "accountSid": "AC-load",
            "streamSid": STREAM_SID,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "customParameters": self._parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1},
        }
        start = {"event": "start", "sequenceNumber": "1", "streamSid": STREAM_SID, "start": about}
        self._send(msgspec.json.encode(start).decode())

    def begin(self, first_s: float) -> None:
        """The first frame is intended for then, when its last sample has been said."""
        self.began_s = first_s - FRAME_S

    def frame(self, now: float) -> bool:
        """Send the next frame, and the marks that have been passed; False when the script is at its end."""
        self._send(self._script.frames[self.said])
        self.said += 1
        while self._marks and self._marks[0][0] <= now:
            self._echo(self._marks.popleft()[1])
        return self.said < len(self._script.frames)

    def hang_up(self) -> None:
        """`stop`."""
        stop = f'{{"accountSid":"AC-load","callSid":"{self._call_sid}"}}'
        self._send(f'{{"event":"stop","streamSid":"{STREAM_SID}","stop":{stop}}}')

    def receive(self, text: bytes, now: float) -> None:
        """A message from the server; what is not one of Twilio's is ignored, as Twilio does."""
        try:
            message = _DECODER.decode(text)
        except msgspec.DecodeError:
            return
        if isinstance(message, _Media):
            self._play(message.media.payload, now)
        elif isinstance(message, _Mark):
            self._marks.append((self._silent_at, message.mark.name))
        else:
            self._silent_at = min(self._silent_at, now)
            self.heard.cut(now - self.began_s)
            while self._marks:
                self._echo(self._marks.popleft()[1])

    @property
    def answers(self) -> list[Answer]:
        """Of the turns that are over, with the time for their replies."""
        return answers(self._script.turns, self.heard.sounds, self.said * FRAME_S)

    def _play(self, audio: bytes, now: float) -> None:
        """What is received sounds at once, or after what is buffered."""
        start = max(now, self._silent_at)
        self._silent_at = start + len(audio) / RATE
        loud = audio.lstrip(_QUIET)
        if loud:
            at = start - self.began_s
            self.heard.add(at + (len(audio) - len(loud)) / RATE, at + len(audio.rstrip(_QUIET)) / RATE)

    def _echo(self, name: str) -> None:
        self._send(f'{{"event":"mark","streamSid":"{STREAM_SID}","mark":{{"name":"{name}"}}}}')


class LoadCall(WSListener):
    """One call over a connection of its own."""

    def __init__(
        self, url: str, call_sid: str, script: Script, pacer: Pacer, parameters: Mapping[str, str] = NO_PARAMETERS
    ) -> None:
        self.ended: Ended = ""
        """Who ended it; refused: the server accepted no connection, or hung up before it said anything."""
        self.refused_s: float | None = None
        """How long the refusal took."""
        self.phone = LoadPhone(call_sid, script, self._send, parameters)
        self._url = url
        self._pacer = pacer
        self._loop = asyncio.get_running_loop()
        self._transport: WSTransport | None = None
        self._over = self._loop.create_future()
        self._received = False

    async def run(self) -> None:
        """Hold the call until the script is at its end, `hang_up`, or the server hangs up."""
        began_s = self._loop.time()
        try:
            await ws_connect(lambda: self, self._url, websocket_handshake_timeout=ANSWER_S)
        except (WSError, OSError, TimeoutError):
            self.ended, self.refused_s = "refused", self._loop.time() - began_s
            return
        try:
            if not self._over.done():
                self.phone.greet()
                self.phone.begin(self._pacer.start(self._frame))
            await self._over
        finally:
            self._pacer.stop(self._frame)
            if self.ended == "caller":
                self.phone.hang_up()
            elif self.ended == "server" and not self._received:
                self.ended, self.refused_s = "refused", self._loop.time() - began_s
            if self._transport is not None:
                self._transport.disconnect()

    def hang_up(self) -> None:
        """The caller has had enough."""
        self._end("caller")

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self._received = True
            self.phone.receive(frame.get_payload_as_bytes(), self._loop.time())
        elif frame.msg_type == WSMsgType.CLOSE:
            self._end("server")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._end("server")

    def _frame(self, now: float) -> bool:
        if self._over.done():
            return False
        if self.phone.frame(now):
            return True
        self._end("caller")
        return False

    def _send(self, text: str) -> None:
        transport = self._transport
        if transport is not None and not transport.is_disconnected:
            transport.send(WSMsgType.TEXT, text)

    def _end(self, ended: Ended) -> None:
        if not self._over.done():
            self.ended = ended
            self._over.set_result(None)


class _Payload(msgspec.Struct, gc=False):
    payload: bytes
    """Base64 in JSON."""


class _Name(msgspec.Struct, gc=False):
    name: str


class _Media(msgspec.Struct, tag_field="event", tag="media", gc=False):
    media: _Payload


class _Mark(msgspec.Struct, tag_field="event", tag="mark", gc=False):
    mark: _Name


class _Clear(msgspec.Struct, tag_field="event", tag="clear", gc=False):
    pass


_DECODER: Final[msgspec.json.Decoder[_Media | _Mark | _Clear]] = msgspec.json.Decoder(_Media | _Mark | _Clear)


def _media(number: int, frame: bytes) -> str:
    media = {"track": "inbound", "chunk": str(number + 1), "timestamp": str(number * FRAME_MS), "payload": frame}
    # The two messages before it are `connected`, which has no number, and `start`.
    message = {"event": "media", "sequenceNumber": str(number + 2), "streamSid": STREAM_SID, "media": media}
    return msgspec.json.encode(message).decode()
