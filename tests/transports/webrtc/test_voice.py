from __future__ import annotations

from itertools import pairwise

import numpy as np
from aiortc.rtp import RtcpPacket, RtcpSrPacket
from hypothesis import given
from hypothesis import strategies as st

from hocket.audio.frame import silence
from hocket.audio.opus import HIGHEST_BITRATE, LOWEST_BITRATE
from hocket.transports.webrtc.libopus import load_opus
from hocket.transports.webrtc.rtp import Report, Rtp, ntp_of, read_rtp
from hocket.transports.webrtc.voice import SILENCE_S, START_BITRATE, Effort, Path, Rate, Sent, Voice

FRAME = 480
SOURCE = 9


class Wire:
    """What a voice sends."""

    def __init__(self) -> None:
        self.effort = Effort()
        self.media: list[Rtp] = []
        self.markers: list[bool] = []
        self.control: list[bytes] = []
        start = (0xFFFF_FF00 << 15) | 0x7FFE
        self.voice = Voice(load_opus(), 24_000, 111, SOURCE, start, self.effort, (self._media, self.control.append))

    def _media(self, data: bytes) -> None:
        packet = read_rtp(data)
        assert packet is not None
        self.media.append(packet)
        self.markers.append(data[1] > 127)

    def say(self, seconds: float, now: float) -> float:
        random = np.random.default_rng(1)
        for _ in range(round(seconds * 50)):
            self.voice.say(random.normal(0, 3_000, FRAME).astype(np.int16), now)
            now += 0.02
        return now


def steps(numbers: list[int], modulus: int) -> list[int]:
    return [(b - a) % modulus for a, b in pairwise(numbers)]


def test_counters_go_on_evenly_past_their_wraps_however_unevenly_frames_are_sent() -> None:
    wire = Wire()
    random = np.random.default_rng(2)
    for number in range(100):
        wire.voice.say(silence(FRAME), number * 0.02 + random.uniform(-0.015, 0.015))
    assert set(steps([packet.sequence for packet in wire.media], 1 << 16)) == {1}
    assert set(steps([packet.timestamp for packet in wire.media], 1 << 32)) == {960}
    assert wire.markers == [True] + [False] * 99


def test_after_a_pause_the_timestamp_has_gone_on_with_the_clock() -> None:
    wire = Wire()
    now = wire.say(0.1, 0.0)
    wire.say(0.1, now + 1.0)
    assert steps([packet.timestamp for packet in wire.media], 1 << 32)[4] == 960 * 51
    assert [number for number, marker in enumerate(wire.markers) if marker] == [0, 5]


def test_who_says_nothing_says_so_and_seldom() -> None:
    wire = Wire()
    now = wire.say(0.1, 0.0)
    for tick in range(100):
        wire.voice.keep_alive(now + tick * 0.1, None)
    said = wire.media[5:]
    assert all(len(packet.payload) == 1 for packet in said)
    assert 10 / SILENCE_S * 0.7 < len(said) <= 10 / SILENCE_S + 2
    assert not any(wire.markers[5:])


def test_reports_come_once_a_second_and_fit_the_stream() -> None:
    wire = Wire()
    wire.say(0.5, 10.0)
    for tick in range(31):
        wire.voice.keep_alive(10.5 + tick * 0.1, None)
    assert len(wire.control) == 4
    sender = RtcpPacket.parse(wire.control[0])[0]
    assert isinstance(sender, RtcpSrPacket)
    assert sender.ssrc == SOURCE
    assert sender.sender_info.packet_count == 25
    assert sender.sender_info.octet_count == sum(len(packet.payload) for packet in wire.media[:25])
    # The frame that was sent at 10.48 s has the last timestamp; the report is of 10.5 s.
    assert (sender.sender_info.rtp_timestamp - wire.media[24].timestamp) % 2**32 == 960
    wire.voice.end()
    assert len(wire.control) == 5


def test_losses_take_the_bitrate_down_at_once_and_up_slowly() -> None:
    rate = Rate()
    assert (rate.bitrate, rate.loss_percent) == (START_BITRATE, 5)
    rate.reported(0.3)
    assert rate.bitrate < 0.9 * START_BITRATE
    assert rate.loss_percent == 30
    down = rate.bitrate
    rate.reported(0.05)
    assert rate.bitrate == down, "between good and bad it stays"
    reports = 0
    while rate.bitrate < START_BITRATE:
        rate.reported(0.0)
        reports += 1
    assert reports > 2
    for _ in range(50):
        rate.reported(0.0)
    assert (rate.bitrate, rate.loss_percent) == (HIGHEST_BITRATE, 5)


@given(st.lists(st.floats(0, 1), max_size=60))
def test_the_bitrate_stays_within_its_bounds(fractions: list[float]) -> None:
    rate = Rate()
    for fraction in fractions:
        rate.reported(fraction)
        assert LOWEST_BITRATE <= rate.bitrate <= HIGHEST_BITRATE
        assert 5 <= rate.loss_percent <= 30


def test_packets_shrink_when_losses_are_reported_and_when_load_is_shed_the_encoder_tries_less() -> None:
    wire = Wire()
    wire.say(1.0, 0.0)
    before = sum(len(packet.payload) for packet in wire.media)
    for _ in range(8):
        wire.voice.reported(Report(SOURCE, 0.4, 50, 0, 0, 0), 1.0)
    wire.voice.reported(Report(SOURCE + 1, 0.0, 50, 0, 0, 0), 1.0)
    wire.effort.complexity = 0
    wire.say(1.0, 1.0)
    after = sum(len(packet.payload) for packet in wire.media[50:])
    assert after < 0.6 * before
    assert wire.voice._encoder.complexity == 0
    wire.effort.complexity = 5
    wire.say(0.1, 2.0)
    assert wire.voice._encoder.complexity == 5


def test_the_way_to_the_ear_is_half_the_round_trip_and_the_buffer() -> None:
    path = Path()
    sent = ntp_of(100.0) >> 16 & 0xFFFFFFFF
    path.reported(Report(SOURCE, 0.0, 0, 480, sent, 65_536), 101.2)
    assert abs(path.round_trip_s - 0.2) < 1e-3
    assert abs(path.delay_s - (0.1 + 0.03 + 0.02)) < 1e-3
    for said in (200.0, -1.0, 1e9, float("nan")):
        path.buffer_reported(said)
    assert abs(path.delay_s - 0.3) < 1e-3


def test_a_report_that_cannot_be_ours_is_not_believed() -> None:
    path = Path()
    path.reported(Report(SOURCE, 0.0, 0, 2**32 - 1, 123_456_789, 0), 5.0)
    assert path.round_trip_s == 0
    assert path.delay_s < 3


def test_what_was_on_its_way_by_when() -> None:
    sent = Sent(24_000)
    assert sent.by(5.0) == 0
    for number in range(10):
        sent.add(480, 1.0 + number * 0.02)
    assert sent.by(0.9) == 0
    assert sent.by(1.05) == 1_200
    assert sent.by(1.21) == sent.position == 4_800
    sent.add(480, 1.0)  # sent ahead: it waits for the others
    assert sent.last_at > 1.21
    assert sent.cut(1_200) == 5_280 - 1_200
    assert sent.position == sent.by(9.9) == 1_200
    sent.add(480, 3.0)
    assert (sent.by(2.9), sent.by(3.5)) == (1_200, 1_680)


@given(st.lists(st.tuples(st.floats(0, 0.1), st.integers(1, 960)), max_size=40), st.floats(0, 5))
def test_positions_never_go_back_with_time(frames: list[tuple[float, int]], when: float) -> None:
    sent = Sent(24_000)
    now = 0.0
    for wait, count in frames:
        now += wait
        sent.add(count, now)
    times = [when * share / 20 for share in range(21)]
    positions = [sent.by(time) for time in times]
    assert positions == sorted(positions)
    assert all(0 <= position <= sent.position for position in positions)
