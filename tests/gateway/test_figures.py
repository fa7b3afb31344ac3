from __future__ import annotations

import asyncio

import msgspec

from hocket.gateway.figures import Figures, resident_bytes
from hocket.gateway.pulse import Pulse
from hocket.observe.metrics import Meters, WorkerMetrics
from hocket.observe.prometheus import render
from hocket.resilience.slots import Slots
from hocket.session.load import LoadLevel
from hocket.sim.loop import run
from hocket.turn.shedding import Shed


def test_a_snapshot_has_the_calls_and_the_process() -> None:
    async def scenario() -> bytes:
        pulse = Pulse(asyncio.get_running_loop())
        load, slots, meters = LoadLevel(), Slots(), Meters()
        figures = Figures(meters, pulse, load, slots)
        pulse.start()
        await asyncio.sleep(3)
        pulse.stop()
        load.set(Shed.EARLY_LLM)
        slots.take("deepgram/nova-3")
        meters.call()
        meters.refused("busy")
        return figures.snapshot()

    body = run(scenario())
    found = msgspec.json.decode(body, type=WorkerMetrics)
    assert found.calls.live == 1
    assert found.calls.refused == {"busy": 1}
    assert found.process.shed == 2
    assert found.process.slots == {"deepgram": 1, "deepgram/nova-3": 1}
    assert found.process.loop_lag is not None
    assert found.process.loop_lag.count >= 299
    assert found.process.memory_bytes > 10_000_000
    assert found.process.tasks == 1
    assert found.process.open_files > 3
    assert found.process.cpu_s > 0
    assert b'hocket_shedding_level{worker="3"} 2.0' in render({3: body})


def test_memory_is_what_is_resident_now() -> None:
    before = resident_bytes()
    held = bytearray(b"x" * 50_000_000)
    assert resident_bytes() - before > 30_000_000
    assert len(held) == 50_000_000
