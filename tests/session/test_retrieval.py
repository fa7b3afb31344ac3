from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hocket.session.retrieval import GRACE_S, SEARCH_S, Retrieval
from hocket.session.tasks import Tasks
from hocket.sim.loop import run
from hocket.stages.llm import Passage
from tests.session.making import News


class Shelf:
    """Takes `takes_s` to find a passage that is the query itself; raises for "broken"."""

    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s
        self.queries: list[str] = []

    async def search(self, query: str, limit: int = 3) -> tuple[Passage, ...]:
        self.queries.append(query)
        await asyncio.sleep(self.takes_s)
        if query == "broken":
            raise ValueError("the index is broken")
        return (Passage(query, "shelf.md", 1.0),)


def with_retrieval(takes_s: float, scenario: Callable[[Retrieval, Shelf, News], Awaitable[None]]) -> None:
    async def body() -> None:
        shelf, news = Shelf(takes_s), News()
        tasks = Tasks(news.failed)
        await scenario(Retrieval(shelf, tasks.start, news.mark), shelf, news)
        await tasks.close()
        assert not news.failures

    run(body())


def found(passages: tuple[Passage, ...]) -> list[str]:
    return [passage.text for passage in passages]


def test_of_words_that_come_during_a_lookup_only_the_newest_are_looked_up() -> None:
    async def scenario(retrieval: Retrieval, shelf: Shelf, news: News) -> None:
        for query in ("how", "how much", "how much is", "how much is it"):
            retrieval.start(query)
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)
        assert shelf.queries == ["how", "how much is it"]
        assert found(await retrieval.newest()) == ["how much is it"]
        assert [mark.step for mark in news.marks] == ["started", "ended"] * 2

    with_retrieval(0.1, scenario)


def test_a_reply_waits_for_a_lookup_no_longer_than_it_notices() -> None:
    async def scenario(retrieval: Retrieval, shelf: Shelf, news: News) -> None:
        retrieval.start("opening hours")
        assert found(await retrieval.newest()) == []
        assert asyncio.get_running_loop().time() == pytest.approx(GRACE_S)
        await asyncio.sleep(1)
        assert found(await retrieval.newest()) == ["opening hours"]

    with_retrieval(0.1, scenario)


def test_a_lookup_under_way_that_is_nearly_done_is_had() -> None:
    async def scenario(retrieval: Retrieval, shelf: Shelf, news: News) -> None:
        retrieval.start("opening hours")
        assert found(await retrieval.newest()) == ["opening hours"]

    with_retrieval(0.003, scenario)


def test_a_lookup_that_fails_leaves_what_was_found_before() -> None:
    async def scenario(retrieval: Retrieval, shelf: Shelf, news: News) -> None:
        for query in ("prices", "broken"):
            retrieval.start(query)
            await asyncio.sleep(1)
        assert found(await retrieval.newest()) == ["prices"]
        assert news.marks[-1].step == "failed"
        retrieval.start("boats")
        await asyncio.sleep(1)
        assert found(await retrieval.newest()) == ["boats"]

    with_retrieval(0.1, scenario)


def test_a_lookup_that_never_answers_is_given_up() -> None:
    async def scenario(retrieval: Retrieval, shelf: Shelf, news: News) -> None:
        retrieval.start("prices")
        await asyncio.sleep(SEARCH_S + 0.1)
        assert news.marks[-1].step == "failed"
        shelf.takes_s = 0.1
        retrieval.start("boats")
        await asyncio.sleep(1)
        assert found(await retrieval.newest()) == ["boats"]

    with_retrieval(10_000, scenario)
