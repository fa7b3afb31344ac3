from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hocket.providers.server_events import EVENT_BYTES, EventReader, EventTooLong, ServerEvent

STREAM = (
    b"\xef\xbb\xbf: a comment\r\n"
    b'event: start\r\ndata: {"a": "\xc3\xa9\xe2\x82\xac"}\r\n\r\n'
    b"id: 7\nretry: 100\ndata:first\ndata: second\n\n"
    b":\n\n"
    b"event: nothing\n\n"
    b"data\n\n"
    b"data: one\rdata: two\r\r"
    b"data: line\xe2\x80\xa8separator\n\n"
    b"data: [DONE]\n\n"
    b"data: never ended"
)
EVENTS = [
    ServerEvent("start", '{"a": "é€"}'.encode()),
    ServerEvent("", b"first\nsecond"),
    ServerEvent("", b""),
    ServerEvent("", b"one\ntwo"),
    ServerEvent("", "line\u2028separator".encode()),
    ServerEvent("", b"[DONE]"),
]


def read(*pieces: bytes) -> list[ServerEvent]:
    reader = EventReader()
    return [event for piece in pieces for event in reader.feed(piece)]


def test_fields_comments_and_line_ends() -> None:
    assert read(STREAM) == EVENTS


def test_byte_by_byte() -> None:
    assert read(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
@example([29, 29])  # nothing at all came between a CR and its LF
def test_wherever_it_is_cut(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(STREAM)]
    assert read(*(STREAM[a:b] for a, b in itertools.pairwise(ends))) == EVENTS


@given(st.lists(st.binary()))
def test_no_bytes_break_it(pieces: list[bytes]) -> None:
    read(*pieces)


def test_an_event_comes_as_soon_as_it_is_whole() -> None:
    reader = EventReader()
    assert list(reader.feed(b"data: one\n\ndata: tw")) == [ServerEvent("", b"one")]
    assert list(reader.feed(b"o\n")) == []
    assert list(reader.feed(b"\n")) == [ServerEvent("", b"two")]
    assert list(reader.feed(b"data: three\r\n\r")) == [ServerEvent("", b"three")]
    assert list(reader.feed(b"\ndata: four\n\n")) == [ServerEvent("", b"four")]


def test_a_flood_without_an_end_is_refused_and_a_long_stream_is_not() -> None:
    reader = EventReader()
    for _ in range(EVENT_BYTES // 65536):
        assert list(reader.feed(b"x" * 65536)) == []
    with pytest.raises(EventTooLong):
        list(reader.feed(b"x"))
    reader = EventReader()
    event = b"data: " + b"y" * 65536 + b"\n\n"
    assert sum(len(list(reader.feed(event))) for _ in range(EVENT_BYTES // 65536 + 2)) > EVENT_BYTES // 65536
