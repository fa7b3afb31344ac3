from __future__ import annotations

import asyncio

import pytest

from hocket.errors import SttError
from hocket.sim.loop import run
from hocket.stages.stt import Transcript
from hocket.stages.transcripts import WAITING, Transcripts


async def rest(transcripts: Transcripts) -> list[Transcript]:
    found = []
    while len(transcripts):
        transcript = await transcripts.next()
        assert transcript is not None
        found.append(transcript)
    return found


def test_an_interim_that_nobody_has_read_gives_way() -> None:
    async def scenario() -> None:
        transcripts = Transcripts()
        for each in (Transcript("could", False), Transcript("could you", False), Transcript("Could you?", True)):
            transcripts.put(each)
        transcripts.put(Transcript("no", False))
        assert await rest(transcripts) == [Transcript("Could you?", True), Transcript("no", False)]

    run(scenario())


def test_too_many_finals_become_fewer_and_lose_nothing() -> None:
    async def scenario() -> None:
        transcripts = Transcripts()
        for index in range(WAITING + 1):
            transcripts.put(Transcript(f"w{index}", True, finalized=index == WAITING - 1, until_ms=index))
        transcripts.put(Transcript("end", True))
        found = await rest(transcripts)
        assert len(found) == WAITING
        assert found[-1] == Transcript(f"w{WAITING - 1} w{WAITING} end", True, finalized=True, until_ms=WAITING)

    run(scenario())


def test_the_reader_waits_for_news_and_learns_of_the_end() -> None:
    async def scenario() -> None:
        transcripts = Transcripts()
        waiting = asyncio.create_task(transcripts.next())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        transcripts.put(Transcript("yes", True))
        assert await waiting == Transcript("yes", True)
        transcripts.put(Transcript("left over", True))
        transcripts.end(SttError("Lost."))
        transcripts.end(SttError("Lost again."))
        transcripts.put(Transcript("too late", True))
        assert await transcripts.next() == Transcript("left over", True)
        with pytest.raises(SttError, match=r"Lost\.$"):
            await transcripts.next()
        transcripts.end(None)
        assert await transcripts.next() is None

    run(scenario())


def test_closing_forgets_what_waits() -> None:
    async def scenario() -> None:
        transcripts = Transcripts()
        transcripts.put(Transcript("unread", True))
        transcripts.end(None)
        assert await transcripts.next() is None

    run(scenario())
