"""Does the sound of a pause tell whether the caller goes on, where the words do not?

Every labelled pause and end of the recorded people, and every pause and end of this benchmark's own synthetic callers,
both as they come off a telephone, are scored by the turn detector as in a call: about 110 ms after the last word. The
table says how well the scores part ends from pauses (the area under the ROC curve: 0.5 is a coin), what the engine
makes of them (which ends are answered later, which pauses are not cut into), and what silence alone would have to cost
for as few cuts. Pauses last 200 to 600 ms, evenly; the answer is there 100 ms after the commit, but never before
370 ms. The detector was trained on none of this. `endpointing.SOUNDS_COMPLETE` was chosen with an eye on these very
people, so their rows are the best case, and 51 of their 69 pauses are one man's.

    HOCKET_SPEECH=... python -m benchmarks.turn_detection
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests import speech as recorded

from benchmarks.latency import people, speech
from benchmarks.latency.sentences import SCRIPTS
from hocket.audio.frame import Samples
from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.audio.resample import resample
from hocket.clock import MS, thread_cpu_time
from hocket.providers.smart_turn import SmartTurn
from hocket.turn.completion import completion
from hocket.turn.endpointing import COMPLETE, Endpointing, as_heard

RESULTS: Final = Path(__file__).parent / "results" / "turn_detection.json"

FLIP_MS: Final = 110
"""After the last speech: typical of the voice detector, and the moment the turn detector is asked."""

SOONEST_MS: Final = 370
"""From the last speech until a model's answer can be heard, however early the commit; the median of the table's."""

ANSWER_MS: Final = 100
"""From a commit that nothing was computed for in time to the sound of the answer: what is left to do is short."""

BEFORE_MS: Final = 300


class Point(msgspec.Struct):
    """A place where somebody stopped speaking."""

    group: str
    """people, or synthetic."""
    speaker: str
    ends: bool
    """The turn is over here."""
    words: float
    """Their completion score."""
    sound: float = 1.0
    """The detector's."""
    cpu_ms: float = 0.0

    @property
    def reads_complete(self) -> bool:
        return self.words >= COMPLETE

    def latency_ms(self, *, by_ear: bool) -> float:
        """Until an answer would be heard, if nobody goes on."""
        score = as_heard(self.words, self.sound) if by_ear else self.words
        return answered_ms(Endpointing().wait(score) / MS)


class Judged(msgspec.Struct, frozen=True):
    """A group of points under one policy."""

    group: str
    policy: str
    ends: int
    pauses: int
    """Those that read complete."""
    auc: float
    p50_ms: float
    p95_ms: float
    late: float
    """Of the ends, answered later than by the words alone."""
    cut: float
    """Of the pauses."""


def answered_ms(wait_ms: float) -> float:
    return max(SOONEST_MS, FLIP_MS + wait_ms + ANSWER_MS)


def cut_rate(latencies_ms: Iterable[float]) -> float:
    """Of pauses of 200 to 600 ms, those that last longer than that."""
    low, high = speech.PAUSE_MS
    return float(np.mean([np.clip((high - latency) / (high - low), 0, 1) for latency in latencies_ms]))


def area(ends: Sequence[float], pauses: Sequence[float]) -> float:
    """That an end scores above a pause; ties count half."""
    above = np.subtract.outer(np.array(ends), np.array(pauses))
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


def telephone(samples: Samples) -> Samples:
    return decode_ulaw(encode_ulaw(samples))


def recorded_points() -> list[tuple[Point, Samples]]:
    """Labelled ends and pauses of the speech folder, each followed by its own room tone."""
    found = []
    for label in recorded.endpoint_points():
        if label.label not in ("hold", "end"):
            continue
        clip = recorded.clip(label.file)
        stop = round(label.t * recorded.RATE)
        quiet = clip[stop : stop + round(label.silence_after_s * recorded.RATE)]
        room = quiet if len(quiet) > people.TONE_MS * recorded.RATE // 1000 else clip[-recorded.RATE // 10 :]
        silence = np.resize(np.concatenate((room, room[::-1])), FLIP_MS * recorded.RATE // 1000)
        heard = np.concatenate((clip[:stop], silence)).astype(np.int16)
        samples = telephone(speech.levelled(resample(heard, recorded.RATE, speech.RATE)))
        speaker = recorded.manifest()[label.file].speaker or label.file
        found.append((Point("people", speaker, label.label == "end", completion(label.text_so_far)), samples))
    return found


async def synthetic_points() -> list[tuple[Point, Samples]]:
    """What the callers of `benchmarks.response_latency` say, whose stretches between pauses are synthesised singly."""
    found = []
    rng = Random(1)
    for number, voice in enumerate(speech.voices()):
        for sentence in (one for script in SCRIPTS.values() for one in script if "..." not in one):
            turn = await voice.turn(sentence, rng)
            line = speech.line_noise(number, 20).astype(np.int32)
            first = BEFORE_MS * speech.MS
            line[first : first + len(turn.samples)] += turn.samples
            heard = telephone(np.clip(line, -32768, 32767).astype(np.int16))
            stops = [(pause.start, False) for pause in turn.pauses] + [(len(turn.samples), True)]
            for stop, ends in stops:
                said = " ".join(word.text for word in turn.words if word.end_ms * speech.MS <= stop + 80)
                point = Point("synthetic", str(number), ends, completion(said))
                found.append((point, heard[: first + stop + FLIP_MS * speech.MS]))
    return found


async def scored(points: Sequence[tuple[Point, Samples]]) -> list[Point]:
    detector = SmartTurn()
    for point, samples in track(points, description="pauses and ends"):
        began = thread_cpu_time()
        point.sound = detector._judge(samples, speech.RATE)  # in this thread, whose time is measured
        point.cpu_ms = (thread_cpu_time() - began) / MS
    await detector.close()
    return [point for point, _ in points]


def judged(group: str, points: Sequence[Point]) -> list[Judged]:
    """By the words, with the ear, and by silence alone at the same median and at the same cuts."""
    ends = [point for point in points if point.ends]
    pauses = [point for point in points if not point.ends and point.reads_complete]
    complete = [point for point in ends if point.reads_complete]
    late = float(np.mean([end.latency_ms(by_ear=True) > end.latency_ms(by_ear=False) for end in ends]))
    words = area([end.words for end in complete], [pause.words for pause in pauses])
    sound = area([end.sound for end in complete], [pause.sound for pause in pauses])
    rows = []
    for policy, by_ear, auc in (("words", False, words), ("words and sound", True, sound)):
        p50, p95 = np.percentile([end.latency_ms(by_ear=by_ear) for end in ends], (50, 95)).tolist()
        cut = cut_rate(pause.latency_ms(by_ear=by_ear) for pause in pauses)
        rows.append(Judged(group, policy, len(ends), len(pauses), auc, p50, p95, late if by_ear else 0.0, cut))
    low, high = speech.PAUSE_MS
    for name, ms in (
        ("silence, same median", rows[0].p50_ms),
        ("silence, same cuts", high - rows[1].cut * (high - low)),
    ):
        rows.append(Judged(group, name, len(ends), len(pauses), 0.5, ms, ms, 0.0, cut_rate([ms])))
    return rows


async def measure() -> tuple[list[Judged], NDArray[np.float64]]:
    found = await scored(recorded_points())
    rows = judged("people", found)
    synthetic = await scored(await synthetic_points())
    rows += judged("synthetic callers", synthetic)
    return rows, np.array([point.cpu_ms for point in (*found, *synthetic)])


def main() -> None:
    rows, cpu_ms = asyncio.run(measure())
    table = Table(
        "whose", "by", "ends", "pauses that read complete", "AUC", "p50 ms", "p95 ms", "ends answered later", "cut"
    )
    for row in rows:
        table.add_row(
            row.group,
            row.policy,
            str(row.ends),
            str(row.pauses),
            f"{row.auc:.2f}",
            f"{row.p50_ms:.0f}",
            f"{row.p95_ms:.0f}",
            f"{row.late:.0%}",
            f"{row.cut:.0%}",
        )
    console = Console()
    console.print(table)
    p50, p95 = np.percentile(cpu_ms, (50, 95)).tolist()
    console.print(f"A score takes {p50:.0f} ms of a core at the median, {p95:.0f} at p95.")
    RESULTS.parent.mkdir(exist_ok=True)
    stored = {"rows": rows, "cpu_ms": {"p50": p50, "p95": p95}}
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(stored)))


if __name__ == "__main__":
    main()
