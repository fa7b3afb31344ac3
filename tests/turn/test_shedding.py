"""What a loaded process leaves out of a call, and that it is in the trace."""

from __future__ import annotations

import pytest

from hocket.turn.commands import CommitTurn, Finalize, StartReply
from hocket.turn.events import LoadShed, SpeechPaused, SpeechStarted, SpeechStopped, Transcribed
from hocket.turn.shedding import Shed
from tests.turn.talk import MS, QUESTION, Talk


def asked(level: int) -> Talk:
    """A question whose words are complete at the pause, before the detector's flip."""
    talk = Talk()
    talk.at(500, LoadShed(level))
    talk.at(1055, SpeechStarted(1000 * MS))
    talk.at(1950, Transcribed(QUESTION, final=False))
    talk.at(2060, Transcribed(f"{QUESTION} please", final=False))
    talk.at(2080, SpeechPaused(2000 * MS))
    talk.at(2105, SpeechStopped(2000 * MS))
    talk.until(3000)
    return talk


@pytest.mark.parametrize(
    ("level", "starts_at", "voiced"),
    [
        (Shed.NOTHING, 2080, True),
        (Shed.SPECULATIVE_TTS, 2080, False),
        (Shed.EARLY_LLM, 2105 + 110, False),
        (Shed.TURN_MODEL, 2105 + 110, False),
        (Shed.OPUS_COMPLEXITY, 2105 + 110, False),
    ],
)
def test_each_level_leaves_out_one_thing_more(level: Shed, starts_at: float, voiced: bool) -> None:
    talk = asked(level)
    [start] = talk.of(StartReply)
    assert start.speculative
    assert talk.time_of(StartReply) == starts_at
    assert start.voiced == voiced
    assert talk.time_of(Finalize) <= talk.time_of(CommitTurn)
    assert talk.time_of(CommitTurn) == 2105 + 110 + 60, "the turn is taken as early as ever"


def test_a_reply_that_is_started_again_after_the_commit_is_spoken_as_it_is_written() -> None:
    talk = asked(Shed.SPECULATIVE_TTS)
    talk.final(3010, "what time do you close tomorrow")
    first, again = talk.of(StartReply)
    assert (first.speculative, first.voiced) == (True, False)
    assert (again.speculative, again.voiced) == (False, True)


def test_it_comes_back_when_the_load_is_gone() -> None:
    talk = Talk()
    talk.at(500, LoadShed(Shed.TURN_MODEL))
    talk.answer(QUESTION, "At nine.")
    talk.at(10_000, LoadShed(Shed.NOTHING))
    talk.speak(11_000, 12_000, QUESTION)
    talk.until(13_000)
    assert [start.voiced for start in talk.of(StartReply)] == [False, True]


def test_the_order_is_declared_and_ends_with_the_transports() -> None:
    assert [shed.name for shed in sorted(Shed)] == [
        "NOTHING",
        "SPECULATIVE_TTS",
        "EARLY_LLM",
        "TURN_MODEL",
        "OPUS_COMPLEXITY",
    ]
