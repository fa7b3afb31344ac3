from __future__ import annotations

import pytest
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSrPacket,
    RtpPacket,
)
from hypothesis import given
from hypothesis import strategies as st

from hocket.transports.webrtc.rtp import (
    CLOCK_RATE,
    Keys,
    Reception,
    Report,
    Rtp,
    is_rtcp,
    ntp_of,
    read_reports,
    read_rtp,
    write_bye,
    write_rtp,
    write_sender_report,
)


def packet(sequence: int, timestamp: int | None = None, payload: bytes = b"x") -> Rtp:
    return Rtp(111, sequence & 0xFFFF, timestamp if timestamp is not None else sequence * 960, 7, payload)


def test_another_implementation_reads_what_is_written() -> None:
    data = write_rtp(111, True, 65_535, 2**32 - 1, 0xDEADBEEF, b"sound")
    read = RtpPacket.parse(data)
    assert (read.payload_type, read.marker, read.sequence_number) == (111, 1, 65_535)
    assert (read.timestamp, read.ssrc, read.payload) == (2**32 - 1, 0xDEADBEEF, b"sound")
    assert read_rtp(data) == Rtp(111, 65_535, 2**32 - 1, 0xDEADBEEF, b"sound")
    assert not is_rtcp(data)


def test_extensions_sources_and_padding_are_no_sound() -> None:
    data = bytes.fromhex("b26f0001 00000002 00000003 00000004 00000005 bede0001 10ff0000") + b"sound" + bytes((0, 0, 3))
    assert read_rtp(data) == Rtp(111, 1, 2, 3, b"sound")


@given(st.binary(max_size=80))
def test_garbage_is_no_packet_or_part_of_itself(data: bytes) -> None:
    read = read_rtp(data)
    assert read is None or read.payload in data
    assert len(list(read_reports(data))) <= len(data)


def test_reports_about_a_stream_are_understood_by_others_and_theirs_here() -> None:
    reception = Reception(7)
    for sequence in [*range(65_530, 65_536), 0, 1, 3, 4]:
        reception.add(packet(sequence), 1.0)
    reception.sender_reported(0x1234_5678, 1.0)
    data = write_sender_report(9, ntp_of(2.5), 96_000, 50, 4_000, "hocket", reception.report(1.5))
    assert is_rtcp(data)
    sender, names = RtcpPacket.parse(data)
    assert isinstance(sender, RtcpSrPacket)
    assert isinstance(names, RtcpSdesPacket)
    assert names.chunks[0].items == [(1, b"hocket")]
    assert (sender.ssrc, sender.sender_info.ntp_timestamp) == (9, (2 << 32) + (1 << 31))
    assert (sender.sender_info.packet_count, sender.sender_info.octet_count) == (50, 4_000)
    about = sender.reports[0]
    assert (about.ssrc, about.packets_lost, about.highest_sequence) == (7, 1, 65_536 + 4)
    assert about.fraction_lost == 256 // 11
    assert (about.lsr, about.dlsr) == (0x1234_5678, 65_536 // 2)
    assert list(read_reports(data)) == [0x0002_8000, Report(7, 23 / 256, 65_540, about.jitter, 0x1234_5678, 32_768)]


def test_reports_of_others_are_read() -> None:
    info = RtcpReceiverInfo(
        ssrc=9, fraction_lost=64, packets_lost=3, highest_sequence=70_000, jitter=480, lsr=5, dlsr=6
    )
    data = bytes(RtcpRrPacket(ssrc=1, reports=[info])) + bytes(RtcpByePacket(sources=[1]))
    assert list(read_reports(data)) == [Report(9, 0.25, 70_000, 480, 5, 6)]


def test_goodbye_is_understood() -> None:
    (bye,) = RtcpPacket.parse(write_bye(9))
    assert isinstance(bye, RtcpByePacket)
    assert bye.sources == [9]


def test_only_what_is_new_counts_as_lost_in_the_next_report() -> None:
    reception = Reception(7)
    for sequence in (0, 1, 2, 3, 5, 7):
        reception.add(packet(sequence), 0.0)
    reception.report(0.0)
    for sequence in (8, 9, 10, 11):
        reception.add(packet(sequence), 0.0)
    assert reception.report(0.0)[4] == 0
    assert reception.lost == 2


def test_jitter_is_that_of_the_network_and_not_of_a_sender_who_paused() -> None:
    reception = Reception(7)
    for number in range(200):
        reception.add(packet(number), number * 0.02 + (0.005 if number % 2 else 0.0))
    assert reception.jitter_s == pytest.approx(0.005, rel=0.05)
    reception.add(packet(200, 200 * 960 + 10 * CLOCK_RATE), 4.0)
    assert reception.jitter_s == pytest.approx(0.005, rel=0.05)


def test_a_key_is_told_once_however_often_its_packets_come() -> None:
    keys = Keys()
    five = bytes((5, 10, 0, 160))
    told = [keys.read(packet(n, 1_000, five)) for n in range(6)] + [keys.read(packet(7, 9_000, five))]
    assert told == ["5", "", "", "", "", "", "5"]
    assert [keys.read(packet(0, at, bytes((event, 0, 0, 0)))) for at, event in enumerate((10, 11, 12, 15, 16))] == [
        "*",
        "#",
        "A",
        "D",
        "",
    ]
    assert keys.read(packet(0, 1, b"\x05")) == ""
