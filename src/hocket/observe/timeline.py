"""Finished turns in the terminal: a waterfall each, and a table of them all."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hocket.observe.bars import Axis, Stroke, bar, milliseconds, plain, scale
from hocket.observe.colours import COLOURS
from hocket.trace.critical_path import Part
from hocket.trace.latency import TurnTrace
from hocket.trace.percentiles import Percentiles, summary
from hocket.trace.providing import Provided
from hocket.trace.spans import ROWS, Row, Span

_LABEL = 10
_VALUE = 9
_WIDEST = 120


def turn_waterfall(turn: TurnTrace) -> RenderableType:
    """Bars of every stage on one time axis from the caller's last speech sample on, and the critical path below."""
    return _Waterfall(turn)


def path_bar(parts: tuple[Part, ...], axis: Axis) -> Text:
    """The critical path as one line."""
    return bar(axis, [Stroke(part.start, part.end, COLOURS[part.name]) for part in parts])


def path_sum(parts: tuple[Part, ...]) -> Text:
    """The critical path as a sum."""
    line = Text()
    for part in parts:
        line.append(" + " if line else "").append(f"{part.name} ", COLOURS[part.name])
        line.append(f"{part.duration / 1e6:.0f}")
    if parts:
        line.append(f" = {milliseconds(parts[-1].end - parts[0].start)}", "bold")
    return line


def summary_table(turns: list[TurnTrace]) -> RenderableType:
    """Percentiles of the turns, and what the table leaves out in words."""
    total = summary(turns)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("ms", "p50", "p90", "p95", "p99", "p99.9", "turns"):
        table.add_column(heading, justify="left" if heading == "ms" else "right", no_wrap=True)
    _add_row(table, "response latency", total.response_latency, "bold")
    _add_row(table, "endpoint to first byte", total.endpoint_to_first_byte, "")
    for name, percentiles in total.numbers.items():
        _add_row(table, f"  {name.replace('_', ' ')}", percentiles, "dim")
    calls = "–" if total.model_calls.p50 is None else f"{total.model_calls.p50:.1f}"
    told = (
        f"{total.turns} turns, {total.long} answered after more than 500 ms; speculation "
        f"{total.speculation['hit']} hits, {total.speculation['miss']} misses; model calls a turn p50 {calls}; "
        f"wasted {total.wasted_tokens} tokens, {total.wasted_characters} characters"
    )
    lines: list[RenderableType] = [table, Text(told, style="dim")]
    if asked := _providers(total.provided):
        lines.append(Text(asked, style="dim"))
    lines += [Text(f"not measured: {count} × {plain(reason)}", "yellow") for reason, count in total.unmeasured.items()]
    return Group(*lines)


def _providers(total: Provided) -> str:
    """What the providers were asked for; empty for stages that do not say."""
    told: list[str] = []
    if total.input_tokens:
        told.append(f"tokens {total.input_tokens} read ({total.cached_tokens} cached), {total.output_tokens} written")
    if total.opener_hit_rate is not None:
        told.append(f"openers from the cache {total.opener_hit_rate:.0%}")
    told += [
        f"{count} {what}"
        for count, what in (
            (total.hedges, "second calls"),
            (total.left, "changes of provider"),
            (total.routed, "complex turns"),
        )
        if count
    ]
    return "; ".join(told)


def _add_row(table: Table, label: str, percentiles: Percentiles, style: str) -> None:
    named = (percentiles.p50, percentiles.p90, percentiles.p95, percentiles.p99, percentiles.p999)
    cells = ["–" if value is None else f"{value / 1e6:.0f}" for value in named]
    table.add_row(label, *cells, str(percentiles.count), style=style)


class _Waterfall:
    def __init__(self, turn: TurnTrace) -> None:
        self._turn = turn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, _WIDEST)
        yield _head(self._turn, width)
        yield _facts(self._turn)
        axis = _axis(self._turn, width - _LABEL - _VALUE)
        if axis is None:
            return
        zero = self._turn.times.last_speech
        yield Text(" " * _LABEL).append(scale(axis, axis.start if zero is None else zero))
        for row in ROWS:
            spans = [span for span in self._turn.spans if span.row == row and _within(span, axis)]
            if spans:
                yield _line(row, bar(axis, _strokes(row, spans, axis)), _value(row, spans, self._turn))
        if self._turn.parts:
            yield _line("path", path_bar(self._turn.parts, axis), milliseconds(self._turn.response_latency))
            yield Padding(path_sum(self._turn.parts), (0, 0, 0, _LABEL))


def _head(turn: TurnTrace, width: int) -> Text:
    line = Text(f"turn {turn.turn}  ", style="bold", no_wrap=True)
    line.append("" if turn.unmeasured else f"{milliseconds(turn.response_latency)}  ")
    words = Text(f"“{plain(turn.text)}”", style="not bold italic")
    words.truncate(max(width - len(line), 8), overflow="ellipsis")
    return line.append(words)


def _facts(turn: TurnTrace) -> Text:
    facts: list[str] = [turn.outcome]
    if turn.unmeasured:
        facts.append(f"not measured: {plain(turn.unmeasured)}")
    if turn.endpoint_to_first_byte is not None:
        facts.append(f"{milliseconds(turn.endpoint_to_first_byte)} after the commit")
    if turn.speculation.result == "hit":
        facts.append(f"speculation hit, begun {milliseconds(turn.speculation.saved)} before the commit")
    elif turn.speculation.result == "miss":
        facts.append("speculation missed")
    if turn.filler:
        facts.append("a filler came first")
    return Text(" · ".join(facts), "yellow" if turn.unmeasured else "dim")


def _axis(turn: TurnTrace, width: int) -> Axis | None:
    """From the last speech sample to a little after the first sound; work done before is cut off on the left."""
    times = turn.times
    begin = times.commit if times.last_speech is None else times.last_speech
    ends = [span.end for span in turn.spans if span.row != "playout"]
    end = times.first_audible or max(ends, default=times.commit)
    if end <= begin or width < 20:
        return None
    return Axis(begin, end + (end - begin) // 8, width)


def _within(span: Span, axis: Axis) -> bool:
    return span.end >= axis.start and span.start < axis.end


def _strokes(row: Row, spans: list[Span], axis: Axis) -> Iterator[Stroke]:
    """What was waited for is in full colour; what streamed on after its first token or byte, or was dropped, is dim."""
    colour = COLOURS[row]
    for span in spans:
        end = axis.end if span.how == "open" else span.end
        if row in ("llm", "tts") and span.how != "cancelled":
            yield Stroke(span.start, end if span.first is None else span.first, colour)
            if span.first is not None:
                yield Stroke(span.first, end, f"{colour} dim")
        else:
            yield Stroke(span.start, end, f"{colour} dim" if span.how == "cancelled" and row != "playout" else colour)


def _value(row: Row, spans: list[Span], turn: TurnTrace) -> str:
    """How long it was waited for; of several replies that of the one that was heard."""
    own = [span for span in spans if span.reply in (turn.reply, 0)] or spans
    if row in ("llm", "tts"):
        own = [span for span in own if span.first is not None]
        return milliseconds(own[-1].first - own[-1].start) if own and own[-1].first is not None else "–"
    return milliseconds(sum(span.end - span.start for span in own))


def _line(label: str, drawn: Text, value: str) -> Text:
    line = Text(f"{label:>{_LABEL - 1}} ", style="", no_wrap=True)
    return line.append(drawn).append(f"{value:>{_VALUE}}", "default")
