"""A carrier and a telephone behind a line, in the event loop's time and without sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from hocket.audio.frame import Samples
from hocket.sim.carrier import FRAME, RATE, CarrierPhone
from hocket.sim.telnyx import TelnyxPhone
from hocket.sim.twilio import TwilioPhone
from hocket.transports.carrier import Carrier, CarrierLine
from hocket.transports.telnyx import TELNYX
from hocket.transports.twilio import TWILIO

CARRIERS = (TWILIO, TELNYX)


def phone_of(carrier: Carrier) -> CarrierPhone:
    """The carrier's end of a call."""
    return (TwilioPhone if carrier is TWILIO else TelnyxPhone)("CA1", {"caller": "+15550100"})


def start_text(carrier: Carrier, **changes: Any) -> str:
    """The `start` message, with other fields in its body."""
    message = json.loads(phone_of(carrier).greeting()[1])
    message["start"].update(changes)
    return json.dumps(message)


def line_of(carrier: Carrier, send: Callable[[str], None], close: Callable[[], None]) -> CarrierLine:
    """What becomes of the first messages."""
    connected, start = phone_of(carrier).greeting()
    assert carrier.answer(connected, send, close) is None
    line = carrier.answer(start, send, close)
    assert line is not None
    return line


class Telephone:
    """Every message takes `delay_s` each way. The caller says `voice` over and over and leaves at `hangs_up_s`."""

    def __init__(
        self,
        carrier: Carrier,
        *,
        delay_s: float = 0.0,
        hangs_up_s: float = 1e9,
        echoes: bool = True,
        voice: Samples | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._delay_s = delay_s
        self._hangs_up_s = hangs_up_s
        self._echoes = echoes
        self._voice = np.full(FRAME, 4_000, np.int16) if voice is None else voice
        self._frame = 0
        self._stalled_until = 0.0
        self.phone = phone_of(carrier)
        self.phone.greeting()
        self.sent: list[str] = []
        """What the line sent."""
        self.closed_at: list[float] = []
        self.heard: list[Samples] = []
        self.line = line_of(carrier, self._deliver, self._close)
        self._tick_later()

    @property
    def now(self) -> float:
        return self._loop.time() - self._began

    def sounded(self) -> Samples:
        return np.concatenate(self.heard)

    def events(self) -> list[str]:
        return [json.loads(text)["event"] for text in self.sent]

    def stall(self, seconds: float) -> None:
        """What the line sends in the next seconds arrives at their end, as behind a lost packet."""
        self._stalled_until = self.now + seconds

    def _deliver(self, text: str) -> None:
        assert not self.closed_at, "sent on a closed socket"
        self.sent.append(text)
        at = max(self.now + self._delay_s, self._stalled_until)
        self._loop.call_at(self._began + at, self._arrive, text)

    def _arrive(self, text: str) -> None:
        self._answer(self.phone.receive(text, round(self.now * RATE)))

    def _answer(self, texts: list[str]) -> None:
        for text in texts:
            if self._echoes or '"mark"' not in text:
                self._loop.call_later(self._delay_s, self.line.receive, text)

    def _tick_later(self) -> None:
        self._loop.call_at(self._began + (self._frame + 1) * FRAME / RATE, self._tick)

    def _tick(self) -> None:
        self._frame += 1
        if self.closed_at:
            return
        self._answer([self.phone.say(self._voice)])
        self.heard.append(self.phone.hear(FRAME))
        self._answer(self.phone.passed(self._frame * FRAME))
        if self._frame * FRAME / RATE >= self._hangs_up_s:
            self._answer([self.phone.goodbye()])
        else:
            self._tick_later()

    def _close(self) -> None:
        self.closed_at.append(self.now)
