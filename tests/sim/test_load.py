from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.clock import SECOND
from hocket.sim.load import SLOTS, Answer, Heard, Lateness, Pacer, Sound, Turn, answers
from hocket.sim.loop import VirtualLoop, run


class Sender:
    """Notes when it is called, and can hold the loop up as a busy process would."""

    def __init__(self, frames: int) -> None:
        self.sent: list[float] = []
        self._frames = frames

    def __call__(self, now: float) -> bool:
        assert now == asyncio.get_running_loop().time()
        self.sent.append(now)
        return len(self.sent) < self._frames


def test_frames_go_out_at_their_times_and_end_with_the_last() -> None:
    async def scenario() -> None:
        pacer, sender = Pacer(), Sender(5)
        first_s = pacer.start(sender)
        assert 0 < first_s - asyncio.get_running_loop().time() <= 0.021
        await asyncio.sleep(1)
        assert sender.sent == pytest.approx([first_s + 0.02 * number for number in range(5)])
        assert pacer.lateness.count == 5
        assert pacer.lateness.ms(1) <= 0.1

    run(scenario())


def test_calls_are_spread_over_a_frames_time() -> None:
    async def scenario() -> None:
        pacer, senders = Pacer(), [Sender(3) for _ in range(2 * SLOTS)]
        firsts = [pacer.start(sender) for sender in senders]
        assert sorted(round(first * 1000) % SLOTS for first in firsts) == sorted([*range(SLOTS)] * 2)
        await asyncio.sleep(0.2)
        assert all(len(sender.sent) == 3 for sender in senders)

    run(scenario())


def test_one_that_begins_before_the_next_that_is_due_does_not_wait_for_it() -> None:
    async def scenario() -> None:
        pacer = Pacer()
        for sender in (Sender(2), Sender(2), Sender(2)):
            first_s = pacer.start(sender)
            await asyncio.sleep(0.0115)
            if not sender.sent:
                await asyncio.sleep(0.02)
            assert sender.sent[0] == pytest.approx(first_s)

    run(scenario())


def test_a_load_that_stood_still_leaves_nothing_out_and_says_how_late_it_was() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        def stand_still(seconds: float) -> None:
            assert isinstance(loop, VirtualLoop)
            loop._now += round(seconds * SECOND)

        pacer, sender, other = Pacer(), Sender(10), Sender(10)
        held_up = False

        def hold_up(now: float) -> bool:
            nonlocal held_up
            if not held_up:
                held_up = True
                stand_still(0.1)
            return False

        first_s = pacer.start(sender)
        await asyncio.sleep(first_s + 0.0005 - loop.time())
        pacer.start(hold_up)
        await asyncio.sleep(0.15)
        later_s = pacer.start(other)
        await asyncio.sleep(1)
        assert len(sender.sent) == 10
        intended = [first_s + 0.02 * number for number in range(10)]
        late = [sent - time for sent, time in zip(sender.sent, intended, strict=True)]
        assert late[0] == pytest.approx(0)
        assert late[1] == pytest.approx(0.1 - 0.019, abs=0.002)
        assert late[-1] == pytest.approx(0, abs=1e-6)
        assert pacer.lateness.ms(1) == pytest.approx(1000 * late[1], abs=0.2)
        assert other.sent[0] == pytest.approx(later_s)

    run(scenario())


def test_who_is_stopped_is_called_no_more() -> None:
    async def scenario() -> None:
        pacer, sender, other = Pacer(), Sender(1000), Sender(3)
        pacer.start(sender)
        pacer.start(other)
        await asyncio.sleep(0.05)
        pacer.stop(sender)
        pacer.stop(sender)
        sent = len(sender.sent)
        await asyncio.sleep(0.5)
        assert len(sender.sent) == sent
        assert len(other.sent) == 3

    run(scenario())


@given(st.lists(st.floats(0, 2), min_size=1), st.floats(0, 1))
def test_lateness_is_right_to_a_step(late_s: list[float], fraction: float) -> None:
    lateness = Lateness()
    for each in late_s:
        lateness.add(each)
    rank = max(1, -int(-fraction * len(late_s) // 1))
    exact_ms = min(sorted(late_s)[rank - 1] * 1000, 1000.0)
    assert exact_ms - 0.11 <= lateness.ms(fraction) <= exact_ms + 0.11
    assert lateness.count == len(late_s)


def test_lateness_of_nothing() -> None:
    assert Lateness().ms(0.99) == 0
    early = Lateness()
    early.add(-0.0001)
    assert early.ms(1) == 0.1


def test_sounds_join_over_short_gaps_and_end_where_they_are_cleared() -> None:
    heard = Heard()
    for start_s in (1.0, 1.02, 1.14, 2.0, 2.02, 2.04):
        heard.add(start_s, start_s + 0.02)
    assert heard.sounds == [Sound(1.0, 1.16), Sound(2.0, 2.06)]
    heard.cut(2.03)
    assert heard.sounds[-1] == Sound(2.0, 2.03)
    heard.cut(1.5)
    assert heard.sounds == [Sound(1.0, 1.16)]


TURNS = (Turn(1.0, 2.0), Turn(9.0, 10.0))


@pytest.mark.parametrize(
    ("sounds", "expected"),
    [
        ([Sound(2.4, 5.0), Sound(10.5, 12.0)], [Answer(400.0), Answer(500.0)]),
        ([Sound(0.2, 0.9), Sound(2.4, 5.0)], [Answer(400.0), Answer(None)]),
        # It spoke in a pause of the caller, gave way, and answered: the answer counts.
        ([Sound(1.5, 1.7), Sound(2.4, 5.0)], [Answer(400.0, talked_over=True), Answer(None)]),
        # It spoke on: there is no telling what is the answer.
        ([Sound(1.5, 5.0), Sound(11.0, 12.0)], [Answer(None, talked_over=True), Answer(1000.0)]),
        ([], [Answer(None), Answer(None)]),
    ],
)
def test_answers_are_found_by_when_the_agent_was_heard(sounds: list[Sound], expected: list[Answer]) -> None:
    found = answers(TURNS, sounds, 17.0)
    assert [answer.talked_over for answer in found] == [answer.talked_over for answer in expected]
    assert [answer.latency_ms for answer in found] == pytest.approx([answer.latency_ms for answer in expected])


def test_a_turn_whose_time_is_not_over_is_not_counted() -> None:
    assert answers(TURNS, [], 8.0) == []
    assert len(answers(TURNS, [], 9.5)) == 1
