"""Voices over real sockets that break, behind the wrappers that calls use."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Literal

import pytest

from hocket.providers import feeding
from hocket.providers.cartesia import Cartesia
from hocket.providers.elevenlabs import ElevenLabs
from hocket.resilience import fallback_tts
from hocket.resilience.chain import Chain
from hocket.resilience.fallback_tts import FallbackTts
from hocket.resilience.openers import Openers, OpenerTts
from hocket.resilience.slots import Slots
from hocket.sim.wire.cartesia import CartesiaServer
from hocket.sim.wire.elevenlabs import ElevenLabsServer
from hocket.sim.wire.faults import Fault, FaultKind
from hocket.sim.wire.server import WireServer
from hocket.sim.wire.tone import CHARACTER_MS
from hocket.stages.tts import SpeechChunk, Tts
from tests.providers.on_the_wire import against, text_of, words
from tests.resilience.voices import drained, split
from tests.sim.wire.waiting import until

RATE = 8000
SPEED = 1000
TEXT = "We are open from nine, and on Sunday from ten."
SHORT = "We open at nine."


class Tapped:
    """A voice, and how much it has spoken."""

    takes: Literal["tokens", "segments"] = "tokens"

    def __init__(self, voice: Tts) -> None:
        self.name = voice.name
        self.samples = 0
        self._voice = voice

    @property
    def ms(self) -> float:
        return self.samples * 1000 / RATE

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        async with aclosing(self._voice.speak(text, rate)) as speech:
            async for chunk in speech:
                self.samples += len(chunk.samples)
                yield chunk


def as_cartesia(url: str) -> Cartesia:
    return Cartesia("katie", key="k", base_url=url)


def as_elevenlabs(url: str) -> ElevenLabs:
    return ElevenLabs("bella", key="k", base_url=url)


def asked_of_cartesia(wire: CartesiaServer) -> str:
    return "".join(json.loads(text).get("transcript", "") for text in wire.exchanges[-1].texts)


def asked_of_elevenlabs(wire: ElevenLabsServer) -> str:
    """The first message opens the stream, and a space is added to the last phrase."""
    return "".join(json.loads(text)["text"] for text in wire.exchanges[-1].texts)[1:].rstrip()


async def one_reply(text: str, fault: Fault | None, of: Literal["cartesia", "elevenlabs"]) -> int:
    """Speak a text with a voice that suffers this fault and another to stand in; returns the messages it sent."""
    async with (
        against(CartesiaServer(speed=SPEED), as_cartesia) as (cartesia_wire, cartesia_voice),
        against(ElevenLabsServer(speed=SPEED), as_elevenlabs) as (elevenlabs_wire, elevenlabs_voice),
    ):
        voices = [Tapped(cartesia_voice), Tapped(elevenlabs_voice)]
        first_wire: WireServer = cartesia_wire
        if of == "elevenlabs":
            voices.reverse()
            first_wire = elevenlabs_wire
        first_wire.faults.plan(fault)
        slots = Slots()
        tts = FallbackTts(Chain(voices, slots, 800))
        chunks = await drained(tts.speak(words(split(text, range(3, len(text), 3)), 0.0005), RATE))
        assert text_of(chunks) == text
        assert sum(len(chunk.samples) for chunk in chunks) == sum(voice.samples for voice in voices)
        if fault is not None:
            rest = asked_of_elevenlabs(elevenlabs_wire) if of == "cartesia" else asked_of_cartesia(cartesia_wire)
            at = text.rindex(rest)
            assert at == 0 or text[at - 1] == " "
            # No word is lost, and the one that was broken off is the only one that is heard again.
            word = (text[at:] + " ").index(" ") + 1
            assert at * CHARACTER_MS - 10 <= voices[0].ms <= (at + word) * CHARACTER_MS + 10
            assert voices[1].ms >= len(rest) * CHARACTER_MS - 10
        await until(lambda: not any(slots.taken(voice.name) for voice in voices))
        return first_wire.exchanges[-1].sent


@pytest.mark.parametrize("of", ["cartesia", "elevenlabs"])
@pytest.mark.parametrize("kind", ["reset", "close", "garbage"])
def test_no_word_is_lost_wherever_a_connection_breaks(of: Literal["cartesia", "elevenlabs"], kind: FaultKind) -> None:
    async def scenario() -> None:
        messages = await one_reply(TEXT, None, of)
        assert messages > 20
        await asyncio.gather(*(one_reply(TEXT, Fault(kind, after_messages=after), of) for after in range(messages)))

    asyncio.run(scenario())


@pytest.mark.parametrize("of", ["cartesia", "elevenlabs"])
def test_no_word_is_lost_wherever_a_voice_stalls(
    of: Literal["cartesia", "elevenlabs"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fallback_tts, "FIRST_SOUND_S", 0.3)
    monkeypatch.setattr(fallback_tts, "GAP_S", 0.3)
    # Once the last word has begun, only the adapter knows that there is more to come.
    monkeypatch.setattr(feeding, "SILENT_S", 0.5)

    async def scenario() -> None:
        messages = await one_reply(SHORT, None, of)
        stalls = (Fault("stall", after_messages=after, seconds=60) for after in range(messages - 1))
        await asyncio.gather(*(one_reply(SHORT, stall, of) for stall in stalls))

    asyncio.run(scenario())


@pytest.mark.parametrize(("make_server", "make"), [(CartesiaServer, as_cartesia), (ElevenLabsServer, as_elevenlabs)])
def test_a_cached_opener_is_spoken_once_over_the_wire(
    make_server: Callable[..., CartesiaServer | ElevenLabsServer], make: Callable[[str], Cartesia | ElevenLabs]
) -> None:
    text = "Of course, we are open from nine to five."

    async def scenario() -> None:
        async with against(make_server(speed=SPEED), make) as (wire, voice):
            tapped, openers = Tapped(voice), Openers(10**6)
            tts = OpenerTts(tapped, openers)
            lengths = []
            for _ in range(3):
                chunks = await drained(tts.speak(words(split(text, range(3, len(text), 3)), 0.0), RATE))
                assert text_of(chunks) == text
                lengths.append(sum(len(chunk.samples) for chunk in chunks))
            assert (openers.hits, openers.misses) == (2, 1)
            assert lengths == pytest.approx([lengths[0]] * 3, abs=RATE // 50)
            assert tapped.samples < sum(lengths) - RATE // 2, "the opener was not spoken again"
            assert wire.exchanges

    asyncio.run(scenario())
