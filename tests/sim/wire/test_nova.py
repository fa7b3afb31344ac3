from __future__ import annotations

import json
from typing import Any

from hocket.sim.wire.hearing import Hearing
from hocket.sim.wire.nova import NovaResults
from hocket.sim.wire.server import no_delays
from tests.sim.wire.scripted import RATE, SCRIPT


class Listened:
    """A connection without a network: messages by the audio that has come."""

    def __init__(self, answers_when_empty: bool = True, **query: str) -> None:
        self.hearing = Hearing(SCRIPT, RATE)
        self.sent: list[dict[str, Any]] = []
        query = {"endpointing": "false", "interim_results": "true", **query}
        self.nova = NovaResults(self.hearing, query, no_delays(), self._put, answers_when_empty)
        self.nova.begin()

    def _put(self, message: str, delay_ns: int) -> None:
        self.sent.append(json.loads(message))

    def hear(self, until_ms: int) -> list[dict[str, Any]]:
        """The messages of the audio up to some point, in steps of 20 ms."""
        seen = len(self.sent)
        while self.hearing.position_ms < until_ms:
            self.hearing.position_ms += 20
            self.nova.hear()
        return self.sent[seen:]


def transcripts(messages: list[dict[str, Any]]) -> list[str]:
    return [message["channel"]["alternatives"][0]["transcript"] for message in messages if message["type"] == "Results"]


def test_interims_only_when_asked_for() -> None:
    assert transcripts(Listened().hear(500)) == ["could", "could you", "could you move"]
    assert transcripts(Listened(interim_results="false").hear(500)) == []


def test_results_cover_the_audio_without_gaps() -> None:
    listened = Listened(endpointing="100")
    listened.hear(2000)
    listened.nova.obey("Finalize", "")
    finals = [message for message in listened.sent if message["is_final"]]
    ends = [message["start"] + message["duration"] for message in finals]
    assert [message["start"] for message in finals] == [0.0, *ends[:-1]]
    assert finals[-1]["from_finalize"]
    assert transcripts(finals) == ["could you move it", "to friday", ""]


def test_punctuation_comes_only_when_asked_for_and_only_in_finals() -> None:
    for listened in (Listened(punctuate="true"), Listened(smart_format="true")):
        assert transcripts(listened.hear(620))[-1] == "could you move it"
        listened.nova.obey("Finalize", "")
        assert transcripts(listened.sent)[-1] == "Could you move it."


def test_a_finalize_with_nothing_to_say_may_go_unanswered() -> None:
    for answers in (True, False):
        listened = Listened(answers_when_empty=answers)
        listened.hear(60)
        listened.nova.obey("Finalize", "")
        assert len(listened.sent) == answers


def test_keepalive_is_not_answered_and_nonsense_is() -> None:
    listened = Listened()
    listened.nova.obey("KeepAlive", "")
    assert listened.sent == []
    listened.nova.obey("", "nonsense")
    assert listened.sent[0]["variant"] == "SchemaError"


def test_the_end_settles_what_is_left_and_tells_the_length() -> None:
    listened = Listened()
    listened.hear(1000)
    listened.nova.end()
    final, metadata = listened.sent[-2:]
    assert transcripts([final]) == ["could you move it to friday"]
    assert (metadata["type"], metadata["duration"]) == ("Metadata", 1.0)
