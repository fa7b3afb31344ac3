"""A server that speaks Deepgram's streaming protocols: `/v1/listen` (Nova) and `/v2/listen` (Flux).

Formats from developers.deepgram.com and the types of deepgram-sdk 7.17, which is run against it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final

import msgspec
import numpy as np
from aiohttp import web

from hocket.audio.frame import Samples
from hocket.audio.g711 import decode_alaw, decode_ulaw
from hocket.sim.delays import Delays
from hocket.sim.wire.conversation import Conversation, Outbox
from hocket.sim.wire.exchange import Exchange
from hocket.sim.wire.flux import FluxTurns
from hocket.sim.wire.hearing import Hearing, Script, said_on
from hocket.sim.wire.nova import NovaResults
from hocket.sim.wire.server import Answer, WireServer

IDLE_S: Final = 10.0
"""Without audio or KeepAlive for so long Deepgram hangs up with NET-0001."""

_DECODERS: Final[dict[str, Callable[[bytes], Samples]]] = {
    "linear16": lambda data: np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16),
    "mulaw": decode_ulaw,
    "alaw": decode_alaw,
}


class DeepgramServer(WireServer):
    """Deepgram on loopback. The words it hears are in `script`; the audio decides when it hears them."""

    def __init__(
        self,
        script: Script = (),
        *,
        delays: Delays | None = None,
        key: str | None = None,
        idle_s: float = IDLE_S,
        answers_when_empty: bool = True,
    ) -> None:
        """`answers_when_empty`: Finalize is answered even with nothing to say; Deepgram does not always."""
        super().__init__(delays=delays, key=key)
        self.script = script
        self._idle_s = idle_s
        self._answers_when_empty = answers_when_empty

    def routes(self) -> dict[tuple[str, str], Answer]:
        return {("GET", "/v1/listen"): self._nova, ("GET", "/v2/listen"): self._flux}

    def presented_key(self, request: web.Request) -> str:
        return request.headers.get("Authorization", "").partition(" ")[2]

    def error_body(self, status: int, message: str) -> bytes:
        return msgspec.json.encode({"err_code": _code(status), "err_msg": message, "request_id": "wire"})

    async def _nova(self, exchange: Exchange) -> web.StreamResponse:
        refusal = self._check(exchange, "nova-")
        if refusal is not None:
            return refusal
        await exchange.begin_websocket()
        outbox = Outbox(exchange)
        hearing = Hearing(said_on(self.script, exchange), _rate(exchange))
        results = NovaResults(hearing, dict(exchange.request.query), self.delays, outbox.put, self._answers_when_empty)
        return await self._converse(exchange, outbox, hearing, results)

    async def _flux(self, exchange: Exchange) -> web.StreamResponse:
        refusal = self._check(exchange, "flux-")
        if refusal is not None:
            return refusal
        await exchange.begin_websocket()
        outbox = Outbox(exchange)
        hearing = Hearing(said_on(self.script, exchange), _rate(exchange))
        turns = FluxTurns(hearing, dict(exchange.request.query), self.delays, outbox.put)
        return await self._converse(exchange, outbox, hearing, turns)

    async def _converse(
        self, exchange: Exchange, outbox: Outbox, hearing: Hearing, dialect: NovaResults | FluxTurns
    ) -> web.StreamResponse:
        decode = _DECODERS[exchange.request.query.get("encoding", "linear16")]

        async def listen() -> None:
            dialect.begin()
            async for message in self._until_idle(exchange):
                if isinstance(message, bytes):
                    hearing.hear(decode(message))
                    dialect.hear()
                else:
                    kind = _kind(message)
                    if kind == "CloseStream":
                        dialect.end()
                        await outbox.drained()
                        await exchange.close()
                        return
                    dialect.obey(kind, message)

        conversation = Conversation()
        conversation.start(outbox.run())
        await conversation.run(listen())
        return await exchange.finish()

    async def _until_idle(self, exchange: Exchange) -> AsyncGenerator[str | bytes, None]:
        messages = exchange.incoming()
        while True:
            try:
                async with asyncio.timeout(self._idle_s):
                    yield_this = await anext(messages)
            except StopAsyncIteration:
                return
            except TimeoutError:
                await exchange.close(1011, "NET-0001: no audio came in time")
                return
            yield yield_this

    def _check(self, exchange: Exchange, family: str) -> web.Response | None:
        query = exchange.request.query
        model, encoding = query.get("model", ""), query.get("encoding", "linear16")
        if not model.startswith(family):
            said = "No such model/language/tier combination found."
        elif encoding not in _DECODERS or not query.get("sample_rate", "16000").isdigit():
            said = "The encoding or the sample rate is not supported."
        else:
            return None
        response = self.refuse(exchange, 400, said)
        response.headers["dg-error"] = said
        return response


def _rate(exchange: Exchange) -> int:
    return int(exchange.request.query.get("sample_rate", "16000"))


def _kind(message: str) -> str:
    try:
        return str(msgspec.json.decode(message)["type"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return ""


def _code(status: int) -> str:
    return {
        400: "INVALID_QUERY_PARAMETER",
        401: "INVALID_AUTH",
        402: "INSUFFICIENT_CREDITS",
        429: "TOO_MANY_REQUESTS",
    }.get(status, "INTERNAL_SERVER_ERROR")
