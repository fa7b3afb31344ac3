from __future__ import annotations

import msgspec
import pytest

from hocket.clock import MS
from hocket.session.load import LoadLevel
from hocket.session.session import Stages
from hocket.sim.calls import SimulatedCall, hold_call
from hocket.trace.latency import turns
from hocket.trace.records import Entry, Mark
from hocket.trace.replay import check
from hocket.turn.commands import CommitTurn, StartReply
from hocket.turn.engine import TurnEngine
from hocket.turn.events import LoadShed
from hocket.turn.shedding import Shed


def test_followers_are_told_of_every_other_level_and_of_the_present_one() -> None:
    load = LoadLevel()
    told: list[int] = []
    load.follow("early", told.append)
    load.set(2)
    load.set(2)
    late: list[int] = []
    load.follow("late", late.append)
    load.leave("early")
    load.set(0)
    load.leave("never there")
    assert told == [2]
    assert late == [2, 0]


def test_a_follower_that_fails_does_not_keep_the_others_from_being_told(caplog: pytest.LogCaptureFixture) -> None:
    load = LoadLevel()
    told: list[int] = []

    def fails(level: int) -> None:
        raise RuntimeError("a bug")

    load.follow("broken", fails)
    load.follow("sound", told.append)
    load.set(1)
    assert told == [1]
    assert "a bug" in caplog.text


def held(level: int) -> SimulatedCall:
    load = LoadLevel()
    load.set(level)

    def loaded(stages: Stages) -> Stages:
        return Stages(
            stages.vad, stages.stt, stages.llm, stages.tts, stages.transport, stages.sayings, stages.retriever, load
        )

    call = hold_call(2, turns=8, change=loaded)
    assert not load._followers, "a call that is over follows no more"
    return call


def at(entries: list[Entry], reply: int, stage: str, step: str) -> int:
    """When the stage first did that for the reply."""
    return next(
        entry.now
        for entry in entries
        if isinstance(entry.record, Mark)
        and (entry.record.reply, entry.record.stage, entry.record.step) == (reply, stage, step)
    )


@pytest.mark.parametrize("level", list(Shed))
def test_what_is_left_out_is_in_the_trace_and_the_call_is_replayed_exactly(level: Shed) -> None:
    call = held(level)
    entries = call.trace.entries
    assert [entry.record for entry in entries if isinstance(entry.record, LoadShed)] == (
        [LoadShed(level)] if level else []
    )
    assert check(entries, TurnEngine(call.config)) is None
    assert any(turn.outcome == "answered" for turn in turns(entries))


def test_a_speculative_reply_is_written_early_and_spoken_from_the_commit_on() -> None:
    entries = held(Shed.SPECULATIVE_TTS).trace.entries
    early = {
        entry.record.reply for entry in entries if isinstance(entry.record, StartReply) and entry.record.speculative
    }
    commits = [(entry.now, entry.record) for entry in entries if isinstance(entry.record, CommitTurn)]
    hits = [(now, commit.reply) for now, commit in commits if commit.reply in early]
    assert len(hits) >= 4, "choose another seed"
    for committed_at, reply in hits:
        assert at(entries, reply, "llm", "started") < committed_at
        assert at(entries, reply, "tts", "segment") >= committed_at
    assert any(at(entries, reply, "llm", "first") < committed_at for committed_at, reply in hits)


def test_the_wait_for_the_commit_is_no_fault_of_the_segmenter() -> None:
    for turn in turns(held(Shed.SPECULATIVE_TTS).trace.entries):
        took = {part.name: part.duration for part in turn.parts}
        assert took.get("segment", 0) <= 60 * MS
        assert took.get("unexplained", 0) <= 1 * MS


def test_each_level_makes_the_caller_wait_longer_at_most_by_what_was_hidden() -> None:
    means = []
    for level in (Shed.NOTHING, Shed.SPECULATIVE_TTS, Shed.EARLY_LLM):
        latencies = [turn.response_latency for turn in turns(held(level).trace.entries)]
        known = [latency for latency in latencies if latency is not None]
        means.append(sum(known) / len(known))
    assert means[0] < means[1] <= means[2] < means[0] + 400 * MS


def test_an_old_trace_without_these_fields_reads_as_unloaded() -> None:
    line = b'{"type":"StartReply","reply":2,"text":"hi","speculative":true}'
    assert msgspec.json.decode(line, type=StartReply).voiced
