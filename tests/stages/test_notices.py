from __future__ import annotations

import asyncio

from hocket.sim.loop import run
from hocket.stages.notices import Notice, listen, notify


def test_a_notice_that_nobody_listens_to_is_lost() -> None:
    async def work() -> None:
        notify("connect", "started", "nobody")

    run(work())


def test_a_task_hears_its_own_notices_and_those_of_the_tasks_it_starts() -> None:
    async def work() -> None:
        heard: dict[str, list[Notice]] = {"one": [], "two": []}

        async def stage(name: str) -> None:
            listen(heard[name].append)
            notify("llm", "hedged", name)
            await asyncio.create_task(second_call(name))

        async def second_call(name: str) -> None:
            await asyncio.sleep(0.1)
            notify("llm", "won", name, 2)

        await asyncio.gather(stage("one"), stage("two"))
        for name, notices in heard.items():
            assert notices == [Notice("llm", "hedged", name), Notice("llm", "won", name, 2)]

    run(work())
