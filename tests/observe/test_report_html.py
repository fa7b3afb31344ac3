from __future__ import annotations

import re
from html import unescape

import msgspec
import pytest

from hocket.clock import MS, SECOND
from hocket.ids import ReplyId
from hocket.observe import report_html
from hocket.trace.barge_ins import BargeIn, barge_ins
from hocket.trace.latency import turns
from hocket.trace.records import Closed, Entry, TimeKind
from hocket.turn.events import PlayoutFinished
from tests.trace.golden_traces import golden
from tests.trace.make import HEAD, TurnSpec, call, calm_call

EVIL = '<b onclick="x()">&'


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "|", html))


def rows_of(table: str) -> list[list[str]]:
    """The cells of a table, heads first."""
    rows = re.findall(r"<tr>(.*?)</tr>", table)
    return [[unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]


@pytest.mark.parametrize(
    ("time", "meaning"),
    [
        ("real", "measured by the clock"),
        ("virtual", "their delays were drawn, not measured"),
        ("modelled", "processor time added to virtual time"),
    ],
)
def test_the_header_says_what_kind_of_time_the_figures_are_in(time: TimeKind, meaning: str) -> None:
    html = report_html.header(msgspec.structs.replace(HEAD, time=time), [])
    assert f'class="pill {time}"' in html
    assert meaning in html


def test_the_header_names_the_call_its_stages_and_every_note() -> None:
    text = text_of(report_html.header(HEAD, ["The call was cut off.", EVIL]))
    for fact in ("clinic", "call c1", "2025-01-01", "preset adaptive", "stt simulated", "The call was cut off.", EVIL):
        assert fact in text


def test_names_from_outside_are_never_markup() -> None:
    head = msgspec.structs.replace(HEAD, agent=EVIL, stages={"stt": EVIL})
    evil_call = [*call(TurnSpec(text=EVIL, heard=EVIL), closed=False), Entry(0, Closed(EVIL, {EVIL: 1}))]
    page = report_html.header(head, [EVIL]) + report_html.turn_table(turns(evil_call))
    page += report_html.transcript(evil_call, 0) + report_html.foot(evil_call)
    assert "<b onclick" not in page
    assert text_of(page).count(EVIL) == 8  # title, stage, note; question; question, answer; reason, queue


def test_the_tiles_are_both_latencies_percentiles() -> None:
    html = report_html.tiles(turns(golden("cold")))
    values = [int(ms) for ms in re.findall(r"<dd>(\d+) ms</dd>", html)]
    assert values[:4] == pytest.approx([515] * 4, rel=0.01)
    assert values[4:] == pytest.approx([245] * 4, rel=0.01)
    assert "1 of 1 turns measured; 1 took more than 500 ms. With fewer than 100 turns" in text_of(html)


def test_few_turns_are_warned_of_and_many_are_not() -> None:
    assert "fewer than 100" not in report_html.tiles(turns(calm_call(110)))
    empty = text_of(report_html.tiles([]))
    assert "fewer than 100" not in empty
    assert empty.count("–") == 8


def test_the_turn_table_has_the_numbers_and_only_the_parts_that_were_on_a_path() -> None:
    heads, cold = rows_of(report_html.turn_table(turns(golden("cold"))))
    parts = ["vad", "silence", "confirm", "llm", "segment", "tts", "playout"]
    assert heads[-len(parts) :] == parts
    assert cold[:9] == ["1", "when are you open", "answered", "515", "245", "270", "40", "100", "100"]
    assert cold[9:] == ["100", "110", "60", "101", "36", "100", "8"]
    assert sum(int(cell) for cell in cold[9:]) == int(cold[3])


def test_a_turn_without_a_latency_says_why_and_has_dashes() -> None:
    _, withdrawn, interrupted = rows_of(report_html.turn_table(turns(golden("barge_in"))))
    assert withdrawn[2] == "withdrawn (no sound: the caller went on speaking, the reply was withdrawn)"
    assert withdrawn[3] == "–"
    assert set(withdrawn[9:]) == {""}
    assert interrupted[2:4] == ["interrupted", "500"]


def test_barge_ins_are_told_from_the_calls_own_beginning() -> None:
    epoch = 3 * SECOND
    found = [
        BargeIn(
            ReplyId(1), epoch + 2 * SECOND, 0, epoch + 2 * SECOND + 70 * MS, epoch + 2 * SECOND + 250 * MS, "stopped"
        ),
        BargeIn(ReplyId(2), epoch + 5 * SECOND, 0),
    ]
    html = report_html.barge_in_table(found, epoch)
    assert rows_of(html)[1:] == [["2.00 s", "70 ms", "250 ms", "stopped"], ["5.00 s", "–", "–", "ignored"]]
    assert re.search(r"p50 (69|70|71) ms, p95 (69|70|71) ms", html)  # of those that yielded


def test_a_call_without_barge_ins_says_so() -> None:
    assert "never spoke over" in report_html.barge_in_table(barge_ins(golden("cold")), 0)


def test_speculation_of_hits_misses_and_nothing() -> None:
    text = text_of(report_html.speculation(turns(call(TurnSpec(), TurnSpec(at=9000, amended=True)))))
    facts = dict(re.findall(r"\|([\w /]+)\|\|([^|]+)\|", text))
    assert (facts["hits"], facts["misses"]) == ("1", "1")
    assert facts["tokens wasted"] == "9"
    assert facts["model calls a turn p50 / p95"] == "1.0 / 2.0"
    assert int(facts["head start p50"].removesuffix(" ms")) == pytest.approx(60, abs=1)
    none = text_of(report_html.speculation([]))
    assert none.count("–") == 2


def test_the_transcript_is_what_was_heard_with_amendments() -> None:
    html = report_html.transcript(call(TurnSpec(amended=True), TurnSpec(at=9000, barge_in=True)), 0)
    text = text_of(html)
    assert "when are you open on saturday please" in text
    assert "We are open |cut off" in text
    assert html.count('class="caller"') == html.count("data-turn=") == 2
    assert html.count('class="agent"') == 2


def test_what_was_not_heard_is_not_in_the_transcript() -> None:
    assert "Nothing was said" in report_html.transcript([Entry(0, PlayoutFinished(ReplyId(1), ""))], 0)


def test_the_foot_says_how_the_call_ended_and_what_was_lost() -> None:
    assert "The trace has no end" in report_html.foot(call(TurnSpec(), closed=False))
    calm = report_html.foot(call(TurnSpec()))
    assert "The call ended: caller hung up. Dropped because a queue was full: nothing." in calm
    lossy = report_html.foot([Entry(0, Closed("the line broke", {"stt": 4, "events": 1}))])
    assert "the line broke" in lossy
    assert "stt 4, events 1" in lossy
