from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest

from hocket.clock import MS
from hocket.ids import ReplyId
from hocket.observe.feed import DISMISSED_NS, Feed
from hocket.sim.calls import hold_call
from hocket.trace.latency import turns
from hocket.trace.news import Caption, News, State, Summary, TailCause, Turn
from hocket.trace.records import Entry, Mark
from hocket.turn.commands import StartSay
from hocket.turn.events import PlayoutFinished, PlayoutStarted, PlayoutStopped, SpeechStarted, Transcribed
from tests.trace.golden_traces import golden
from tests.trace.make import TurnSpec, call, calm_call

N = TypeVar("N", bound=News)


def told(entries: Sequence[Entry]) -> list[News]:
    news: list[News] = []
    feed = Feed(news.append)
    for entry in entries:
        feed.record(entry.now, entry.record)
    return news


def only(kind: type[N], news: list[News]) -> list[N]:
    return [one for one in news if isinstance(one, kind)]


def captions(news: list[News], who: str) -> list[tuple[str, bool]]:
    return [(one.text, one.final) for one in only(Caption, news) if one.who == who]


def test_a_golden_call_as_its_client_sees_it() -> None:
    news = told(golden("cold"))
    assert [one.state for one in only(State, news)] == ["thinking", "speaking", "listening"]
    assert captions(news, "caller") == [
        ("when are you", False),
        ("when are you open", False),
        ("when are you open", True),
    ]
    assert captions(news, "agent") == [("We open at nine.", False), ("We open at nine.", True)]
    heard, ended = only(Turn, news)
    assert (heard.number, heard.agent, heard.response_latency_ms) == (1, "", 515.0)
    assert (ended.number, ended.agent, ended.response_latency_ms) == (1, "We open at nine.", 515.0)
    assert sum(part.ms for part in ended.path) == 515.0
    assert {bar.row for bar in ended.bars} == {"vad", "silence", "confirm", "stt", "llm", "tts", "playout"}
    assert next(bar for bar in ended.bars if bar.row == "vad").start_ms == 0.0
    [summary] = only(Summary, news)
    assert (summary.turns, summary.long_turns, summary.response_latency.p50) == (1, 1, 515.0)
    assert summary.tail == (TailCause("silence", 1),)
    assert isinstance(news[-1], Summary)


def test_a_withdrawn_turn_is_no_turn_and_its_words_are_not_final() -> None:
    news = told(golden("barge_in"))
    assert [turn.number for turn in only(Turn, news)] == [1, 1]
    assert ("are you open", True) not in captions(news, "caller")
    assert ("are you open on sunday", True) in captions(news, "caller")


def test_an_agent_that_is_interrupted_keeps_the_words_that_were_heard() -> None:
    finals = [one for one in only(Caption, told(golden("barge_in"))) if one.who == "agent" and one.final]
    assert [(one.text, one.interrupted) for one in finals] == [
        ("Harbour Clinic, how", True),
        ("No, on Sunday", True),
    ]


def test_an_agent_that_yields_listens_and_goes_on() -> None:
    states = [one.state for one in only(State, told(golden("barge_in")))]
    assert states[:4] == ["thinking", "speaking", "listening", "speaking"]


def test_a_speculation_says_what_it_saved_and_wasted() -> None:
    *_, turn = only(Turn, told(golden("speculated")))
    assert (turn.speculation, turn.saved_ms, turn.wasted_tokens) == ("hit", 230.0, 5)
    [summary] = only(Summary, told(golden("speculated")))
    assert (summary.speculation_hits, summary.saved_ms, summary.wasted_tokens) == (1, 230.0, 5)


def test_every_turn_of_a_call_is_told_with_its_words_and_its_number() -> None:
    entries = hold_call(11, turns=20).trace.entries
    news = told(entries)
    whole = [turn for turn in turns(entries) if turn.outcome != "withdrawn"]
    ended = {turn.number: turn for turn in only(Turn, news)}
    assert [(one.caller, one.agent) for one in ended.values()] == [(turn.text, turn.heard) for turn in whole]
    assert list(ended) == list(range(1, len(whole) + 1))
    assert len(only(Summary, news)) == len(whole)
    finals = [text for text, final in captions(news, "caller") if final]
    assert len(finals) == len(whole)


def test_percentiles_appear_when_they_are_more_than_the_longest_turn() -> None:
    summaries = only(Summary, told(calm_call(110)))
    assert summaries[8].response_latency.p90 is None
    assert summaries[9].response_latency.p90 is not None
    assert summaries[18].response_latency.p95 is None
    assert summaries[19].response_latency.p95 is not None
    assert summaries[98].response_latency.p99 is None
    last = summaries[-1].response_latency
    exact = sorted(turn.response_latency or 0 for turn in turns(calm_call(110)))
    assert last.p50 == pytest.approx(exact[54] / MS, abs=0.1)
    assert last.p99 == pytest.approx(exact[108] / MS, abs=0.1)


def test_the_tail_is_told_by_cause() -> None:
    spread = [TurnSpec(at=1000 + 6000 * n) for n in range(6)]
    long = [TurnSpec(at=40_000, tool=400), TurnSpec(at=50_000, tool=500), TurnSpec(at=60_000, tts=500)]
    *_, summary = only(Summary, told(call(*spread, *long)))
    assert summary.long_turns == 3
    assert summary.tail == (TailCause("tool", 2), TailCause("tts", 1))


def test_words_that_were_taken_for_no_turn_are_not_said_with_the_next() -> None:
    news = told(
        [
            Entry(0, SpeechStarted(0)),
            Entry(100 * MS, Transcribed("hm", final=True)),
            Entry(200 * MS + DISMISSED_NS, SpeechStarted(0)),
            Entry(300 * MS + DISMISSED_NS, Transcribed("hello", final=False)),
        ]
    )
    assert captions(news, "caller") == [("hm", False), ("hello", False)]


def test_a_reply_is_not_told_token_by_token() -> None:
    """Each caption has all the words so far, so that would be quadratic."""
    reply = ReplyId(1)
    entries = [Entry(0, StartSay(reply, "", "say")), Entry(0, PlayoutStarted(reply))]
    entries += [Entry(n * 20 * MS, Mark("tts", "segment", reply, f"word{n} ")) for n in range(100)]
    entries.append(Entry(2_000 * MS, Mark("llm", "ended", reply)))
    agents = captions(told(entries), "agent")
    assert 5 <= len(agents) <= 10
    assert agents[-1][0].endswith("word99 ")


def test_an_agent_of_whom_nothing_was_heard_after_all_takes_its_words_back() -> None:
    reply = ReplyId(1)
    news = told(
        [
            Entry(0, StartSay(reply, "Hello.", "greeting")),
            Entry(1, PlayoutStarted(reply)),
            Entry(2, PlayoutStopped(reply, "", "Hello.")),
        ]
    )
    assert captions(news, "agent") == [("Hello.", False), ("", True)]


def test_what_never_sounded_has_no_caption() -> None:
    assert captions(told([Entry(0, PlayoutFinished(ReplyId(1), ""))]), "agent") == []
