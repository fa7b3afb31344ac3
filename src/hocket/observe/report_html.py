"""The parts of the report page that are plain HTML: they can be read without a script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from hocket.observe.bars import milliseconds
from hocket.trace.barge_ins import BargeIn
from hocket.trace.critical_path import PART_NAMES
from hocket.trace.latency import TurnTrace
from hocket.trace.percentiles import Percentiles, summary
from hocket.trace.records import Closed, Entry, Opened
from hocket.turn.commands import AmendTurn, CloseTurn, CommitTurn
from hocket.turn.events import PlayoutFinished, PlayoutStopped

_TIME = {
    "real": "measured by the clock",
    "virtual": "simulated stages: their delays were drawn, not measured",
    "modelled": "real stages, their processor time added to virtual time",
}


def header(head: Opened, notes: Iterable[str]) -> str:
    """Which call this is, and what kind of time its figures are in."""
    stages = [f"{stage} {name}" for stage, name in head.stages.items()]
    facts = [f"call {head.call}", head.wall_clock, f"preset {head.preset}", *stages]
    lines = [
        f"<h1>{escape(head.agent)}</h1>",
        f'<p><span class="pill {head.time}">{head.time} time</span> {_TIME[head.time]}</p>',
        f'<p class="quiet">{" · ".join(escape(fact) for fact in facts if fact)}</p>',
        *(f'<p class="note">{escape(note)}</p>' for note in notes),
    ]
    return "\n".join(lines)


def tiles(measured: Sequence[TurnTrace]) -> str:
    """The percentiles, large."""
    total = summary(measured)
    count = total.response_latency.count
    rows = [
        _tile_row("Response latency", "last speech sample to first audible sample", total.response_latency, "main"),
        _tile_row("Endpoint to first byte", "commit to first audible sample", total.endpoint_to_first_byte, "second"),
    ]
    said = f"{count} of {total.turns} turns measured; {total.long} took more than 500 ms."
    if 0 < count < 100:
        said += " With fewer than 100 turns p99 is the slowest of them."
    missing = [f"{number} not measured: {escape(reason)}." for reason, number in total.unmeasured.items()]
    return "\n".join([*rows, f'<p class="quiet">{" ".join([said, *missing])} Percentiles are exact to 1 %.</p>'])


def _tile_row(name: str, meaning: str, values: Percentiles, kind: str) -> str:
    named = (("p50", values.p50), ("p90", values.p90), ("p95", values.p95), ("p99", values.p99))
    cells = "".join(f"<div><dt>{label}</dt><dd>{milliseconds(value)}</dd></div>" for label, value in named)
    return f'<h2>{name} <small>{meaning}</small></h2><dl class="tiles {kind}">{cells}</dl>'


def turn_table(measured: Sequence[TurnTrace]) -> str:
    """Every turn with its five numbers and its critical path: the charts in words."""
    used = [name for name in PART_NAMES if any(part.name == name for turn in measured for part in turn.parts)]
    heads = ["turn", "caller", "outcome", "response", "to first byte", "endpoint", "STT", "token", "byte", *used]
    rows = []
    for turn in measured:
        numbers = turn.numbers
        durations = (turn.response_latency, turn.endpoint_to_first_byte, numbers.endpoint, numbers.stt_finalize)
        sums = {name: sum(part.duration for part in turn.parts if part.name == name) for name in used}
        cells = [
            f'<th scope="row">{turn.turn}</th>',
            f'<td class="words">{escape(turn.text)}</td>',
            f"<td>{turn.outcome}{' (' + escape(turn.unmeasured) + ')' if turn.unmeasured else ''}</td>",
            *(f"<td>{_number(value)}</td>" for value in (*durations, numbers.first_token, numbers.first_byte)),
            *(f"<td>{_number(sums[name]) if sums[name] else ''}</td>" for name in used),
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return _table("Milliseconds of every turn", heads, rows)


def barge_in_table(found: Sequence[BargeIn], epoch: int) -> str:
    """How fast the agent fell silent."""
    if not found:
        return '<p class="quiet">The caller never spoke over the agent.</p>'
    stops = Percentiles(barge_in.stop_latency for barge_in in found if barge_in.stop_latency is not None)
    rows = [
        f"<tr><td>{(barge_in.onset - epoch) / 1e9:.2f} s</td><td>{milliseconds(barge_in.stop_latency)}</td>"
        f"<td>{milliseconds(None if barge_in.decided is None else barge_in.decided - barge_in.onset)}</td>"
        f"<td>{barge_in.outcome}</td></tr>"
        for barge_in in found
    ]
    told = f"<p>Onset to silence: p50 {milliseconds(stops.p50)}, p95 {milliseconds(stops.p95)}.</p>"
    return told + _table("Barge-ins", ["onset", "silent after", "decided after", "outcome"], rows)


def speculation(measured: Sequence[TurnTrace]) -> str:
    """What computing ahead of the commit brought and cost."""
    total = summary(measured)
    saved = Percentiles(turn.speculation.saved for turn in measured if turn.speculation.result == "hit")
    calls = total.model_calls
    facts = {
        "hits": str(total.speculation["hit"]),
        "misses": str(total.speculation["miss"]),
        "head start p50": milliseconds(saved.p50),
        "model calls a turn p50 / p95": "–" if calls.p50 is None else f"{calls.p50:.1f} / {calls.p95:.1f}",
        "tokens wasted": str(total.wasted_tokens),
        "characters wasted": str(total.wasted_characters),
    }
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
    return f'<dl class="tiles small">{cells}</dl>'


def providers(measured: Sequence[TurnTrace]) -> str:
    """What the providers were asked for, and what stood in for them."""
    total = summary(measured).provided
    hits, rate = total.openers["hit"], total.opener_hit_rate
    facts = {
        "tokens read": str(total.input_tokens),
        "of them cached": str(total.cached_tokens),
        "tokens written": str(total.output_tokens),
        "openers from the cache": "–" if rate is None else f"{hits} ({rate:.0%})",
        "saved by each": milliseconds(total.opener_saved / hits if hits else None),
        "second calls": str(total.hedges),
        "turns for the complex model": str(total.routed),
        "changes of provider": str(total.left),
    }
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
    return f'<dl class="tiles small">{cells}</dl>'


def transcript(entries: Sequence[Entry], epoch: int) -> str:
    """The conversation as it was heard."""
    amended = {e.record.turn: e.record.text for e in entries if isinstance(e.record, AmendTurn)}
    withdrawn = {e.record.turn for e in entries if isinstance(e.record, CloseTurn) and e.record.outcome == "withdrawn"}
    lines = []
    for entry in entries:
        at = (entry.now - epoch) / 1e9
        match entry.record:
            case CommitTurn(turn=turn, text=text):
                words = escape(amended.get(turn, text))
                said = f"<s>{words}</s> (withdrawn: the caller went on)" if turn in withdrawn else words
                lines.append(_line(at, "caller", said, f' data-turn="{turn}"'))
            case PlayoutFinished(heard=heard) if heard:
                lines.append(_line(at, "agent", escape(heard), ""))
            case PlayoutStopped(heard=heard) if heard:
                lines.append(_line(at, "agent", f'{escape(heard)} <span class="cut">cut off</span>', ""))
            case _:
                pass
    return f'<ol class="transcript">{"".join(lines)}</ol>' if lines else '<p class="quiet">Nothing was said.</p>'


def _line(at: float, who: str, words: str, attributes: str) -> str:
    return f'<li class="{who}"{attributes}><time>{at:.1f} s</time><b>{who}</b><span>{words}</span></li>'


def foot(entries: Sequence[Entry]) -> str:
    """How the call ended, and what was lost on full queues."""
    closed = next((entry.record for entry in reversed(entries) if isinstance(entry.record, Closed)), None)
    if closed is None:
        return '<p class="note">The trace has no end: the process was killed, or the call still goes on.</p>'
    dropped = ", ".join(f"{escape(queue)} {count}" for queue, count in closed.dropped.items())
    return f"<p>The call ended: {escape(closed.reason)}. Dropped because a queue was full: {dropped or 'nothing'}.</p>"


def _number(duration: int | None) -> str:
    return "–" if duration is None else f"{duration / 1e6:.0f}"


def _table(caption: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
