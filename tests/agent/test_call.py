from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest

from hocket.agent.call import Call, CallRecord, TranscriptEntry, latency_percentile
from hocket.errors import AgentError
from hocket.ids import CallId


class RecordingLine:
    def __init__(self) -> None:
        self.orders: list[object] = []
        self.work: list[Coroutine[Any, Any, None]] = []

    def say(self, text: str, interruptible: bool) -> None:
        self.orders.append(("say", text, interruptible))

    def end(self, reason: str, goodbye: str | None) -> None:
        self.orders.append(("end", reason, goodbye))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.work.append(work)


def test_actions_reach_the_line() -> None:
    line = RecordingLine()
    call = Call("c1", caller="+44", parameters={"plan": "gold"}, line=line)
    call.say("Hello.")
    call.say("Listen.", interruptible=False)
    call.end()
    call.end("transferred", goodbye="")
    assert line.orders == [
        ("say", "Hello.", True),
        ("say", "Listen.", False),
        ("end", "agent", None),
        ("end", "transferred", ""),
    ]


def test_a_call_without_a_line_says_so() -> None:
    with pytest.raises(AgentError, match="c1 has no line, so it cannot say"):
        Call("c1").say("Hello.")


def test_a_subscriber_that_raises_is_logged_and_the_next_is_still_told(caplog: pytest.LogCaptureFixture) -> None:
    call = Call("c1", line=RecordingLine())
    told: list[object] = []

    def broken(call: Call, detail: object) -> None:
        raise ValueError("no such column")

    call.on("turn", broken)
    call.on("turn", lambda call, detail: told.append(detail))
    with caplog.at_level(logging.WARNING):
        call.emit("turn", "hi")
    assert told == ["hi"]
    assert "broken" in caplog.text
    assert "ValueError: no such column" in caplog.text


def test_async_subscribers_are_handed_to_the_line_and_never_raise(caplog: pytest.LogCaptureFixture) -> None:
    line = RecordingLine()
    call = Call("c1", line=line)
    told: list[object] = []

    async def slow(call: Call, detail: object) -> None:
        told.append(detail)
        raise ConnectionError("the CRM is down")

    call.on("ended", slow)
    call.emit("ended", 7)
    assert told == [], "it runs beside the call, not inside it"
    with caplog.at_level(logging.WARNING):
        asyncio.run(line.work[0])
    assert told == [7]
    assert "the CRM is down" in caplog.text


def test_subscribers_of_one_call_are_not_those_of_another() -> None:
    told: list[str] = []
    shared = {"turn": (lambda call, detail: told.append(call.id),)}
    first, second = Call("1", subscribers=shared), Call("2", subscribers=shared)
    first.on("turn", lambda call, detail: told.append("only first"))
    second.emit("turn")
    assert told == ["2"]


def test_a_record_survives_json() -> None:
    entries = (TranscriptEntry("agent", "Hello.", 0, kind="greeting"), TranscriptEntry("caller", "Hi", 900))
    record = CallRecord(
        CallId("c1"),
        "clerk",
        "+44",
        {"plan": "gold"},
        "2025-01-01T00:00:00.000Z",
        4000,
        "caller left",
        entries,
        (310.0,),
    )
    assert msgspec.json.decode(record.to_json(), type=CallRecord) == record


def test_parameters_that_json_does_not_know_do_not_lose_the_record() -> None:
    record = CallRecord(CallId("c1"), "clerk", "", {"odd": {1, 2}, "thing": object()}, "", 0, "")
    assert b'"odd"' in record.to_json()


def test_percentiles_are_values_that_occurred() -> None:
    latencies = [float(n) for n in range(1, 21)]
    assert latency_percentile(latencies, 50) == 10.0
    assert latency_percentile(latencies, 95) == 19.0
    assert latency_percentile(latencies, 100) == 20.0
    assert latency_percentile([7.0], 50) == 7.0
    assert latency_percentile([], 50) is None
