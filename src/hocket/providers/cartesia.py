"""Cartesia: a voice over one shared WebSocket, a context for each reply.

Sources of the protocol: docs.cartesia.ai (TTS WebSocket, Contexts, Buffering) and the types of the cartesia package
4.2. Replies of all calls are told apart by their context; a reply is cancelled without touching the connection.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np

from hocket.errors import StageError, TtsError
from hocket.providers.cloud import NOTHING, Account, Dialer, Inbox, Setting
from hocket.providers.feeding import Feed, from_base64
from hocket.providers.spoken import FIRST_WORD, Speech, phrases
from hocket.resilience.pool import Pool
from hocket.stages.tts import SpeechChunk
from hocket.text.words import has_word

if TYPE_CHECKING:
    from hocket.providers.cloud_socket import Socket

BASE_URL: Final = "wss://api.cartesia.ai"
VERSION: Final = "2026-08-14"
"""Of the API."""

MAX_AGE_S: Final = 240.0
"""Of the connection: Cartesia hangs up on one that has been idle for five minutes."""

RATES: Final = (8000, 16000, 22050, 24000, 44100, 48000)
_OTHER_RATES: Final = 48000


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
        headers: Setting[Mapping[str, str]] = NOTHING,
        language: str = "en",
        max_buffer_delay_ms: int = 0,
        first_phrase: int = FIRST_WORD,
        settings: Mapping[str, object] = NOTHING,
    ) -> None:
        """`voice`: its id. `key`: else `CARTESIA_API_KEY`. `settings`: speed, volume, emotion (sonic-3 and later).

        `first_phrase`: characters after which a reply's first words are sent. Its first word is enough by default: the
        prosody is carried on, and the sound begins 25 ms sooner than with 12 characters at 12 ms a token, 60 ms at
        30 (against the server in `hocket.sim.wire`). The price: that word is spoken without a view of what follows.
        `max_buffer_delay_ms`: 0 speaks every phrase at once; above, tokens are sent as they are and Cartesia decides
        when it has enough (up to 5000). Raises `MissingError` without picows.
        """
        self.name = f"cartesia/{model}/{voice}"
        self._about = f'the voice "{voice}" and the model "{model}"'
        self._first_phrase = first_phrase
        self._language = language
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
        self._lines = Pool(
            self._dial,
            alive=lambda line: line.alive,
            close=lambda line: line.retire(),
            name=self.name,
            size=1,
            max_age_s=MAX_AGE_S,
        )

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Speak the text as it arrives, at `rate` Hertz. Closing it cancels. Raises `TtsError`."""
        source_rate = rate if rate in RATES else _OTHER_RATES
        speech = Speech(source_rate, rate)
        line = await self._lines.share()
        context = line.begin()
        feed = Feed("Cartesia", context.inbox, partial(self._send, line, context, text, speech, source_rate))
        try:
            async for message in self._messages(line, context, feed):
                if message.type == "done":
                    context.began_s = speech.received_s
                for chunk in _chunks(speech, message, context.began_s):
                    yield chunk
            for chunk in speech.finish():
                yield chunk
        finally:
            try:
                await feed.close()
            finally:
                await line.end(context)

    async def warm(self, rate: int) -> None:
        """Have the connection open until `close`, which serves every rate. Raises `TtsError`.

        It is replaced when it is lost or old, which it serves the replies it has; so there are two at most.
        """
        await self._lines.fill()

    async def close(self) -> None:
        """Close the connection and the session."""
        try:
            await self._lines.close()
        finally:
            await self._dialer.close()

    async def _dial(self) -> _Line:
        return _Line(await self._dialer.open("/tts/websocket", [], self._about))

    async def _send(
        self, line: _Line, context: _Context, text: AsyncIterator[str], speech: Speech, source_rate: int
    ) -> bool:
        output = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": source_rate}
        request = {**self._request, "output_format": output}
        waiting = ""
        async for piece in text if self._managed else phrases(text, self._first_phrase, self._language):
            speech.write(piece)
            waiting += piece
            if context.began or has_word(waiting):
                context.began = True
                await line.send({**request, "context_id": context.id, "transcript": waiting, "continue": True})
                waiting = ""
        if context.began:
            await line.send({**request, "context_id": context.id, "transcript": "", "continue": False})
        return context.began

    async def _messages(self, line: _Line, context: _Context, feed: Feed[_Message]) -> AsyncGenerator[_Message, None]:
        """Until the last one. Raises `TtsError`."""
        while True:
            try:
                message = await feed.next()
            except TtsError:
                line.give_up()  # it is lost, or silent
                raise
            if message is None:
                return
            if message.type == "error":
                context.began = False
                words = ": ".join(part for part in (message.title, message.message) if part) or message.error or ""
                raise self._dialer.account.refusal(message.status_code or 500, self._about, words)
            yield message
            if message.type == "done":
                if feed.done:
                    context.began = False
                    return
                # The model has paused for longer than Cartesia keeps a context: the rest of the text is a new one.
                line.renew(context)


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

    async def retire(self) -> None:
        """Begin nothing more on it; close it now, or after its last reply."""
        self.give_up()
        if not self._contexts:
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
    data = from_base64(message.data, "Cartesia")
    return speech.push(np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16))
