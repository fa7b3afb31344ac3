from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import soundfile

from hocket.assembly import assemble
from hocket.audio.frame import Samples, silence
from hocket.clock import unix_time
from hocket.gateway import tickets
from hocket.gateway.calls import Calls
from hocket.gateway.carrier_socket import CarrierSockets
from hocket.gateway.carriers import carrier_paths
from hocket.gateway.media import MediaServer
from hocket.gateway.placing import Placement
from hocket.gateway.settings import Secrets, Settings
from hocket.gateway.tickets import Kind, Tickets, issue
from hocket.gateway.webhooks import Webhooks
from hocket.sim.carrier import FRAME, CarrierCaller
from hocket.sim.telnyx import TelnyxCaller, TelnyxPhone, dial
from hocket.sim.twilio import TwilioCaller, TwilioPhone, sign
from tests.assembly.test_assembly import agent_of
from tests.documents import ROOT
from tests.gateway.test_carrier_socket import until
from tests.serving import served
from tests.test_docs import executed

SECRET = tickets.new_secret()
TOKEN = "a token of Twilio's"


class Listener:
    """Says nothing, and leaves when something was heard, or after `frames`."""

    def __init__(self, frames: int = 250) -> None:
        self._left = frames

    def frame(self, heard: Samples) -> Samples | None:
        self._left -= 1
        return None if heard.any() or not self._left else silence(FRAME)


class Worker:
    def __init__(self, calls: Calls, sockets: CarrierSockets, media: MediaServer) -> None:
        self.calls = calls
        self.sockets = sockets
        self.media = media

    def url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.media.port}{path}"

    def twilio(self, ticket: str, **about: Any) -> TwilioCaller:
        return TwilioCaller(
            self.url("/twilio"), Listener(), parameters={"ticket": ticket, "clinic": "harbour"}, **about
        )

    async def finish(self) -> None:
        await until(lambda: not self.calls.live and not len(self.sockets))


@asynccontextmanager
async def working(
    *, token: str = "", public_url: str = "", max_calls: int = 10, seen: list[dict[str, Any]] | None = None
) -> AsyncIterator[Worker]:
    settings = Settings(agent="", dev=True, public_url=public_url, secrets=Secrets(twilio_auth_token=token))
    async with assemble(agent_of()) as assembly:
        make = assembly.session

        async def session(line: Any, **about: Any) -> Any:
            if seen is not None:
                seen.append(about)
            return await make(line, **about)

        assembly.session = session  # type: ignore[method-assign, assignment]
        calls = Calls(assembly, Tickets(SECRET, "w0"), max_calls=max_calls)
        sockets = CarrierSockets()
        media = MediaServer(0, settings, 100, carrier_paths(calls, sockets, settings, 0))
        await media.listen("127.0.0.1", 0)
        worker = Worker(calls, sockets, media)
        try:
            yield worker
            await worker.finish()
        finally:
            media.close()
            await sockets.close()


def ticket(kind: Kind, **claims: Any) -> str:
    return issue(SECRET, **{"kind": kind, "worker": "w0", "now": unix_time(), **claims})


def test_a_call_from_twilio_with_a_ticket_is_held() -> None:
    seen: list[dict[str, Any]] = []

    async def scenario() -> CarrierCaller:
        async with working(seen=seen) as worker:
            leave = ticket("twilio", caller="+15550100", parameters={"to": "+15550199"})
            caller = worker.twilio(leave, call_sid="CA7")
            await caller.run()
        return caller

    caller = asyncio.run(scenario())
    assert caller.recording[:, 1].any(), "the agent was heard"
    (about,) = seen
    assert about["call_id"].startswith("CA7.")
    assert about["caller"] == "+15550100"
    assert about["parameters"] == {"clinic": "harbour", "to": "+15550199"}


def test_a_call_from_telnyx_shows_its_ticket_in_the_address() -> None:
    seen: list[dict[str, Any]] = []

    async def scenario() -> CarrierCaller:
        async with working(seen=seen, token=TOKEN) as worker:
            caller = TelnyxCaller(worker.url(f"/telnyx?ticket={ticket('telnyx')}"), Listener(), caller="+15550100")
            await caller.run()
            by_parameter = TelnyxCaller(
                worker.url("/telnyx"), Listener(), parameters={"ticket": ticket("telnyx")}, call_control_id="v3:a_b-c"
            )
            await by_parameter.run()
            assert by_parameter.recording[:, 1].any()
        return caller

    caller = asyncio.run(scenario())
    assert caller.recording[:, 1].any()
    assert [about["caller"] for about in seen] == ["+15550100"] * 2
    assert [about["parameters"] for about in seen] == [{}, {}]
    assert seen[1]["call_id"].startswith("v3:a_b-c.")


WRONG: dict[str, Callable[[], str]] = {
    "none": lambda: "",
    "nonsense": lambda: "eyJ.x.y",
    "long": lambda: "x" * 20_000,
    "another kind": lambda: ticket("telnyx"),
    "another worker": lambda: ticket("twilio", worker="w1"),
    "old": lambda: ticket("twilio", now=unix_time() - 61),
    "forged": lambda: issue(tickets.new_secret(), kind="twilio", worker="w0", now=unix_time()),
}


@pytest.mark.parametrize("name", WRONG)
def test_without_a_ticket_there_is_no_call(name: str, caplog: pytest.LogCaptureFixture) -> None:
    shown = WRONG[name]()

    async def scenario() -> None:
        async with working() as worker:
            assert await closing(worker, "/twilio", TwilioPhone("CA1", {"ticket": shown})) == 1008
            assert worker.calls.live == 0

    with caplog.at_level(logging.DEBUG):
        asyncio.run(scenario())
    assert not shown or shown not in caplog.text


async def closing(
    worker: Worker, path: str, phone: TwilioPhone | TelnyxPhone, headers: dict[str, str] | None = None
) -> int | None:
    """With which code the worker closes on who greets so."""
    async with (
        asyncio.timeout(5),
        aiohttp.ClientSession() as session,
        session.ws_connect(worker.url(path), headers=headers) as client,
    ):
        for text in phone.greeting():
            if not client.closed:
                await client.send_str(text)
        async for _ in client:
            pass
        return client.close_code


def test_a_ticket_opens_one_call_and_who_shows_it_again_disturbs_nobody() -> None:
    async def scenario() -> None:
        async with working() as worker:
            leave = ticket("twilio")
            phone = TwilioPhone("CA1", {"ticket": leave})
            async with aiohttp.ClientSession() as session, session.ws_connect(worker.url("/twilio")) as client:
                for text in phone.greeting():
                    await client.send_str(text)
                await until(lambda: worker.calls.live)
                assert await closing(worker, "/twilio", TwilioPhone("CA1", {"ticket": leave})) == 1008
                assert worker.calls.live == 1
                # Another stream of the same call is another call.
                async with session.ws_connect(worker.url("/twilio")) as second:
                    for text in TwilioPhone("CA1", {"ticket": ticket("twilio")}).greeting():
                        await second.send_str(text)
                    await until(lambda: worker.calls.live == 2)

    asyncio.run(scenario())


@pytest.mark.parametrize("call_sid", ["", "CA 1", "CA1\n", "../CA1", "x" * 201])
def test_a_call_has_an_id_that_can_be_written(call_sid: str) -> None:
    async def scenario() -> None:
        async with working() as worker:
            leave = ticket("twilio")
            assert await closing(worker, "/twilio", TwilioPhone(call_sid, {"ticket": leave})) == 1008

    asyncio.run(scenario())


def test_without_room_the_upgrade_is_refused_and_so_is_who_came_too_late() -> None:
    async def scenario() -> None:
        leave = ticket("twilio")
        async with working(max_calls=1) as worker, aiohttp.ClientSession() as session:
            async with (
                session.ws_connect(worker.url("/twilio")) as late,
                session.ws_connect(worker.url("/twilio")) as first,
            ):  # there is room, still
                for text in TwilioPhone("CA1", {"ticket": ticket("twilio")}).greeting():
                    await first.send_str(text)
                await until(lambda: worker.calls.live)
                with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                    await session.ws_connect(worker.url("/telnyx"))
                for text in TwilioPhone("CA2", {"ticket": leave}).greeting():
                    await late.send_str(text)
                async for _ in late:
                    pass
                assert late.close_code == 1013
                assert worker.calls.live == 1
            await worker.finish()
            # What was refused for want of room is not used up.
            caller = worker.twilio(leave)
            await caller.run()
            assert caller.recording[:, 1].any()

    asyncio.run(scenario())


@pytest.mark.parametrize("public_url", ["", "https://voice.example", "https://voice.example/hocket/"])
def test_what_opens_a_stream_for_twilio_is_signed(public_url: str) -> None:
    async def scenario() -> None:
        async with working(token=TOKEN, public_url=public_url) as worker:
            url = {
                "": worker.url("/twilio"),
                "https://voice.example": "wss://voice.example/w/0/twilio",
                "https://voice.example/hocket/": "wss://voice.example/hocket/w/0/twilio",
            }[public_url]
            phone = TwilioPhone("CA1", {"ticket": ticket("twilio")})
            for forged in ("", sign("another", url), sign(TOKEN, url.replace("twilio", "telnyx"))):
                with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                    await closing(worker, "/twilio", phone, {"X-Twilio-Signature": forged})
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await closing(worker, "/twilio", phone)
            for right in (url, url + "/"):
                caller = worker.twilio(ticket("twilio"), auth_token=TOKEN, public_url=right)
                await caller.run()
                assert caller.recording[:, 1].any()
            await worker.finish()
            assert worker.calls.ended == 2

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "query", ["?ticket=%ff", "?" + "&".join(f"a={n}" for n in range(100)), "?ticket", "?" + "x" * 7_000]
)
def test_a_query_that_is_none_opens_nothing(query: str) -> None:
    async def scenario() -> None:
        async with working() as worker:
            assert await closing(worker, f"/telnyx{query}", TelnyxPhone("v3:1", {})) == 1008

    asyncio.run(scenario())


def test_what_a_caller_sends_ends_its_own_call_only() -> None:
    async def scenario() -> None:
        async with working() as worker, aiohttp.ClientSession() as session:
            good = worker.twilio(ticket("twilio"), call_sid="CA2")
            held = asyncio.create_task(good.run())
            for message in ("{", "[" * 60_000, b"\x00", '{"event": "media", "media": {"payload": "%"}}'):
                async with session.ws_connect(worker.url(f"/telnyx?ticket={ticket('telnyx')}")) as bad:
                    for text in TelnyxPhone("v3:1", {}).greeting():
                        await bad.send_str(text)
                    await (bad.send_bytes(message) if isinstance(message, bytes) else bad.send_str(message))
                    async for _ in bad:
                        pass
                    assert bad.close_code in (1000, 1003)
            await held
            assert good.ended == "caller"
            assert np.any(good.recording[:, 1])

    asyncio.run(scenario())


def test_the_page_about_telephones_rings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its script, from the webhook to the file, with a caller who leaves after a second."""
    page = executed(ROOT / "docs" / "how-to" / "phone.md")
    impatient = type("Listener", (page["Listener"],), {"__init__": lambda self: setattr(self, "frames", 450)})
    monkeypatch.setitem(page, "Listener", impatient)

    async def scenario() -> None:
        async with working() as worker:

            def place(kind: Kind, **claims: Any) -> Placement:
                return Placement(ticket(kind, **claims), 0, worker.media.port)

            async with served(*Webhooks(place, Settings(agent="", dev=True)).routes()) as port:
                webhook = f"http://127.0.0.1:{port}"
                await page["ring"](f"{webhook}/twilio", str(tmp_path / "call.wav"))
                telnyx = await dial(f"{webhook}/telnyx", Listener())
                await telnyx.run()
                assert telnyx.recording[:, 1].any()

    asyncio.run(scenario())
    sides, rate = soundfile.read(tmp_path / "call.wav", dtype="int16")
    assert (rate, sides.shape) == (8_000, (50 * FRAME, 2))
    assert sides[:, 1].any()
