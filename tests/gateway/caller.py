"""A caller at /ws who speaks the protocol by hand: silence at pace, and what came back."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import aiohttp
import msgspec

FRAME = bytes(640)
"""20 ms of silence at 16 kHz."""


async def ticket(client: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    """What the front answers to who asks for a call."""
    async with client.post(f"{url}/v1/voice/session", json={"kind": "ws"}) as response:
        found: dict[str, Any] = await response.json()
        return found | {"status": response.status}


class Caller:
    """One call."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.audio_bytes = 0
        self.code: int | None = None
        """Of the close."""
        self.hang_up = asyncio.Event()

    @property
    def kinds(self) -> list[str]:
        return [message["type"] for message in self.messages]

    def last(self, kind: str) -> dict[str, Any]:
        return [message for message in self.messages if message["type"] == kind][-1]

    async def call(self, client: aiohttp.ClientSession, placed: dict[str, Any]) -> None:
        """Hold the call until it is over, or until `hang_up`."""
        async with client.ws_connect(placed["urls"]["ws"]) as socket:
            await socket.send_json({"type": "hello", "ticket": placed["ticket"]})
            speaking = asyncio.ensure_future(self._speak(socket))
            try:
                async for message in socket:
                    if message.type == aiohttp.WSMsgType.TEXT:
                        self.messages.append(msgspec.json.decode(message.data))
                    elif message.type == aiohttp.WSMsgType.BINARY:
                        self.audio_bytes += len(message.data)
            finally:
                speaking.cancel()
                self.code = socket.close_code

    async def _speak(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        with contextlib.suppress(ConnectionError):
            while not self.hang_up.is_set():
                await socket.send_bytes(FRAME)
                due += 0.02
                await asyncio.sleep(due - loop.time())
            await socket.send_json({"type": "hang_up"})
