"""The rows of the table: under which conditions calls are held."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

import msgspec

from benchmarks.latency import people, speech
from benchmarks.latency.calls import Load, Plan, hold
from benchmarks.latency.measuring import Measured
from benchmarks.latency.party import Manners
from benchmarks.latency.results import Row, row
from benchmarks.latency.sentences import BARGE_INS, DIGITS, SCRIPTS, SHORT
from benchmarks.latency.speech import Voice
from benchmarks.latency.systems import Running, System, running
from benchmarks.latency.wire import OPENERS, Wires

HOCKET: Final = System("hocket")

SAME_SILENCE_MS: Final = 170
"""hocket's own wait after the detector's flip for words that read complete: the candidate's 110 ms and 60 more."""

STALLED_PART: Final = 0.05
"""Of the model's answers, that send nothing for 3 s."""


class Scale(msgspec.Struct, frozen=True):
    """How much is measured."""

    turns: int = 200
    """Of the rows with scripts."""
    at_once: int = 4
    pauses: int = 220
    """Turns with a pause, two of three after words that show more is to come."""
    digits: int = 40
    barge_ins: int = 48
    hedged: int = 1_000
    hedged_at_once: int = 24
    starts: int = 20
    peers: int = 40
    seed: int = 1


QUICK: Final = Scale(
    turns=12, at_once=6, pauses=12, digits=4, barge_ins=4, hedged=24, hedged_at_once=12, starts=2, peers=6
)


class Bench:
    """What all rows share: voices, the scale, and where finished turns are told of."""

    def __init__(self, scale: Scale, told: Callable[[str, int], None], dump: Callable[[str, Measured], None]) -> None:
        """`told`: row and turns, as calls end. `dump`: every turn of a row, once it is done."""
        self.scale = scale
        self._voices = speech.voices()
        self._told = told
        self._dump = dump
        self._folder = Path(tempfile.mkdtemp(prefix="hocket-latency-"))

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def voice(self, number: int) -> Voice:
        """One after the other."""
        return self._voices[number % len(self._voices)]

    def wires(self) -> Wires:
        """The same providers for every row: equal seeds draw equal delays."""
        return Wires(self.scale.seed)

    async def scripted(self, name: str, turns: int, marks: tuple[str, ...] | None = None) -> list[Plan]:
        """Scripts, again and again with other voices and pauses. `marks`: only turns that hold one of them."""
        plans: list[Plan] = []
        rng = Random(self.scale.seed)
        for number, sentences in enumerate(cycle(SCRIPTS.values())):
            if marks is not None:
                sentences = tuple(one for one in sentences if any(mark in one for mark in marks))
            left = turns - sum(len(plan.turns) for plan in plans)
            if left <= 0:
                break
            voice = self.voice(number)
            said = await speech.spoken(sentences[:left], voice, rng)
            plans.append(Plan(f"CA{name}{number:03}", said, self.scale.seed * 10_000 + number))
        return plans

    async def hold(
        self, name: str, plans: Sequence[Plan], system: Running, wires: Wires, at_once: int
    ) -> tuple[list[Measured], Load]:
        turns, load = await hold(
            plans, system, wires, at_once=at_once, traces=self._folder, done=lambda count: self._told(name, count)
        )
        for turn in turns:
            self._dump(name, turn)
        return turns, load

    async def started(
        self, name: str, system: System, plans: Sequence[Plan], at_once: int
    ) -> tuple[list[Measured], Load]:
        """Start the system and hold the calls."""
        async with self.wires() as wires, running(system, wires.arguments, self._folder) as one:
            return await self.hold(name, plans, one, wires, at_once)

    @property
    def traces(self) -> Path:
        return self._folder


def label(system: System) -> str:
    return " ".join((system.name, *system.options))


async def simple(bench: Bench, name: str, system: System, plans: Sequence[Plan], at_once: int, note: str = "") -> Row:
    turns, load = await bench.started(name, system, plans, at_once)
    return row(name, label(system), at_once, turns, load, note)


async def cold(bench: Bench) -> Row:
    plans = await bench.scripted("cold", bench.scale.turns)
    return await simple(bench, "cold", HOCKET, plans, bench.scale.at_once, "every opener is a new one")


async def warm(bench: Bench) -> Row:
    """The cache is filled by other calls of the same process, which hear each opener once."""
    at_once = bench.scale.at_once
    teaching = await short(bench, "teach", 2 * OPENERS)
    plans = await bench.scripted("warm", bench.scale.turns)
    async with bench.wires() as wires, running(HOCKET, wires.arguments, bench.traces) as one:
        wires.answers.teach()
        await bench.hold("warm (filling)", teaching, one, wires, 2 * at_once)
        wires.answers.be_warm()
        turns, load = await bench.hold("warm", plans, one, wires, at_once)
    return row("warm", label(HOCKET), at_once, turns, load, f"{OPENERS} openers, the k-th with a weight of 1 / k")


async def pauses(bench: Bench) -> Row:
    plans = await bench.scripted("pauses", bench.scale.pauses, ("...", "|"))
    return await simple(bench, "pauses", HOCKET, plans, 2 * bench.scale.at_once, "only turns with a pause")


async def pauses_vad(bench: Bench) -> Row:
    plans = await bench.scripted("vad", bench.scale.pauses, ("...", "|"))
    system = System("hocket", ("--ignore-words",))
    note = f"the same turns and the same {SAME_SILENCE_MS} ms after the detector's flip, with no regard to the words"
    return await simple(bench, "pauses, by silence only", system, plans, 2 * bench.scale.at_once, note)


async def digits(bench: Bench) -> Row:
    rng = Random(bench.scale.seed)
    plans = [
        Plan(f"CAdigits{number:03}", await speech.spoken(rotated(DIGITS, number), bench.voice(number), rng), number)
        for number in range(bench.scale.digits // len(DIGITS))
    ]
    return await simple(bench, "digits", HOCKET, plans, bench.scale.at_once, "numbers read out in groups")


def rotated(sentences: Sequence[str], first: int) -> list[str]:
    """All of them, beginning with another one each time."""
    return list(islice(cycle(sentences), first % len(sentences), first % len(sentences) + len(sentences)))


async def barge_in(bench: Bench, system: System = HOCKET, name: str = "barge-in") -> Row:
    rng = Random(bench.scale.seed)
    manners = Manners(barge_in_ms=(800, 2_500), enough_ms=400)
    plans: list[Plan] = []
    for number in range(bench.scale.barge_ins // 4):
        voice = bench.voice(number)
        sentences = [SHORT[number % len(SHORT)], *rotated(BARGE_INS, number)[:4]]
        plans.append(Plan(f"CAbarge{number:03}", await speech.spoken(sentences, voice, rng), number, manners))
    at_once = bench.scale.at_once if system.is_hocket else max(1, bench.scale.at_once // 2)
    async with bench.wires() as wires, running(system, wires.arguments, bench.traces) as one:
        wires.answers.be_long()
        turns, load = await bench.hold(name, plans, one, wires, at_once)
    note = "the caller talks over a long reply after 0.8 to 2.5 s of it"
    return row(name, label(system), at_once, turns, load, note)


async def short(bench: Bench, name: str, turns: int) -> list[Plan]:
    """Calls of eight short turns, for rows that need very many."""
    rng = Random(bench.scale.seed)
    return [
        Plan(
            f"CA{name}{number:03}",
            await speech.spoken(rotated(SHORT, number) * 2, bench.voice(number), rng),
            number,
            Manners(gap_ms=400),
        )
        for number in range(-(-turns // (2 * len(SHORT))))
    ]


STALLED: Final = (
    f"{STALLED_PART:.0%} of the model's answers stall for 3 s; short turns; without the filler that is otherwise heard"
    " after 1.1 s"
)


async def hedged(bench: Bench, hedge: str = "late") -> Row:
    name = "stalls, hedged" if hedge != "off" else "stalls, not hedged"
    at_once = bench.scale.hedged_at_once
    plans = await short(bench, f"hedge{hedge}", bench.scale.hedged)
    system = System("hocket", ("--hedge", hedge, "--no-filler"))
    async with bench.wires() as wires, running(system, wires.arguments, bench.traces) as one:
        wires.stall(STALLED_PART)
        turns, load = await bench.hold(name, plans, one, wires, at_once)
    return row(name, label(system), at_once, turns, load, STALLED)


async def starts(bench: Bench) -> Sequence[Row]:
    """Two calls of one turn after each start of the process."""
    manners = Manners(enough_ms=300)
    rng = Random(bench.scale.seed)
    first: list[Measured] = []
    later: list[Measured] = []
    load = Load(0, 0, 0)
    for number in range(bench.scale.starts):
        said = await speech.spoken(SHORT[number % len(SHORT) :][:1], bench.voice(number), rng)
        async with Wires(bench.scale.seed + number) as wires, running(HOCKET, wires.arguments, bench.traces) as one:
            for which, found in (("first", first), ("second", later)):
                plan = Plan(f"CA{which}{number:03}", said, number, manners)
                turns, load = await bench.hold(f"{which} calls", [plan], one, wires, 1)
                found += turns
    note = f"of {bench.scale.starts} fresh starts"
    return [
        row("first calls", label(HOCKET), 1, first, load, note),
        row("second calls", label(HOCKET), 1, later, load, note),
    ]


async def batch(bench: Bench) -> Row:
    system = System(
        "hocket",
        ("--mode", "batch", "--silence", str(SAME_SILENCE_MS), "--hedge", "off", "--openers-mb", "0", "--no-filler"),
    )
    plans = await bench.scripted("batch", bench.scale.turns // 2)
    note = "silence, transcript, reply, speech, sound: one after the other"
    return await simple(bench, "batch", system, plans, bench.scale.at_once, note)


async def recorded(bench: Bench, name: str = "people", options: tuple[str, ...] = ()) -> Row:
    turns = [*people.turns(Random(bench.scale.seed)), *people.turns(Random(bench.scale.seed + 1))]
    turns = turns[: 3 * bench.scale.turns]
    plans = [Plan(f"CA{name}{at:03}".replace(" ", ""), turns[at : at + 6], at) for at in range(0, len(turns), 6)]
    note = f"recorded people: {sum(bool(turn.pauses) for turn in turns)} pauses, stretched with the clip's room tone"
    return await simple(bench, name, System("hocket", options), plans, bench.scale.at_once, note)


Measure: TypeAlias = Callable[[Bench], Awaitable["Row | Sequence[Row]"]]

ROWS: Final[dict[str, Measure]] = {
    "cold": cold,
    "warm": warm,
    "pauses": pauses,
    "vad": pauses_vad,
    "digits": digits,
    "people": recorded,
    "people-ear": lambda bench: recorded(bench, "people by ear", ("--turn-detector", "smart-turn")),
    "people-vad": lambda bench: recorded(bench, "people by silence", ("--ignore-words",)),
    "barge": barge_in,
    "hedged": hedged,
    "unhedged": lambda bench: hedged(bench, "off"),
    "starts": starts,
    "batch": batch,
}
"""What `--rows` takes."""

PEERS: Final = (
    System("livekit", ("--tuned",)),
    System("pipecat", ("--tuned",)),
    System("livekit", ("--patient",)),
    System("pipecat", ("--patient",)),
    System("livekit", ("--defaults",)),
    System("pipecat", ("--defaults",)),
)


async def peer(system: System, bench: Bench) -> list[Row]:
    """A rival on the same turns. Half as many calls at once as hocket's: one of theirs takes twice the core."""
    plans = await bench.scripted("peer", bench.scale.peers)
    found = [await simple(bench, label(system), system, plans, max(1, bench.scale.at_once // 2))]
    if "--tuned" in system.options:
        found.append(await barge_in(bench, system, f"{label(system)}: barge-in"))
    return found


def chosen(names: Sequence[str], with_peers: bool) -> Iterator[tuple[str, Measure]]:
    for name in names:
        yield name, ROWS[name]
    if with_peers:
        yield from ((label(system), partial(peer, system)) for system in PEERS)
