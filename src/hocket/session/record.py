"""The end-of-call record, derived from the call's trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from hocket.agent.call import Call, CallRecord, TranscriptEntry, latency_percentile
from hocket.clock import MS
from hocket.ids import ReplyId
from hocket.trace.latency import turns
from hocket.trace.records import Entry, Opened
from hocket.turn.commands import AmendTurn, CloseTurn, CommitTurn, StartReply, StartSay
from hocket.turn.events import PlayoutFinished, PlayoutStarted, PlayoutStopped, SpeechStarted


def call_record(entries: Sequence[Entry], call: Call, agent: str, started: str, reason: str) -> CallRecord:
    """What is left of a call: what was said as heard, why it ended, how fast it answered."""
    reader = _Reader()
    for entry in entries:
        reader.read(entry)
    found = (turn.response_latency for turn in turns(entries))
    latencies = tuple(latency / MS for latency in found if latency is not None)
    return CallRecord(
        call=call.id,
        agent=agent,
        caller=call.caller,
        parameters=call.parameters,
        started=started,
        duration_ms=(entries[-1].now - reader.epoch) // MS if entries else 0,
        reason=reason,
        transcript=tuple(reader.transcript),
        latencies_ms=latencies,
        p50_ms=latency_percentile(latencies, 50),
        p95_ms=latency_percentile(latencies, 95),
    )


class _Reader:
    """Walks a trace once."""

    def __init__(self) -> None:
        self.transcript: list[TranscriptEntry] = []
        self.epoch = 0
        self._onset = 0
        self._kinds: dict[ReplyId, str] = {}
        self._sounding: dict[ReplyId, int] = {}

    def read(self, entry: Entry) -> None:
        match entry.record:
            case Opened(media_epoch=epoch):
                self.epoch = epoch
            case SpeechStarted(onset=onset):
                self._onset = onset
            case CommitTurn(text=text):
                self._add("caller", text, self._onset)
            case StartReply(reply=reply):
                self._kinds[reply] = "reply"
            case AmendTurn(text=text):
                self._amend(text)
            case CloseTurn(outcome="withdrawn"):
                self._withdraw()
            case StartSay(reply=reply, kind=kind):
                self._kinds[reply] = kind
            case PlayoutStarted(reply=reply):
                self._sounding[reply] = entry.now
            case PlayoutFinished(reply=reply, heard=heard):
                self._heard(reply, heard, False)
            case PlayoutStopped(reply=reply, heard=heard):
                self._heard(reply, heard, True)

    def _heard(self, reply: ReplyId, heard: str, interrupted: bool) -> None:
        if heard:
            began = self._sounding.get(reply, self.epoch)
            self._add("agent", heard, began, interrupted, self._kinds.get(reply, "reply"))

    def _add(
        self, who: Literal["caller", "agent"], text: str, at: int, interrupted: bool = False, kind: str = "turn"
    ) -> None:
        at_ms = max(0, at - self.epoch) // MS
        self.transcript.append(TranscriptEntry(who, text, at_ms, interrupted, kind))

    def _amend(self, text: str) -> None:
        for index in range(len(self.transcript) - 1, -1, -1):
            entry = self.transcript[index]
            if entry.who == "caller":
                self.transcript[index] = TranscriptEntry("caller", text, entry.at_ms)
                return

    def _withdraw(self) -> None:
        """The words come again as part of the turn that the caller went on to say."""
        if self.transcript and self.transcript[-1].who == "caller":
            self.transcript.pop()
