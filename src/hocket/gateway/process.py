"""A worker as the front sees it: a process that is started, asked how it is, and told to drain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import sys
from pathlib import Path
from typing import Final, Literal, TypeAlias

import aiohttp
import msgspec

from hocket.clock import unix_time
from hocket.errors import MissingError
from hocket.gateway.control import Answer, Drain, OfferBody, Report, refuse_offer, refuse_ticket
from hocket.gateway.settings import Secrets, Settings
from hocket.gateway.tickets import TicketError, Tickets
from hocket.gateway.worker import Orders

log = logging.getLogger(__name__)

POLL_S: Final = 0.25
"""Between two looks at a worker's load."""

ANSWER_S: Final = 2.0
"""What a worker has to answer; a later answer is none."""

HUNG_S: Final = 30.0
"""A worker that has not answered for so long holds no call any more: it is killed."""

READY_S: Final = 300.0
"""What a worker has to get ready: models may be loaded, voices warmed."""

FRONT_ONLY: Final = ("HOCKET_SECRET", "HOCKET_API_KEYS")
"""Environment variables that are not handed on: agents' tools, and what those start, have no use for them. Those of
carriers stay, because tools may call the carrier."""

State: TypeAlias = Literal["starting", "ready", "draining", "gone"]


class WorkerProcess:
    """One worker from its start to its end."""

    def __init__(self, number: int, secret: str, folder: Path, settings: Settings) -> None:
        self.number = number
        self.id = f"{number}-{secrets.token_hex(4)}"
        """Tickets name it, so that they are not taken by a later worker with the same number."""
        self.state: State = "starting"
        self.report: Report | None = None
        """How it was at the last look; None: it did not answer."""
        self.promised = 0
        """Tickets that were given out for it since then."""
        self._tickets = Tickets(secret, self.id)
        needed = Secrets(twilio_auth_token=settings.secrets.twilio_auth_token)
        settings = msgspec.structs.replace(settings, secrets=needed)
        self._orders = Orders(number, self.id, secret, str(folder / f"{self.id}.sock"), settings)
        self._process: asyncio.subprocess.Process | None = None
        self._client: aiohttp.ClientSession | None = None

    async def start(self) -> bool:
        """Start the process and wait until it takes calls; False when it ended instead, or took too long."""
        self._process = await asyncio.create_subprocess_exec(
            # -P: the current directory is no place to find modules of Python's own in.
            *(sys.executable, "-P", "-m", "hocket.gateway.worker"),
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name not in FRONT_ONLY},
        )
        stdin = self._process.stdin
        assert stdin is not None, "it is a pipe"
        stdin.write(msgspec.json.encode(self._orders) + b"\n")
        with contextlib.suppress(ConnectionError):
            await stdin.drain()
        # The pipe stays open: its end tells the worker that the front is dead.
        try:
            async with asyncio.timeout(READY_S):
                while self._process.returncode is None:
                    if self._listens() and await self._look():
                        self.state = "ready"
                        return True
                    await asyncio.sleep(POLL_S / 5)
        except TimeoutError:
            log.error("worker %d was not ready within %g s", self.number, READY_S)
            self.kill()
        await self._gone()
        return False

    async def watch(self) -> int:
        """Look how it is until it ends; returns its exit code."""
        process = self._process
        assert process is not None, "it was started"
        ended = asyncio.ensure_future(process.wait())
        loop = asyncio.get_running_loop()
        answered = loop.time()
        try:
            while not ended.done():
                if await self._look():
                    answered = loop.time()
                elif loop.time() - answered > HUNG_S:
                    log.error("worker %d has not answered for %g s and is killed", self.number, HUNG_S)
                    self.kill()
                await asyncio.wait({ended}, timeout=POLL_S)
        finally:
            ended.cancel()
        await self._gone()
        return process.returncode or 0

    async def drain(self, timeout_s: float, reason: str) -> None:
        """Have it take no more calls, and end when the live ones have; ask again to no effect."""
        if self.state in ("draining", "gone"):
            return
        was, self.state = self.state, "draining"
        order = msgspec.json.encode(Drain(timeout_s, reason))
        if was == "starting":
            self.kill()
        elif await self._ask("POST", "/drain", order) is None:
            log.error("worker %d does not take orders and is killed", self.number)
            self.kill()

    async def offer(self, body: bytes) -> Answer | None:
        """Its answer to a WebRTC offer; None when it has none. It is not asked about an offer without a ticket of its
        own that is good now, so that those cost its calls nothing; whether the ticket was used it knows itself."""
        try:
            shown = msgspec.json.decode(body, type=OfferBody)
            if not shown.resume:
                self._tickets.read(shown.ticket, "webrtc", unix_time())
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return refuse_offer()
        except TicketError as error:
            return refuse_ticket(error)
        return await self._ask("POST", "/offer", body, answer_s=10.0)

    async def metrics(self) -> bytes | None:
        """Its figures; None when it does not answer."""
        answer = await self._ask("GET", "/metrics")
        return answer.body if answer is not None else None

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.returncode if self._process is not None else None

    async def _look(self) -> bool:
        promised = self.promised
        answer = await self._ask("GET", "/load")
        self.report = msgspec.json.decode(answer.body, type=Report) if answer is not None else None
        self.promised -= promised
        return answer is not None

    async def _ask(self, method: str, path: str, body: bytes = b"", answer_s: float = ANSWER_S) -> Answer | None:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(self._orders.socket, limit=100), auto_decompress=False
            )
        try:
            async with (
                asyncio.timeout(answer_s),
                self._client.request(method, f"http://worker{path}", data=body or None) as response,
            ):
                wait = response.headers.get("Retry-After")
                return Answer(response.status, await response.read(), int(wait) if wait else None)
        except (TimeoutError, aiohttp.ClientError, OSError):
            return None

    async def _gone(self) -> None:
        self.state, self.report = "gone", None
        if self._process is not None:
            await self._process.wait()
        if self._client is not None:
            await self._client.close()
        self._tidy()

    def _listens(self) -> bool:
        return Path(self._orders.socket).exists()

    def _tidy(self) -> None:
        with contextlib.suppress(OSError):
            Path(self._orders.socket).unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """Raise `MissingError` when the paths of sockets in it would be longer than the system allows."""
    if len(str(folder / ("999-12345678.sock"))) > 100:
        raise MissingError(f"{folder} is too long a path for sockets: set TMPDIR to a shorter one.")
