"""A server that speaks Cartesia's TTS WebSocket: contexts, continuations, timestamps and cancel.

Formats from docs.cartesia.ai and the types of the cartesia package 4.2, whose client is run against it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Collection
from typing import Final

import msgspec
from aiohttp import web

from hocket.audio.frame import Samples
from hocket.audio.g711 import encode_alaw, encode_ulaw
from hocket.sim.delays import Delays
from hocket.sim.wire.conversation import Conversation
from hocket.sim.wire.exchange import Exchange
from hocket.sim.wire.server import Answer, WireServer
from hocket.sim.wire.tone import CHUNK_MS, SPEED, length_ms, tone, within, words
from hocket.stages.bell import Bell

BUFFER_DELAY_MS: Final = 3000
"""How long text is waited for when the client does not say."""

ENOUGH_CHARACTERS: Final = 60
"""Text that is spoken without waiting for the end of a sentence."""

EXPIRY_S: Final = 1.0
"""A context without further text is done so long after its last audio."""


class CartesiaServer(WireServer):
    """Cartesia on loopback: text becomes a tone of 60 ms a character, with the times of its words."""

    def __init__(
        self,
        *,
        delays: Delays | None = None,
        key: str | None = None,
        voices: Collection[str] | None = None,
        models: Collection[str] | None = None,
        speed: float = SPEED,
        expiry_s: float = EXPIRY_S,
    ) -> None:
        """`voices`, `models`: those that exist; None: all. `speed`: how much faster than it sounds audio is made."""
        super().__init__(delays=delays, key=key)
        self._voices = voices
        self._models = models
        self._speed = speed
        self._expiry_s = expiry_s

    def routes(self) -> dict[tuple[str, str], Answer]:
        return {("GET", "/tts/websocket"): self._websocket}

    def presented_key(self, request: web.Request) -> str:
        bearer = request.headers.get("Authorization", "").partition(" ")[2]
        return bearer or request.headers.get("X-API-Key", "") or request.query.get("api_key", "")

    def error_body(self, status: int, message: str) -> bytes:
        return msgspec.json.encode({"title": "Error", "message": message, "status_code": status, "request_id": "wire"})

    async def _websocket(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.begin_websocket()
        conversation = Conversation()
        await conversation.run(self._listen(exchange, conversation))
        return await exchange.finish()

    async def _listen(self, exchange: Exchange, conversation: Conversation) -> None:
        contexts: dict[str, tuple[_Context, asyncio.Task[None]]] = {}
        async for message in exchange.incoming():
            try:
                asked = msgspec.json.decode(message, type=_Asked)
            except msgspec.MsgspecError as error:
                await _refuse(exchange, None, 400, "Invalid request", str(error))
                continue
            if asked.cancel:
                if asked.context_id in contexts:
                    contexts.pop(asked.context_id)[1].cancel()
                continue
            refusal = self._check(asked)
            if refusal is not None:
                await _refuse(exchange, asked.context_id, *refusal)
                continue
            known = contexts.get(asked.context_id)
            if known is None or known[1].done():
                context = _Context(asked)
                contexts[asked.context_id] = (context, conversation.start(self._speak(exchange, context)))
            contexts[asked.context_id][0].push(asked)

    def _check(self, asked: _Asked) -> tuple[int, str, str] | None:
        """Why a request is refused: status, title, message."""
        if self._models is not None and asked.model_id not in self._models:
            return 400, "Invalid model", "The model is not valid, make sure it is a valid model ID."
        if self._voices is not None and _voice_id(asked.voice) not in self._voices:
            return 404, "Voice not found", "The voice is not valid, make sure it is a valid voice ID."
        if asked.output_format is None or asked.output_format.encoding not in _ENCODERS:
            return 400, "Invalid output format", "This server gives raw pcm_s16le, pcm_f32le, pcm_mulaw and pcm_alaw."
        return None

    async def _speak(self, exchange: Exchange, context: _Context) -> None:
        """Speak what a context is given until it ends."""
        spoken_ms = 0
        while True:
            try:
                async with asyncio.timeout(self._expiry_s if spoken_ms else None):
                    text = await context.next()
            except TimeoutError:
                break
            if text is None:
                break
            await self.pause(self.delays.tts_first_byte())
            spoken_ms = await self._say(exchange, context.asked, text, spoken_ms)
        await exchange.send(_message("done", context.asked, 200, done=True))

    async def _say(self, exchange: Exchange, asked: _Asked, text: str, before_ms: int) -> int:
        """Send the audio of a text; returns the milliseconds the context has spoken with it."""
        assert asked.output_format is not None
        rate, encode = asked.output_format.sample_rate, _ENCODERS[asked.output_format.encoding]
        total_ms = length_ms(text)
        samples, timed = tone(total_ms, rate), words(text)
        for start_ms in range(0, total_ms, CHUNK_MS):
            end_ms = min(start_ms + CHUNK_MS, total_ms)
            spoken = within(timed, start_ms, end_ms)
            if asked.add_timestamps and spoken:
                times = {
                    "words": [item.text for item in spoken],
                    "start": [(before_ms + item.start_ms) / 1000 for item in spoken],
                    "end": [(before_ms + item.end_ms) / 1000 for item in spoken],
                }
                await exchange.send(_message("timestamps", asked, 206, word_timestamps=times))
            audio = encode(samples[start_ms * rate // 1000 : end_ms * rate // 1000])
            data = base64.b64encode(audio).decode()
            await exchange.send(_message("chunk", asked, 206, data=data, step_time=1.0))
            await asyncio.sleep((end_ms - start_ms) / 1000 / self._speed)
        return before_ms + total_ms


class _Format(msgspec.Struct, frozen=True):
    container: str
    encoding: str
    sample_rate: int


class _Asked(msgspec.Struct, frozen=True):
    context_id: str
    cancel: bool | None = None
    model_id: str = ""
    transcript: str = ""
    voice: str | dict[str, object] = ""
    output_format: _Format | None = None
    goes_on: bool | None = msgspec.field(default=None, name="continue")
    flush: bool | None = None
    add_timestamps: bool | None = None
    max_buffer_delay_ms: int | None = None


class _Context:
    """The text of one context that waits to be spoken."""

    def __init__(self, asked: _Asked) -> None:
        self.asked = asked
        self._delay_s = (BUFFER_DELAY_MS if asked.max_buffer_delay_ms is None else asked.max_buffer_delay_ms) / 1000
        self._waiting = ""
        self._ended = False
        self._flushed = False
        self._news = Bell()

    def push(self, asked: _Asked) -> None:
        self._waiting += asked.transcript
        self._flushed = self._flushed or bool(asked.flush)
        self._ended = self._ended or not asked.goes_on
        self._news.ring()

    async def next(self) -> str | None:
        """Text to speak: when there is enough, when it has waited long enough, or at the end. None after it."""
        while not self._waiting.strip():
            if self._ended:
                return None
            await self._more()
        deadline = asyncio.get_running_loop().time() + self._delay_s
        with_patience = asyncio.timeout_at(deadline)
        try:
            async with with_patience:
                while not self._is_enough():
                    await self._more()
        except TimeoutError:
            pass
        text, self._waiting, self._flushed = self._waiting, "", False
        return text

    def _is_enough(self) -> bool:
        text = self._waiting.rstrip()
        return self._ended or self._flushed or not self._delay_s or len(text) >= ENOUGH_CHARACTERS or text[-1:] in ".?!"

    async def _more(self) -> None:
        await self._news.rung()


def _f32(samples: Samples) -> bytes:
    return (samples / 32768).astype("<f4").tobytes()


def _s16(samples: Samples) -> bytes:
    return samples.astype("<i2").tobytes()


_ENCODERS: Final = {"pcm_s16le": _s16, "pcm_f32le": _f32, "pcm_mulaw": encode_ulaw, "pcm_alaw": encode_alaw}


def _voice_id(voice: str | dict[str, object]) -> str:
    return voice if isinstance(voice, str) else str(voice.get("id", ""))


def _message(kind: str, asked: _Asked, status: int, *, done: bool = False, **more: object) -> str:
    head = {"type": kind, "done": done, "status_code": status, "context_id": asked.context_id}
    return msgspec.json.encode({**head, **more}).decode()


async def _refuse(exchange: Exchange, context_id: str | None, status: int, title: str, words: str) -> None:
    message = {"type": "error", "done": True, "title": title, "message": words, "status_code": status}
    if context_id is not None:
        message["context_id"] = context_id
    await exchange.send(msgspec.json.encode(message).decode())
