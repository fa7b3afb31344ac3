"""A worker process on its own: its orders, its certificate, and what its children inherit."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import weakref
from pathlib import Path

import msgspec
import pytest

from hocket.errors import MissingError
from hocket.gateway.settings import Settings
from hocket.gateway.worker import Orders, more_files, tls_context
from tests.gateway.uncollected import run_uncollected

ROOT = Path(__file__).parents[2]


def orders(agent: str, folder: Path) -> bytes:
    given = Settings(agent=agent, dev=True, port=0)
    made = Orders(0, "0-a", "a secret of more than thirty-two bytes", str(folder / "w.sock"), given)
    return msgspec.json.encode(made) + b"\n"


def run(given: bytes) -> subprocess.CompletedProcess[bytes]:
    """With standard input at its end after the orders: the front is dead."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "hocket.gateway.worker"], input=given, cwd=ROOT, capture_output=True, check=False
    )


def test_a_worker_whose_front_is_dead_ends(tmp_path: Path) -> None:
    done = run(orders("tests.gateway.small_agent:agent", tmp_path))
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"Traceback" not in done.stderr


def test_without_orders_there_is_nothing_to_do() -> None:
    assert run(b"").returncode == 1


def test_a_mistake_in_the_agent_is_one_sentence(tmp_path: Path) -> None:
    done = run(orders("nowhere.py", tmp_path))
    assert done.returncode == 2
    assert b"There is no file nowhere.py" in done.stderr
    assert b"Traceback" not in done.stderr


def test_workers_take_ports_above_the_fronts(tmp_path: Path) -> None:
    given = Orders(3, "", "", "", Settings(agent="", port=8080))
    assert given.port == 8084
    assert msgspec.structs.replace(given, settings=Settings(agent="", port=0)).port == 0


def test_certificates(tmp_path: Path) -> None:
    assert tls_context(Settings(agent="")) is None
    path = tmp_path / "cert.pem"
    path.write_text("nothing")
    with pytest.raises(MissingError, match="give a certificate and its key"):
        tls_context(Settings(agent="", tls_cert=str(path), tls_key=str(path)))


def test_as_many_sockets_as_the_system_gives() -> None:
    more_files()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard


class Works:
    """Keeps its task, as most who start one do, and is in a frame of it."""

    async def start(self) -> None:
        self.task = asyncio.create_task(self._work())
        await asyncio.sleep(0)

    async def _work(self) -> None:
        await asyncio.Event().wait()


def test_who_is_done_with_a_task_that_was_cancelled_is_gone_without_the_collector() -> None:
    async def scenario() -> None:
        works = Works()
        await works.start()
        works.task.cancel()
        await asyncio.wait({works.task})
        assert works.task.cancelled()
        await asyncio.sleep(0)
        gone = weakref.ref(works)
        del works
        assert gone() is None

    run_uncollected(scenario())
