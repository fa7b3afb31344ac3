"""The rows, for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.latency.results import Row, Spread

WIDTH: Final = 170
"""Of the table where the output is no terminal."""


def console() -> Console:
    """A wide one: figures that are broken over lines cannot be compared."""
    found = Console()
    return found if found.width >= WIDTH else Console(width=WIDTH)


def show(rows: Iterable[Row], console: Console) -> None:
    """Print the table, and below it what each row is and where hocket's time went."""
    rows = list(rows)
    table = Table(
        *(
            "",
            "turns",
            "at once",
            "response latency\np50 / p95 / p99 ms",
            "over the\nproviders",
            "cuts: words\nshow it",
        ),
        *("cuts: words\nread complete", "cuts:\npeople", "voice to silence\np50 / p95 ms", "openers\nhit", "no\nreply"),
        "core\na call",
        title="Last speech sample to first audible sample, at the caller",
    )
    for row in rows:
        table.add_row(*_cells(row))
    console.print(table)
    for row in rows:
        explain(row, console)
    _compare(rows, console)


def _cells(row: Row) -> tuple[str, ...]:
    spoken_over = row.barge_in or row.cut_yield
    never = f" ({row.not_yielded} never)" if row.not_yielded else ""
    return (
        row.name,
        str(row.turns),
        str(row.at_once),
        _three(row.latency),
        f"{row.over_providers.p50:.0f}" if row.over_providers and _mostly_attributed(row) else "",
        _cuts(row, "evident"),
        _cuts(row, "complete"),
        _cuts(row, "hold"),
        (f"{spoken_over.p50:.0f} / {spoken_over.p95:.0f}" if spoken_over else "") + never,
        "" if row.hit_rate is None else f"{row.hit_rate:.0%}",
        str(row.silent or ""),
        f"{row.load.system_core / row.at_once:.3f}",
    )


def _mostly_attributed(row: Row) -> bool:
    """Replies that begin from the cache wait for no voice: what is left of them are the odd ones."""
    return row.providers is not None and row.latency is not None and 2 * row.providers.n > row.latency.n


def _three(spread: Spread | None) -> str:
    return f"{spread.p50:.0f} / {spread.p95:.0f} / {spread.p99:.0f}" if spread else ""


def _cuts(row: Row, kind: str) -> str:
    cuts = row.cuts.get(kind)
    return f"{cuts.cut} of {cuts.of}" if cuts else ""


def explain(row: Row, console: Console) -> None:
    """What a row is, in a sentence or two."""
    about = [f"[bold]{row.name}[/] ({row.system}{': ' + row.note if row.note else ''}): {_three(row.latency)} ms"]
    if row.parts:
        about.append("at the median " + ", ".join(f"{name} {value:.0f}" for name, value in row.parts.items()) + " ms")
    if _mostly_attributed(row):
        about.append(f"providers alone {_three(row.providers)} ms")
    if row.cut_elsewhere:
        about.append(f"{row.cut_elsewhere} turns cut where there was no pause")
    load = row.load
    about.append(
        f"cores: system {load.system_core:.0%}, callers and providers {load.callers_core:.0%};"
        f" frames sent late by {load.late_p99_ms:.1f} ms at the 99th"
    )
    if load.broken:
        about.append(f"[red]{len(load.broken)} broken calls: {'; '.join(load.broken[:3])}[/]")
    console.print("; ".join(about), highlight=False)


def _compare(rows: list[Row], console: Console) -> None:
    by_name = {row.name: row for row in rows}
    first, second = by_name.get("first calls"), by_name.get("second calls")
    if first and second and first.over_providers and second.over_providers:
        # Beyond the providers' draws: of so few turns these differ by more than what is asked for.
        longer = first.over_providers.p50 - second.over_providers.p50
        console.print(f"A first call after a start waits {longer:+.0f} ms longer at the median.")
    batch, cold = by_name.get("batch"), by_name.get("cold")
    if batch and cold and batch.latency and cold.latency:
        longer = batch.latency.p50 - cold.latency.p50
        console.print(f"One thing after the other takes {longer:+.0f} ms longer at the median.")
