from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.audio.frame import FRAME_MS, Frame
from hocket.errors import SttError
from hocket.resilience.fallback_stt import HEALTHY_S, REOPEN_S, FallbackStt, _Stream
from hocket.resilience.replay import BURST_MS
from hocket.resilience.slots import Slots
from hocket.session.session import Stages
from hocket.sim.calls import hold_call
from hocket.sim.hearing import SimStt
from hocket.sim.loop import run
from hocket.sim.script import Word, spoken
from hocket.stages.stt import SttStream, Transcript
from hocket.trace.log import TraceLog
from hocket.trace.records import Mark
from hocket.turn.events import Transcribed
from tests.resilience.ears import ALL, FRAME, LASTS_MS, RATE, WORDS, EarStt, Heard, chain_of, frames, hold, loud_for
from tests.stages.contract import check_stt

AUDIO = loud_for(WORDS)
LAST_FRAME = LASTS_MS // FRAME_MS
LOST = SttError("The provider is lost.")


def cut(ear: EarStt, how: Exception | None = LOST) -> Callable[[SttStream], None]:
    return lambda _: ear.last.cut(how)


def shrinks(transcripts: list[tuple[float, Transcript]]) -> bool:
    """Whether an interim said less than the one before it."""
    shown = 0
    for _, transcript in transcripts:
        words = len(transcript.text.split())
        if not transcript.final and words < shown:
            return True
        shown = 0 if transcript.final else words
    return False


@settings(max_examples=150, deadline=None)
@given(
    cuts=st.lists(st.integers(1, LAST_FRAME), max_size=3),
    settles=st.lists(st.integers(1, LAST_FRAME), max_size=2),
    asks=st.lists(st.integers(1, LAST_FRAME), max_size=2),
    opening_s=st.sampled_from([0.0, 0.05, 0.4]),
    final_s=st.sampled_from([0.0, 0.1, 0.5]),
)
def test_whenever_it_is_lost_no_word_is_lost_or_doubled(
    cuts: list[int], settles: list[int], asks: list[int], opening_s: float, final_s: float
) -> None:
    ear = EarStt(openings=(0.0, opening_s), final_s=final_s)
    slots = Slots({"ear": 1})

    def at(index: int) -> Callable[[SttStream], None]:
        def happen(stream: SttStream) -> None:
            if index in settles:
                ear.last.settle()
            if index in asks:
                stream.finalize()
            if index in cuts:
                ear.last.cut(LOST)

        return happen

    heard = run(hold([ear], AUDIO, {index: at(index) for index in (*cuts, *settles, *asks)}, slots=slots))
    assert heard.text == ALL
    assert heard.error is None
    assert heard.dropped == 0
    assert heard.transcripts[-1][1].finalized, "the last finalize was answered"
    assert not shrinks(heard.transcripts)
    assert all(stream.closed for stream in ear.streams)
    assert slots.taken("ear") == 0
    for stream in ear.streams:
        ats = [frame.at for _, frame in stream.given]
        assert ats == sorted(set(ats)), "frames come in order, and once"
    for stream in ear.streams[1:]:
        assert stream.is_paced(300, 1.25)


@pytest.mark.parametrize("how", [LOST, ValueError("a bug of somebody's"), None])
def test_a_recogniser_that_is_lost_is_replaced_while_the_call_goes_on(how: Exception | None) -> None:
    ear = EarStt(openings=(0.0, 0.3))
    heard = run(hold([ear], AUDIO, {70: cut(ear, how)}))
    assert heard.text == ALL
    assert len(ear.streams) == 2
    assert heard.steps == [("stt", "left"), ("connect", "started"), ("connect", "ended"), ("stt", "replayed")]
    left, started, _, replayed = heard.notices
    expected = "ended in the middle" if how is None else "is lost" if how is LOST else "failed with ValueError"
    assert expected in left.detail
    assert started.detail == "ear"
    assert 1400 < replayed.count < 3600
    assert heard.answers == 1


def test_silence_is_not_sent_again_and_times_are_those_of_the_call() -> None:
    ear = EarStt(WORDS[-2:])
    audio = loud_for(WORDS[-2:], 4000)
    heard = run(hold([ear], audio, {120: cut(ear)}))
    assert heard.text == "on Friday"
    first = ear.last.given[: BURST_MS // FRAME_MS]
    # 150 ms after what was settled last, at 0, and 150 ms of the newest silence.
    assert [frame.at // FRAME for _, frame in first][-1] >= 112
    assert ear.last.is_paced(300, 1.25)
    assert heard.transcripts[-1][1].until_ms == 4000


def test_what_is_settled_is_not_heard_again() -> None:
    ear = EarStt()
    # A final is asked for in the pause after "table"; the recogniser is lost in the middle of "Friday".
    heard = run(hold([ear], AUDIO, {80: lambda stream: stream.finalize(), 150: cut(ear)}))
    assert [each.text for _, each in heard.transcripts if each.final] == ["I would like a table", "for two on Friday"]
    assert ear.last.given[0][1].at == 80 * FRAME
    assert [each.until_ms for _, each in heard.transcripts if each.final] == [1600, LASTS_MS]


def test_a_recogniser_that_does_not_say_how_far_a_final_reaches_settled_what_it_was_asked_for() -> None:
    ear = EarStt(tells=False)
    heard = run(hold([ear], AUDIO, {80: lambda stream: stream.finalize(), 150: cut(ear)}))
    assert heard.text == ALL
    assert ear.last.given[0][1].at == 80 * FRAME
    assert all(each.until_ms is None for _, each in heard.transcripts)
    # Of a final of its own it is only known when it came.
    ear = EarStt(tells=False, final_s=0.1)
    heard = run(hold([ear], AUDIO, {80: lambda _: ear.last.settle(), 150: cut(ear)}))
    assert heard.text == ALL
    assert ear.last.given[0][1].at == pytest.approx((85 - 15) * FRAME, abs=FRAME)


def test_interims_do_not_fall_back_behind_what_was_shown() -> None:
    ear = EarStt()
    heard = run(hold([ear], AUDIO, {125: cut(ear)}))
    interims = [each.text for _, each in heard.transcripts if not each.final]
    assert interims == [" ".join(ALL.split()[:count]) for count in (1, 2, 3, 4, 5, 6, 6, 7, 8, 9)[: len(interims)]]
    assert interims[-1].endswith("Friday")


def test_another_that_hears_less_is_believed_in_the_end() -> None:
    ear, hard_of_hearing = EarStt(name="a"), EarStt(WORDS[:3] + WORDS[5:], name="b")
    ear.openings = (0.0, SttError("It is gone."))
    heard = run(hold([ear, hard_of_hearing], AUDIO, {80: cut(ear)}))
    assert heard.text == "I would like for two on Friday"


def test_a_final_that_was_asked_for_is_asked_of_the_next_when_it_has_heard_all_before() -> None:
    ear = EarStt(openings=(0.0, 1.0), final_s=0.3)
    asked = {165: lambda stream: stream.finalize(), 170: cut(ear), 172: lambda stream: stream.finalize()}
    heard = run(hold([ear], AUDIO, asked))
    first, second = ear.streams
    assert (first.finalized, second.finalized) == (1, 1)
    assert heard.text == ALL
    (answer_s,) = [at_s for at_s, each in heard.transcripts if each.finalized]
    assert answer_s < 9


def test_the_answer_to_a_final_asked_for_meanwhile_need_not_wait_for_what_is_said_later() -> None:
    ear = EarStt()
    heard = run(hold([ear], AUDIO, {60: cut(ear), 75: lambda stream: stream.finalize()}))
    answers = [(at_s, each.text) for at_s, each in heard.transcripts if each.finalized]
    assert [text for _, text in answers] == ["I would like a table", "for two on Friday"]
    assert answers[0][0] < 2.6


def test_it_is_given_up_when_all_attempts_have_failed() -> None:
    ear = EarStt(openings=(0.0, SttError("The provider refuses.")))
    heard = run(hold([ear], AUDIO, {10: cut(ear)}))
    assert str(heard.error) == "The provider refuses."
    assert np.diff(ear.opened_at[1:]) == pytest.approx(REOPEN_S[1:])
    assert heard.steps[1:3] == [("connect", "started"), ("connect", "failed")]


def test_a_provider_that_is_gone_for_two_seconds_loses_no_word() -> None:
    gone = SttError("The provider refuses.")
    ear = EarStt(openings=(0.0, gone, gone, 0.1))
    heard = run(hold([ear], AUDIO, {60: cut(ear)}))
    assert heard.text == ALL
    assert heard.error is None


def test_while_it_is_replaced_its_slot_is_kept_from_new_calls() -> None:
    gone = SttError("The provider refuses.")
    ear = EarStt(openings=(0.0, gone, gone, 0.1))
    slots, room = Slots({"ear": 2}), []
    looks = {frame: lambda _: room.append(slots.has_room(["ear"])) for frame in (*range(1, 60), *range(61, 160))}
    taken = [slots.take("ear")]
    heard = run(hold([ear], AUDIO, {**looks, 60: cut(ear)}, slots=slots))
    assert taken == [True]
    assert heard.error is None
    assert not any(room)
    assert slots.has_room(["ear"]), "the call is over"


def test_an_error_that_trying_again_cannot_help_is_not_tried_again() -> None:
    invalid = SttError("The key is not valid.", retryable=False)
    ear = EarStt()
    heard = run(hold([ear], AUDIO, {10: cut(ear, invalid)}))
    assert heard.error is invalid
    assert len(ear.opened_at) == 1
    # Another provider is asked at once, and for good.
    ear, other = EarStt(name="a"), EarStt(name="b")
    heard = run(hold([ear, other], AUDIO, {60: cut(ear, invalid), 100: lambda _: other.last.cut(LOST)}))
    assert heard.text == ALL
    assert (len(ear.opened_at), len(other.opened_at)) == (1, 2)
    assert other.opened_at[0] == pytest.approx(60 * FRAME_MS / 1000)
    # Also when it is not the first loss in a row.
    ear, other = EarStt(name="a"), EarStt(name="b")
    heard = run(hold([ear, other], AUDIO, {5: cut(ear), 8: lambda _: other.last.cut(invalid)}))
    assert heard.text == ALL
    assert ear.opened_at[1] == pytest.approx(8 * FRAME_MS / 1000)


def test_recognisers_that_are_lost_at_once_every_time_are_given_up() -> None:
    class Falls(EarStt):
        async def open(self, rate: int, language: str = "en"):  # type: ignore[no-untyped-def]
            stream = await super().open(rate, language)
            stream.cut(LOST)
            return stream

    ear = Falls()
    heard = run(hold([ear], AUDIO, waits_s=60))
    assert heard.error is LOST
    assert len(ear.opened_at) == 1 + len(REOPEN_S)


def test_recognisers_that_hang_up_on_silence_are_replaced_for_ever() -> None:
    ear = EarStt()
    every = range(600, 9000, round((HEALTHY_S + 2) * 1000 / FRAME_MS))
    heard = run(hold([ear], np.zeros(RATE * 180, np.int16), {index: cut(ear) for index in every}))
    assert heard.error is None
    assert len(ear.opened_at) == 1 + len(every)
    assert heard.dropped == 0


def test_the_next_provider_stands_in_when_the_first_cannot_be_opened_again() -> None:
    first, second = EarStt(name="a", openings=(0.0, SttError("It is gone."))), EarStt(name="b", openings=(0.2,))
    slots = Slots({"a": 1, "b": 1})
    heard = run(hold([first, second], AUDIO, {100: cut(first)}, slots=slots))
    assert heard.text == ALL
    assert (slots.taken("a"), slots.taken("b")) == (0, 0)
    assert [notice.detail for notice in heard.notices if notice.step == "left"] == [str(LOST), "It is gone."]


def test_one_that_never_brought_a_word_is_not_preferred_to_another() -> None:
    first, second = EarStt(name="a"), EarStt(name="b")
    heard = run(hold([first, second], AUDIO, {5: cut(first)}))
    assert heard.text == ALL
    assert (len(first.streams), len(second.streams)) == (1, 1)


def test_words_that_break_every_recogniser_are_taken_as_they_were_shown() -> None:
    class Breaks(EarStt):
        async def open(self, rate: int, language: str = "en"):  # type: ignore[no-untyped-def]
            stream = await super().open(rate, language)
            hear = stream.push

            def push(frame: Frame) -> None:
                hear(frame)
                if frame.at == 60 * FRAME:
                    stream.cut(LOST)

            stream.push = push  # type: ignore[method-assign]
            return stream

    ear = Breaks()
    heard = run(hold([ear], AUDIO, {75: lambda stream: stream.finalize()}))
    assert heard.error is None
    assert heard.text == "I would like a for two on Friday"
    assert len(ear.streams) == 5


def deafen(ear: EarStt) -> Callable[[SttStream], None]:
    def happen(_: SttStream) -> None:
        ear.last.deaf = True

    return happen


LONG = tuple(Word(f"w{index}", 300 * index, 300 * index + 250) for index in range(1, 30))


@pytest.mark.parametrize("at", [1, 60, 100, 200])
def test_one_that_goes_deaf_while_somebody_speaks_is_replaced(at: int) -> None:
    ear = EarStt(LONG)
    heard = run(hold([ear], loud_for(LONG, 10_000), {at: deafen(ear)}, waits_s=20))
    assert heard.text == " ".join(word.text for word in LONG)
    assert len(ear.streams) == 2
    assert "heard no word in 1.5 s of speech" in heard.notices[0].detail
    # Silence gives no reason to suspect it.
    quiet = EarStt(())
    heard = run(hold([quiet], loud_for((), 10_000), {1: deafen(quiet)}))
    assert len(quiet.streams) == 1


def test_an_answer_that_leaves_the_last_words_out_is_no_answer() -> None:
    class GivesUp(EarStt):
        """As an adapter that answers from the interim when the provider does not."""

        async def open(self, rate: int, language: str = "en"):  # type: ignore[no-untyped-def]
            stream = await super().open(rate, language)
            if len(self.streams) == 1:
                stream.finalize = lambda: stream._out.put_nowait(  # type: ignore[method-assign]
                    Transcript("I would like a", True, True, 860)
                )
            return stream

    words = WORDS[:5]
    ear = GivesUp(words)
    heard = run(hold([ear], loud_for(words, 1500), {50: deafen(ear)}))
    assert heard.text == "I would like a table"
    assert heard.answers == 1
    assert "without the last words" in heard.notices[0].detail


def test_noise_changes_a_recogniser_seldom() -> None:
    ear = EarStt(())
    # Bursts of noise that no floor can rise to.
    noise = tuple(Word("noise", start, start + 600) for start in range(500, 39_000, 1000))
    run(hold([ear], loud_for(noise, 40_000)))
    assert 2 <= len(ear.streams) <= 6
    assert min(np.diff(ear.opened_at[1:])) >= 10


def test_one_that_says_nothing_before_it_is_asked_is_not_taken_for_deaf_twice() -> None:
    ear = EarStt(LONG, interims=False)

    async def calls() -> list[str]:
        stt = FallbackStt(chain_of(ear))
        found = []
        for _ in range(2):
            stream = await stt.open(RATE)
            for frame in frames(loud_for(LONG, 9500)):
                stream.push(frame)
                await asyncio.sleep(FRAME_MS / 1000)
            stream.finalize()
            async for transcript in stream:
                found.append(transcript.text)
                break
            await stream.close()
        return found

    assert run(calls()) == [" ".join(word.text for word in LONG)] * 2
    assert len(ear.streams) == 3


def test_frames_that_had_to_make_room_are_counted() -> None:
    ear = EarStt((), openings=(0.0, 4.9))
    audio = loud_for(tuple(Word("x", start, start + 900) for start in range(0, 39_000, 1000)), 40_000)

    async def scenario() -> int:
        stream = await FallbackStt(chain_of(ear)).open(RATE)
        heard = Heard()
        reader = asyncio.create_task(heard.read(stream))
        await asyncio.sleep(0)
        ear.last.dropped = 3
        cut(ear)(stream)
        await asyncio.sleep(0.1)
        for frame in frames(audio):
            stream.push(frame)
        await asyncio.sleep(6)
        dropped = stream.dropped
        await stream.close()
        await reader
        assert stream.dropped == dropped
        return dropped

    assert run(scenario()) == 3 + 10_000 // FRAME_MS


def test_the_breaker_learns_how_fast_finals_come() -> None:
    async def scenario() -> None:
        chain = chain_of(EarStt(final_s=0.7))
        stream = await FallbackStt(chain).open(RATE)
        reader = asyncio.create_task(Heard().read(stream))
        for _ in range(3):
            assert not chain.links[0].breaker.open
            stream.finalize()
            await asyncio.sleep(1)
        assert "700 ms" in chain.links[0].breaker.why
        await stream.close()
        await reader

    run(scenario())


def test_a_trial_that_was_asked_nothing_is_no_result() -> None:
    async def scenario() -> None:
        chain = chain_of(EarStt())
        breaker = chain.links[0].breaker
        breaker.failed(SttError("Later.", retry_after_s=1))
        await asyncio.sleep(6)
        stream = await FallbackStt(chain).open(RATE)
        assert not breaker.allows(), "it is being tried"
        await stream.close()
        assert breaker.allows()

    run(scenario())


def test_no_room_in_any_account_is_said() -> None:
    async def scenario() -> None:
        slots = Slots({"ear": 1})
        stt = FallbackStt(chain_of(EarStt(), slots=slots))
        first = await stt.open(RATE)
        with pytest.raises(SttError, match="All streams that the accounts of ear"):
            await stt.open(RATE)
        await first.close()
        await (await stt.open(RATE)).close()

    run(scenario())


def test_a_lost_one_that_does_not_close_holds_nobody_up() -> None:
    ear = EarStt()

    def stick(_: SttStream) -> None:
        ear.last.close_takes_s = 10_000
        ear.last.cut(LOST)

    heard = run(hold([ear], AUDIO, {60: stick}))
    assert heard.text == ALL


def test_recognition_keeps_the_contract() -> None:
    text = check_stt(
        lambda: FallbackStt(chain_of(EarStt())),
        AUDIO,
        RATE,
        run,
        broken=lambda: (
            FallbackStt(chain_of(EarStt(openings=(0.0, LOST)))) if False else FallbackStt(chain_of(Broken()))
        ),
    )
    assert text == ALL


class Broken(EarStt):
    async def open(self, rate: int, language: str = "en"):  # type: ignore[no-untyped-def]
        if self.streams:
            raise LOST
        stream = await super().open(rate, language)
        stream.cut(LOST)
        return stream


SCRIPT = [
    spoken("question", "What time do you close on Fridays?", Random(1)),
    spoken("statement", "We would prefer a table near the window.", Random(2)),
    spoken("statement", "That sounds fine to me.", Random(3)),
]


@pytest.mark.parametrize("lost_after_ms", [4_500, 6_000, 9_000])
def test_a_whole_call_goes_on_when_its_recogniser_is_lost_again_and_again(lost_after_ms: int) -> None:
    def fragile(stages: Stages) -> Stages:
        assert isinstance(stages.stt, SimStt)
        stages.stt._lost_after_ms = lost_after_ms
        return replace(stages, stt=FallbackStt(chain_of(stages.stt)))

    call = hold_call(3, script=SCRIPT, change=fragile)
    assert call.record.reason == "The caller hung up."
    finals = [each.record for each in call.trace.entries if isinstance(each.record, Transcribed) and each.record.final]
    assert words_of(" ".join(final.text for final in finals)) == words_of(
        " ".join(utterance.text for utterance in SCRIPT)
    )
    steps = [(mark.stage, mark.step) for mark in marks_of(call.trace)]
    assert steps.count(("stt", "replayed")) >= 2
    assert not any(step == "failed" for _, step in steps)


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def marks_of(trace: TraceLog) -> list[Mark]:
    return [entry.record for entry in trace.entries if isinstance(entry.record, Mark)]


def test_a_closed_one_keeps_no_audio() -> None:
    async def scenario() -> None:
        stream = await FallbackStt(chain_of(EarStt())).open(RATE)
        for frame in frames(AUDIO):
            stream.push(frame)
        assert isinstance(stream, _Stream)
        assert stream._backlog.end - stream._backlog.start > RATE
        await stream.close()
        assert stream._backlog.end - stream._backlog.start <= 1

    run(scenario())
