from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from hocket.cli.report import report
from hocket.errors import InputError, TraceError
from hocket.trace.log import TraceLog
from tests.trace.golden_traces import FOLDER
from tests.trace.make import HEAD, calm_call


def copied(name: str, folder: Path, to: str = "trace.jsonl") -> Path:
    return Path(shutil.copy(FOLDER / f"{name}.jsonl", folder / to))


def test_it_prints_the_waterfalls_and_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(copied("barge_in", tmp_path))
    printed = capsys.readouterr().out
    assert "“are you open on sunday”" in printed
    assert "withdrawn · not measured" in printed
    assert "response latency" in printed
    assert (tmp_path / "report.html").is_file()


def test_traces_in_one_folder_get_a_page_each(tmp_path: Path) -> None:
    report(copied("cold", tmp_path, "monday.jsonl"))
    report(copied("tool", tmp_path, "tuesday.jsonl"), html=tmp_path / "own.html")
    assert sorted(path.name for path in tmp_path.glob("*.html")) == ["monday.report.html", "own.html"]


def test_the_recording_is_looked_for_beside_the_trace_only(tmp_path: Path) -> None:
    inside = tmp_path / "call"
    inside.mkdir()
    with (inside / "trace.jsonl").open("wb") as sink:
        log = TraceLog(sink)
        log.write(0, msgspec.structs.replace(HEAD, recording="../call.wav"))
        for entry in calm_call(2)[1:]:
            log.write(entry.now, entry.record)
        log.flush()
    soundfile.write(tmp_path / "call.wav", np.zeros((16_000, 2), np.int16), 16_000)
    report(inside / "trace.jsonl")
    assert "There is no recording beside this trace" in (inside / "report.html").read_text(encoding="utf-8")
    shutil.copy(tmp_path / "call.wav", inside / "call.wav")
    report(inside / "trace.jsonl")
    assert "There is no recording beside this trace" not in (inside / "report.html").read_text(encoding="utf-8")


def test_a_trace_that_was_cut_off_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = copied("cold", tmp_path)
    file.write_bytes(file.read_bytes()[:-20])
    report(file)
    assert "ends in the middle of line" in capsys.readouterr().out
    assert "ends in the middle of line" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_mistakes_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="There is no file"):
        report(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="The report cannot be written to"):
        report(copied("cold", tmp_path), html=tmp_path / "no" / "folder.html")
