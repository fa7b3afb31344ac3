"""ElevenLabs: a voice over the stream-input WebSocket, fed phrase by phrase as the model writes.

Sources of the protocol: elevenlabs.io/docs (Text to Speech WebSocket) and the types of the elevenlabs package 2.78.
In auto mode each message is spoken at once, so a reply's first sound waits for its first phrase only. A connection
speaks one reply; closing it is how a reply is cancelled. Its limit counts what is spoken, not what is open, so
connections may wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np

from hocket.audio.frame import Samples
from hocket.audio.g711 import decode_ulaw
from hocket.errors import StageError, TtsError
from hocket.providers.cloud import NOTHING, Account, Dialer, Setting
from hocket.providers.feeding import Feed, from_base64
from hocket.providers.spoken import FIRST_PHRASE, Speech, phrases
from hocket.resilience.pool import Pool
from hocket.stages.tts import SpeechChunk

if TYPE_CHECKING:
    from hocket.providers.cloud_socket import Socket

BASE_URL: Final = "wss://api.elevenlabs.io"
INACTIVITY_S: Final = 180
"""ElevenLabs hangs up on a connection that is sent no text for so long; more cannot be asked for."""

MAX_AGE_S: Final = 150.0
"""Of a waiting connection, so that it is replaced before that."""

FORMATS: Final = {8000: "ulaw_8000", 16000: "pcm_16000", 22050: "pcm_22050", 24000: "pcm_24000", 44100: "pcm_44100"}
"""Rates that stream-input gives by itself; others are made from 24 kHz."""

_OTHER_RATES: Final = 24000

POLICY: Final = 1008
"""The code with which it closes what it refuses."""


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
        headers: Setting[Mapping[str, str]] = NOTHING,
        settings: Mapping[str, float] = NOTHING,
        language: str | None = None,
        first_phrase: int = FIRST_PHRASE,
        options: Mapping[str, str] = NOTHING,
    ) -> None:
        """`voice`: its id. `key`: else `ELEVENLABS_API_KEY`. `settings`: stability, similarity_boost, style, speed.

        `first_phrase`: characters after which a reply's first words are sent. Each phrase is spoken by itself, so fewer
        sound worse; one word begins to sound 20 ms sooner at 12 ms a token, 70 ms at 30 (against the server in
        `hocket.sim.wire`).
        `options`: further parameters of the query, such as {"enable_logging": "false"}. Raises `MissingError` without
        picows.
        """
        self.name = f"elevenlabs/{model}/{voice}"
        self._path = f"/v1/text-to-speech/{voice}/stream-input"
        self._about = f'the voice "{voice}" and the model "{model}"'
        self._first_phrase = first_phrase
        first = {"text": " ", **({"voice_settings": dict(settings)} if settings else {})}
        self._first = msgspec.json.encode(first).decode()
        self._query = [
            ("model_id", model),
            ("auto_mode", "true"),
            ("sync_alignment", "true"),
            ("inactivity_timeout", str(INACTIVITY_S)),
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
        self._pools: dict[int, Pool[Socket]] = {}
        """Source rate -> connections for it."""

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Speak the text as it arrives, at `rate` Hertz. Closing it cancels. Raises `TtsError`."""
        source_rate = _source_rate(rate)
        speech = Speech(source_rate, rate)
        socket = await self._pool(source_rate).take()
        feed = Feed("ElevenLabs", socket.inbox, partial(self._send, socket, text, speech))
        try:
            audio = _Audio(speech, FORMATS[source_rate])
            async for message in self._messages(socket, feed, speech):
                for chunk in audio.chunks(message):
                    yield chunk
            for chunk in speech.finish():
                yield chunk
        finally:
            try:
                await feed.close()
            finally:
                await socket.close()

    async def warm(self, rate: int) -> None:
        """Have connections open for replies of `rate` Hertz, until `close`. Raises `TtsError`."""
        await self._pool(_source_rate(rate)).fill()

    async def close(self) -> None:
        """Close all connections and the session."""
        try:
            await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        finally:
            await self._dialer.close()

    def _pool(self, source_rate: int) -> Pool[Socket]:
        if source_rate not in self._pools:
            self._pools[source_rate] = Pool(
                partial(self._dial, source_rate),
                alive=lambda socket: socket.alive,
                close=lambda socket: socket.close(),
                name=self.name,
                max_age_s=MAX_AGE_S,
            )
        return self._pools[source_rate]

    async def _dial(self, source_rate: int) -> Socket:
        """With the message that begins a reply already sent: it says nothing. That it costs nothing either is likely,
        since characters are billed, and not confirmed."""
        query = [*self._query, ("output_format", FORMATS[source_rate])]
        socket = await self._dialer.open(self._path, query, self._about)
        try:
            await socket.send(self._first)
        except BaseException:
            await socket.close()
            if socket.close_code == POLICY:
                raise self._refusal("", socket.close_words) from None
            raise
        return socket

    async def _send(self, socket: Socket, text: AsyncIterator[str], speech: Speech) -> bool:
        async for phrase in phrases(text, self._first_phrase):
            speech.write(phrase)
            spaced = phrase if phrase[-1:].isspace() else phrase + " "
            await socket.send(msgspec.json.encode({"text": spaced}).decode())
        if speech.speakable:
            await socket.send('{"text":""}')
        return speech.speakable

    async def _messages(self, socket: Socket, feed: Feed[str], speech: Speech) -> AsyncGenerator[_Message, None]:
        """Until the last one. Raises `TtsError`."""
        while True:
            try:
                received = await feed.next()
            except StageError:
                if socket.close_code == 1000 and feed.done and speech.received_s:
                    return  # it has said all, without saying so
                if socket.close_code == POLICY:
                    raise self._refusal("", socket.close_words) from None
                raise
            if received is None:
                return
            try:
                message = msgspec.json.decode(received, type=_Message)
            except msgspec.MsgspecError as error:
                raise TtsError(f"ElevenLabs sent a message that cannot be read ({error}).") from None
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


def _source_rate(rate: int) -> int:
    return rate if rate in FORMATS else _OTHER_RATES


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
        data = self._half + from_base64(message.audio, "ElevenLabs")
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
