"""ElevenLabs: a voice over the stream-input WebSocket, fed phrase by phrase as the model writes.

Sources of the protocol: elevenlabs.io/docs (Text to Speech WebSocket) and the types of the elevenlabs package 2.78.
In auto mode each message is spoken at once, so a reply's first sound waits for its first phrase only. A connection
speaks one reply; closing it is how a reply is cancelled. `warm` opens connections ahead.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec
import numpy as np

from hocket.audio.frame import Samples
from hocket.audio.g711 import decode_ulaw
from hocket.errors import StageError, TtsError
from hocket.providers.cloud import Account, Dialer, Setting, Socket
from hocket.providers.spoken import FIRST_PHRASE, Speech, phrases
from hocket.stages.tts import SpeechChunk

BASE_URL: Final = "wss://api.elevenlabs.io"
SILENT_S: Final = 5.0
"""With all text sent and nothing coming for so long, the voice is given up."""

FORMATS: Final = {8000: "ulaw_8000", 16000: "pcm_16000", 22050: "pcm_22050", 24000: "pcm_24000", 44100: "pcm_44100"}
"""Rates that stream-input gives by itself; others are made from 24 kHz."""

_OTHER_RATES = 24000
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_NO_SETTINGS: Final[Mapping[str, float]] = MappingProxyType({})


class ElevenLabs:
    """A voice of ElevenLabs."""

    takes: Literal["tokens", "segments"] = "tokens"

    def __init__(
        self,
        voice: str,
        model: str = "eleven_flash_v2_5",
        *,
        key: Setting[str] | None = None,
        base_url: Setting[str] = BASE_URL,
        headers: Setting[Mapping[str, str]] = _NOTHING,
        settings: Mapping[str, float] = _NO_SETTINGS,
        language: str | None = None,
        first_phrase: int = FIRST_PHRASE,
        options: Mapping[str, str] = _NOTHING,
    ) -> None:
        """`voice`: its id. `key`: else `ELEVENLABS_API_KEY`. `settings`: stability, similarity_boost, style, speed.

        `first_phrase`: characters after which a reply's first words are sent; fewer are quicker and sound worse.
        `options`: further parameters of the query, such as {"enable_logging": "false"}. Raises `MissingError` without
        aiohttp.
        """
        self.name = f"elevenlabs/{model}/{voice}"
        self._path = f"/v1/text-to-speech/{voice}/stream-input"
        self._about = f'the voice "{voice}" and the model "{model}"'
        self._first_phrase = first_phrase
        self._first = msgspec.json.encode({"text": " ", **({"voice_settings": dict(settings)} if settings else {})})
        self._query = [
            ("model_id", model),
            ("auto_mode", "true"),
            ("sync_alignment", "true"),
            ("inactivity_timeout", "180"),
            *((("language_code", language),) if language else ()),
            *options.items(),
        ]
        self._dialer = Dialer(
            Account(
                vendor="ElevenLabs",
                variable="ELEVENLABS_API_KEY",
                error=TtsError,
                base_url=base_url,
                key=key,
                headers=headers,
                auth=lambda key: {"xi-api-key": key},
            )
        )
        self._warm: dict[int, deque[Socket]] = {}

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Speak the text as it arrives, at `rate` Hertz. Closing it cancels. Raises `TtsError`."""
        source_rate = rate if rate in FORMATS else _OTHER_RATES
        speech = Speech(source_rate, rate)
        socket = await self._take(source_rate)
        feeder = asyncio.create_task(self._feed(socket, text, speech), name="ElevenLabs: feed")
        try:
            audio = _Audio(speech, FORMATS[source_rate])
            async for message in self._messages(socket, feeder, speech):
                for chunk in audio.chunks(message):
                    yield chunk
            for chunk in speech.finish():
                yield chunk
        finally:
            feeder.cancel()
            try:
                await asyncio.gather(feeder, return_exceptions=True)
            finally:
                await socket.close()

    async def warm(self, rate: int, connections: int = 1) -> None:
        """Have so many connections open for replies of `rate` Hertz. Raises `TtsError`."""
        source_rate = rate if rate in FORMATS else _OTHER_RATES
        waiting = self._warm.setdefault(source_rate, deque())
        for socket in [socket for socket in waiting if not socket.alive]:
            waiting.remove(socket)
            await socket.close()
        while len(waiting) < connections:
            waiting.append(await self._dial(source_rate))

    async def close(self) -> None:
        """Close all connections and the session."""
        try:
            for waiting in self._warm.values():
                while waiting:
                    await waiting.popleft().close()
        finally:
            await self._dialer.close()

    async def _take(self, source_rate: int) -> Socket:
        waiting = self._warm.get(source_rate, ())
        while waiting:
            socket = waiting.popleft()
            if socket.alive:
                return socket
            await socket.close()
        return await self._dial(source_rate)

    async def _dial(self, source_rate: int) -> Socket:
        query = [*self._query, ("output_format", FORMATS[source_rate])]
        return await self._dialer.open(self._path, query, self._about)

    async def _feed(self, socket: Socket, text: AsyncIterator[str], speech: Speech) -> None:
        """Send the text. What goes wrong is raised where the audio is read."""
        try:
            await socket.send(self._first.decode())
            async for phrase in phrases(text, self._first_phrase):
                speech.write(phrase)
                spaced = phrase if phrase[-1:].isspace() else phrase + " "
                await socket.send(msgspec.json.encode({"text": spaced}).decode())
            if speech.speakable:
                await socket.send('{"text":""}')
            else:
                socket.inbox.end(_Silent(), at_once=True)
        except Exception as error:
            # What the vendor has said in refusal says more than that it has hung up.
            socket.inbox.end(error, at_once=not isinstance(error, TtsError))

    async def _messages(
        self, socket: Socket, feeder: asyncio.Task[None], speech: Speech
    ) -> AsyncGenerator[_Message, None]:
        """Until the last one. Raises `TtsError`."""
        while True:
            try:
                async with asyncio.timeout(SILENT_S):
                    message = msgspec.json.decode(await socket.receive(), type=_Message)
            except TimeoutError:
                if feeder.done():
                    raise TtsError(f"ElevenLabs sent no sound for {SILENT_S:g} s.") from None
                continue
            except _Silent:
                return
            except msgspec.MsgspecError as error:
                raise TtsError(f"ElevenLabs sent a message that cannot be read ({error}).") from None
            except StageError:
                if socket.close_code == 1000 and feeder.done() and speech.received_s:
                    return  # it has said all, without saying so
                if socket.close_code == 1008:
                    raise self._refusal("", socket.close_words) from None
                raise
            if message.error or message.message:
                raise self._refusal(message.error or "", message.message or "")
            yield message
            if message.is_final:
                return

    def _refusal(self, code: str, words: str) -> TtsError:
        said = f"{code} {words}".lower()
        status = next((status for sign, status in _SIGNS if sign in said), 0)
        if status:
            error = self._dialer.account.refusal(status, self._about, words or code)
            assert isinstance(error, TtsError)
            return error
        return TtsError(f'ElevenLabs gave up: "{(words or code)[:200]}".')


_SIGNS: Final = (
    ("timeout", 0),
    ("concurrent", 429),
    ("rate_limit", 429),
    ("busy", 429),
    ("quota", 402),
    ("payment", 402),
    ("api_key", 401),
    ("api key", 401),
    ("unauthorized", 401),
    ("permission", 403),
    ("voice", 404),
    ("model", 404),
)
"""Words of its refusals, which come over the open WebSocket, and the HTTP status that means the same."""


class _Silent(Exception):
    """There was nothing to say."""


class _Alignment(msgspec.Struct, frozen=True):
    chars: tuple[str, ...] = ()
    starts_ms: tuple[float, ...] = msgspec.field(default=(), name="charStartTimesMs")


class _Message(msgspec.Struct, frozen=True):
    audio: str | None = None
    is_final: bool | None = msgspec.field(default=None, name="isFinal")
    alignment: _Alignment | None = None
    error: str | None = None
    message: str | None = None


class _Audio:
    """Messages to chunks."""

    def __init__(self, speech: Speech, output_format: str) -> None:
        self._speech = speech
        self._ulaw = output_format.startswith("ulaw")
        self._half = b""
        self._word = ""
        self._word_at_s = 0.0
        self._begun = False
        """The word that goes on has been told of."""

    def chunks(self, message: _Message) -> list[SpeechChunk]:
        """Raises `TtsError` when the audio is no base64."""
        if message.alignment is not None:
            self._read(message.alignment)
        if not message.audio:
            return []
        try:
            data = self._half + base64.b64decode(message.audio, validate=True)
        except binascii.Error:
            raise TtsError("ElevenLabs sent a message that cannot be read (the audio is no base64).") from None
        return self._speech.push(self._samples(data))

    def _samples(self, data: bytes) -> Samples:
        if self._ulaw:
            return decode_ulaw(data)
        self._half = data[len(data) // 2 * 2 :]
        return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16)

    def _read(self, alignment: _Alignment) -> None:
        """Characters and their times within this message; a word may go on in the next one."""
        before_s = self._speech.received_s
        for character, start_ms in zip(alignment.chars, alignment.starts_ms, strict=False):
            if character.isspace():
                self._end_word()
            else:
                if not self._word:
                    self._word_at_s = before_s + start_ms / 1000
                self._word += character
        if self._word and not self._begun:
            self._speech.word(self._word, self._word_at_s, whole=False)
            self._begun = True

    def _end_word(self) -> None:
        if self._word and not self._begun:
            self._speech.word(self._word, self._word_at_s)
        self._word, self._begun = "", False
