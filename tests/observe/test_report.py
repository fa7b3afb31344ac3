from __future__ import annotations

import base64
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from hocket.errors import InputError, MissingError, TraceError
from hocket.observe.report import write_report
from hocket.trace.records import Entry
from tests.trace.golden_traces import golden
from tests.trace.make import TurnSpec, call, calm_call


def written(entries: list[Entry], folder: Path, recording: Path | None = None) -> str:
    path = folder / "report.html"
    write_report(entries, path, recording)
    return path.read_text(encoding="utf-8")


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


class Addresses(HTMLParser):
    """Everything a browser would fetch, and the text outside scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        self.found += [str(value) for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        if named.get("http-equiv") == "Content-Security-Policy":
            self.policy = str(named["content"])

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["script"]:
            self.text += data


def parsed(page: str) -> Addresses:
    parser = Addresses()
    parser.feed(page)
    return parser


def test_the_page_fetches_nothing_and_forbids_it(tmp_path: Path) -> None:
    page = parsed(written(golden("cold"), tmp_path))
    assert page.found == []
    assert page.policy.startswith("default-src 'none';")
    assert "http" not in page.policy
    assert {"iframe", "img", "link", "object"}.isdisjoint(page.tags)


def test_every_placeholder_is_filled(tmp_path: Path) -> None:
    page = written(golden("barge_in"), tmp_path)
    assert re.findall(r"\{\{[a-z_]+\}\}", page) == []
    assert "Plotly" in page


def test_it_shows_percentiles_kind_of_time_and_what_was_dropped(tmp_path: Path) -> None:
    text = parsed(written(golden("barge_in"), tmp_path)).text
    assert "virtual time" in text
    assert "1 of 2 turns measured" in text
    assert "1 not measured: no sound: the caller went on speaking, the reply was withdrawn." in text
    assert "Dropped because a queue was full: transport 3." in text
    # Percentiles are within 1 %, the table is exact.
    assert re.search(r"Onset to silence: p50 7[45] ms, p95 8[456] ms", text)
    assert "1.43 s85 ms270 msstopped" in text


def test_the_transcript_is_as_heard(tmp_path: Path) -> None:
    text = parsed(written(golden("barge_in"), tmp_path)).text
    assert "Harbour Clinic, how cut off" in text
    assert "can I help" not in text
    assert "are you open (withdrawn: the caller went on)" in text


def test_speculation_and_its_waste(tmp_path: Path) -> None:
    text = parsed(written(golden("speculated"), tmp_path)).text
    for fact in ("hits1", "misses0", "tokens wasted5", "head start p50"):
        assert fact in text


def test_the_charts_get_every_turn_on_the_axis_of_the_recording(tmp_path: Path) -> None:
    data = data_of(written(golden("cold"), tmp_path))
    (turn,) = data["turns"]
    assert (turn["lastSpeech"], turn["commit"], turn["audible"], turn["latency"]) == (2.0, 2.27, 2.515, 515)
    assert sum(ms for _, ms in turn["parts"]) == pytest.approx(515)
    assert ["llm", 2.271, 2.371, 2.5, "ended", ""] in turn["spans"]
    assert data["speech"] == [[1.0, 2.0]]
    assert data["wave"] is None


def test_both_sides_of_the_recording_are_in_the_page(tmp_path: Path) -> None:
    sound = np.zeros((32_000, 2), np.int16)
    sound[16_000:, 1] = 20_000
    soundfile.write(tmp_path / "call.wav", sound, 16_000)
    wave = data_of(written(golden("cold"), tmp_path, tmp_path / "call.wav"))["wave"]
    agent = np.frombuffer(base64.b64decode(wave["agent"]), np.int8).reshape(-1, 2)
    assert wave["bucket"] == 0.01
    assert agent[:, 1].tolist() == [0] * 100 + [78] * 100
    assert not any(base64.b64decode(wave["caller"]))


def test_a_broken_recording_is_said_and_the_rest_shown(tmp_path: Path) -> None:
    broken = tmp_path / "call.wav"
    broken.write_bytes(b"RIFF")
    text = parsed(written(golden("cold"), tmp_path, broken)).text
    assert "No waveforms are shown: call.wav cannot be read as audio" in text
    assert "515" in text


def test_words_of_a_caller_are_never_markup(tmp_path: Path) -> None:
    evil = '</script><img src=x onerror=alert(1)> & "{{style}}"'
    page = written(call(TurnSpec(text=evil, heard=evil)), tmp_path)
    found = parsed(page)
    assert "img" not in found.tags
    assert found.found == []
    assert evil in found.text
    assert data_of(page)["turns"][0]["text"] == evil


def test_a_long_call_stays_small(tmp_path: Path) -> None:
    entries = calm_call(60)
    page = written(entries, tmp_path)
    assert len(data_of(page)["turns"]) == 60
    assert len(page) - page.index('id="data"') < 6_000_000
    assert len(json.dumps(data_of(page))) < 120_000


def test_a_call_without_turns_and_a_trace_without_an_end(tmp_path: Path) -> None:
    text = parsed(written(golden("cold")[:2], tmp_path)).text
    assert "0 of 0 turns measured" in text
    assert "The trace has no end" in text


def test_mistakes_are_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TraceError, match="no first line"):
        write_report([], tmp_path / "x.html")
    with pytest.raises(InputError, match="cannot be written"):
        write_report(golden("cold"), tmp_path)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(MissingError, match=r"install hocket\[report\]"):
        write_report(golden("cold"), tmp_path / "x.html")
