"""The turn detector beside a call: asked about the right speech, and never waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from hocket.audio.frame import Frame, Samples
from hocket.clock import MS
from hocket.session.endings import BEFORE_MS, HEARD_S, SCORE_S, Endings
from hocket.session.tasks import Tasks
from hocket.sim.loop import run
from hocket.turn.commands import CommitTurn, HearEnding
from hocket.turn.events import SpeechStopped, TurnScored
from tests.session.making import QUIET, News, events, marks
from tests.session.test_session import SAYS, hold, stages


class Ear:
    """Scores `probability` after `takes_s`; raises it if it is an error."""

    name = "ear"

    def __init__(self, probability: float | Exception = 0.5, takes_s: float = 0.04) -> None:
        self.probability, self.takes_s = probability, takes_s
        self.heard: list[Samples] = []

    async def score(self, samples: Samples, rate: int) -> float:
        self.heard.append(samples)
        await asyncio.sleep(self.takes_s)
        if isinstance(self.probability, Exception):
            raise self.probability
        return self.probability


def with_endings(ear: Ear, scenario: Callable[[Endings], Awaitable[None]]) -> News:
    news = News()

    async def body() -> None:
        tasks = Tasks(news.failed)
        await scenario(Endings(ear, 1000, tasks.start, news.post, news.mark))
        await tasks.close()
        assert not news.failures

    run(body())
    return news


def push(endings: Endings, start: int, end: int) -> None:
    """The samples are their own places."""
    for at in range(start, end, 20):
        endings.push(Frame(np.arange(at, at + 20).astype(np.int16), 1000, at))


def test_an_utterance_is_heard_from_before_its_first_word_to_now_across_its_pauses() -> None:
    ear = Ear()

    async def scenario(endings: Endings) -> None:
        push(endings, 0, 3000)
        endings.speech_started(2000)
        endings.ask()
        await asyncio.sleep(1)
        push(endings, 3000, 4000)
        endings.speech_started(3500)
        push(endings, 4000, 5000)
        endings.ask()
        await asyncio.sleep(1)
        endings.agent_heard()
        push(endings, 5000, 6000)
        endings.speech_started(5800)
        endings.ask()
        await asyncio.sleep(1)

    news = with_endings(ear, scenario)
    assert [(heard[0], heard[-1]) for heard in ear.heard] == [
        (2000 - BEFORE_MS, 2999),
        (2000 - BEFORE_MS, 4999),
        (5800 - BEFORE_MS, 5999),
    ]
    assert news.events == [TurnScored(0.5)] * 3


def test_of_long_speech_the_last_seconds_are_heard() -> None:
    ear = Ear()

    async def scenario(endings: Endings) -> None:
        endings.speech_started(0)
        push(endings, 0, 20_000)
        endings.ask()
        await asyncio.sleep(1)

    with_endings(ear, scenario)
    assert len(ear.heard[0]) == HEARD_S * 1000
    assert ear.heard[0][-1] == 19_999


def test_who_goes_on_speaking_makes_the_question_void() -> None:
    async def scenario(endings: Endings) -> None:
        endings.speech_started(0)
        push(endings, 0, 1000)
        endings.ask()
        await asyncio.sleep(0.01)
        endings.speech_started(990)
        await asyncio.sleep(1)

    news = with_endings(Ear(), scenario)
    assert not news.events
    assert [mark.step for mark in news.marks] == ["started", "cancelled"]


@pytest.mark.parametrize(
    ("ear", "steps", "detail"),
    [
        (Ear(0.07, 0.04), ["started", "ended"], "complete 0.07, 40 ms"),
        (Ear(0.07, 10.0), ["started", "failed"], "nothing in 170 ms"),
        (Ear(ValueError("no ear")), ["started", "failed"], "no ear"),
    ],
)
def test_what_it_said_and_cost_is_marked(ear: Ear, steps: list[str], detail: str) -> None:
    async def scenario(endings: Endings) -> None:
        push(endings, 0, 1000)
        endings.ask()
        await asyncio.sleep(1)

    news = with_endings(ear, scenario)
    assert [mark.step for mark in news.marks] == steps
    assert news.marks[-1].detail == detail


HEARS = msgspec.structs.replace(QUIET, hear_endings=True)


@pytest.mark.parametrize(
    ("ear", "wait_ms"),
    [
        (None, 170),
        (Ear(0.9), 170),
        (Ear(0.0), 835),
        (Ear(0.0, takes_s=10.0), 170),
        (Ear(0.0, takes_s=SCORE_S + 0.001), 170),
        (Ear(ValueError("broken")), 170),
    ],
    ids=["missing", "finished", "open", "hangs", "late", "broken"],
)
def test_a_turn_waits_for_what_the_detector_hears_and_never_for_the_detector(ear: Ear | None, wait_ms: int) -> None:
    held, _ = hold(replace(stages(vad=SAYS), turn_detector=ear), config=HEARS)
    assert len(events(held, HearEnding)) == 1
    [stop], [commit] = (
        [entry.now for entry in held.trace.entries if isinstance(entry.record, kind)]
        for kind in (SpeechStopped, CommitTurn)
    )
    assert (commit - stop) / MS == pytest.approx(wait_ms, abs=30)
    assert bool(marks(held, "turn")) is (ear is not None)
