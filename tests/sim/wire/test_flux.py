from __future__ import annotations

import json
from typing import Any

from hocket.sim.wire.flux import FluxTurns
from hocket.sim.wire.hearing import Hearing
from hocket.sim.wire.server import no_delays
from tests.sim.wire.scripted import RATE, SCRIPT


class Listened:
    """A connection without a network: messages by the audio that has come."""

    def __init__(self, **query: str) -> None:
        self.hearing = Hearing(SCRIPT, RATE)
        self.sent: list[dict[str, Any]] = []
        self.flux = FluxTurns(self.hearing, query, no_delays(), self._put)
        self.flux.begin()

    def _put(self, message: str, delay_ns: int) -> None:
        self.sent.append(json.loads(message))

    def hear(self, until_ms: int) -> None:
        """The audio up to some point, in steps of 20 ms."""
        while self.hearing.position_ms < until_ms:
            self.hearing.position_ms += 20
            self.flux.hear()

    @property
    def events(self) -> list[str]:
        """Turn events, repeated updates as one."""
        events = [message["event"] for message in self.sent if message["type"] == "TurnInfo"]
        return [event for before, event in zip(["", *events], events, strict=False) if event != before]


def test_a_turn_starts_grows_and_ends_by_the_models_confidence() -> None:
    listened = Listened()
    listened.hear(3000)
    assert listened.events == ["StartOfTurn", "Update", "EndOfTurn"]
    last = listened.sent[-1]
    assert last["transcript"] == "Could you move it to Friday?"
    assert (last["trigger"], last["turn_index"]) == ("model", 0)
    # The last word ends at 900 ms; 0.7 of 300 ms later the end is sure enough.
    assert 1.1 <= last["audio_window_end"] <= 1.14


def test_eager_ends_only_when_asked_for_and_are_taken_back() -> None:
    listened = Listened(eager_eot_threshold="0.1")
    listened.hear(3000)
    assert [event for event in listened.events if event != "Update"] == [
        "StartOfTurn",
        "EagerEndOfTurn",
        "TurnResumed",
        "EagerEndOfTurn",
        "EndOfTurn",
    ]
    eager = [message["transcript"] for message in listened.sent if message.get("event") == "EagerEndOfTurn"]
    assert eager == ["Could you move it", "Could you move it to Friday?"]


def test_the_client_may_keep_the_end_of_turns_to_itself() -> None:
    listened = Listened(eot_threshold="1.0", eot_timeout_ms="5000")
    listened.hear(3000)
    assert "EndOfTurn" not in listened.events
    listened.flux.obey("ForceEndTurn", "")
    assert (listened.sent[-1]["event"], listened.sent[-1]["trigger"]) == ("EndOfTurn", "manual")
    before = len(listened.sent)
    listened.flux.obey("ForceEndTurn", "")
    assert len(listened.sent) == before, "outside of a turn it is ignored"


def test_a_turn_times_out() -> None:
    listened = Listened(eot_threshold="1.0", eot_timeout_ms="500")
    listened.hear(3000)
    assert (listened.sent[-1]["event"], listened.sent[-1]["trigger"]) == ("EndOfTurn", "timeout")


def test_thresholds_can_be_changed_and_messages_are_numbered() -> None:
    listened = Listened()
    listened.flux.obey("Configure", '{"type":"Configure","thresholds":{"eot_threshold":1.0}}')
    assert listened.sent[-1]["type"] == "ConfigureSuccess"
    listened.hear(3000)
    assert "EndOfTurn" not in listened.events
    listened.flux.obey("Nonsense", "{}")
    assert listened.sent[-1]["type"] == "Error"
    assert [message["sequence_id"] for message in listened.sent] == list(range(len(listened.sent)))
