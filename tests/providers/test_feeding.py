from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hocket.errors import TtsError
from hocket.providers.cloud import Inbox
from hocket.providers.feeding import SILENT_S, Feed, from_base64
from hocket.sim.loop import run


def reading(send: Callable[[Inbox[str]], Awaitable[bool]]) -> tuple[list[str], float]:
    """The messages until there was nothing to say, and how long it took, in virtual seconds."""

    async def scenario() -> tuple[list[str], float]:
        inbox: Inbox[str] = Inbox()
        feed = Feed("Vendor", inbox, lambda: send(inbox))
        found = []
        try:
            while (message := await feed.next()) is not None:
                found.append(message)
            return found, asyncio.get_running_loop().time()
        finally:
            await feed.close()
            await feed.close()
            assert feed.done

    return run(scenario())


def test_what_comes_is_handed_out_and_nothing_to_say_ends_it_at_once() -> None:
    async def send(inbox: Inbox[str]) -> bool:
        inbox.put("one", 3)
        await asyncio.sleep(1)
        return False

    assert reading(send) == (["one"], 1.0)


def test_a_vendor_is_silent_only_once_all_text_is_sent() -> None:
    async def slow(inbox: Inbox[str]) -> bool:
        await asyncio.sleep(3 * SILENT_S)
        inbox.put("late", 4)
        await asyncio.sleep(1)
        return False

    assert reading(slow)[0] == ["late"]

    async def sent(_: Inbox[str]) -> bool:
        return True

    with pytest.raises(TtsError, match=f"Vendor sent no sound for {SILENT_S:g} s"):
        reading(sent)


def test_what_the_text_raises_is_raised_at_once_and_a_lost_vendor_after_what_it_has_said() -> None:
    async def broken(inbox: Inbox[str]) -> bool:
        inbox.put("one", 3)
        raise LookupError("the model is gone")

    with pytest.raises(LookupError, match="the model"):
        reading(broken)

    found = []

    async def lost(inbox: Inbox[str]) -> bool:
        inbox.put("refused, because", 3)
        raise TtsError("It hung up.")

    async def scenario() -> None:
        inbox: Inbox[str] = Inbox()
        feed = Feed("Vendor", inbox, lambda: lost(inbox))
        await asyncio.sleep(1)
        found.append(await feed.next())
        with pytest.raises(TtsError, match="hung up"):
            await feed.next()
        await feed.close()

    run(scenario())
    assert found == ["refused, because"]


def test_closing_stops_the_sending() -> None:
    async def scenario() -> None:
        inbox: Inbox[str] = Inbox()

        async def send() -> bool:
            await asyncio.sleep(3600)
            return True

        feed = Feed("Vendor", inbox, send)
        await asyncio.sleep(1)
        assert not feed.done
        await feed.close()
        assert feed.done

    run(scenario())


def test_audio_that_is_no_base64_is_said_so() -> None:
    assert from_base64("aGk=", "Vendor") == b"hi"
    with pytest.raises(TtsError, match="Vendor sent a message that cannot be read"):
        from_base64("~", "Vendor")
