"""What happens inside a stage that its caller pays for: a connection dialled, a second call, a change of provider.

A stage has no trace and knows no reply. It gives notice, and whoever runs it in this task listens; nobody need.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Literal, TypeAlias

import msgspec

NoticeStage: TypeAlias = Literal["stt", "llm", "tts", "connect"]

NoticeStep: TypeAlias = Literal[
    "started", "ended", "failed", "hedged", "won", "left", "hit", "missed", "wasted", "replayed", "routed"
]


class Notice(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened.

    connect: started, ended, failed: no warm connection was there, so the caller waits for a new one; `detail` is the
    provider's name.
    llm: hedged: a second call runs beside the first, `detail` the model; won: which of them answered first, `count` 1
    or 2, given only after hedged; routed: another model than the usual answers, `detail` which.
    stt, llm, tts: left: a provider was given up for the next, `detail` why.
    stt: replayed: audio was sent again to a new connection, `count` in ms.
    tts: hit: the opener in `detail` was cached, and its sound waited for no synthesis; missed: it was not; wasted:
    `count` characters were synthesised for nothing.
    """

    stage: NoticeStage
    step: NoticeStep
    detail: str = ""
    count: int = 0


Listener: TypeAlias = Callable[[Notice], None]

_listener: ContextVar[Listener | None] = ContextVar("hocket_notices", default=None)


def listen(listener: Listener | None) -> None:
    """Hear the notices of this task from now on, and of the tasks that it starts."""
    _listener.set(listener)


def notify(stage: NoticeStage, step: NoticeStep, detail: str = "", count: int = 0) -> None:
    """Give notice to whoever runs this stage."""
    if (listener := _listener.get()) is not None:
        listener(Notice(stage, step, detail, count))
