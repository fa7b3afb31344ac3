"""What a session promises as a whole: nothing waits for the whole of another, and what is remembered was heard."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from random import Random

import msgspec
import numpy as np
import pytest

from hocket.audio.frame import Samples
from hocket.clock import MS
from hocket.session.sayings import Sayings
from hocket.session.session import Stages
from hocket.sim.caller import Manners
from hocket.sim.calls import SimulatedCall, hold_call
from hocket.sim.hearing import SimStt, SimSttStream
from hocket.sim.line import SimLine
from hocket.sim.script import spoken
from hocket.sim.speaking import SimTts
from hocket.stages.llm import LlmDelta, LlmRequest, TextDelta
from hocket.stages.stt import Transcript
from hocket.stages.tts import SpeechChunk
from hocket.trace.log import TraceLog
from hocket.trace.records import Entry, Mark
from hocket.trace.replay import check
from hocket.turn.commands import CommitTurn
from hocket.turn.engine import TurnEngine
from hocket.turn.events import PlayoutFinished, PlayoutStarted, PlayoutStopped, Transcribed

BUSY = Manners(barge_in=0.3, backchannel=0.15, cough=0.15)
QUESTION = spoken("question", "What time do you close on Fridays?", Random(1))
LATE_S = 4.0


def first(trace: TraceLog, what: object) -> int:
    """When a record of a type, or this very kind of mark, was first written."""
    for entry in trace.entries:
        record = entry.record
        if isinstance(what, type) and isinstance(record, what):
            return entry.now
        if isinstance(what, tuple) and isinstance(record, Mark) and (record.stage, record.step) == what:
            return entry.now
    raise AssertionError(f"there is no {what} in the trace")


def happened_before_sound(trace: TraceLog, what: tuple[str, str]) -> bool:
    sound = first(trace, PlayoutStarted)
    marks = [(entry.now, entry.record) for entry in trace.entries if isinstance(entry.record, Mark)]
    assert (what[0], "first") in [(mark.stage, mark.step) for _, mark in marks]
    return any((mark.stage, mark.step) == what and now <= sound for now, mark in marks)


class LateModel:
    """Writes a sentence at once, and the next one much later."""

    name = "simulated/late"

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        await asyncio.sleep(0.1)
        for word in ["We", "close", "at", "nine", "on", "Fridays.", ""]:
            yield TextDelta(f"{word} ")
        await asyncio.sleep(LATE_S)
        yield TextDelta("And at noon on Sundays.")


class LateVoice(SimTts):
    """Makes half a second of speech at once, and the rest much later."""

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        made = 0.0
        async for chunk in super().speak(text, rate):
            yield chunk
            made += len(chunk.samples) / rate
            if 0.5 <= made < 99:
                made = 100
                await asyncio.sleep(LATE_S)


class LateFinals(SimStt):
    """Interims are in time; every final comes much later."""

    async def open(self, rate: int, language: str = "en") -> SimSttStream:
        return LateFinalsStream(self._timeline, self._delays, self._rng, rate)


class LateFinalsStream(SimSttStream):
    def finalize(self) -> None:
        final = self._recognition.final(self._position_ms)
        self._out.put_later(700 * MS, Transcript(final, True, True))


@pytest.mark.parametrize("takes", ["tokens", "segments"])
def test_the_first_audio_leaves_before_the_models_last_token(takes: str) -> None:
    call = hold_call(
        1, script=[QUESTION], takes=takes, change=lambda stages: replace(stages, llm=LateModel())  # type: ignore[arg-type]
    )  # fmt: skip
    (turn,) = call.heard
    assert turn.response_ns is not None
    assert turn.response_ns < 800 * MS
    assert not happened_before_sound(call.trace, ("llm", "ended"))
    assert "We close at nine on Fridays." in call.history[1].text


def test_the_first_audio_leaves_before_the_voice_has_made_the_rest() -> None:
    def late(stages: Stages) -> Stages:
        voice = LateVoice(stages.tts._delays)  # type: ignore[attr-defined]
        return replace(stages, tts=voice, sayings=Sayings(voice, 16_000))

    call = hold_call(1, script=[QUESTION], change=late)
    assert call.heard[0].response_ns is not None
    assert call.heard[0].response_ns < 500 * MS
    assert not happened_before_sound(call.trace, ("tts", "ended"))


def late_finals(stages: Stages) -> Stages:
    old = stages.stt
    assert isinstance(old, SimStt)
    return replace(stages, stt=LateFinals(old._timeline, old._delays, Random(3)))


def test_the_first_audio_leaves_before_the_last_words_final_when_the_interim_was_right() -> None:
    held = 0
    for seed in range(8):
        call = hold_call(seed, script=[QUESTION], change=late_finals)
        finals = [e.now for e in call.trace.entries if isinstance(e.record, Transcribed) and e.record.final]
        commit, audible = first(call.trace, CommitTurn), first(call.trace, PlayoutStarted)
        assert commit <= audible, "no sound before the commit"
        assert all(turn.answered_at is None or turn.answered_at >= commit for turn in call.heard)
        held += audible < finals[0]
    assert held >= 6, "but for the interims that were wrong"


@pytest.mark.parametrize("takes", ["tokens", "segments"])
@pytest.mark.parametrize("delays", ["reference", "uniform"])
def test_no_sound_before_the_commit(takes: str, delays: str) -> None:
    """By the line's own ears: nothing the caller hears after an utterance comes before its commit."""
    for seed in range(5):
        call = hold_call(seed, takes=takes, delays=delays)  # type: ignore[arg-type]
        commits = [entry.now for entry in call.trace.entries if isinstance(entry.record, CommitTurn)]
        for turn in call.heard:
            if turn.answered_at is not None:
                assert any(turn.onset < commit <= turn.answered_at for commit in commits)


def encoded(trace: TraceLog) -> bytes:
    return b"\n".join(msgspec.json.encode(entry) for entry in trace.entries)


def test_the_same_seed_gives_the_same_trace_byte_for_byte() -> None:
    for seed in range(3):
        assert encoded(hold_call(seed, manners=BUSY).trace) == encoded(hold_call(seed, manners=BUSY).trace)
    assert encoded(hold_call(1, manners=BUSY).trace) != encoded(hold_call(2, manners=BUSY).trace)


@pytest.mark.parametrize("seed", range(20))
def test_a_finished_call_replayed_through_a_fresh_engine_gives_the_same_commands(seed: int) -> None:
    call = hold_call(seed, manners=BUSY)
    # Through the bytes, as a trace of production comes.
    entries = [msgspec.json.decode(msgspec.json.encode(entry), type=Entry) for entry in call.trace.entries]
    assert check(entries, TurnEngine(call.config)) is None


# -- what is remembered was heard


class NumberedTts(SimTts):
    """Every piece of text sounds at a level of its own, so that ears can tell which it was."""

    def __init__(self, inner: SimTts) -> None:
        super().__init__(inner._delays, inner.takes)
        self.pieces: list[str] = []
        self.lengths: list[int] = []

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        async for chunk in super().speak(_words(text), rate):
            if chunk.text:
                self.pieces.append(chunk.text)
                self.lengths.append(0)
            number = len(self.pieces) - 1
            self.lengths[number] += len(chunk.samples)
            yield SpeechChunk(np.full(len(chunk.samples), 1000 + number, np.int16), chunk.text)


async def _words(text: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    async for piece in text:
        for word in re.findall(r"\s*\S+\s*", piece):
            yield word


class ListeningLine(SimLine):
    """Keeps what sounded: what was sent, less what was taken back."""

    sounded: list[Samples]

    def send(self, samples: Samples) -> None:
        self.__dict__.setdefault("sounded", []).append(samples.copy())
        super().send(samples)

    def clear(self) -> int:
        dropped = left = super().clear()
        while left:
            last = self.sounded.pop()
            if len(last) > left:
                self.sounded.append(last[: len(last) - left])
            left -= min(left, len(last))
        return dropped


FADES = 2 * 16_000 * 15 // 1000
"""Samples of a word that was paused in that are there, but softer."""


def missing(voice: NumberedTts, line: ListeningLine) -> list[tuple[str, int]]:
    """Every piece of text the voice spoke, in order, and how many samples of it did not sound in full."""
    levels, counts = np.unique(np.concatenate(line.sounded), return_counts=True)
    heard = dict(zip(levels.tolist(), counts.tolist(), strict=True))
    spoken = enumerate(zip(voice.pieces, voice.lengths, strict=True))
    # A piece sounds as long as its characters, and the white space at its end says nothing.
    return [
        (piece.strip(), length * len(piece.rstrip()) // len(piece) - heard.get(1000 + number, 0))
        for number, (piece, length) in spoken
    ]


def can_be_heard_of(remembered: list[str], pieces: list[tuple[str, int]]) -> bool:
    """All that sounded in full is remembered, nothing else is, in this order. A word of which no more than a fade is
    missing was cut in its last 30 ms, or paused in: it may be remembered or not."""
    places = {0}
    for word, lost in pieces:
        after = {place + 1 for place in places if place < len(remembered) and remembered[place] == word}
        places = after if lost <= 0 else places | after if lost <= FADES else places
    return len(remembered) in places


def test_the_history_is_what_was_really_heard() -> None:
    interrupted = words = uncertain = 0
    for seed in range(50):
        parts: list[Stages] = []

        def listening(stages: Stages, parts: list[Stages] = parts) -> Stages:
            old = stages.transport
            assert isinstance(old, SimLine)
            assert isinstance(stages.tts, SimTts)
            line = ListeningLine(old._caller, old._timeline)
            voice = NumberedTts(stages.tts)
            parts.append(replace(stages, transport=line, tts=voice, sayings=Sayings(voice, 16_000)))
            return parts[0]

        call = hold_call(seed, manners=BUSY, change=listening)
        voice, line = parts[0].tts, parts[0].transport
        assert isinstance(voice, NumberedTts)
        assert isinstance(line, ListeningLine)
        remembered = remembered_words(call)
        pieces = missing(voice, line)
        assert can_be_heard_of(remembered, pieces), f"seed {seed}: {call.history} of {pieces}"
        uncertain += sum(0 < lost <= FADES for _, lost in pieces)
        words += len(remembered)
        interrupted += sum(entry.interrupted for entry in call.history)
    assert uncertain < words / 50
    assert interrupted > 50
    assert words > 5000


def remembered_words(call: SimulatedCall) -> list[str]:
    """Of all replies, as the trace has them; the history itself forgets the oldest of a very long call."""
    heard = [e.record.heard for e in call.trace.entries if isinstance(e.record, PlayoutStopped | PlayoutFinished)]
    in_history = [entry.text for entry in call.history if entry.role == "assistant"]
    assert [text for text in heard if text] == in_history
    return " ".join(in_history).split()
