from __future__ import annotations

from hocket.sim.wire.faults import Fault, Faults


def test_planned_faults_come_first_and_once() -> None:
    faults = Faults()
    standing, planned = Fault("slow", seconds=1), Fault("reset", after_messages=3)
    faults.standing = standing
    faults.plan(planned, None)
    assert [faults.next() for _ in range(4)] == [planned, None, standing, standing]


def test_clearing_forgets_both() -> None:
    faults = Faults()
    faults.standing = Fault("stall")
    faults.plan(Fault("reset"))
    faults.clear()
    assert faults.next() is None
