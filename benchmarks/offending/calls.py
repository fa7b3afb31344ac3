"""Calls that keep the rules, and how late their frames come."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

import msgspec
import numpy as np
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks.offending.gateway import ORIGIN, Gateway
from hocket.audio.frame import FRAME_MS
from hocket.sim.load import Pacer

RATE: Final = 16_000
FRAME_BYTES: Final = RATE * FRAME_MS // 1000 * 2
SILENCE: Final = bytes(FRAME_BYTES)
LOUD: Final = np.random.default_rng(1).normal(0, 6_000, FRAME_BYTES // 2).astype("<i2").tobytes()
LOUD_FRAMES: Final = range(25, 50)
"""Of a call: what the agent answers."""

REPORT_FRAMES: Final = 5
AFTER_FRAMES: Final = 50
"""Within so many a late frame is made up for."""


class Call(WSListener):
    """One of them."""

    def __init__(self, ticket: str, pacer: Pacer) -> None:
        self.arrivals: list[float] = []
        """Of frames, loop time."""
        self.over = ""
        """How it ended; empty while it goes on."""
        self.answered = asyncio.Event()
        self._ticket = ticket
        self._pacer = pacer
        self._loop = asyncio.get_running_loop()
        self._socket: WSTransport | None = None
        self._said = 0
        self._heard = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._socket = transport
        transport.send(WSMsgType.TEXT, msgspec.json.encode({"type": "hello", "ticket": self._ticket}))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self.arrivals.append(self._loop.time())
            self._heard += frame.payload_size // 2
        elif frame.msg_type == WSMsgType.TEXT:
            self._told(msgspec.json.decode(frame.get_payload_as_bytes()))
        elif frame.msg_type == WSMsgType.CLOSE:
            self.over = self.over or f"closed with {frame.get_close_code()}"

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.over = self.over or "broke off"
        self._pacer.stop(self._say)

    def hang_up(self) -> None:
        self._pacer.stop(self._say)
        if self._socket is not None and not self.over:
            self._socket.send(WSMsgType.TEXT, b'{"type":"hang_up"}')

    def late_ms(self, since: float) -> list[float]:
        """How late each frame came: what those after it made up for. A pause of the agent's is never made up for."""
        times = np.array([at for at in self.arrivals if at >= since])
        behind = (times - np.arange(len(times)) * FRAME_MS / 1000) * 1000
        if len(behind) <= AFTER_FRAMES:
            return []
        after = np.lib.stride_tricks.sliding_window_view(behind, AFTER_FRAMES).min(axis=1)
        return [float(late) for late in behind[: len(after)] - after]

    def _told(self, message: dict[str, Any]) -> None:
        if message["type"] == "welcome":
            self._pacer.start(self._say)
        elif message["type"] in ("bye", "refused"):
            self.over = f"{message['type']}: {message['reason']}"
        self.answered.set()

    def _say(self, _: float) -> bool:
        if self._socket is None or self.over:
            return False
        self._socket.send(WSMsgType.BINARY, LOUD if self._said in LOUD_FRAMES else SILENCE)
        self._said += 1
        if self._said % REPORT_FRAMES == 0 and self._heard:
            report = {"type": "played", "sample": self._heard}
            self._socket.send(WSMsgType.TEXT, msgspec.json.encode(report))
        return True


def _same(call: Call) -> Call:
    return call


async def begin(gateway: Gateway, pacer: Pacer) -> Call:
    """One that is welcome; asked for again where the worker is too busy for the moment."""
    while True:
        place = await gateway.place()
        call = Call(place.ticket, pacer)
        await ws_connect(partial(_same, call), place.url, extra_headers={"Origin": ORIGIN})
        await call.answered.wait()
        if not call.over:
            return call
        await asyncio.sleep(1)
