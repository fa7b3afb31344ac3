"""A worker's loop without the collector: what is gone there was in no circle."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any

from hocket.gateway.worker import new_loop


def run_uncollected(scenario: Coroutine[Any, Any, None]) -> None:
    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(scenario)
    finally:
        gc.enable()
