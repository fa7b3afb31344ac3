"""How soon is the agent silent when a recorded person talks over it, and how well is the end of speech estimated?

Real detector, recogniser and voice in modelled time. Everything is measured on the recording of the call by the
instrument of `tests/listen.py`, which shares no code with hocket; labels are the speech collection's.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests import listen, speech

from hocket.agent.agent import Agent
from hocket.assembly import assemble
from hocket.clock import MS
from hocket.sim.loop import run
from hocket.stages.llm import LlmDelta, LlmRequest, TextDelta
from hocket.trace.records import Entry, Opened
from hocket.transports.files import FilesTransport
from hocket.transports.script import Line, after_agent, during_agent
from hocket.turn.events import SpeechStopped

RESULTS: Final = Path(__file__).parent / "results" / "barge_in.json"
KINDS: Final = ("read_sentence", "command", "agent_query", "short_reply", "hesitation", "digits")
CLIPS: Final = 42
CALLS_OF: Final = 6
"""Barge-ins a call."""

STORY: Final = (
    "Our harbour has been here for three hundred years, and many boats have come and gone. "
    "In the morning the fishermen leave before the sun is up, and in the evening they come home with what they caught. "
    "Between them the kayaks cross the bay, and the seals look at them from the rocks. "
) * 3


class Storyteller:
    """A model that has a lot to say, whatever it is asked."""

    name = "storyteller"

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        for word in STORY.split():
            await asyncio.sleep(0)
            yield TextDelta(word + " ")


class Measured(msgspec.Struct):
    """One run, in milliseconds."""

    stop_ms: list[float]
    """Onset of the caller -> agent inaudible, on the recording."""
    estimate_error_ms: list[float]
    """Estimated last speech sample - labelled one."""


async def hold(clips: list[str], recording: Path) -> list[Entry]:
    """One call: the first clip asks, the others talk over the answers."""
    agent = Agent("You tell stories.", llm=Storyteller(), greeting="Hello.")
    lines = [Line(speech.folder() / clips[0], after_agent(300))]
    lines += [Line(speech.folder() / clip, during_agent(1500)) for clip in clips[1:]]
    async with assemble(agent) as assembly:
        session = await assembly.session(FilesTransport(lines, recording=recording), call_id="bench")
        await session.run()
        return session.trace.entries


def stops(clips: list[str], recording: Path) -> list[float]:
    """For each clip whose first word begins while the agent is heard: ms until the agent is not heard."""
    caller, agent, rate = listen.channels(recording)
    agents = listen.heard(agent, rate, floor_db=-50, bridge_ms=250)
    found = []
    for file in clips:
        onset = listen.place(speech.clip(file), caller) * 1000 / rate + first_word_ms(file)
        found += [end - onset for start, end in agents if start + 500 < onset < end]
    return found


def first_word_ms(file: str) -> float:
    """Where the speech of a clip begins: where both its energy and, if it can be trusted, its first aligned word do.
    Aligners put the silence before a "t" into the word; a stretch of energy under 0.15 s is a click."""
    clip = speech.manifest()[file]
    energy = next(start for start, end in clip.auto_vad or () if end - start >= 0.15)
    aligned = clip.words_auto[0][1] if clip.words_auto and (clip.align_score or 0) >= 0.93 else 0.0
    return max(aligned, energy) * 1000


def errors(entries: list[Entry], recording: Path) -> list[float]:
    """Estimated ends of speech against the recording's own, where both exist within 250 ms."""
    caller, _, rate = listen.channels(recording)
    ends = [end for _, end in listen.heard(caller, rate, floor_db=-45, bridge_ms=150)]
    epoch = next(entry.record.media_epoch for entry in entries if isinstance(entry.record, Opened))
    found = []
    for entry in entries:
        if isinstance(entry.record, SpeechStopped) and ends:
            estimate = (entry.record.last_speech - epoch) / MS
            error = estimate - listen.nearest(estimate, ends)
            if abs(error) < 250:
                found.append(error)
    return found


def measure() -> Measured:
    # Breaths are no speech, though their label of energy says so.
    chosen = [
        clip.file
        for clip in speech.manifest().values()
        if clip.kind in KINDS and clip.duration_s > 1 and "breaths" not in clip.tags
    ][:CLIPS]
    measured = Measured([], [])
    with tempfile.TemporaryDirectory() as folder:
        for start in track(range(0, len(chosen), CALLS_OF), description="calls"):
            recording = Path(folder) / f"{start}.wav"
            entries = run(hold(chosen[start : start + CALLS_OF], recording), limit_s=7200)
            measured.stop_ms += stops(chosen[start : start + CALLS_OF], recording)
            measured.estimate_error_ms += errors(entries, recording)
    return measured


def main() -> None:
    measured = measure()
    stop, error = np.array(measured.stop_ms), np.abs(measured.estimate_error_ms)
    table = Table("recorded people, modelled time", "n", "p50", "p95", "to reach")
    table.add_row(
        "onset -> agent inaudible",
        str(len(stop)),
        f"{np.percentile(stop, 50):.0f} ms",
        f"{np.percentile(stop, 95):.0f} ms",
        "p95 <= 160 ms",
    )
    table.add_row(
        "error of the last speech sample",
        str(len(error)),
        f"{np.percentile(error, 50):.0f} ms",
        f"{np.percentile(error, 95):.0f} ms",
        "printed",
    )
    Console().print(table)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(measured)))


if __name__ == "__main__":
    main()
