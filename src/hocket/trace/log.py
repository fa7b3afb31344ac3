"""Writing a trace while a call goes on, and reading it back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from hocket.clock import MS
from hocket.errors import TraceError
from hocket.trace.records import TRACE_VERSION, Entry, Record

log = logging.getLogger(__name__)

_BATCH_BYTES = 16_384
_BATCH_NS = 500 * MS
_HEAD_BYTES = 65_536
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class TraceLog:
    """The trace of one call: kept in memory, and streamed to `sink` as JSON lines when there is one.

    The same records give the same bytes. `limit` bounds what is kept in memory; the policy when full is to keep the
    beginning, because only a trace without a gap can be replayed. The sink gets everything. It is written to in
    batches (16 KiB, or half a second of trace) and never closed. If it fails, it is given up, `sink_error` says why,
    and the call goes on. `watch` is told of every record as it is written;
    if it raises, that is logged, and it is told no more.
    """

    def __init__(
        self,
        sink: BinaryIO | None = None,
        limit: int = 200_000,
        watch: Callable[[int, Record], None] | None = None,
    ) -> None:
        self.entries: list[Entry] = []
        self.dropped = 0
        """Entries that were not kept in memory."""
        self.sink_error = ""
        self._sink = sink
        self._limit = limit
        self._encode_into = msgspec.json.Encoder().encode_into
        self._batch = bytearray()
        self._batch_began = 0
        self._watch = watch

    def write(self, now: int, record: Record) -> None:
        """Append what happened at `now` (monotonic nanoseconds)."""
        entry = Entry(now, record)
        if len(self.entries) < self._limit:
            self.entries.append(entry)
        else:
            self.dropped += 1
        if self._sink is not None:
            self._append(entry)
        if self._watch is not None:
            self._tell(now, record)

    def flush(self) -> None:
        """Hand everything written so far to the sink. To be called when the call has ended."""
        if self._sink is None or not self._batch:
            return
        try:
            self._sink.write(self._batch)
            self._sink.flush()
        except OSError as error:
            self.sink_error = f"The trace is not written any more: {error.strerror or error}."
            self._sink = None
        self._batch = bytearray()

    def _tell(self, now: int, record: Record) -> None:
        assert self._watch is not None
        try:
            self._watch(now, record)
        except Exception:  # who looks on does not take the call down
            log.exception("The trace is not watched any more")
            self._watch = None

    def _append(self, entry: Entry) -> None:
        if not self._batch:
            self._batch_began = entry.now
        self._encode_into(entry, self._batch, -1)
        self._batch += b"\n"
        if len(self._batch) >= _BATCH_BYTES or entry.now - self._batch_began >= _BATCH_NS:
            self.flush()


class Trace(list[Entry]):
    """The entries of a trace that was read from a file."""

    note: str = ""
    """One sentence when the file was not whole, else empty."""


def read_trace(path: Path) -> Trace:
    """The entries of a trace file. A last line that was cut off is left out, and `.note` says so.

    Raises `TraceError` when the file is missing, is no trace, is a trace of another version, or has a damaged line.
    """
    try:
        with path.open("rb") as file:
            _check_head(path, file.readline(_HEAD_BYTES))
            file.seek(0)
            return _read(path, file)
    except FileNotFoundError:
        raise TraceError(f"There is no file {path}; give the trace.jsonl that a call wrote.") from None
    except OSError as error:
        raise TraceError(f"{path} cannot be read ({error.strerror}); give the trace.jsonl that a call wrote.") from None


def _check_head(path: Path, line: bytes) -> None:
    # Decoded without the schema, because a trace of another version has another schema.
    version: int | None = None
    with suppress(*_UNREADABLE):
        match msgspec.json.decode(line):
            case [int(), {"type": "Opened", "version": int(found)}]:
                version = found
    if version is None:
        raise TraceError(f"{path} is not a hocket trace; give the trace.jsonl that a call wrote.")
    if version != TRACE_VERSION:
        raise TraceError(
            f"{path} is a trace of version {version}, and this hocket reads version {TRACE_VERSION}; "
            f"use the hocket that wrote it."
        )


def _read(path: Path, lines: Iterator[bytes]) -> Trace:
    decode = msgspec.json.Decoder(Entry).decode
    trace = Trace()
    for number, line in enumerate(lines, start=1):
        try:
            trace.append(decode(line))
        except _UNREADABLE as error:
            if line.endswith(b"\n"):
                raise TraceError(
                    f"Line {number} of {path} is damaged ({error}); the trace cannot be used as it is."
                ) from None
            trace.note = f"{path.name} ends in the middle of line {number}: the call was cut off, the rest is shown."
    if not trace:
        raise TraceError(f"{path} is not a whole trace: not even its first line is complete.")
    return trace
