from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web

from hocket.clock import MS
from hocket.sim.wire.conversation import Conversation, Outbox
from hocket.sim.wire.exchange import Exchange
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.server import Answer
from tests.sim.wire.echo import Echo
from tests.sim.wire.waiting import until
from tests.stages.leftovers import count


class Late(Echo):
    """Sends back each text after as many milliseconds as it says, in order; "done" ends it, "fail" breaks it."""

    def routes(self) -> dict[tuple[str, str], Answer]:
        return {("GET", "/late"): self._late}

    async def _late(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.begin_websocket()
        outbox = Outbox(exchange)

        async def listen() -> None:
            async for message in exchange.incoming():
                if message == "done":
                    await outbox.drained()
                    await exchange.close()
                    return
                outbox.put(str(message), int(message) * MS)

        conversation = Conversation()
        conversation.start(outbox.run())
        await conversation.run(listen())
        return await exchange.finish()


def test_messages_come_in_order_and_none_before_its_time() -> None:
    async def scenario() -> None:
        async with Late() as server, aiohttp.ClientSession() as session:
            async with session.ws_connect(f"{server.url}/late") as websocket:
                began = asyncio.get_running_loop().time()
                for text in ("60", "0", "30", "done"):
                    await websocket.send_str(text)
                found = [message.data async for message in websocket]
            assert found == ["60", "0", "30"]
            assert asyncio.get_running_loop().time() - began >= 0.06

    asyncio.run(scenario())


@pytest.mark.parametrize("fault", [None, Fault("reset", after_messages=1), Fault("close", after_messages=1)])
def test_it_leaves_no_task_behind(fault: Fault | None) -> None:
    async def scenario() -> None:
        async with Late() as server, aiohttp.ClientSession() as session:
            before = count().tasks
            server.faults.plan(fault)
            async with session.ws_connect(f"{server.url}/late") as websocket:
                await websocket.send_str("0")
                await websocket.send_str("0")
                await websocket.receive()
                if fault is not None:
                    message = await websocket.receive()
                    assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
                    assert server.exchanges[0].state == "cut"
            await until(lambda: count().tasks <= before)

    asyncio.run(scenario())


def test_what_a_speaker_raises_ends_the_listening() -> None:
    class Broken(Exception):
        pass

    async def fail() -> None:
        raise Broken

    async def listen() -> None:
        await asyncio.sleep(3600)

    async def scenario() -> None:
        conversation = Conversation()
        conversation.start(fail())
        with pytest.raises(Broken):
            await asyncio.wait_for(conversation.run(listen()), 5)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(scenario())


def test_a_speaker_may_be_cancelled_alone() -> None:
    async def scenario() -> None:
        conversation = Conversation()
        speaking = conversation.start(asyncio.sleep(3600))

        async def listen() -> None:
            speaking.cancel()
            await asyncio.sleep(0.01)

        await asyncio.wait_for(conversation.run(listen()), 5)
        assert speaking.cancelled()

    asyncio.run(scenario())
