from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from hocket.audio.reorder import FIRST_HOLD_MS, HOLD_MS, MAX_HELD, PIECE, TAKEOVER_MS, Piece, Reorder

MS = 48


class Stream:
    """A sender of packets of 20 ms, and what comes out of a `Reorder` of them."""

    def __init__(self, first: int = 65_530, began: int = 2**32 - 5 * PIECE) -> None:
        self.reorder = Reorder()
        self.first, self.began = first, began
        self.out: list[Piece] = []
        self.at_ms: list[float] = []

    def arrive(self, *numbers: int, now_ms: float = 0.0) -> list[Piece]:
        """Packets by their number from 0."""
        made: list[Piece] = []
        for number in numbers:
            sequence = (self.first + number) & 0xFFFF
            timestamp = (self.began + number * PIECE) & 0xFFFFFFFF
            made += self.reorder.push(7, sequence, timestamp, b"%d" % number, PIECE, now_ms)
        self.note(made, now_ms)
        return made

    def expire(self, now_ms: float) -> list[Piece]:
        made = self.reorder.expire(now_ms)
        self.note(made, now_ms)
        return made

    def note(self, made: Sequence[Piece], now_ms: float) -> None:
        self.out += made
        self.at_ms += [now_ms] * len(made)


def shown(pieces: list[Piece]) -> str:
    return " ".join({"sound": "", "copy": "~", "made up": "?"}[p.how] + p.packet.decode() for p in pieces)


def test_what_is_in_order_goes_through_at_once_past_the_wrap_of_both_counters() -> None:
    stream = Stream()
    assert shown(stream.arrive(*range(20))) == " ".join(map(str, range(20)))
    assert stream.reorder.deadline is None


def test_swapped_packets_are_put_right_without_waiting() -> None:
    stream = Stream()
    assert shown(stream.arrive(0, 2)) == "0"
    assert stream.reorder.deadline == FIRST_HOLD_MS
    assert shown(stream.arrive(1, now_ms=5)) == "1 2"
    assert stream.reorder.deadline is None


def test_one_lost_packet_is_copied_from_the_next_after_the_hold() -> None:
    stream = Stream()
    stream.arrive(0, 2)
    assert stream.expire(FIRST_HOLD_MS - 1) == []
    assert shown(stream.expire(FIRST_HOLD_MS)) == "~2 2"
    assert (stream.reorder.lost, stream.reorder.rebuilt) == (1, 1)


def test_of_a_longer_hole_all_but_the_last_is_made_up() -> None:
    stream = Stream()
    stream.arrive(0, 4)
    assert shown(stream.expire(FIRST_HOLD_MS)) == "? ? ~4 4"


def test_what_comes_too_late_or_twice_is_dropped() -> None:
    stream = Stream()
    stream.arrive(0, 2, 2)
    stream.expire(FIRST_HOLD_MS)
    assert shown(stream.arrive(1, 2, 0, 3)) == "3"
    assert stream.reorder.late == 4


def test_two_holes_wait_for_themselves() -> None:
    stream = Stream()
    stream.arrive(0, 2)
    stream.arrive(4, now_ms=5)
    assert shown(stream.expire(FIRST_HOLD_MS)) == "~2 2"
    assert stream.expire(FIRST_HOLD_MS + 4) == []
    assert shown(stream.expire(FIRST_HOLD_MS + 5)) == "~4 4"


def test_where_packets_come_further_behind_holes_wait_longer_and_then_less_again() -> None:
    stream = Stream(first=100)
    stream.arrive(0, 2)
    stream.expire(FIRST_HOLD_MS)
    stream.arrive(1, now_ms=20)
    stream.arrive(4, now_ms=40)
    assert stream.reorder.deadline == 40 + 1.25 * 20
    assert shown(stream.arrive(3, now_ms=62)) == "3 4"
    for number in range(6, 60, 2):
        now = 20.0 * number
        stream.arrive(number, now_ms=now)
        deadline = stream.reorder.deadline
        assert deadline is not None
        stream.expire(deadline)
    stream.arrive(62, now_ms=2_000)
    assert stream.reorder.deadline == 2_000 + FIRST_HOLD_MS


def test_a_sender_that_was_silent_on_purpose_is_not_waited_for() -> None:
    stream = Stream()
    stream.arrive(0)
    later = (stream.began + 11 * PIECE + 480) & 0xFFFFFFFF
    made = stream.reorder.push(7, (stream.first + 1) & 0xFFFF, later, b"1", PIECE, 200.0)
    assert [piece.how for piece in made] == ["made up"] * 11 + ["sound"]
    assert sum(piece.samples for piece in made) == 11 * PIECE + 480, "and no copy: there is none of silence"


def test_time_that_was_filled_is_not_filled_again() -> None:
    stream = Stream()
    stream.arrive(0)
    assert shown(stream.reorder.fill(5 * PIECE)) == "? ? ? ? ?"
    assert shown(stream.arrive(4, 5, 6, 7)) == "", "1 to 3 may still come"
    assert shown(stream.expire(FIRST_HOLD_MS)) == "6 7"


def test_packets_without_sound_keep_the_order_only() -> None:
    stream = Stream()
    stream.arrive(0)
    assert stream.reorder.push(7, (stream.first + 1) & 0xFFFF, 12345, b"", 0, 0.0) == []
    # Its time is made up: the next packet has none before it that was lost.
    assert shown(stream.arrive(2)) == "? 2"


def test_a_second_source_is_heard_when_the_first_is_silent() -> None:
    stream = Stream()
    stream.arrive(0, 2)
    assert stream.reorder.push(8, 100, 999, b"other", PIECE, TAKEOVER_MS - 1) == []
    made = stream.reorder.push(8, 100, 999, b"other", PIECE, TAKEOVER_MS)
    assert shown(made) == "other"
    assert stream.reorder.deadline is None


def test_a_sender_that_counts_anew_is_followed() -> None:
    stream = Stream(first=5_000)
    stream.arrive(0)
    far = Stream(first=1_000)
    far.reorder = stream.reorder
    assert shown(far.arrive(0, 1, 2, 3)) == "2 3"


def test_timestamps_that_jump_make_no_hours_of_silence() -> None:
    stream = Stream()
    stream.arrive(0)
    made = stream.reorder.push(7, (stream.first + 1) & 0xFFFF, 0x7000_0000, b"1", PIECE, 0.0)
    assert shown(made) == "1"


def test_a_burst_behind_a_hole_is_bounded() -> None:
    stream = Stream()
    stream.arrive(0)
    made = stream.arrive(*range(2, 4 + MAX_HELD))
    assert shown(made).startswith("~2 2 3")
    assert stream.reorder.deadline is None


losses = st.sampled_from(["kept", "kept", "kept", "lost", "swapped", "far behind", "twice"])


@given(st.lists(losses, min_size=1, max_size=120), st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1))
def test_whatever_the_network_does_the_stream_is_gapless_and_in_order(fates: list[str], first: int, began: int) -> None:
    stream = Stream(first, began)
    delays = {"kept": 0.0, "twice": 0.0, "swapped": 25.0, "far behind": 90.0}
    arrivals = [(0.0, 0)]
    for number, fate in enumerate(fates, 1):
        if fate == "lost":
            continue
        arrivals.append((number * 20 + delays[fate], number))
        if fate == "twice":
            arrivals.append((number * 20 + 3.0, number))
    came: dict[int, float] = {}
    for now, number in sorted(arrivals):
        while (deadline := stream.reorder.deadline) is not None and deadline <= now:
            stream.expire(deadline)
        came.setdefault(number, now)
        stream.arrive(number, now_ms=now)
    while (deadline := stream.reorder.deadline) is not None:
        stream.expire(deadline)

    at = 0
    sounded: list[int] = []
    for piece, when in zip(stream.out, stream.at_ms, strict=True):
        if piece.how == "sound":
            number = int(piece.packet)
            assert at == number * PIECE, "each packet stands where its timestamp says"
            assert when <= came[number] + HOLD_MS, "nothing is held longer than a hole is"
            sounded.append(number)
        elif piece.how == "copy":
            assert at + PIECE == int(piece.packet) * PIECE, "a copy stands just before its packet"
        at += piece.samples
    assert sounded == sorted(set(sounded))
    late = {number for number, fate in enumerate(fates, 1) if fate in ("lost", "far behind", "swapped")}
    assert set(range(len(fates) + 1)) - late <= set(sounded), "what came in time is heard"


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(0, 0xFFFF),
            st.integers(0, 2**32 - 1),
            st.sampled_from([0, 120, 480, 960, 5760]),
            st.floats(0, 200),
        ),
        max_size=100,
    )
)
def test_nonsense_is_bounded(packets: list[tuple[int, int, int, int, float]]) -> None:
    reorder = Reorder()
    now = 0.0
    for source, sequence, timestamp, samples, wait in packets:
        now += wait
        made = reorder.expire(now) + reorder.push(source, sequence, timestamp, b"x", samples, now)
        assert sum(piece.samples for piece in made) <= (MAX_HELD + 2) * (48_000 + 5760)
        assert all(piece.samples > 0 and piece.samples % 120 == 0 for piece in made)
        deadline = reorder.deadline
        assert deadline is None or now < deadline <= now + HOLD_MS
