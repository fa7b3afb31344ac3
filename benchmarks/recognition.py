"""How well does the offline recogniser understand callers, with and without a grammar of the agent's own words?

Word error rates on recorded people of open text alone, of open text beside a grammar of every run of the agent's words
(what `Pocketsphinx` does), and of open text beside a statistical model of the same phrases; then how late and how
stable interims are, and what it costs. No phrase equals what a caller of the clips says, but some contain it: those
clips are "in the words". The allowance was chosen on the kayak hire; "the games" are phrases that it never saw.

    HOCKET_SPEECH=... python -m benchmarks.recognition
"""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import jiwer
import msgspec
import numpy as np
from pocketsphinx.lm import ArpaBoLM
from rich.console import Console
from rich.table import Table
from tests.speech import RATE, Clip, clip, manifest

from hocket.agent.loader import load_agent
from hocket.clock import MS, SECOND, cpu_time
from hocket.knowledge.documents import load_documents
from hocket.providers.phrase_grammar import clauses
from hocket.providers.sphinx_audio import BATCH_MS
from hocket.providers.sphinx_decoding import (
    OPTIONS,
    Choice,
    Hypothesis,
    Models,
    choose,
    hypothesis,
)
from hocket.providers.stability import StabilityFilter

ROOT = Path(__file__).parent.parent
RESULT = Path(__file__).parent / "results" / "recognition.json"
KINDS = ("agent_query", "short_reply", "command", "digits", "internal_pause", "read_sentence", "hesitation")
DEMO = {
    "agent_query/azure_whatstheweatherlike.wav",
    "short_reply/dograh_billing_department.wav",
    "short_reply/dograh_nope.wav",
    "short_reply/speechcommands_yes.wav",
    "short_reply/commonvoice_22058267.wav",
    "internal_pause/dograh_vad.wav",
}
GAMES = (
    "I would play the ten of clubs now.",
    "The seven of clubs beats the four, and the queen of clubs beats both.",
    "Four queen of clubs and a king of hearts make a hand.",
    "The robot can go forward ten meters and back again.",
    "Please move right left up or down.",
    "Open it in Firefox if you like.",
)
TRUSTED_ALIGNMENT = 0.93
STEP = BATCH_MS * RATE // 1000


class Decoded(NamedTuple):
    """What one decoder made of a clip."""

    partials: list[Hypothesis]
    """One every `BATCH_MS`."""
    final: Hypothesis
    cpu_ns: int
    finish_ns: int


def main() -> None:
    kayaks = kayak_phrases()
    clips = [one for one in manifest().values() if one.kind in KINDS and one.transcript]
    models = Models(kayaks)
    open_text = decode_all(clips, models.open_text())
    domains = {
        "kayak hire, grammar": (kayaks, decode_all(clips, models.phrases())),
        "kayak hire, statistical model": (kayaks, decode_all(clips, statistical(kayaks))),
        "the games, grammar": (GAMES, decode_all(clips, Models(GAMES).phrases())),
    }
    result = {
        "question": (__doc__ or "").splitlines()[0],
        "word_error_rates": [
            row
            for name, (phrases, decoded) in domains.items()
            for row in errors(name, phrases, clips, open_text, decoded)
        ],
        "demo": demo(clips, open_text, domains["kayak hire, grammar"][1]),
        "interims": interims(clips, open_text, domains["kayak hire, grammar"][1]),
        "cost": [cost("open text", clips, open_text)] + [cost(name, clips, of) for name, (_, of) in domains.items()],
        "memory": memory(kayaks),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    console = Console(width=150)
    for title, rows in result.items():
        if isinstance(rows, list):
            table = Table(*rows[0], title=title.replace("_", " "))
            for row in rows:
                table.add_row(*(f"{value:g}" if isinstance(value, float) else str(value) for value in row.values()))
            console.print(table)


def kayak_phrases() -> tuple[str, ...]:
    """What the example agent gives its recogniser."""
    agent = load_agent(str(ROOT / "examples" / "harbour_kayaks" / "agent.py"))
    assert agent.knowledge
    passages = load_documents(agent.knowledge).passages
    return (*agent.phrases, *(passage.text for passage in passages), *agent.tools)


def statistical(phrases: Sequence[str]) -> Any:
    """A decoder with a language model of the phrases instead of the grammar."""
    import pocketsphinx

    lines = "".join(f"<s> {' '.join(words)} </s>\n" for words in clauses(phrases))
    model = ArpaBoLM(sentfile=StringIO(lines))
    model.compute()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "phrases.arpa")
        model.write_file(path)
        return pocketsphinx.Decoder(lm=path, **OPTIONS)


def decode_all(clips: Sequence[Clip], decoder: Any) -> dict[str, Decoded]:
    """Every clip as the first utterance of a caller."""
    line_sound = decoder.get_cmn()
    return {one.file: decode(clip(one.file).tobytes(), decoder, line_sound) for one in clips}


def decode(pcm: bytes, decoder: Any, line_sound: str) -> Decoded:
    decoder.set_cmn(line_sound)
    before = cpu_time()
    decoder.start_utt()
    partials = []
    for at in range(0, len(pcm), 2 * STEP):
        decoder.process_raw(pcm[at : at + 2 * STEP])
        partials.append(hypothesis(decoder))
    heard = cpu_time()
    decoder.end_utt()
    final = hypothesis(decoder)
    return Decoded(partials, final, cpu_time() - before, cpu_time() - heard)


def errors(
    name: str,
    phrases: Sequence[str],
    clips: Sequence[Clip],
    open_text: dict[str, Decoded],
    decoded: dict[str, Decoded],
) -> list[dict[str, object]]:
    """One row a group of clips: the word error rates in per cent, and how often the phrases were believed."""
    spoken = {" ".join(words) for words in clauses(phrases)}
    found = [
        (one, plain(one.transcript or ""), open_text[one.file].final, choice(open_text, decoded, one)) for one in clips
    ]
    assert not spoken & {text for _, text, _, _ in found}, "a phrase equals what a caller says"
    inside = {text for _, text, _, _ in found if any(f" {text} " in f" {phrase} " for phrase in spoken)}
    groups: dict[str, Callable[[Clip, str], bool]] = {
        "the demo's clips": lambda one, _: one.file in DEMO,
        "in the words": lambda _, text: text in inside,
        "outside": lambda _, text: text not in inside,
    }
    for kind in KINDS:
        groups[f"outside: {kind}"] = lambda one, text, kind=kind: one.kind == kind and text not in inside  # type: ignore[misc]
    rows: list[dict[str, object]] = []
    for group, belongs in groups.items():
        members = [(text, alone, chosen) for one, text, alone, chosen in found if belongs(one, text)]
        if not members:
            continue
        references = [text for text, _, _ in members]
        rows.append(
            {
                "phrases": name,
                "clips": group,
                "count": len(members),
                "words": sum(len(text.split()) for text in references),
                "open text alone %": rate(references, [alone.words for _, alone, _ in members]),
                "with phrases %": rate(references, [chosen.words for _, _, chosen in members]),
                "phrases believed": sum(chosen.from_phrases for _, _, chosen in members),
            }
        )
    return rows


def choice(open_text: dict[str, Decoded], decoded: dict[str, Decoded], one: Clip) -> Choice:
    return choose(open_text[one.file].final, decoded[one.file].final)


def rate(references: list[str], words: list[tuple[str, ...]]) -> float:
    return round(100 * jiwer.wer(references, [" ".join(of_one) for of_one in words]), 1)


def plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower().replace("’", "'")).split())


def demo(clips: Sequence[Clip], open_text: dict[str, Decoded], phrases: dict[str, Decoded]) -> list[dict[str, object]]:
    return [
        {
            "clip": one.file,
            "said": plain(one.transcript or ""),
            "recognised": " ".join(choice(open_text, phrases, one).words),
            "open text alone": " ".join(open_text[one.file].final.words),
        }
        for one in clips
        if one.file in DEMO
    ]


def interims(
    clips: Sequence[Clip], open_text: dict[str, Decoded], phrases: dict[str, Decoded]
) -> list[dict[str, object]]:
    """How late a word of the final is shown after its end, and how many shown words are taken back."""
    aligned = [one for one in clips if one.words_auto and (one.align_score or 0) >= TRUSTED_ALIGNMENT]
    rows: list[dict[str, object]] = []
    for agreeing in (1, 2, 3, 4):
        lags: list[float] = []
        taken_back = words = 0
        for one in aligned:
            final = choice(open_text, phrases, one).words
            shown = shown_words(open_text[one.file], phrases[one.file], agreeing)
            words += len(final)
            before: tuple[str, ...] = ()
            for _, now in shown:
                taken_back += len(before) - common(before, now)
                before = now
            lags += word_lags(one, final, shown)
        rows.append(
            {
                "agreeing partials": agreeing,
                "lag p50 ms": round(float(np.percentile(lags, 50))),
                "lag p90 ms": round(float(np.percentile(lags, 90))),
                "words taken back a final word": round(taken_back / words, 2),
                "words": words,
            }
        )
    return rows


def shown_words(open_text: Decoded, phrases: Decoded, agreeing: int) -> list[tuple[int, tuple[str, ...]]]:
    """Audio heard in ms, and what is shown from then on."""
    stability = StabilityFilter(agreeing)
    shown = []
    for index, (one, other) in enumerate(zip(open_text.partials, phrases.partials, strict=True), 1):
        if stability.push(choose(one, other).words):
            shown.append((index * BATCH_MS, tuple(stability.text.split())))
    return shown


def word_lags(one: Clip, final: tuple[str, ...], shown: list[tuple[int, tuple[str, ...]]]) -> list[float]:
    """For each word that was recognised rightly, when it first stood at its place, after its labelled end."""
    assert one.words_auto
    said = [word.lower() for word, _, _ in one.words_auto]
    lags = []
    for block in difflib.SequenceMatcher(None, said, final, autojunk=False).get_matching_blocks():
        for offset in range(block.size):
            place = block.b + offset
            end_ms = one.words_auto[block.a + offset][2] * 1000
            times = [ms for ms, words in shown if words[place : place + 1] == final[place : place + 1]]
            lags += [times[0] - end_ms] if times else []
    return lags


def common(first: Sequence[str], second: Sequence[str]) -> int:
    same = 0
    while same < min(len(first), len(second)) and first[same] == second[same]:
        same += 1
    return same


def cost(name: str, clips: Sequence[Clip], decoded: dict[str, Decoded]) -> dict[str, object]:
    seconds = sum(one.duration_s for one in clips)
    finishes = [of_one.finish_ns / MS for of_one in decoded.values()]
    return {
        "decoder": name,
        "core a second of audio": round(sum(of_one.cpu_ns for of_one in decoded.values()) / SECOND / seconds, 3),
        "end of utterance p50 ms": round(float(np.percentile(finishes, 50)), 1),
        "end of utterance p95 ms": round(float(np.percentile(finishes, 95)), 1),
    }


def memory(phrases: Sequence[str]) -> list[dict[str, object]]:
    """Resident megabytes that each decoder adds in a process that has the models."""
    models = Models(phrases)
    models.open_text()  # the first one holds the models
    rows: list[dict[str, object]] = []
    kept = []
    for name, make in (("open text", models.open_text), ("phrases", models.phrases)):
        for _ in range(2):
            before = resident_mb()
            kept.append(make())
            added = resident_mb() - before
        rows.append({"decoder": name, "MB a call": round(added, 1)})
    return rows


def resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    main()
