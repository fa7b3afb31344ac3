"""A client of hocket's own protocol behind a line, in the event loop's time and without sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import numpy as np

from hocket.audio.frame import FRAME_MS, Samples, silence
from hocket.transports.client_messages import AudioFormat, Hello, Welcome
from hocket.transports.incoming import Codec
from hocket.transports.websocket import CloseCode, WebSocketLine

REPORT_FRAMES = 5


def welcome(audio: AudioFormat | None = None) -> Welcome:
    return Welcome("ws-1", "token", 30.0, audio or AudioFormat(), 60)


class Connection:
    """One socket: both ways take `delay_s`. What is on its way when it is cut is lost."""

    def __init__(self, browser: Browser, delay_s: float) -> None:
        self._browser = browser
        self._delay_s = delay_s
        self._loop = asyncio.get_running_loop()
        self.cut = False
        self.closed: CloseCode | None = None
        self.arrived = 0

    def send(self, message: str | bytes) -> None:
        assert self.closed is None, "sent on a closed socket"
        self._loop.call_later(self._delay_s, self._arrive, message)

    def offer(self, text: str) -> None:
        self.send(text)

    def close(self, code: CloseCode) -> None:
        assert self.closed is None, "closed once"
        self.closed = code

    def up(self, message: str | bytes) -> None:
        """From the client to the line."""
        self._loop.call_later(self._delay_s, self._up, message)

    def _arrive(self, message: str | bytes) -> None:
        if not self.cut:
            self.arrived += 1
            self._browser.receive(message)

    def _up(self, message: str | bytes) -> None:
        if self.cut or self.closed is not None:
            return
        line = self._browser.line
        line.receive(message) if isinstance(message, str) else line.receive_audio(message)


class Browser:
    """Sends 20 ms of `voice` at a time, plays what it gets as soon as it can, and reports it every 100 ms."""

    def __init__(self, *, audio: AudioFormat | None = None, delay_s: float = 0.0, hangs_up_s: float = 1e9) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._delay_s = delay_s
        self._hangs_up_s = hangs_up_s
        self.audio = audio or AudioFormat()
        self.codec = Codec(self.audio)
        self.voice = self.codec.encode(np.full(self.codec.frame_samples, 4_000, np.int16))
        self.heard: list[Samples] = []
        """What sounded, 20 ms at a time."""
        self.messages: list[dict[str, Any]] = []
        self.speaks = True
        self.played = self.clears = 0
        self._queue = b""
        self._frame = 0
        self._reported = 0
        self.connection: Connection = Connection(self, delay_s)
        self.line = WebSocketLine(welcome(self.audio), self.connection)
        self._loop.call_later(FRAME_MS / 1000, self._tick)

    @property
    def now(self) -> float:
        return self._loop.time() - self._began

    def sounded(self) -> Samples:
        return np.concatenate([silence(0), *self.heard])

    def cut(self) -> None:
        """The connection breaks off."""
        self.connection.cut = True
        self.line.gone("The connection broke off.")

    def come_back(self) -> None:
        """On another connection; the old one may still seem alive."""
        hello = Hello(resume="token", audio=self.audio, played=self.played, clears=self.clears)
        self._queue = b""
        self.connection.cut = True
        self.connection = Connection(self, self._delay_s)
        self.line.attach(hello, self.connection)

    def say(self, message: dict[str, Any]) -> None:
        self.connection.up(msgspec.json.encode(message).decode())

    def receive(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._queue += message
            return
        told = msgspec.json.decode(message)
        self.messages.append(told)
        if told["type"] == "clear":
            self.clears += 1
            self._queue = b""
            self.played = self._reported = told["keep"]
            self.say({"type": "played", "sample": self.played, "clears": self.clears})
        elif told["type"] == "welcome":
            self.played, self.clears = told["position"], told["clears"]

    def _tick(self) -> None:
        self._frame += 1
        size = self.codec.frame_samples * self.codec.width
        data, self._queue = self._queue[:size], self._queue[size:]
        self.heard.append(self.codec.decode(data))
        self.played += len(data) // self.codec.width
        if self.connection.closed is not None or self.now > self._hangs_up_s + 40:
            return
        if self.speaks and not self.connection.cut:
            self.connection.up(self.voice)
        if self._frame % REPORT_FRAMES == 0 and self.played != self._reported:
            self._reported = self.played
            self.say({"type": "played", "sample": self.played, "clears": self.clears})
        if self.now >= self._hangs_up_s:
            self.say({"type": "hang_up"})
            return
        self._loop.call_later(FRAME_MS / 1000, self._tick)
