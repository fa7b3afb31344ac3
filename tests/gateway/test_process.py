"""A worker as its front sees it, when it does not do what it should."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from hocket.clock import unix_time
from hocket.errors import MissingError
from hocket.gateway import process
from hocket.gateway.control import Answer
from hocket.gateway.process import WorkerProcess, check_folder
from hocket.gateway.settings import Secrets, Settings
from hocket.gateway.tickets import issue

SECRET = "a secret of more than thirty-two bytes"


def program(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this Python program run where a worker should."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{text}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(path))


def worker_in(folder: Path) -> WorkerProcess:
    return WorkerProcess(0, SECRET, folder, Settings(agent="", dev=True, port=0))


def test_a_worker_that_never_gets_ready_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "READY_S", 0.5)
    program(tmp_path, "import time; time.sleep(600)", monkeypatch)

    async def scenario() -> None:
        worker = worker_in(tmp_path)
        assert not await worker.start()
        assert (worker.state, worker.exit_code) == ("gone", -9)

    asyncio.run(scenario())


def test_a_worker_that_ends_at_once_did_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "raise SystemExit(2)", monkeypatch)

    async def scenario() -> None:
        worker = worker_in(tmp_path)
        assert not await worker.start()
        assert (worker.state, worker.exit_code) == ("gone", 2)

    asyncio.run(scenario())


TELLS = """
import json, os, sys
with open(os.environ["TOLD"], "w") as told:
    json.dump([dict(os.environ), sys.stdin.readline()], told)
""".replace("'", '"')


def test_a_worker_is_not_told_what_only_the_front_has_to_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, key, token = tmp_path / "told", "a key of a server", "a token of Twilio's"
    for name, value in (("HOCKET_API_KEYS", key), ("HOCKET_SECRET", SECRET), ("HOCKET_CACHE", "c"), ("OTHER", "o")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TOLD", str(told))
    program(tmp_path, TELLS, monkeypatch)
    settings = Settings(agent="", secrets=Secrets(secret=SECRET, api_keys=(key,), twilio_auth_token=token))

    async def scenario() -> None:
        assert not await WorkerProcess(0, "what signs", tmp_path, settings).start()

    asyncio.run(scenario())
    environment, orders = json.loads(told.read_text())
    assert (environment["HOCKET_CACHE"], environment["OTHER"]) == ("c", "o")
    assert not {"HOCKET_API_KEYS", "HOCKET_SECRET"} & set(environment)
    assert token in orders
    assert key not in orders
    assert SECRET not in orders


HANGS = """
import json, signal, socket, sys
order = json.loads(sys.stdin.readline())
server = socket.socket(socket.AF_UNIX)
server.bind(order["socket"])
server.listen()
report = json.dumps({"port": 1, "live": 0, "max_calls": 1, "lag_p99_ms": 0, "refusal": None})
one, _ = server.accept()
one.recv(9999)
one.send(f"HTTP/1.1 200 OK\\r\\nContent-Length: {len(report)}\\r\\n\\r\\n{report}".encode())
signal.pause()
""".replace("'", '"')


def test_a_worker_that_hangs_is_asked_no_more_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "ANSWER_S", 0.1)
    monkeypatch.setattr(process, "HUNG_S", 0.5)
    program(tmp_path, HANGS, monkeypatch)

    async def scenario() -> None:
        worker = worker_in(tmp_path)
        assert await worker.start()
        assert worker.report is not None
        assert await worker.watch() == -9
        assert worker.state == "gone"

    asyncio.run(scenario())


def test_a_worker_that_takes_no_orders_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, HANGS, monkeypatch)

    async def scenario() -> None:
        worker = worker_in(tmp_path)
        assert await worker.start()
        monkeypatch.setattr(process, "ANSWER_S", 0.1)
        watching = asyncio.ensure_future(worker.watch())
        await worker.drain(60, "the test is over")
        assert await watching == -9

    asyncio.run(scenario())


def test_an_offer_without_a_good_ticket_costs_the_worker_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    async def ask(_: str, __: str, body: bytes = b"", answer_s: float = 0) -> Answer:
        asked.append(body)
        return Answer(200, b"{}")

    def offer(**fields: str) -> tuple[int, bool]:
        body = json.dumps({"sdp": "v=0", **fields}).encode()
        answer = asyncio.run(worker.offer(body))
        assert answer is not None
        return answer.status, asked[-1:] == [body]

    def ticket(**changed: Any) -> str:
        given: dict[str, Any] = {"kind": "webrtc", "worker": worker.id, "now": unix_time(), "secret": SECRET}
        return issue(**(given | changed))

    worker = worker_in(tmp_path)
    monkeypatch.setattr(worker, "_ask", ask)
    for bad in ("", "nonsense", ticket(secret=SECRET * 2), ticket(kind="ws"), ticket(worker="x"), ticket(now=1e9)):
        assert offer(ticket=bad) == (403, False)
    for body in (b"", b"[" * 50_000, b'{"ticket": ""}', b"\xff"):
        refused = asyncio.run(worker.offer(body))
        assert (refused and refused.status, asked) == (400, [])
    good = ticket()
    assert offer(ticket=good) == offer(ticket=good) == (200, True), "the worker knows which were used"
    assert offer(resume="a token") == (200, True)


def test_a_folder_whose_path_is_too_long_for_sockets_is_said(tmp_path: Path) -> None:
    check_folder(Path("/tmp/hocket-abcdefgh"))
    with pytest.raises(MissingError, match="set TMPDIR"):
        check_folder(tmp_path / ("a" * 100))
