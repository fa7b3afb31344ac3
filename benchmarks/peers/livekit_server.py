"""LiveKit Agents behind a telephone: answers Twilio Media Streams calls with an `AgentSession` for each.

Run with the interpreter of `.peers/livekit`. There is no LiveKit room: audio goes between the session's own audio
input and output and the call's WebSocket, at the telephone's 8 kHz, so nothing is resampled that need not be.

What `--tuned` is, and where LiveKit's documentation (turn-taking tuning, turn handling options) or its source says it:

- `turn_detection="vad"` with a short silence. The audio turn detector refuses a VAD silence under 0.25 s. With "stt" no
  reply is begun before the turn is over: 628 ms at the median of 18 turns where "vad" took 461 ms, but one of nine
  pauses cut where "vad" cut six.
- Preemptive generation with `preemptive_tts`, and more retries than 3: each pause in a sentence uses one up.
- No warm-up of an echo canceller: a telephone has none, and it would make the agent deaf for 3 s.
- Sentences of any length: by default the first words are held until 20 characters are together.

`--patient` is the same with 650 ms of silence. `--defaults` gives nothing but the providers and the telephone's rate;
the turn detector is then `turn-detector-v1-mini`, whose weights are in the wheel of livekit-local-inference. The text
turn detector needs weights from Hugging Face and is not tried.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any, Final

import numpy as np
from aiohttp import ClientSession, WSMsgType, web
from livekit import rtc
from livekit.agents import Agent, AgentSession, inference, tokenize
from livekit.agents.voice import io
from livekit.plugins import cartesia, deepgram, openai

from benchmarks.peers.options import parser

PACKAGES: Final = (
    "livekit-agents",
    "livekit-local-inference",
    "livekit-plugins-cartesia",
    "livekit-plugins-deepgram",
    "livekit-plugins-openai",
)

RATE: Final = 8000
WAITING_FRAMES: Final = 1500
"""Frames of 20 ms that may wait for the session: half a minute. Then the caller's socket is read more slowly."""

INSTRUCTIONS: Final = "You answer a telephone. Be brief."

TUNED_SILENCE_S: Final = 0.2
"""The reply is on its way since the recogniser's final, so that less is no quicker: 0.1 s gave the same latency."""
PATIENT_SILENCE_S: Final = 0.65
INTERRUPTION_S: Final = 0.05
"""Of speech, which makes the agent stop."""

MARK_SLACK_S: Final = 1.0
"""A mark that has not come back so long after its audio should have been played never will."""


class CallerAudio(io.AudioInput):  # type: ignore[misc]  # livekit is not installed where types are checked
    """What the caller says."""

    def __init__(self) -> None:
        super().__init__(label="telephone")
        self._frames: asyncio.Queue[rtc.AudioFrame | None] = asyncio.Queue(WAITING_FRAMES)

    async def hear(self, payload: bytes) -> None:
        samples = _LINEAR[np.frombuffer(payload, np.uint8)]
        await self._frames.put(rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples)))

    async def end(self) -> None:
        await self._frames.put(None)

    async def __anext__(self) -> rtc.AudioFrame:
        frame = await self._frames.get()
        if frame is None:
            raise StopAsyncIteration
        return frame


class CallerEar(io.AudioOutput):  # type: ignore[misc]  # as above
    """What the caller hears. Audio is sent as soon as it is there: Twilio holds it, plays it and gives marks back.

    A pause clears what Twilio holds and remembers how far it had played, so that a resumed speech goes on from there.
    """

    def __init__(self, line: web.WebSocketResponse, stream: str) -> None:
        super().__init__(label="telephone", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=RATE)
        self._stream = stream
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._sending = asyncio.create_task(self._send(line))
        self._said = b""
        """Of the current segment, one byte a sample."""
        self._begun = False
        """Whether any of it has been sent."""
        self._sent = 0
        """How much of it Twilio has been given and has not been told to forget."""
        self._due_s = 0.0
        """When Twilio will have played all it was given."""
        self._paused = False
        self._cleared_at: int | None = None
        self._ending: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._mark = 0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        if self._ending is not None:
            await self._ending
        await super().capture_frame(frame)
        if self._cleared_at is not None:
            return
        self._said += _MULAW[np.frombuffer(frame.data, np.int16).view(np.uint16)].tobytes()
        self._give()

    def flush(self) -> None:
        super().flush()
        if self._said and self._ending is None:
            self._ending = asyncio.create_task(self._end())

    def clear_buffer(self) -> None:
        if not self._said or self._cleared_at is not None:
            return
        self._cleared_at = self._forget()
        self._over.set()

    def pause(self) -> None:
        super().pause()
        if not self._paused:
            self._paused = True
            self._forget()

    def resume(self) -> None:
        super().resume()
        if self._paused:
            self._paused = False
            self._give()

    def marked(self, name: str) -> None:
        """Twilio has played all up to a mark."""
        if name == str(self._mark):
            self._over.set()

    async def close(self) -> None:
        for task in (self._sending, self._ending):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def _give(self) -> None:
        """Hand Twilio what it has not had yet, and a mark behind a segment that is complete."""
        if self._paused or self._cleared_at is not None:
            return
        now = time.monotonic()
        if rest := self._said[self._sent :]:
            if not self._begun:
                self._begun = True
                self.on_playback_started(created_at=time.time())
            self._due_s = max(self._due_s, now) + len(rest) / RATE
            self._sent = len(self._said)
            self._post("media", media={"payload": base64.b64encode(rest).decode()})
        if self._ending is not None:
            self._mark += 1
            self._post("mark", mark={"name": str(self._mark)})

    def _forget(self) -> int:
        """Make Twilio silent; returns how many samples of the segment it had played."""
        unplayed = round(max(0.0, self._due_s - time.monotonic()) * RATE)
        self._sent = max(0, self._sent - unplayed)
        self._due_s = 0.0
        self._mark += 1
        self._post("clear")
        return self._sent

    async def _end(self) -> None:
        """Wait until a complete segment has been played or cleared."""
        self._give()
        while not self._over.is_set():
            left_s = max(0.0, self._due_s - time.monotonic()) + MARK_SLACK_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), left_s)
            if not self._paused and time.monotonic() > self._due_s + MARK_SLACK_S:
                break
        interrupted = self._cleared_at is not None
        played = len(self._said) if self._cleared_at is None else self._cleared_at
        self._said, self._begun, self._sent, self._cleared_at, self._ending = b"", False, 0, None, None
        self._over.clear()
        self.on_playback_finished(playback_position=played / RATE, interrupted=interrupted)

    def _post(self, event: str, **body: object) -> None:
        self._outbox.put_nowait({"event": event, "streamSid": self._stream, **body})

    async def _send(self, line: web.WebSocketResponse) -> None:
        while True:
            message = await self._outbox.get()
            with contextlib.suppress(ConnectionError):
                await line.send_json(message)


class Server:
    """Calls are tasks of one process. LiveKit would give each a process; one call at a time is the same either way."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._vad = None if options.defaults else inference.VAD(min_silence_duration=_silence_s(options))

    async def answer(self, request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        ear: CallerEar | None = None
        hearing = CallerAudio()
        async with contextlib.AsyncExitStack() as call:
            async for message in _events(line):
                if message["event"] == "start":
                    ear = CallerEar(line, message["start"]["streamSid"])
                    await call.enter_async_context(self._session(hearing, ear))
                elif message["event"] == "media":
                    await hearing.hear(base64.b64decode(message["media"]["payload"]))
                elif message["event"] == "mark" and ear is not None:
                    ear.marked(message["mark"]["name"])
                elif message["event"] == "stop":
                    break
            await hearing.end()
        return line

    @contextlib.asynccontextmanager
    async def _session(self, hearing: CallerAudio, ear: CallerEar) -> AsyncIterator[None]:
        options = self._options
        async with ClientSession() as http:
            stt = deepgram.STT(
                api_key="peer", base_url=f"{options.deepgram}/v1/listen", sample_rate=RATE, http_session=http
            )
            llm = openai.LLM(api_key="peer", base_url=f"{options.openai}/v1", model="gpt-4.1-mini")
            tts = cartesia.TTS(
                api_key="peer", base_url=options.cartesia, sample_rate=RATE, http_session=http, **self._wording()
            )
            session: AgentSession[None] = AgentSession(stt=stt, llm=llm, tts=tts, **self._turns())
            session.input.audio = hearing
            session.output.audio = ear
            await session.start(Agent(instructions=INSTRUCTIONS))
            try:
                yield
            finally:
                await session.aclose()
                await ear.close()
                for provider in (stt, llm, tts):
                    await provider.aclose()

    def _wording(self) -> dict[str, Any]:
        if self._options.defaults:
            return {}
        return {"tokenizer": tokenize.blingfire.SentenceTokenizer(min_sentence_len=1, stream_context_len=1)}

    def _turns(self) -> dict[str, Any]:
        if self._options.defaults:
            return {}
        silence_s = _silence_s(self._options)
        return {
            "vad": self._vad,
            "turn_handling": {
                "turn_detection": "vad",
                "endpointing": {"mode": "fixed", "min_delay": silence_s, "max_delay": silence_s},
                "interruption": {"mode": "vad", "min_duration": INTERRUPTION_S},
                "preemptive_generation": {"enabled": True, "preemptive_tts": True, "max_retries": 10},
            },
            "aec_warmup_duration": None,
        }


def _silence_s(options: argparse.Namespace) -> float:
    return PATIENT_SILENCE_S if options.patient else TUNED_SILENCE_S


async def _events(line: web.WebSocketResponse) -> AsyncIterator[dict[str, Any]]:
    async for message in line:
        if message.type == WSMsgType.TEXT:
            yield json.loads(message.data)


def _tables() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """G.711 mu-law: every byte as a sample, and every sample (as an unsigned number) as a byte."""
    code = ~np.arange(256, dtype=np.uint8)
    size = ((((code & 15) << 3).astype(np.int32) + 132) << ((code >> 4) & 7)) - 132
    linear = np.where(code & 128, -size, size).astype(np.int16)
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    biased = np.minimum(np.abs(sample), 32635) + 132
    exponent = np.floor(np.log2(biased)).astype(np.int32) - 7
    byte = np.where(sample < 0, 128, 0) | (exponent << 4) | ((biased >> (exponent + 3)) & 15)
    return linear, (~byte & 255).astype(np.uint8)


_LINEAR, _MULAW = _tables()


async def _serve(options: argparse.Namespace) -> None:
    application = web.Application()
    application.router.add_get("/twilio", Server(options).answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", options.port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    options = parser().parse_args()
    if options.version:
        print(json.dumps({name: version(name) for name in PACKAGES}))
        return
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options))


if __name__ == "__main__":
    main()
