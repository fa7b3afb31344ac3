"""A server that speaks ElevenLabs' stream-input WebSocket.

Formats from elevenlabs.io/docs and the types of the elevenlabs package 2.78, whose client is run against it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Collection
from typing import Final, TypeAlias

import msgspec
from aiohttp import web

from hocket.audio.frame import Samples
from hocket.audio.g711 import encode_alaw, encode_ulaw
from hocket.sim.delays import Delays
from hocket.sim.wire.conversation import Conversation
from hocket.sim.wire.exchange import Exchange
from hocket.sim.wire.server import Answer, WireServer
from hocket.sim.wire.tone import CHUNK_MS, SPEED, characters, length_ms, tone, within

INACTIVITY_S: Final = 20.0
SCHEDULE: Final = (120, 160, 250, 290)
"""Characters that are waited for before each generation, unless in auto mode or told otherwise."""

TRIGGER_CHARACTERS: Final = 50
"""What try_trigger_generation wants at least."""


_Encode: TypeAlias = Callable[[Samples], bytes]


class ElevenLabsServer(WireServer):
    """ElevenLabs on loopback: text becomes a tone of 60 ms a character, with its alignment."""

    def __init__(
        self,
        *,
        delays: Delays | None = None,
        key: str | None = None,
        voices: Collection[str] | None = None,
        models: Collection[str] | None = None,
        speed: float = SPEED,
        credits: int | None = None,
    ) -> None:
        """`voices`, `models`: those that exist; None: all. `speed`: how much faster than it sounds audio is made.

        `credits`: characters the account may still speak.
        """
        super().__init__(delays=delays, key=key)
        self.credits = credits
        self._voices = voices
        self._models = models
        self._speed = speed

    def routes(self) -> dict[tuple[str, str], Answer]:
        return {("GET", "/v1/text-to-speech/{voice}/stream-input"): self._stream_input}

    def presented_key(self, request: web.Request) -> str:
        return request.headers.get("xi-api-key", "")

    def error_body(self, status: int, message: str) -> bytes:
        kind = {401: "invalid_api_key", 429: "too_many_concurrent_requests"}.get(status, "error")
        return msgspec.json.encode({"detail": {"status": kind, "message": message}})

    async def _stream_input(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.begin_websocket()
        conversation = Conversation()
        await conversation.run(self._listen(exchange, conversation))
        return await exchange.finish()

    async def _listen(self, exchange: Exchange, conversation: Conversation) -> None:
        query = exchange.request.query
        voice, model = exchange.request.match_info["voice"], query.get("model_id", "eleven_multilingual_v2")
        coding = _coding(query.get("output_format", "mp3_44100_128"))
        if self._voices is not None and voice not in self._voices:
            return await _give_up(exchange, "voice_id_does_not_exist", f"A voice with id {voice} does not exist.")
        if self._models is not None and model not in self._models:
            return await _give_up(exchange, "model_not_found", f"A model with model ID {model} does not exist.")
        if coding is None:
            return await _give_up(exchange, "unsupported_output_format", "This server gives pcm, ulaw and alaw only.")
        texts: asyncio.Queue[str | None] = asyncio.Queue()
        speaking = conversation.start(self._speak(exchange, texts, *coding))
        buffer = _Buffer(query.get("auto_mode") == "true")
        inactivity_s = float(query.get("inactivity_timeout", INACTIVITY_S))
        incoming = exchange.incoming()
        while True:
            try:
                async with asyncio.timeout(inactivity_s):
                    message = await anext(incoming)
            except StopAsyncIteration:
                return None
            except TimeoutError:
                words = f"Have not received a new text input within the timeout of {inactivity_s:g} seconds."
                return await _give_up(exchange, "input_timeout_exceeded", words)
            try:
                asked = msgspec.json.decode(message, type=_Asked)
            except msgspec.MsgspecError:
                return await _give_up(exchange, "invalid_input_message", "Could not parse input message.")
            if self.credits is not None and asked.text.strip():
                self.credits -= len(asked.text)
                if self.credits < 0:
                    return await _give_up(exchange, "quota_exceeded", "This request exceeds your quota.")
            for text in buffer.push(asked):
                texts.put_nowait(text)
            if not asked.text:
                texts.put_nowait(None)
                await speaking
                await exchange.close()
                return None

    async def _speak(self, exchange: Exchange, texts: asyncio.Queue[str | None], rate: int, encode: _Encode) -> None:
        while (text := await texts.get()) is not None:
            await self.pause(self.delays.tts_first_byte())
            total_ms = length_ms(text)
            samples, timed = tone(total_ms, rate), characters(text)
            for start_ms in range(0, total_ms, CHUNK_MS):
                end_ms = min(start_ms + CHUNK_MS, total_ms)
                spoken = within(timed, start_ms, end_ms)
                alignment = {
                    "chars": [item.text for item in spoken],
                    "charStartTimesMs": [round(item.start_ms - start_ms) for item in spoken],
                    "charDurationsMs": [round(item.end_ms - item.start_ms) for item in spoken],
                }
                audio = encode(samples[start_ms * rate // 1000 : end_ms * rate // 1000])
                message = {
                    "audio": base64.b64encode(audio).decode(),
                    "isFinal": None,
                    "alignment": alignment,
                    "normalizedAlignment": alignment,
                }
                await exchange.send(msgspec.json.encode(message).decode())
                await asyncio.sleep((end_ms - start_ms) / 1000 / self._speed)
        await exchange.send('{"audio":null,"isFinal":true,"alignment":null,"normalizedAlignment":null}')


class _Generation(msgspec.Struct, frozen=True):
    chunk_length_schedule: tuple[float, ...] | None = None


class _Asked(msgspec.Struct, frozen=True):
    text: str
    flush: bool | None = None
    try_trigger_generation: bool | None = None
    generation_config: _Generation | None = None


class _Buffer:
    """Text that is waiting for enough of it."""

    def __init__(self, auto: bool) -> None:
        self._auto = auto
        self._schedule: tuple[float, ...] = SCHEDULE
        self._generated = 0
        self._waiting = ""

    def push(self, asked: _Asked) -> list[str]:
        """What is to be spoken now: nothing, or one text."""
        if asked.generation_config is not None and asked.generation_config.chunk_length_schedule:
            self._schedule = asked.generation_config.chunk_length_schedule
        self._waiting += asked.text
        if not self._waiting.strip():
            self._waiting = ""
            return []
        enough = self._schedule[min(self._generated, len(self._schedule) - 1)]
        triggered = asked.try_trigger_generation and len(self._waiting) >= TRIGGER_CHARACTERS
        ended = asked.flush or not asked.text
        if not (self._auto or triggered or ended or len(self._waiting) >= enough):
            return []
        text, self._waiting = self._waiting, ""
        self._generated += 1
        return [text]


def _coding(output_format: str) -> tuple[int, _Encode] | None:
    """The rate and the coding of an output format that needs no compression."""
    codec, _, rest = output_format.partition("_")
    rate = rest.partition("_")[0]
    encode: _Encode | None = {
        "pcm": lambda samples: samples.astype("<i2").tobytes(),
        "ulaw": encode_ulaw,
        "alaw": encode_alaw,
    }.get(codec)
    return (int(rate), encode) if encode is not None and rate.isdigit() else None


async def _give_up(exchange: Exchange, error: str, words: str) -> None:
    await exchange.send(msgspec.json.encode({"message": words, "error": error, "code": 1008}).decode())
    await exchange.close(1008, words[:120])
