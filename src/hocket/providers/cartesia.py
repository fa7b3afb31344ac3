"""Cartesia: a voice over one shared WebSocket, a context for each reply.

Sources of the protocol: docs.cartesia.ai (TTS WebSocket, Contexts, Buffering) and the types of the cartesia package
4.2. Replies of all calls are told apart by their context; a reply is cancelled without touching the connection.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final, Literal

import msgspec
import numpy as np

from hocket.errors import StageError, TtsError
from hocket.providers.cloud import Account, Dialer, Inbox, Setting, Socket
from hocket.providers.spoken import FIRST_PHRASE, Speech, phrases
from hocket.stages.tts import SpeechChunk

BASE_URL: Final = "wss://api.cartesia.ai"
VERSION: Final = "2026-08-14"
"""Of the API."""

SILENT_S: Final = 5.0
"""With all text sent and nothing coming for so long, the voice is given up."""

RATES: Final = (8000, 16000, 22050, 24000, 44100, 48000)
_OTHER_RATES: Final = 48000
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_NO_SETTINGS: Final[Mapping[str, object]] = MappingProxyType({})


class Cartesia:
    """A voice of Cartesia."""

    takes: Literal["tokens", "segments"] = "tokens"

    def __init__(
        self,
        voice: str,
        model: str = "sonic-3.5",
        *,
        key: Setting[str] | None = None,
        base_url: Setting[str] = BASE_URL,
        headers: Setting[Mapping[str, str]] = _NOTHING,
        language: str = "en",
        max_buffer_delay_ms: int = 0,
        first_phrase: int = FIRST_PHRASE,
        settings: Mapping[str, object] = _NO_SETTINGS,
    ) -> None:
        """`voice`: its id. `key`: else `CARTESIA_API_KEY`. `settings`: speed, volume, emotion (sonic-3 and later).

        `max_buffer_delay_ms`: 0 speaks every phrase at once; above, tokens are sent as they are and Cartesia decides
        when it has enough (up to 5000). `first_phrase`: characters after which a reply's first words are sent; fewer
        are quicker and sound worse. Raises `MissingError` without aiohttp.
        """
        self.name = f"cartesia/{model}/{voice}"
        self._about = f'the voice "{voice}" and the model "{model}"'
        self._first_phrase = first_phrase
        self._managed = max_buffer_delay_ms > 0
        self._request = {
            "model_id": model,
            "voice": {"mode": "id", "id": voice},
            "language": language,
            "add_timestamps": True,
            "max_buffer_delay_ms": max_buffer_delay_ms,
            **({"generation_config": dict(settings)} if settings else {}),
        }
        self._dialer = Dialer(
            Account(
                vendor="Cartesia",
                variable="CARTESIA_API_KEY",
                error=TtsError,
                base_url=base_url,
                key=key,
                headers=headers,
                auth=lambda key: {"Authorization": f"Bearer {key}", "Cartesia-Version": VERSION},
            )
        )
        self._line: _Line | None = None
        self._dialing = asyncio.Lock()

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Speak the text as it arrives, at `rate` Hertz. Closing it cancels. Raises `TtsError`."""
        source_rate = rate if rate in RATES else _OTHER_RATES
        speech = Speech(source_rate, rate)
        line = await self._connected()
        context = line.begin()
        feeder = asyncio.create_task(self._feed(line, context, text, speech, source_rate), name="Cartesia: feed")
        try:
            async for message in self._messages(line, context, feeder):
                if message.type == "done":
                    context.began_s = speech.received_s
                for chunk in _chunks(speech, message, context.began_s):
                    yield chunk
            for chunk in speech.finish():
                yield chunk
        finally:
            feeder.cancel()
            try:
                await asyncio.gather(feeder, return_exceptions=True)
            finally:
                await line.end(context)

    async def warm(self, rate: int) -> None:
        """Have the connection open; it serves every rate. Raises `TtsError`."""
        await self._connected()

    async def close(self) -> None:
        """Close the connection and the session."""
        line, self._line = self._line, None
        try:
            if line is not None:
                await line.close()
        finally:
            await self._dialer.close()

    async def _connected(self) -> _Line:
        async with self._dialing:
            line = self._line
            if line is None or not line.alive:
                self._line = None
                if line is not None and not line.busy:
                    await line.close()
                self._line = _Line(await self._dialer.open("/tts/websocket", [], self._about))
            assert self._line is not None
            return self._line

    async def _feed(
        self, line: _Line, context: _Context, text: AsyncIterator[str], speech: Speech, source_rate: int
    ) -> None:
        """Send the text. What goes wrong is raised where the audio is read."""
        output = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": source_rate}
        request = {**self._request, "output_format": output}
        waiting = ""
        try:
            async for piece in text if self._managed else phrases(text, self._first_phrase):
                speech.write(piece)
                waiting += piece
                if context.began or any(character.isalnum() for character in waiting):
                    context.began = True
                    await line.send({**request, "context_id": context.id, "transcript": waiting, "continue": True})
                    waiting = ""
            if context.began:
                await line.send({**request, "context_id": context.id, "transcript": "", "continue": False})
            else:
                context.inbox.end(_Silent())
        except Exception as error:
            context.inbox.end(error, at_once=not isinstance(error, TtsError))

    async def _messages(
        self, line: _Line, context: _Context, feeder: asyncio.Task[None]
    ) -> AsyncGenerator[_Message, None]:
        """Until the last one. Raises `TtsError`."""
        while True:
            try:
                async with asyncio.timeout(SILENT_S):
                    message = await context.inbox.take()
            except TimeoutError:
                if feeder.done():
                    line.give_up()
                    raise TtsError(f"Cartesia sent no sound for {SILENT_S:g} s.") from None
                continue
            except _Silent:
                return
            if message.type == "error":
                context.began = False
                words = ": ".join(part for part in (message.title, message.message) if part) or message.error or ""
                raise self._dialer.account.refusal(message.status_code or 500, self._about, words)
            yield message
            if message.type == "done":
                if feeder.done():
                    context.began = False
                    return
                # The model has paused for longer than Cartesia keeps a context: the rest of the text is a new one.
                line.renew(context)


class _Silent(Exception):
    """There was nothing to say."""


class _WordTimes(msgspec.Struct, frozen=True):
    words: tuple[str, ...] = ()
    start: tuple[float, ...] = ()


class _Message(msgspec.Struct, frozen=True):
    type: str
    context_id: str | None = None
    data: str | None = None
    word_timestamps: _WordTimes | None = None
    status_code: int | None = None
    title: str | None = None
    message: str | None = None
    error: str | None = None


class _Context:
    """One reply on the connection."""

    def __init__(self) -> None:
        self.id = str(uuid.uuid4())
        self.inbox: Inbox[_Message] = Inbox()
        self.began = False
        """Cartesia knows of it, and is not done with it."""
        self.began_s = 0.0
        """The audio of the reply before it, in seconds."""


class _Line:
    """The connection that all replies share."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._contexts: dict[str, _Context] = {}
        self._given_up = False
        self._reader = asyncio.create_task(self._read(), name="Cartesia: hand out")

    @property
    def alive(self) -> bool:
        """New replies may begin on it."""
        return not self._given_up and self._sends

    @property
    def busy(self) -> bool:
        return bool(self._contexts)

    def give_up(self) -> None:
        """Begin nothing more on it; close it after its last reply."""
        self._given_up = True

    def begin(self) -> _Context:
        context = _Context()
        self._contexts[context.id] = context
        return context

    def renew(self, context: _Context) -> None:
        """Go on under another id."""
        del self._contexts[context.id]
        context.id = str(uuid.uuid4())
        context.began = False
        self._contexts[context.id] = context

    async def end(self, context: _Context) -> None:
        """Forget a context; if it is not done, cancel it. What still comes of it is dropped."""
        del self._contexts[context.id]
        if context.began and self._sends:
            with suppress(StageError):
                await self.send({"context_id": context.id, "cancel": True})
        if self._given_up and not self._contexts:
            await self.close()

    async def send(self, message: Mapping[str, object]) -> None:
        await self._socket.send(msgspec.json.encode(message).decode())

    async def close(self) -> None:
        self._reader.cancel()
        try:
            await asyncio.gather(self._reader, return_exceptions=True)
        finally:
            await self._socket.close()
            self._lose(TtsError("The connection to Cartesia has been closed."))

    @property
    def _sends(self) -> bool:
        return self._socket.alive and not self._reader.done()

    async def _read(self) -> None:
        decoder = msgspec.json.Decoder(_Message)
        try:
            while True:
                text = await self._socket.receive()
                message = decoder.decode(text)
                if message.context_id is not None:
                    self._hand_out(message, len(text))
                elif message.type == "error":
                    for context in tuple(self._contexts.values()):
                        context.inbox.put(message, len(text))
        except StageError as error:
            self._lose(error)
        except msgspec.MsgspecError as error:
            self._lose(TtsError(f"Cartesia sent a message that cannot be read ({error})."))

    def _hand_out(self, message: _Message, size: int) -> None:
        context = self._contexts.get(message.context_id or "")
        if context is not None and not context.inbox.put(message, size):
            context.inbox.end(TtsError("Cartesia sends more than is being taken."), at_once=True)

    def _lose(self, error: StageError) -> None:
        for context in self._contexts.values():
            context.inbox.end(error)


def _chunks(speech: Speech, message: _Message, began_s: float) -> list[SpeechChunk]:
    times = message.word_timestamps
    if times is not None:
        for word, start_s in zip(times.words, times.start, strict=False):
            speech.word(word, began_s + start_s)
    if message.type != "chunk" or not message.data:
        return []
    try:
        data = base64.b64decode(message.data, validate=True)
    except binascii.Error:
        raise TtsError("Cartesia sent a message that cannot be read (the audio is no base64).") from None
    return speech.push(np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16))
