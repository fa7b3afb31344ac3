"""A worker's live calls: who may begin one, what it runs on, and to which a returning client belongs."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

import msgspec

from hocket.agent.call import CallRecord
from hocket.assembly.assembly import Assembly
from hocket.clock import unix_time
from hocket.gateway.admission import CALLS_PER_ADDRESS, Load, Refusal, refusal
from hocket.gateway.held import held
from hocket.gateway.tickets import Kind, Ticket, Tickets
from hocket.observe.feed import Feed
from hocket.observe.metrics import Meters, both
from hocket.session.session import Session
from hocket.stages.transport import Transport
from hocket.trace.log import TraceLog
from hocket.transports.client_messages import RESUME_S, AudioFormat, ServerMessage, Welcome

log = logging.getLogger(__name__)

GOODBYE_S: Final = 10.0
"""What a call that is ended has to say goodbye; then it is cancelled."""

CLOSE_S: Final = 15.0
"""What a cancelled call has to be accounted for, subscribers and all."""


@runtime_checkable
class ResumableLine(Transport, Protocol):
    """A line whose client may come back."""

    @property
    def resume_token(self) -> str:
        """Which only the client knows."""
        ...

    farewell: str
    """What the client is told when the call is over, one sentence."""

    def tell(self, message: ServerMessage) -> None:
        """Send a caption, a state or a turn."""
        ...


ClientLine = TypeVar("ClientLine", bound=ResumableLine)


class Pulse(Protocol):
    """How well the loop keeps time (`gateway.pulse`)."""

    @property
    def lag_p99_ms(self) -> float:
        """How late callbacks run, over the last seconds."""
        ...


class LiveCall:
    """One call between its first and its last moment."""

    __slots__ = ("id", "line", "session", "source", "task")

    def __init__(self, id: str, line: Transport, source: str) -> None:
        self.id = id
        self.line = line
        self.source = source
        self.session: Session | None = None
        self.task: asyncio.Task[None]


class Calls:
    """Shared by everything in a worker that takes calls. See `read`, `admit`, `redeem`, `begin` or `hold`, in this
    order."""

    def __init__(
        self,
        assembly: Assembly,
        tickets: Tickets,
        *,
        max_calls: int,
        max_calls_per_address: int = CALLS_PER_ADDRESS,
        pulse: Pulse | None = None,
        meters: Meters | None = None,
    ) -> None:
        self.assembly = assembly
        self.max_calls = max_calls
        self._max_calls_per_address = max_calls_per_address
        self.draining = False
        """No new calls; the live ones go on."""
        self.ended = 0
        """Calls that were held to their end."""
        self._tickets = tickets
        self._pulse = pulse
        self._meters = meters or Meters()
        self._live: dict[str, LiveCall] = {}
        self._of_source: Counter[str] = Counter()
        """How many calls each source has."""
        self._resumable: dict[str, ResumableLine] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def live(self) -> int:
        """How many calls there are."""
        return len(self._live)

    @property
    def load(self) -> Load:
        """What admission looks at."""
        lag = self._pulse.lag_p99_ms if self._pulse is not None else 0.0
        return Load(self.live, self.max_calls, lag, not self.assembly.providers.has_room(), self.draining)

    def read(self, ticket: str, kind: Kind) -> Ticket:
        """What a ticket says, before anything costly is done for whoever shows it. Raises as `redeem` does."""
        return self._tickets.read(ticket, kind, unix_time())

    def admit(self, source: str = "") -> Refusal | None:
        """May a new call begin now, of this `Ticket.source`? If None, `hold` it before the loop turns to anything else;
        else it is counted as refused."""
        found = refusal(self.load)
        if found is None and source and self._of_source[source] >= self._max_calls_per_address:
            found = Refusal("too_many_calls", 10, 429)
        if found is not None:
            self._meters.refused(found.reason)
        return found

    def redeem(self, ticket: str, kind: Kind) -> Ticket:
        """What a ticket says; it is used up. Raises `TicketError` with a sentence for the caller's side."""
        return self._tickets.redeem(ticket, kind, unix_time())

    def begin(
        self, ticket: Ticket, audio: AudioFormat, ahead_ms: int, line_of: Callable[[Welcome], ClientLine]
    ) -> ClientLine:
        """Hold the call of a client of hocket's own that showed this ticket, on the line that welcomes it."""
        welcome = Welcome(
            call=f"{ticket.kind}-{secrets.token_hex(8)}",
            resume=secrets.token_urlsafe(32),
            resume_s=RESUME_S,
            audio=audio,
            ahead_ms=ahead_ms,
            agent=self.assembly.agent.name,
        )
        line = line_of(welcome)
        self.hold(
            line,
            call_id=welcome.call,
            caller=ticket.caller,
            parameters=ticket.parameters,
            source=ticket.source,
            tell=line.tell,
        )
        return line

    def hold(
        self,
        line: Transport,
        *,
        call_id: str,
        caller: str = "",
        parameters: dict[str, Any] | None = None,
        source: str = "",
        tell: Callable[[ServerMessage], None] | None = None,
    ) -> asyncio.Task[None]:
        """Hold a call on a line to its end, then close the line; `tell` gets captions, states and turns.

        The call counts from now on, until its task is done. Cancelling that ends the call, which is accounted for all
        the same. What keeps the agent from taking calls at all goes to the event loop's exception handler.
        """
        assert call_id not in self._live, "calls have ids of their own"
        call = self._live[call_id] = LiveCall(call_id, line, source)
        self._of_source[source] += 1
        self._idle.clear()
        if isinstance(line, ResumableLine):
            self._resumable[line.resume_token] = line
        call.task = held(partial(self._hold, call, caller, parameters, tell), line, call_id)
        # A task that is cancelled before its first step runs no `finally` of its coroutine.
        call.task.add_done_callback(lambda _: self._over(call))
        return call.task

    def resumable(self, token: str) -> ResumableLine | None:
        """The line that a client who shows this token belongs to; None when its call is over, or never was."""
        return self._resumable.get(token)

    async def drained(self, timeout_s: float, reason: str, hurry: asyncio.Event | None = None) -> int:
        """Take no new calls, wait `timeout_s` for the live ones or until `hurry`, then end the rest for `reason`.

        Returns how many had to be ended. They may say goodbye, for `GOODBYE_S`."""
        self.draining = True
        await self._none_left(timeout_s, hurry)
        rest = tuple(self._live.values())
        for call in rest:
            if isinstance(call.line, ResumableLine):
                call.line.farewell = f"{reason[:1].upper()}{reason[1:]}."
            if call.session is not None:
                call.session.end(reason, None)
        await self._none_left(GOODBYE_S)
        for call in tuple(self._live.values()):
            call.task.cancel()
        await self._none_left(CLOSE_S)
        return len(rest)

    async def close(self) -> None:
        """Cancel the live calls. Legal twice."""
        tasks = [call.task for call in self._live.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _none_left(self, timeout_s: float, hurry: asyncio.Event | None = None) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (self._idle, hurry) if event is not None]
        try:
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _hold(
        self,
        call: LiveCall,
        caller: str,
        parameters: dict[str, Any] | None,
        tell: Callable[[ServerMessage], None] | None,
    ) -> None:
        meter = self._meters.call()
        try:
            call.session = await self.assembly.session(
                call.line,
                call_id=call.id,
                caller=caller,
                parameters=parameters,
                trace=TraceLog(watch=both(meter.record, Feed(tell).record if tell is not None else None)),
            )
            _log_end(call.line, await call.session.run())
            # Who watches has been told all of it; it would wait for the collector with the rest of the call.
            call.session.trace.entries.clear()
            self.ended += 1
        finally:
            meter.over()

    def _over(self, call: LiveCall) -> None:
        del self._live[call.id]
        self._of_source[call.source] -= 1
        if not self._of_source[call.source]:
            del self._of_source[call.source]
        if isinstance(call.line, ResumableLine):
            self._resumable.pop(call.line.resume_token, None)
        if not self._live:
            self._idle.set()


def _log_end(line: Transport, record: CallRecord) -> None:
    """One line of JSON a call; who called and what was said are not in it."""
    about = {
        "event": "call_ended",
        "call": record.call,
        "line": line.name,
        "seconds": round(record.duration_ms / 1000, 1),
        "reason": record.reason,
        "turns": len(record.latencies_ms),
        "p50_ms": record.p50_ms,
        "p95_ms": record.p95_ms,
    }
    log.info("%s", msgspec.json.encode(about).decode())
