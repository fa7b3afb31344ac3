from __future__ import annotations

import asyncio

import pytest

from hocket.sim.loop import run
from hocket.sim.wire.models import ModelServer, Pace, json_object, limited, text_of
from hocket.sim.wire.replies import Reply, ToolUse

CALL = Reply("One moment.", (ToolUse("a", '{"place": "Bergen"}'), ToolUse("b")))


def test_tokens_come_at_their_times_however_long_each_took() -> None:
    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        pace = Pace(loop.time(), 100_000_000, 10_000_000)
        began = loop.time()
        times = []
        for busy_s in (0.0, 0.004, 0.025, 0.0, 0.0):
            await pace.next()
            times.append(loop.time() - began)
            await asyncio.sleep(busy_s)
        return times

    assert run(scenario()) == pytest.approx([0.1, 0.11, 0.12, 0.145, 0.145])


def test_a_limit_cuts_text_first_and_then_arguments() -> None:
    whole = limited(CALL, 100)
    assert ("".join(whole.text), ["".join(pieces) for pieces in whole.arguments], whole.cut) == (
        "One moment.",
        ['{"place": "Bergen"}', "{}"],
        False,
    )
    assert limited(CALL, whole.count) == whole
    for limit in range(whole.count):
        cut = limited(CALL, limit)
        assert (cut.cut, cut.count) == (True, limit)


def test_known_models() -> None:
    assert ModelServer().knows("anything")
    assert [ModelServer(models=["m"]).knows(name) for name in ("m", "n")] == [True, False]


def test_bodies_and_contents() -> None:
    assert json_object(b'{"a": 1}') == {"a": 1}
    assert [json_object(body) for body in (b"", b"[]", b"{", b"\xff")] == [None] * 4
    assert text_of("a") == text_of([{"type": "text", "text": "a"}, {"type": "image"}]) == "a"
    assert text_of(None) == ""
