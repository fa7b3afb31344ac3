"""Server-sent events out of bytes that come in pieces of any size (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

EVENT_BYTES: Final = 4 << 20
"""No model's event is longer; a server that sends more without an end is not speaking this protocol."""


class ServerEvent(NamedTuple):
    """One event of a stream."""

    kind: str
    """The `event` field; empty where the server names none."""
    data: bytes
    """The `data` lines, joined with newlines."""


class EventTooLong(Exception):
    """More than `EVENT_BYTES` without the end of an event."""


class EventReader:
    """Feed it bytes, take events. Lines end with LF, CRLF or CR; comments, ids and retry times are passed over."""

    __slots__ = ("_data", "_kind", "_line", "_size", "_skip_lf", "_started")

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._kind = b""
        self._size = 0
        self._skip_lf = False
        self._started = False

    def feed(self, piece: bytes) -> Iterator[ServerEvent]:
        """The events that end within this piece. An event that the stream breaks off is never given."""
        if not piece:
            return
        # A CR at the end of one piece and an LF at the start of the next are one line's end.
        if self._skip_lf:
            self._skip_lf = False
            piece = piece.removeprefix(b"\n")
        self._size += len(piece)
        # bytes.splitlines cuts at LF, CR and CRLF and at nothing else, unlike str.splitlines.
        for line in piece.splitlines(keepends=True):
            self._line += line
            if not line.endswith((b"\n", b"\r")):
                break
            if (event := self._end_of_line()) is not None:
                yield event
        self._skip_lf = piece.endswith(b"\r")
        if self._size > EVENT_BYTES:
            raise EventTooLong

    def _end_of_line(self) -> ServerEvent | None:
        line = bytes(self._line).rstrip(b"\r\n")
        self._line.clear()
        if not self._started:
            self._started = True
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return self._end_of_event()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._kind = value
        return None

    def _end_of_event(self) -> ServerEvent | None:
        data, kind = self._data, self._kind
        self._data, self._kind, self._size = [], b"", 0
        return ServerEvent(kind.decode("utf-8", "replace"), b"\n".join(data)) if data else None
