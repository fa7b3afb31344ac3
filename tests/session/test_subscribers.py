from __future__ import annotations

import asyncio

import pytest

from hocket.agent.call import Call, CallRecord, TranscriptEntry
from hocket.clock import MS
from hocket.ids import CallId, ReplyId
from hocket.session.subscribers import CALLBACK_S, ENDED_S, Subscribers
from hocket.sim.loop import run
from hocket.turn.commands import StartReply, StartSay
from hocket.turn.events import PlayoutFinished, PlayoutStarted, PlayoutStopped

ONE = ReplyId(1)
RECORD = CallRecord(CallId("test"), "agent", "", {}, "", 0, "over")


class Line:
    """What a call needs of a session to run its subscribers."""

    subscribers: Subscribers

    def say(self, text: str, interruptible: bool) -> None: ...

    def end(self, reason: str, goodbye: str | None) -> None: ...

    def spawn(self, work: object) -> None:
        self.subscribers.spawn(work)  # type: ignore[arg-type]


def made() -> tuple[Call, Subscribers]:
    line = Line()
    call = Call("test", line=line)
    line.subscribers = Subscribers(call)
    return call, line.subscribers


def test_they_are_told_what_was_heard_of_both() -> None:
    async def scenario() -> None:
        call, subscribers = made()
        told: list[object] = []
        for kind in ("started", "turn", "reply"):
            call.on(kind, lambda _, detail: told.append(detail))
        await asyncio.sleep(1)
        subscribers.started(1_000 * MS)
        subscribers.begun(StartSay(ONE, "Hello there.", "greeting"))
        await asyncio.sleep(0.3)
        subscribers.playout(PlayoutStarted(ONE))
        await asyncio.sleep(1)
        subscribers.playout(PlayoutFinished(ONE, "Hello there."))
        subscribers.turn("Are you open?", 3_000 * MS)
        subscribers.begun(StartReply(ONE, "Are you open?", False))
        subscribers.playout(PlayoutStopped(ONE, "", "Yes."))  # nothing of it was heard
        subscribers.playout(PlayoutStarted(ONE))
        subscribers.playout(PlayoutStopped(ONE, "We are", "open."))
        assert told == [
            None,
            TranscriptEntry("agent", "Hello there.", 300, kind="greeting"),
            TranscriptEntry("caller", "Are you open?", 2_000),
            TranscriptEntry("agent", "We are", 1_300, interrupted=True, kind="reply"),
        ]

    run(scenario())


def test_the_end_waits_for_them_but_not_for_ever() -> None:
    async def scenario() -> None:
        call, subscribers = made()
        done: list[str] = []

        async def quick(_: Call, detail: object) -> None:
            await asyncio.sleep(1)
            done.append("quick")

        async def stuck(_: Call, detail: object) -> None:
            try:
                await asyncio.sleep(10_000)
            finally:
                done.append("cancelled")

        call.on("turn", quick)
        call.on("ended", quick)
        call.on("ended", stuck)
        subscribers.turn("Yes.", 0)
        await subscribers.ended(RECORD)
        assert done == ["quick", "quick", "cancelled"]
        assert asyncio.get_running_loop().time() == pytest.approx(ENDED_S)

    run(scenario())


def test_the_end_waits_for_nobody_who_is_done() -> None:
    async def scenario() -> None:
        _, subscribers = made()
        await subscribers.ended(RECORD)
        assert asyncio.get_running_loop().time() == 0

    run(scenario())


def test_one_that_raises_or_never_returns_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        call, subscribers = made()
        told: list[object] = []

        def broken(_: Call, detail: object) -> None:
            raise ValueError("broken")

        async def broken_later(_: Call, detail: object) -> None:
            await asyncio.sleep(0.1)
            raise ValueError("broken later")

        async def stuck(_: Call, detail: object) -> None:
            try:
                await asyncio.sleep(10_000)
            finally:
                told.append(asyncio.get_running_loop().time())

        for callback in (broken, broken_later, stuck, lambda _, detail: told.append("told")):
            call.on("turn", callback)
        subscribers.turn("Yes.", 0)
        await asyncio.sleep(CALLBACK_S + 1)
        assert told == ["told", pytest.approx(CALLBACK_S)]
        await subscribers.ended(RECORD)

    run(scenario())
    assert "broken later" in caplog.text
