from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import msgspec
import pytest

from hocket.providers.sphinx_worker import Answer, Close, Failed, Hear, Heard, Open, Request, Start
from tests.speech import clip

pytest.importorskip("pocketsphinx")

TIMEOUT_S = 30


@pytest.fixture(scope="module")
def worker() -> Iterator[tuple[subprocess.Popen[bytes], Connection]]:
    ours, theirs = Pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "hocket.providers.sphinx_worker", str(theirs.fileno())], pass_fds=[theirs.fileno()]
    )
    theirs.close()
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        ours.close()


def ask(connection: Connection, request: Request) -> Answer:
    connection.send_bytes(msgspec.msgpack.encode(request))
    assert connection.poll(TIMEOUT_S), "no answer"
    answer: Answer = msgspec.msgpack.decode(connection.recv_bytes(), type=Answer)
    return answer


def test_it_answers_every_request_and_ends_with_its_connection(
    worker: tuple[subprocess.Popen[bytes], Connection],
) -> None:
    process, connection = worker
    pcm = clip("short_reply/speechcommands_yes.wav").tobytes()
    assert isinstance(ask(connection, Start(["yes please"])), Heard)
    ask(connection, Open(1))
    heard = ask(connection, Hear(1, pcm))
    finished = ask(connection, Hear(1, b"", finish=True))
    for answer in (heard, finished):
        assert isinstance(answer, Heard)
        assert answer.words == ("yes",)
        assert answer.cpu_ns > 0
    assert isinstance(ask(connection, Close(1)), Heard)
    assert isinstance(ask(connection, Close(1)), Heard)
    connection.close()
    assert process.wait(TIMEOUT_S) == 0


def test_why_it_cannot_work_is_told() -> None:
    ours, theirs = Pipe()
    code = (
        "import sys; sys.modules['pocketsphinx'] = None\n"
        "from hocket.providers.sphinx_worker import main; main(int(sys.argv[1]))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(theirs.fileno())], pass_fds=[theirs.fileno()]) as process:
        theirs.close()
        answer = ask(ours, Start([]))
        assert isinstance(answer, Failed)
        assert "pocketsphinx" in answer.reason
        assert process.wait(TIMEOUT_S) == 0
    ours.close()
