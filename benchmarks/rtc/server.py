"""The server under test, in a process of its own: WebRTC lines whose agent says back what it hears, or talks on.

Prints one line of JSON, `{"port": ...}`, when it listens on 127.0.0.1. POST /offer begins a call; GET /stats tells the
processor time so far and what the calls heard.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import uvloop
from aiohttp import web
from tests.speech import clip

from hocket.audio.frame import FRAME_MS, Frame, Samples, silence
from hocket.audio.resample import Resampler, resample
from hocket.clock import cpu_time
from hocket.errors import TransportError
from hocket.session.pacing import Wheel
from hocket.sim.impairment import Impairment, UdpRelay
from hocket.transports.client_messages import RESUME_S, AudioFormat, Welcome
from hocket.transports.webrtc.line import INPUT_RATE, OUTPUT_RATE, WebRtc, WebRtcLine
from hocket.transports.webrtc.sdp import read_offer

PAGE = Path(__file__).parent / "page.html"
FRAME = OUTPUT_RATE * FRAME_MS // 1000


class Agent:
    """A receiver that says back what it hears."""

    def __init__(self, line: WebRtcLine) -> None:
        self.line = line
        self.frames = 0
        self._resampler = Resampler(INPUT_RATE, OUTPUT_RATE)
        # What the resampler holds back of the first frame is put before it, so that each gives a frame.
        self._rest = silence(
            FRAME - len(Resampler(INPUT_RATE, OUTPUT_RATE).push(silence(INPUT_RATE * FRAME_MS // 1000)))
        )

    def hear(self, frame: Frame) -> None:
        self.frames += 1
        samples = np.concatenate((self._rest, self._resampler.push(frame.samples)))
        self._rest = samples[FRAME:]
        with suppress(TransportError):  # a burst after a stall is more than a line takes; the rest is not said
            self.line.send(samples[:FRAME])

    def played(self, *_: Any) -> None: ...
    def dtmf(self, _: str) -> None: ...
    def lost(self) -> None: ...
    def back(self) -> None: ...
    def left(self, _: str) -> None: ...


class Talker(Agent):
    """A receiver that talks all the time, whoever is heard: the most a line can be asked for."""

    def __init__(self, line: WebRtcLine, wheel: Wheel, speech: Samples, number: int) -> None:
        super().__init__(line)
        self._speech = speech
        self._at = number * 7 * FRAME % (len(speech) - FRAME)
        self._wheel = wheel
        self._loop = asyncio.get_running_loop()
        self._said_until = self._loop.time()
        wheel.start(self, self._say)

    def hear(self, frame: Frame) -> None:
        self.frames += 1

    def left(self, _: str) -> None:
        self._wheel.stop(self)

    def _say(self) -> None:
        """What is due, as a session's speaker does it: a late loop owes the frames it missed, up to 200 ms."""
        now = self._loop.time()
        self._said_until = max(self._said_until, now - 0.2)
        while self._said_until < now + FRAME_MS / 1000:
            self.line.send(self._speech[self._at : self._at + FRAME])
            self._at = (self._at + FRAME) % (len(self._speech) - FRAME)
            self._said_until += FRAME_MS / 1000


class Server:
    """The calls of this process."""

    def __init__(
        self, shared: WebRtc, address: str, up: Impairment, down: Impairment, *, talks: bool, seed: int
    ) -> None:
        self._shared = shared
        self._server = (address, shared.sockets.port)
        self._up, self._down, self._seed = up, down, seed
        self._impaired = up != Impairment() or down != Impairment()
        self._talks = talks
        self._wheel = Wheel()
        speech = resample(clip("read_sentence/arctic_a0024.wav"), 16_000, OUTPUT_RATE)
        self._speech = speech[: len(speech) - len(speech) % FRAME]
        self._agents: list[Agent] = []
        self._relays: list[UdpRelay] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_post("/offer", self._offer)
        app.router.add_get("/stats", self._stats)
        return app

    async def _page(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text=PAGE.read_text(), content_type="text/html")

    async def _offer(self, request: web.Request) -> web.StreamResponse:
        peer = self._shared.answer(read_offer((await request.json())["sdp"]))
        number = len(self._tasks)
        welcome = Welcome(f"{number}", "", RESUME_S, AudioFormat(rate=OUTPUT_RATE), FRAME_MS)
        line = WebRtcLine(self._shared, peer, welcome)
        answer = peer.answer
        if self._impaired:
            relay = await UdpRelay(self._server, self._up, self._down, self._seed + number).open(self._server[0])
            self._relays.append(relay)
            answer = relay.through(answer)
        self._tasks.add(asyncio.get_running_loop().create_task(self._hold(line, number)))
        return web.json_response({"sdp": answer})

    async def _hold(self, line: WebRtcLine, number: int) -> None:
        agent = Agent(line)
        await line.start(agent if not self._talks else (agent := Talker(line, self._wheel, self._speech, number)))
        self._agents.append(agent)

    async def _stats(self, _: web.Request) -> web.StreamResponse:
        concealed = [agent.line._hearing.concealed for agent in self._agents]
        return web.json_response(
            {
                "cpu_s": cpu_time() / 1e9,
                "calls": len(self._agents),
                "frames": sum(agent.frames for agent in self._agents),
                "rebuilt": sum(rebuilt for rebuilt, _ in concealed),
                "lost": sum(lost for _, lost in concealed),
                "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "threads": len(os.listdir("/proc/self/task")),
                "bitrate": [agent.line._peer.voice.rate.bitrate for agent in self._agents[:1] if agent.line._peer],
            }
        )


async def serve(options: argparse.Namespace) -> None:
    shared = WebRtc()
    shared.effort.complexity = options.complexity
    await shared.open(options.address.split(","))
    up, down = (msgspec.json.decode(text, type=Impairment) for text in (options.up, options.down))
    server = Server(shared, options.address.split(",")[0], up, down, talks=options.talks, seed=options.seed)
    runner = web.AppRunner(server.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(msgspec.json.encode({"port": runner.addresses[0][1]}).decode(), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--up", default="{}")
    parser.add_argument("--down", default="{}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--complexity", type=int, default=5)
    parser.add_argument("--talks", action="store_true")
    parser.add_argument("--core", type=int)
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    uvloop.run(serve(options))


if __name__ == "__main__":
    main()
