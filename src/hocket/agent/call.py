"""One call, as prompt functions, tools and subscribers see it, and the record that is left of it."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, get_args

import msgspec

from hocket.errors import AgentError
from hocket.ids import CallId

log = logging.getLogger(__name__)

EventKind: TypeAlias = Literal["started", "turn", "reply", "tool", "ended"]
"""With the detail a subscriber is given. started: the line is open (None); turn: the caller's turn is committed (a
`TranscriptEntry`); reply: the agent was heard (a `TranscriptEntry`); tool: a tool answered or failed (a `ToolRun`);
ended: the call is over (a `CallRecord`)."""


class TranscriptEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One party's hold of the floor."""

    who: Literal["caller", "agent"]
    text: str
    """As it was heard, so less than was written where the agent was interrupted."""
    at_ms: int
    """When it began to sound, from the start of the call."""
    interrupted: bool = False
    kind: str = "turn"
    """turn or reply; for an agent's fixed sentences greeting, say, reprompt, apology, goodbye or continuation."""


class ToolRun(msgspec.Struct, frozen=True):
    """A tool that ran."""

    name: str
    arguments: str
    """A JSON object."""
    result: str
    failed: bool = False


class CallRecord(msgspec.Struct, frozen=True):
    """What is left of a call when it has ended."""

    call: CallId
    agent: str
    caller: str
    parameters: dict[str, Any]
    started: str
    """UTC, ISO 8601."""
    duration_ms: int
    reason: str
    """Why it ended."""
    transcript: tuple[TranscriptEntry, ...] = ()
    latencies_ms: tuple[float, ...] = ()
    """Response latency of each answered turn, in order."""
    p50_ms: float | None = None
    p95_ms: float | None = None

    def to_json(self) -> bytes:
        """The record as one indented JSON object."""
        return msgspec.json.format(msgspec.json.encode(self, enc_hook=str), indent=2)


def latency_percentile(latencies_ms: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile (the smallest value that `percent` of all are not above); None of nothing."""
    if not latencies_ms:
        return None
    rank = -(-len(latencies_ms) * percent // 100)
    return sorted(latencies_ms)[max(0, int(rank) - 1)]


class Line(Protocol):
    """What a call can do. The session implements it; every method returns at once."""

    def say(self, text: str, interruptible: bool) -> None:
        """Say these very words as soon as the floor is free."""
        ...

    def end(self, reason: str, goodbye: str | None) -> None:
        """End the call after what is being said and `goodbye`. None: the agent's own, unless a reply is being heard."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a subscriber's coroutine beside the call. It never raises; the session bounds how long it may take."""
        ...


Callback: TypeAlias = Callable[["Call", Any], Awaitable[None] | None]
"""A subscriber, plain or async: it is given the call and the detail of the event (see `EventKind`)."""


class Call:
    """The context of one call, handed to prompt functions, tools and subscribers.

    `parameters` are what the caller's side sent along (a web page's or a carrier's custom fields). A tool may keep
    state of its own in `notes`.
    """

    __slots__ = ("_line", "_subscribers", "caller", "id", "language", "notes", "parameters")

    def __init__(
        self,
        id: str,
        *,
        caller: str = "",
        parameters: Mapping[str, Any] | None = None,
        language: str = "en",
        line: Line | None = None,
        subscribers: Mapping[str, Sequence[Callback]] | None = None,
    ) -> None:
        self.id = CallId(id)
        self.caller = caller
        self.parameters: dict[str, Any] = dict(parameters or {})
        self.language = language
        self.notes: dict[str, Any] = {}
        self._line = line
        self._subscribers = {kind: list(callbacks) for kind, callbacks in (subscribers or {}).items()}

    def say(self, text: str, interruptible: bool = True) -> None:
        """Say these very words as soon as the floor is free."""
        self._connected("say").say(text, interruptible)

    def end(self, reason: str = "agent", goodbye: str | None = None) -> None:
        """End the call after what is being said and a goodbye: the agent's own when None, none when empty."""
        self._connected("end").end(reason, goodbye)

    def on(self, kind: EventKind, callback: Callback) -> None:
        """Have `callback(call, detail)` called on every event of this kind of this call."""
        self._subscribers.setdefault(checked_kind(kind), []).append(callback)

    def emit(self, kind: EventKind, detail: object = None) -> None:
        """Tell the subscribers, in the order they subscribed. A subscriber that raises is logged and harms nobody."""
        for callback in tuple(self._subscribers.get(kind, ())):
            try:
                outcome = callback(self, detail)
            except Exception as error:
                _log_failure(self, kind, callback, error)
                continue
            if inspect.isawaitable(outcome):
                self._connected("spawn").spawn(_guarded(self, kind, callback, outcome))

    def over(self) -> None:
        """What is done with it from now on, nobody hears."""
        self._line = _Nobody()

    def _connected(self, action: str) -> Line:
        if self._line is None:
            raise AgentError(f"Call {self.id} has no line, so it cannot {action}: only a call that is going on can.")
        return self._line


class _Nobody:
    """The line of a call that is over: a tool or a subscriber that was left behind may not know it yet."""

    def say(self, text: str, interruptible: bool) -> None:
        pass

    def end(self, reason: str, goodbye: str | None) -> None:
        pass

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        work.close()


def checked_kind(kind: str) -> EventKind:
    """The kind, or `AgentError` with the list of kinds."""
    for known in get_args(EventKind):
        if kind == known:
            return known  # type: ignore[no-any-return]
    raise AgentError(f'There is no event "{kind}": subscribe to one of {", ".join(get_args(EventKind))}.')


async def _guarded(call: Call, kind: str, callback: Callback, outcome: Awaitable[None]) -> None:
    try:
        await outcome
    except Exception as error:
        _log_failure(call, kind, callback, error)


def _log_failure(call: Call, kind: str, callback: Callback, error: Exception) -> None:
    target = callback.func if isinstance(callback, functools.partial) else callback
    name = getattr(target, "__qualname__", type(target).__qualname__)
    log.warning('call %s: %s, subscribed to "%s", raised %s: %s', call.id, name, kind, type(error).__name__, error)
