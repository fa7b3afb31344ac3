from __future__ import annotations

import io
from pathlib import Path
from typing import cast

import msgspec
import pytest

from hocket.clock import MS
from hocket.errors import TraceError
from hocket.ids import CallId, ReplyId, TurnId
from hocket.trace.log import TraceLog, read_trace
from hocket.trace.records import TRACE_VERSION, Closed, Entry, Mark, Opened, Record
from hocket.turn import commands, events

HEAD = Opened(
    version=TRACE_VERSION,
    call=CallId("c1"),
    agent="clinic",
    wall_clock="2025-01-01T00:00:00.000+00:00",
    time="virtual",
    media_epoch=5,
    input_rate=8000,
    output_rate=16_000,
    stages={"stt": "pocketsphinx"},
)


def every_kind_of_record() -> list[Record]:
    """One of each class of the schema, found by reflection, so that a new one is tested the moment it exists."""
    fill = {"ReplyId": ReplyId(3), "TurnId": TurnId(2), "ToolCallId": "t1", "int": 7, "str": "é\n", "bool": True}
    found: list[Record] = [HEAD]
    for module in (events, commands):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and not kind.__name__.startswith("_"):
                fields = {
                    field.name: fill.get(str(field.type.__name__), 0.5) if hasattr(field.type, "__name__") else None
                    for field in msgspec.structs.fields(kind)
                }
                if "outcome" in fields:
                    fields["outcome"] = "answered"
                if "kind" in fields:
                    fields["kind"] = "say"
                found.append(cast(Record, kind(**fields)))
    return [*found, Mark("llm", "ended", ReplyId(1), "x", 12), Closed("caller hung up", {"stt": 2})]


def written(records: list[Record], path: Path) -> Path:
    with path.open("wb") as sink:
        log = TraceLog(sink)
        for number, record in enumerate(records):
            log.write(number * MS, record)
        log.flush()
    return path


def test_every_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    records = every_kind_of_record()
    assert len(records) > 30
    trace = read_trace(written(records, tmp_path / "trace.jsonl"))
    assert [entry.record for entry in trace] == records
    assert [entry.now for entry in trace] == [number * MS for number in range(len(records))]
    assert trace.note == ""


def test_the_same_records_give_the_same_bytes_however_they_were_batched(tmp_path: Path) -> None:
    records = every_kind_of_record() * 50
    whole = written(records, tmp_path / "a.jsonl").read_bytes()
    sink = io.BytesIO()
    log = TraceLog(sink)
    for number, record in enumerate(records):
        log.write(number * MS, record)
        log.flush()
    assert sink.getvalue() == whole
    assert whole.count(b"\n") == len(records)


class CountingSink(io.BytesIO):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[int] = []

    def write(self, data: object) -> int:
        assert isinstance(data, bytearray)
        self.writes.append(len(data))
        return super().write(data)


def test_the_sink_is_written_to_in_batches_of_bounded_size_and_age() -> None:
    sink = CountingSink()
    log = TraceLog(sink)
    log.write(0, HEAD)
    for number in range(2000):
        log.write(0, Mark("llm", "first", ReplyId(number)))
    assert 4 < len(sink.writes) < 20
    assert max(sink.writes) < 20_000
    log.flush()
    before = len(sink.writes)
    log.write(10_000 * MS, HEAD)
    assert len(sink.writes) == before
    log.write(10_500 * MS, Closed("done"))
    assert len(sink.writes) == before + 1


def test_memory_is_bounded_keeps_the_beginning_and_the_sink_gets_everything() -> None:
    sink = io.BytesIO()
    log = TraceLog(sink, limit=10)
    for number in range(25):
        log.write(number, Mark("vad", "started"))
    log.flush()
    assert [entry.now for entry in log.entries] == list(range(10))
    assert log.dropped == 15
    assert sink.getvalue().count(b"\n") == 25


class FullDisk(io.BytesIO):
    def write(self, data: object) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk_does_not_end_the_call() -> None:
    log = TraceLog(FullDisk())
    log.write(0, HEAD)
    log.write(1000 * MS, Closed("done"))
    log.write(2000 * MS, Closed("done"))
    log.flush()
    assert log.sink_error == "The trace is not written any more: No space left on device."
    assert len(log.entries) == 3


def fails(path: Path) -> str:
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(path) in sentence
    return sentence


def test_a_missing_file(tmp_path: Path) -> None:
    assert "There is no file" in fails(tmp_path / "no.jsonl")


def test_a_folder(tmp_path: Path) -> None:
    assert "cannot be read" in fails(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF\x00\x10\xff\xfe WAVE",
        b'{"a": 1}\n',
        b"[1, 2]\n",
        b"[" * 70_000,
        b"\xff\n",
        b'[0,{"type":"Closed"}]\n',
    ],
)
def test_files_that_are_no_traces(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    assert "is not a hocket trace" in fails(path)


def test_a_trace_of_another_version_whose_schema_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'[0,{"type":"Opened","version":99,"new":1}]\n[1,{"type":"Unheard"}]\n')
    assert "is a trace of version 99, and this hocket reads version 1" in fails(path)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = written([HEAD, Closed("a"), Closed("b")], tmp_path / "x.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    for bad in (
        b'[1,{"type":"Nonsense"}]\n',
        b"garbage\n",
        b"\xff\xff\n",
        b"\n",
        b'[1,{"type":"Closed","reason":4}]\n',
    ):
        path.write_bytes(lines[0] + bad + lines[2])
        assert f"Line 2 of {path} is damaged" in fails(path)


def test_a_truncated_last_line_is_left_out_and_said(tmp_path: Path) -> None:
    path = written([HEAD, Closed("a"), Closed("b")], tmp_path / "x.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    trace = read_trace(path)
    assert [entry.record for entry in trace] == [HEAD, Closed("a")]
    assert trace.note == "x.jsonl ends in the middle of line 3: the call was cut off, the rest is shown."
    path.write_bytes(whole[:-1])
    assert len(read_trace(path)) == 3
    path.write_bytes(whole[:30])
    assert "is not a hocket trace" in fails(path)


def test_entries_in_memory_equal_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with path.open("wb") as sink:
        log = TraceLog(sink)
        log.write(1, HEAD)
        log.write(2, Closed("a"))
        log.flush()
    assert read_trace(path) == log.entries == [Entry(1, HEAD), Entry(2, Closed("a"))]


def test_who_watches_is_told_of_every_record_even_of_those_that_memory_drops() -> None:
    seen: list[tuple[int, Record]] = []
    log = TraceLog(limit=2, watch=lambda now, record: seen.append((now, record)))
    records = every_kind_of_record()
    for number, record in enumerate(records):
        log.write(number, record)
    assert seen == list(enumerate(records))


def test_a_watch_that_raises_is_logged_and_given_up_and_the_trace_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    called = []

    def watch(now: int, record: Record) -> None:
        called.append(now)
        raise RuntimeError("a bug")

    log = TraceLog(watch=watch)
    log.write(1, HEAD)
    log.write(2, Closed("done"))
    assert called == [1]
    assert len(log.entries) == 2
    assert "a bug" in caplog.text
