"""How often a minute does the agent fall silent for what is no interruption, and what silence does that cost?

The agent tells a long story in the offline voice through a whole session with the real detector, in modelled time,
over a telephone line (8 kHz mu-law) and a wide one (16 kHz). The caller's line carries, over a tone of -60 dBFS:

- noise: the collection's recordings (a meeting room between words, a coffee shop, an office, dishes, a machine, four
  readers at once) below a caller's voice of -26 dBFS by so many dB, its handling noises and one man's breaths. It has
  no street, no music and no coughs;
- echo: what the agent is heard to say, 50, 150 and 250 ms later and so much weaker, as it is or behind a model of a
  canceller (`residual`);
- listening: its short overlaps of two telephone dialogues, probably "yeah" or "mm-hmm", not checked by hand;
- real interruptions, as control: each is to stop the agent within a second of its end.

Words are scripted, by the simulated recogniser with the reference delays, 8 % of whose interims have a wrong word: none
for noise, breaths, weak or cancelled echo; the agent's own for echo of up to 20 dB; one of LISTENING for an overlap;
the transcript of an interruption. A yield is a `PausePlayout` while a reply is heard, or a stop without one. Its cost
is the silence that the caller hears, on the line, until the agent goes on or says something else, or the call ends.
Rates are a minute of call, not of the agent's floor: where that is small, the agent hardly came to speak.

    HOCKET_SPEECH=... python -m benchmarks.false_yields [--quick]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests import speech

from benchmarks.barge_in import STORY, Storyteller
from benchmarks.disturbed.line import DisturbedLine, Gap, Recital, Recogniser, Remembered, audible_ms
from benchmarks.disturbed.scenes import Scene, scenes
from hocket.agent.agent import Agent
from hocket.assembly import Assembly, assemble
from hocket.assembly.providers import tts
from hocket.clock import MS
from hocket.sim.loop import run
from hocket.sim.timeline import Timeline
from hocket.trace.log import TraceLog
from hocket.trace.records import Entry, Opened, Record
from hocket.turn.commands import PausePlayout, ResumePlayout, StopPlayout
from hocket.turn.events import CallerLeft, PlayoutFinished, PlayoutStarted, PlayoutStopped

RESULTS: Final = Path(__file__).parent / "results" / "false_yields.json"
LINES: Final = {"telephone": 8_000, "wide": 16_000}
CALL_S: Final = 30
QUICK_S: Final = 15
PATIENCE_MS: Final = 1_000
"""An interruption that has not stopped the agent so long after its end is missed."""


class Yield(msgspec.Struct):
    at_ms: float
    outcome: str
    """resumed or stopped."""
    silence_ms: float


class Row(msgspec.Struct):
    """Of all calls with one disturbance on one kind of line."""

    group: str
    setting: str
    line: str
    call_s: float = 0.0
    floor_s: float = 0.0
    """How long a reply was being heard, its pauses included."""
    resumed: int = 0
    stopped: int = 0
    silences_ms: list[float] = []
    events: int = 0
    """Short sounds while the agent had the floor."""
    missed: int = 0
    """Of interruptions, that stopped nothing."""
    silent_after_ms: list[float] = []
    """From the onset of an interruption to silence."""

    def a_minute(self, count: int) -> float:
        return count * 60 / self.call_s


async def hold(scene: Scene, line: str, assembly: Assembly, recogniser: Recogniser, word_ms: float) -> Row:
    recogniser.timeline = timeline = Timeline()
    timeline.words += scene.words
    recital = Recital(word_ms)
    transport = DisturbedLine(scene, LINES[line], timeline, recital)
    session = await assembly.session(transport, call_id="bench", trace=TraceLog(watch=recital.watch))
    await session.run()
    return account(scene, line, session.trace.entries, transport.gaps)


async def measure(quick: bool) -> list[Row]:
    rows: dict[tuple[str, str, str], Row] = {}
    recogniser = Recogniser()
    agent = Agent("You tell stories.", llm=Storyteller(), stt=recogniser, tts=Remembered(tts(None)), greeting=STORY)
    chosen = list(scenes(QUICK_S if quick else CALL_S, quick=quick))
    async with assemble(agent) as assembly:
        for line, rate in LINES.items():
            spoken = (await assembly.prepare(rate, rate)).get(STORY)
            word_ms = audible_ms(np.concatenate([chunk.samples for chunk in spoken]), rate) / len(STORY.split())
            for scene in track(chosen, description=f"{line:9}"):
                row = await hold(scene, line, assembly, recogniser, word_ms)
                key = (scene.group, scene.setting, line)
                add(rows.setdefault(key, Row(*key)), row)
    return list(rows.values())


def account(scene: Scene, line: str, entries: Sequence[Entry], gaps: Sequence[Gap]) -> Row:
    """Of one call."""
    epoch = next(entry.record.media_epoch for entry in entries if isinstance(entry.record, Opened))
    held = takewhile(lambda entry: not isinstance(entry.record, CallerLeft), entries)
    facts = [((entry.now - epoch) / MS, entry.record) for entry in held]
    floors = list(floors_of(facts, len(scene.sound) / 16))
    row = Row(scene.group, scene.setting, line, len(scene.sound) / speech.RATE)
    row.floor_s = sum(end - start for start, end in floors) / 1000
    events = [event for event in scene.events if any(start < event[0] < end for start, end in floors)]
    row.events = len(events)
    if scene.group == "interruption":
        for start, end in events:
            stops = [at for at, record in facts if isinstance(record, StopPlayout)]
            row.missed += not any(start < at < end + PATIENCE_MS for at in stops)
            silent = [gap.start - start for gap in gaps if start < gap.start < end + PATIENCE_MS]
            row.silent_after_ms += silent[:1]
        return row
    yields = list(yields_of(facts, gaps))
    row.resumed = sum(one.outcome == "resumed" for one in yields)
    row.stopped = sum(one.outcome == "stopped" for one in yields)
    row.silences_ms = [one.silence_ms for one in yields]
    return row


def floors_of(facts: Sequence[tuple[float, Record]], ends_ms: float) -> Iterator[tuple[float, float]]:
    """When a reply was heard, its pauses included; ms."""
    since: float | None = None
    for at, record in facts:
        if isinstance(record, PlayoutStarted):
            since = at
        elif isinstance(record, PlayoutFinished | PlayoutStopped) and since is not None:
            yield since, at
            since = None
    if since is not None and since < ends_ms:
        yield since, ends_ms


def yields_of(facts: Sequence[tuple[float, Record]], gaps: Sequence[Gap]) -> Iterator[Yield]:
    """Pauses, and stops without one, of replies that are heard."""
    heard, paused = False, -1.0
    for at, record in facts:
        match record:
            case PlayoutStarted():
                heard = True
            case PausePlayout() if heard:
                paused = at
            case ResumePlayout() if paused >= 0:
                yield Yield(paused, "resumed", silence_at(paused, gaps))
                paused = -1.0
            case StopPlayout() if heard:
                began = paused if paused >= 0 else at
                yield Yield(began, "stopped", silence_at(began, gaps))
                heard, paused = False, -1.0
            case PlayoutFinished() | PlayoutStopped():
                heard = False
            case _:
                pass


def silence_at(at_ms: float, gaps: Sequence[Gap]) -> float:
    """The silence that a yield began; ms."""
    return next((gap.end - gap.start for gap in gaps if gap.end > at_ms), 0.0)


def add(row: Row, call: Row) -> None:
    row.call_s += call.call_s
    row.floor_s += call.floor_s
    row.resumed += call.resumed
    row.stopped += call.stopped
    row.silences_ms += call.silences_ms
    row.events += call.events
    row.missed += call.missed
    row.silent_after_ms += call.silent_after_ms


def percentiles(values: Sequence[float]) -> str:
    return " / ".join(f"{np.percentile(values, percent):.0f}" for percent in (50, 95)) if values else "-"


def false_yields(rows: Sequence[Row]) -> Table:
    figures = ("minutes", "agent's floor", "sounds", "resumed a min", "stopped a min", "silence p50 / p95 ms")
    table = Table("", "", "line", *figures, title="False yields a minute of each disturbance")
    for row in rows:
        if row.group == "interruption":
            continue
        table.add_row(
            *(row.group, row.setting, row.line, f"{row.call_s / 60:.1f}", f"{row.floor_s / row.call_s:.0%}"),
            str(row.events or ""),
            *(f"{row.a_minute(count):.1f}" for count in (row.resumed, row.stopped)),
            percentiles(row.silences_ms),
        )
    return table


def interruptions(rows: Sequence[Row]) -> Table:
    table = Table("", "line", "interruptions", "missed", "silent after p50 / p95 ms", title="Real interruptions")
    for row in rows:
        if row.group == "interruption":
            table.add_row(row.setting, row.line, str(row.events), str(row.missed), percentiles(row.silent_after_ms))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="15 s of each, fewer levels; writes no results")
    quick = parser.parse_args().quick
    if speech.folder() == speech.COMMITTED:
        raise SystemExit(
            "The noises are not in the repository: set HOCKET_SPEECH to the folder of the speech collection."
        )
    rows = run(measure(quick), limit_s=1_000_000)
    rows.sort(key=lambda row: (("noise", "echo", "listening", "interruption").index(row.group), row.setting))
    Console().print(false_yields(rows))
    Console().print(interruptions(rows))
    if not quick:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(rows)))


if __name__ == "__main__":
    main()
