from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from hocket.errors import SttError
from hocket.providers import sphinx_processes
from hocket.providers.sphinx_decoding import RATE
from hocket.providers.sphinx_processes import KEPT_BYTES, Call, Slot
from tests.speech import clip

pytest.importorskip("pocketsphinx")

YES = clip("short_reply/speechcommands_yes.wav").tobytes()
HALF = len(YES) // 4 * 2


@pytest.fixture(scope="module")
def shared_slot() -> Iterator[Slot]:
    slot = Slot(["yes please"])
    yield slot
    slot.close()


def heard(slot: Slot, call: Call, pcm: bytes, finish: bool = True) -> str:
    return " ".join(slot.hear(call, pcm, finish).words)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_calls_do_not_mix(shared_slot: Slot) -> None:
    first, second = shared_slot.open(), shared_slot.open()
    heard(shared_slot, first, YES[:HALF], finish=False)
    assert heard(shared_slot, second, b"") == ""
    assert heard(shared_slot, first, YES[HALF:]) == "yes"
    shared_slot.end(first)
    shared_slot.end(second)
    shared_slot.end(second)


def test_an_utterance_survives_the_death_of_its_worker(shared_slot: Slot) -> None:
    call = shared_slot.open()
    heard(shared_slot, call, YES[:HALF], finish=False)
    dead = shared_slot.pid
    os.kill(dead, signal.SIGKILL)
    assert heard(shared_slot, call, YES[HALF:]) == "yes"
    assert shared_slot.pid != dead
    assert not alive(dead)
    assert heard(shared_slot, call, YES) == "yes"
    shared_slot.end(call)


def test_a_call_can_end_when_its_worker_is_dead(shared_slot: Slot) -> None:
    call = shared_slot.open()
    os.kill(shared_slot.pid, signal.SIGKILL)
    shared_slot.end(call)
    assert heard(shared_slot, shared_slot.open(), YES) == "yes"


def test_workers_that_die_again_and_again_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sphinx_processes, "WORKER", "hocket.no_such_module")
    slot = Slot([])
    with pytest.raises(SttError, match="died, twice"):
        slot.open()
    slot.close()


def test_a_worker_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sphinx_processes, "ANSWER_TIMEOUT_S", 0.1)
    monkeypatch.setattr(sphinx_processes, "START_TIMEOUT_S", 0.1)
    slot = Slot([])
    os.kill(slot.pid, signal.SIGSTOP)
    with pytest.raises(SttError, match="twice"):
        slot.open()
    slot.close()


def test_closing_leaves_no_process_and_refuses_calls() -> None:
    slot = Slot([])
    pid = slot.pid
    call = Call(0)
    slot.close()
    slot.close()
    assert not alive(pid)
    with pytest.raises(SttError, match="closed"):
        slot.hear(call, b"", False)
    slot.end(call)


def test_a_forgotten_worker_ends() -> None:
    worker = sphinx_processes.Worker([])
    pid = worker.pid
    del worker
    assert not alive(pid)


def test_only_the_newest_of_a_long_utterance_is_kept() -> None:
    call = Call(0)
    second = bytes(2 * RATE)
    for _ in range(40):
        call.keep(second)
    assert len(call.utterance) == KEPT_BYTES
    call.forget()
    assert call.utterance == b""
