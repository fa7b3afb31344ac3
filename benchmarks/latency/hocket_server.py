"""hocket behind a telephone: answers Twilio Media Streams calls with one agent on Deepgram, OpenAI and Cartesia.

`--mode batch` does one thing after the other: silence, final transcript, whole reply, whole synthesis. `--silence`
ends every turn so many milliseconds after the voice detector's flip, whatever the words; `--ignore-words` takes all
words for complete ones, so that silence alone decides and nothing else is changed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from functools import partial
from pathlib import Path
from typing import get_args

import msgspec

from hocket.agent.agent import Agent, Manners, Preset, Resilience
from hocket.assembly import Assembly, assemble
from hocket.gateway.carrier_socket import CarrierSocket, CarrierSockets
from hocket.gateway.held import held
from hocket.gateway.media import MediaServer, Upgrade
from hocket.gateway.settings import Settings
from hocket.gateway.worker import new_loop, settle_memory
from hocket.providers.cartesia import Cartesia
from hocket.providers.deepgram import Deepgram
from hocket.providers.openai_chat import OpenAiChat
from hocket.sim.batch import BatchLlm, BatchTts
from hocket.stages.llm import Llm
from hocket.stages.tts import Tts
from hocket.trace.log import TraceLog
from hocket.transports.carrier import CarrierLine
from hocket.transports.carrier_audio import RATE
from hocket.transports.twilio import TWILIO
from hocket.turn import listening
from hocket.turn.endpointing import Endpointing

INSTRUCTIONS = "You answer a telephone. Be brief."


def _agent(options: argparse.Namespace) -> Agent:
    stt = Deepgram(key="bench", base_url=options.deepgram, encoding="mulaw")
    llm: Llm = OpenAiChat("gpt-4.1-mini", key="bench", base_url=f"{options.openai}/v1")
    tts: Tts = Cartesia("bench", key="bench", base_url=options.cartesia)
    if options.mode == "batch":
        llm, tts = BatchLlm(llm), BatchTts(tts)
    resilience = Resilience(hedge=options.hedge, openers_mb=options.openers_mb)
    manners = Manners(filler="") if options.no_filler else Manners()
    return Agent(
        INSTRUCTIONS,
        stt=stt,
        llm=llm,
        tts=tts,
        turn_detector=options.turn_detector,
        preset=options.preset,
        manners=manners,
        resilience=resilience,
    )


def _configure(assembly: Assembly, options: argparse.Namespace) -> None:
    config = assembly.config
    if options.silence is not None:
        soonest = Endpointing()
        config = msgspec.structs.replace(
            config,
            endpointing=Endpointing(confirm_ms=options.silence - soonest.silence_ms, limit_ms=options.silence),
        )
    assembly.config = msgspec.structs.replace(config, speculate=options.mode == "streaming")


def _ignore_words() -> None:
    # No option of hocket's, for nobody should want it: it is what the words are worth that is to be seen.
    listening.score = lambda s: 1.0


async def _serve(options: argparse.Namespace) -> None:
    async with assemble(_agent(options)) as assembly:
        _configure(assembly, options)
        await assembly.prepare(RATE, RATE)

        async def answer(line: CarrierLine) -> None:
            with contextlib.ExitStack() as stack:
                sink = None
                if options.traces is not None:
                    sink = stack.enter_context((options.traces / f"{line.call_id}.jsonl").open("wb"))
                session = await assembly.session(line, call_id=line.call_id, trace=TraceLog(sink))
                await session.run()

        def take(_: Upgrade) -> CarrierSocket:
            return sockets.listener(TWILIO, lambda line: held(partial(answer, line), line, line.call_id))

        sockets = CarrierSockets()
        server = MediaServer(0, Settings(agent="", dev=True), 1_000, {"/twilio": take})
        await server.listen("127.0.0.1", options.port)
        settle_memory()
        print("ready", flush=True)
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await ended.wait()
        server.close()
        await sockets.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--deepgram", required=True)
    parser.add_argument("--openai", required=True)
    parser.add_argument("--cartesia", required=True)
    parser.add_argument("--mode", choices=("streaming", "batch"), default="streaming")
    parser.add_argument("--preset", choices=get_args(Preset), default="adaptive")
    parser.add_argument("--silence", type=int, help="milliseconds after the detector's flip, whatever the words")
    parser.add_argument("--ignore-words", action="store_true")
    parser.add_argument("--turn-detector", help="such as smart-turn")
    parser.add_argument("--hedge", choices=("late", "both", "off"), default="late")
    parser.add_argument("--no-filler", action="store_true", help="say nothing while a reply is late")
    parser.add_argument("--openers-mb", type=float, default=Resilience().openers_mb)
    parser.add_argument("--traces", type=Path)
    return parser.parse_args()


def main() -> None:
    options = _options()
    if options.ignore_words:
        _ignore_words()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(options))


if __name__ == "__main__":
    main()
