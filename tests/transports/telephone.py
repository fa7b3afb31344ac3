"""Twilio and a telephone behind a line, in the event loop's time and without sockets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np

from hocket.audio.frame import Samples
from hocket.sim.twilio import FRAME, RATE, TwilioPhone
from hocket.transports.twilio import TwilioLine, read_start


def start_text(**changes: Any) -> str:
    """The `start` message, with other fields in its body."""
    message = json.loads(TwilioPhone("CA1", {"caller": "+15550100"}).greeting()[1])
    message["start"].update(changes)
    return json.dumps(message)


class Telephone:
    """Every message takes `delay_s` each way. The caller says `voice` over and over and leaves at `hangs_up_s`."""

    def __init__(
        self, *, delay_s: float = 0.0, hangs_up_s: float = 1e9, echoes: bool = True, voice: Samples | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._delay_s = delay_s
        self._hangs_up_s = hangs_up_s
        self._echoes = echoes
        self._voice = np.full(FRAME, 4_000, np.int16) if voice is None else voice
        self._frame = 0
        self._stalled_until = 0.0
        self.phone = TwilioPhone("CA1", {"caller": "+15550100"})
        self.sent: list[str] = []
        """What the line sent."""
        self.closed_at: list[float] = []
        self.heard: list[Samples] = []
        opening = [read_start(text) for text in self.phone.greeting()]
        assert opening[0] is None
        assert opening[1] is not None
        self.line = TwilioLine(opening[1], self._deliver, self._close)
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
