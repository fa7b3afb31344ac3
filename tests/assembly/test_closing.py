from __future__ import annotations

import asyncio

import pytest

from hocket.assembly.closing import CLOSE_S, close_stage
from hocket.sim.loop import run


class Closes:
    """Closes after a while, or raises."""

    def __init__(self, after: float | Exception = 0.0) -> None:
        self.after = after
        self.closed = False

    async def close(self) -> None:
        if isinstance(self.after, Exception):
            raise self.after
        await asyncio.sleep(self.after)
        self.closed = True


class ClosesAtOnce:
    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("stage", [Closes(), Closes(CLOSE_S - 1), ClosesAtOnce()])
def test_a_stage_is_closed_whether_that_takes_time_or_not(stage: Closes | ClosesAtOnce) -> None:
    run(close_stage(stage))
    assert stage.closed


def test_a_stage_that_holds_nothing_is_left_alone() -> None:
    run(close_stage(object()))


def test_what_it_raises_is_raised_and_so_is_that_it_takes_too_long() -> None:
    with pytest.raises(OSError, match="gone"):
        run(close_stage(Closes(OSError("gone"))))
    with pytest.raises(TimeoutError):
        run(close_stage(Closes(CLOSE_S + 1)))
    with pytest.raises(TimeoutError):
        run(close_stage(Closes(0.2), 0.1))
