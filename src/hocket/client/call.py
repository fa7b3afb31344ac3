"""A call to a gateway: what is said goes out, what is heard comes in, and a connection that breaks off is replaced."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

from hocket.audio.frame import Samples
from hocket.client.dialling import Socket, dial, read, text_of, way_of
from hocket.client.ear import Ear, Heard
from hocket.client.errors import CallLost, CallRefused
from hocket.client.inbox import Inbox
from hocket.client.mouth import Mouth
from hocket.errors import MissingError, TransportError
from hocket.transports.client_messages import (
    AudioFormat,
    Bye,
    Clear,
    ClientMessage,
    Dtmf,
    Encoding,
    HangUp,
    Hello,
    Refused,
    ServerMessage,
    Welcome,
)
from hocket.transports.incoming import Codec

try:
    import aiohttp
except ImportError:
    raise MissingError("hocket.client needs aiohttp, which is not installed: pip install hocket[client]") from None

EVENTS_KEPT: Final = 3_000
"""A minute of audio that nobody looks at; then the oldest is dropped."""

UNSENT_KEPT: Final = 100
"""Two seconds of speech that the network does not take; then the oldest is dropped."""

FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 2.0
"""Before a lost connection is tried again; it doubles from the first to the longest."""

GOODBYE_S: Final = 2.0
"""What the gateway has to close the call when it is told to."""

TAKEN_OVER: Final = 4001
"""The close code that says: another connection has shown the resume token."""

CallEvent: TypeAlias = Heard | ServerMessage
"""What sounds, and what is told: captions, what the agent is doing, the waterfall of each turn."""


@asynccontextmanager
async def connect(
    url: str, *, ticket: str = "", api_key: str = "", encoding: Encoding = "pcm16", rate: int = 16_000
) -> AsyncIterator[Call]:
    """A call, hung up when the block is left.

    With a `ticket`, `url` is the WebSocket's address that came with it; without, it is the gateway's, such as
    http://localhost:8080, which is asked for a ticket with the key. Raises `CallRefused`, or `TransportError` when
    nobody answers or the format (pcm16 at 8, 16, 24 or 48 kHz, mulaw at 8 kHz) is not spoken.
    """
    audio = AudioFormat(encoding, rate)
    codec = Codec(audio)
    async with aiohttp.ClientSession() as http:
        url, ticket = await way_of(http, url, ticket, api_key)
        socket, welcome = await dial(http, url, Hello(ticket=ticket, audio=audio))
        call = Call(http, url, codec, welcome)
        call.begin(socket)
        try:
            yield call
        finally:
            await call.hang_up()


class Call:
    """`async for event in call` gives what sounds and what is told, until the call is over; then `ended` says why.

    It raises `CallLost` when the connection is lost for good. While nothing is said, silence is.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, codec: Codec, welcome: Welcome) -> None:
        self.welcome = welcome
        """The gateway's first words: `call` is the call's id, `agent` the agent's name."""
        self.ended = ""
        """Why the call is over, as one sentence; empty until it is."""
        self.reconnected = 0
        """How often a lost connection was replaced."""
        self._http = http
        self._url = url
        self._codec = codec
        self._events: Inbox[CallEvent] = Inbox(EVENTS_KEPT)
        self._unsent: Inbox[str | bytes] = Inbox(UNSENT_KEPT)
        self._ear = Ear(codec.rate, self._tell, self._events.put)
        self._mouth = Mouth(codec, self._unsent.put)
        self._connected = False
        self._task: asyncio.Task[None] | None = None

    @property
    def rate(self) -> int:
        """Hertz, in both directions."""
        return self._codec.rate

    @property
    def position(self) -> int:
        """How much of what the agent has said has sounded, in samples; what is taken back does not count."""
        return self._ear.position

    def send(self, samples: Samples) -> None:
        """What a microphone gave just now, shape (n,) at `rate`. It is lost while the connection is."""
        self._mouth.send(samples)

    async def say(self, samples: Samples) -> None:
        """Say something, shape (n,) at `rate`, at the pace of speech; returns when it has been said."""
        if self._task is not None and not self._task.done():
            await self._mouth.say(samples)

    def press(self, digit: str) -> None:
        """Press a key: 0-9, *, # or A-D."""
        self._tell(Dtmf(digit))

    async def hang_up(self) -> None:
        """End the call. Legal twice."""
        task = self._task
        if task is None:
            return
        if self._connected and not self.ended:
            self._tell(HangUp())
            await asyncio.wait({task}, timeout=GOODBYE_S)
        self.ended = self.ended or "The caller hung up."
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def begin(self, socket: Socket) -> None:
        """Talk on this connection from now on; called once, by `connect`."""
        self._task = asyncio.create_task(self._run(socket), name=f"call {self.welcome.call}")

    async def __aiter__(self) -> AsyncIterator[CallEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    async def _run(self, socket: Socket) -> None:
        error: TransportError | None = None
        talking = [asyncio.create_task(it.run()) for it in (self._ear, self._mouth)]
        try:
            await self._converse(socket)
            while not self.ended:
                socket = await self._come_back(socket.close_code)
                await self._converse(socket)
        except TransportError as lost:
            error = lost
            self.ended = str(lost)
        finally:
            for task in talking:
                task.cancel()
            self._mouth.stop()
            self._events.close(error)

    async def _converse(self, socket: Socket) -> None:
        """On one connection, as long as it lasts."""
        self._unsent.clear()
        self._connected = True
        writing = asyncio.create_task(self._write(socket))
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._ear.play(self._codec.decode(message.data))
                elif message.type is aiohttp.WSMsgType.TEXT:
                    self._receive(read(message.data))
        finally:
            self._connected = False
            writing.cancel()
            await socket.close()

    async def _write(self, socket: Socket) -> None:
        # The reader notices when the connection breaks.
        with suppress(ConnectionError, aiohttp.ClientError):
            while (message := await self._unsent.get()) is not None:
                await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))

    def _receive(self, message: ServerMessage | None) -> None:
        if isinstance(message, Clear):
            self._ear.clear(message.keep)
        elif isinstance(message, Bye):
            self.ended = message.reason
        elif message is not None and not isinstance(message, Welcome | Refused):
            self._events.put(message)

    async def _come_back(self, code: int | None) -> Socket:
        """Another connection to the same call. Raises `CallLost`."""
        if code == TAKEN_OVER:
            raise CallLost("Another connection has taken the call over.", retryable=False)
        loop, welcome = asyncio.get_running_loop(), self.welcome
        end = loop.time() + welcome.resume_s
        # Not all the clients of a gateway at once.
        wait_s = FIRST_WAIT_S * (0.5 + zlib.crc32(welcome.resume.encode()) / (1 << 32))
        while True:
            hello = Hello(resume=welcome.resume, audio=welcome.audio, played=self._ear.cut(), clears=self._ear.clears)
            try:
                async with asyncio.timeout_at(end):
                    socket, welcome = await dial(self._http, self._url, hello)
                self._ear.resume(welcome)
                self.welcome = welcome
                self.reconnected += 1
                return socket
            except (TransportError, TimeoutError) as error:
                if isinstance(error, CallRefused) and not error.retryable:
                    raise CallLost(f"The call could not go on: {error}", retryable=False) from None
            if loop.time() + wait_s > end:
                raise CallLost(f"The connection broke off, and for {welcome.resume_s:g} s no other could be made.")
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _tell(self, message: ClientMessage) -> None:
        self._unsent.put(text_of(message))
