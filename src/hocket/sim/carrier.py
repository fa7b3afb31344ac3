"""A caller on the telephone, as carriers' media streams carry the call to a WebSocket server.

A carrier sends the caller's voice as mu-law at 8 kHz, 20 ms a message, and plays what it is sent in order; `mark` comes
back when the audio before it has sounded, and at once for what `clear` drops. What it says in which words is a
`Dialect`, a file for each carrier.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

import aiohttp
import msgspec
import numpy as np
from numpy.typing import NDArray

from hocket.audio.frame import FRAME_MS, Samples, silence
from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.audio.playback import Playback
from hocket.errors import TransportError

RATE: Final = 8_000
FRAME: Final = RATE * FRAME_MS // 1000

BUFFER_S: Final = 600
"""What is sent beyond it is dropped, as Twilio does (its warning 31931)."""

MARKS_KEPT: Final = 10_000
"""Marks that wait for their audio; the oldest are forgotten first."""

ANSWER_S: Final = 5.0
"""A server that does not answer, or does not read, for so long is given up."""


class Party(Protocol):
    """Who is on the telephone."""

    def frame(self, heard: Samples) -> Samples | None:
        """Called every 20 ms: `heard` is what sounded in the 20 ms just over, shape (160,). Returns what is said in
        the next 20 ms, shape (160,), or None to hang up."""
        ...


class Lateness(NamedTuple):
    """By how many milliseconds a caller's frames were sent after their time."""

    p50: float
    p95: float
    p99: float
    max: float


class Dialect(Protocol):
    """How a carrier writes its messages; `sequence` counts them."""

    def greeting(self) -> list[str]:
        """`connected` and `start`; the latter has sequence 1."""
        ...

    def message(self, event: str, body: Mapping[str, object], sequence: int) -> str:
        """Any other, with the body that is the event's own."""
        ...

    def goodbye(self, sequence: int) -> str:
        """`stop`."""
        ...


class CarrierCaller:
    """One call to a media-streams server, such as ws://127.0.0.1:8081/twilio.

    Frame k holds what is said from 20 k to 20 (k + 1) ms of the call and is sent when that is over. Nothing is said in
    the first 20 ms. The event loop's clock is the call's.
    """

    def __init__(self, url: str, party: Party, phone: CarrierPhone, headers: Mapping[str, str] | None = None) -> None:
        """`headers` go with the request for the WebSocket."""
        self.ended: Literal["", "caller", "server"] = ""
        """Who hung up."""
        self._url = url
        self._party = party
        self._phone = phone
        self._headers = dict(headers or {})
        self._frames: list[tuple[Samples, Samples]] = []
        self._late_ms: list[float] = []

    @property
    def recording(self) -> NDArray[np.int16]:
        """Shape (n, 2), 8 kHz: what was said and what was heard. Index / 8 is the time of the call in ms."""
        sides = [np.concatenate((silence(0), *side)) for side in zip(*self._frames, strict=True)]
        return np.stack(sides, axis=1) if sides else np.zeros((0, 2), np.int16)

    @property
    def lateness_ms(self) -> Lateness:
        """Of all frames sent so far; zeros before the first."""
        return Lateness(*np.percentile(self._late_ms or [0.0], (50, 95, 99, 100)).tolist())

    async def run(self) -> None:
        """Hold the call until either side hangs up. Raises `TransportError` when the server cannot be reached."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                async with asyncio.timeout(ANSWER_S):
                    socket = await session.ws_connect(
                        self._url,
                        max_msg_size=0,
                        timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                        headers=self._headers,
                    )
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise TransportError(
                    f"No media-streams server answers at {self._url} ({str(error) or 'no answer in time'}): check"
                    " that it runs and the path of the address."
                ) from error
            try:
                await self._hold(socket)
            finally:
                await socket.close()

    async def _hold(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        reading = asyncio.create_task(self._read(socket, began), name="carrier caller")
        try:
            async with asyncio.timeout(ANSWER_S):
                await _send(socket, self._phone.greeting())
            await self._talk(socket, began)
            if not socket.closed:
                async with asyncio.timeout(ANSWER_S):
                    await socket.send_str(self._phone.goodbye())
        except (ConnectionError, aiohttp.ClientError):
            self.ended = "server"
        except TimeoutError:
            raise TransportError(f"The media-streams server at {self._url} does not read what it is sent.") from None
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def _talk(self, socket: aiohttp.ClientWebSocketResponse, began: float) -> None:
        loop = asyncio.get_running_loop()
        said: Samples | None = silence(FRAME)
        while said is not None:
            start = len(self._frames) * FRAME
            due = began + (start + FRAME) / RATE
            # Deadlines are absolute: a late loop catches up without a skip, and no error adds up.
            await asyncio.sleep(max(due - loop.time(), 0))
            if socket.closed:
                self.ended = "server"
                return
            message = self._phone.say(said)
            self._late_ms.append((loop.time() - due) * 1000)
            async with asyncio.timeout(ANSWER_S):
                await socket.send_str(message)
                await _send(socket, self._phone.passed(start + FRAME))
            heard = self._phone.hear(FRAME)
            self._frames.append((said, heard))
            said = self._party.frame(heard)
        self.ended = "caller"

    async def _read(self, socket: aiohttp.ClientWebSocketResponse, began: float) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    echoes = self._phone.receive(message.data, round((loop.time() - began) * RATE))
                    if echoes:
                        await _send(socket, echoes)


class CarrierPhone:
    """What a carrier does with a stream's messages, without a socket. Times are samples since the call began.

    Methods return the messages to be sent to the server. Messages that carriers do not know are ignored.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._playback = Playback()
        self._marks: deque[tuple[int, str]] = deque(maxlen=MARKS_KEPT)
        self._sequence = 0
        self._chunks = 0
        self._heard = 0

    def greeting(self) -> list[str]:
        """`connected` and `start`."""
        self._sequence = 1
        return self._dialect.greeting()

    def say(self, samples: Samples) -> str:
        """`media` with the next 20 ms of the caller's voice, shape (160,)."""
        at_ms = self._chunks * FRAME_MS
        self._chunks += 1
        media = {
            "track": "inbound",
            "chunk": str(self._chunks),
            "timestamp": str(at_ms),
            "payload": encode_ulaw(samples),
        }
        return self._message("media", {"media": media})

    def press(self, digit: str) -> str:
        """`dtmf`: a key."""
        return self._message("dtmf", {"dtmf": {"track": "inbound_track", "digit": digit}})

    def goodbye(self) -> str:
        """`stop`."""
        self._sequence += 1
        return self._dialect.goodbye(self._sequence)

    def receive(self, text: str, now: int) -> list[str]:
        """A message from the server. Audio sounds after what is buffered, or from now on."""
        try:
            message = _DECODER.decode(text)
        except msgspec.DecodeError:
            return []
        if isinstance(message, _Media):
            if self._playback.end - now < BUFFER_S * RATE:
                self._playback.play(decode_ulaw(message.media.payload), now)
            return []
        if isinstance(message, _Mark):
            self._marks.append((self._playback.end, message.mark.name))
            return self.passed(now)
        self._playback.drop(now)
        names, self._marks = [name for _, name in self._marks], deque(maxlen=MARKS_KEPT)
        return [self._echo(name) for name in names]

    def passed(self, now: int) -> list[str]:
        """The marks whose audio has sounded by now."""
        found = []
        while self._marks and self._marks[0][0] <= now:
            found.append(self._echo(self._marks.popleft()[1]))
        return found

    def hear(self, count: int) -> Samples:
        """What sounds at the caller in the next `count` samples, which are over."""
        start, self._heard = self._heard, self._heard + count
        return self._playback.render(start, self._heard)

    def _echo(self, name: str) -> str:
        return self._message("mark", {"mark": {"name": name}})

    def _message(self, event: str, body: Mapping[str, object]) -> str:
        self._sequence += 1
        return self._dialect.message(event, body, self._sequence)


class _Payload(msgspec.Struct, gc=False):
    payload: bytes
    """Base64 in JSON."""


class _Name(msgspec.Struct, gc=False):
    name: str


class _Media(msgspec.Struct, tag_field="event", tag="media"):
    media: _Payload


class _Mark(msgspec.Struct, tag_field="event", tag="mark"):
    mark: _Name


class _Clear(msgspec.Struct, tag_field="event", tag="clear"):
    pass


_Message: TypeAlias = _Media | _Mark | _Clear
_DECODER: Final[msgspec.json.Decoder[_Message]] = msgspec.json.Decoder(_Message)
_ENCODER: Final = msgspec.json.Encoder()


def json_text(message: object) -> str:
    """A message as JSON."""
    return _ENCODER.encode(message).decode()


async def _send(socket: aiohttp.ClientWebSocketResponse, texts: Iterable[str]) -> None:
    for text in texts:
        await socket.send_str(text)
