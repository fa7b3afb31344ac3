"""`hocket doctor`: are an agent's providers there, is the key right, and how quick would the agent be?"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from hocket.agent.agent import Agent
from hocket.agent.loader import load_agent
from hocket.assembly.doctor import OWN_MS, TRIALS, WORDS_MS, Checkup, Diagnosis, Prediction, diagnose
from hocket.observe.bars import plain

_ANSWERS: Final = {True: ("yes", "green"), False: ("no", "bold red"), None: ("–", "dim")}


def doctor(
    agent: str = typer.Argument(help="An agent: package.module:name, or path/to/file.py."),
    json: bool = typer.Option(False, "--json", help="Print the findings as one JSON object."),
) -> None:
    """Ask every provider of an agent a few times, and predict how quickly it would answer callers.

    Exit code 0 when all is well, 1 when a provider cannot be used or a model is too slow to talk with.
    """
    loaded = load_agent(agent)
    diagnosis = asyncio.run(_diagnosed(loaded))
    if json:
        print(msgspec.json.format(msgspec.json.encode(_findings(diagnosis)), indent=2).decode())
    else:
        show(diagnosis, Console())
    if not diagnosis.well:
        raise typer.Exit(1)


def show(diagnosis: Diagnosis, console: Console) -> None:
    """A table of the providers, then in words what is wrong, and what callers would get."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("stage", "provider", "reached", "key", "model", "waits for"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "provider")
    for heading in ("p50", "p95"):
        table.add_column(heading, justify="right", no_wrap=True)
    for checkup in diagnosis.checkups:
        _add_row(table, checkup)
    console.print(table)
    for checkup in diagnosis.checkups:
        if not checkup.well and not checkup.missing_variable:
            line = Text(f"{checkup.stage} ", "bold red" if checkup.problem else "bold yellow")
            console.print(line.append(plain(f"{checkup.name}: {checkup.problem or checkup.warning}"), "default"))
    if diagnosis.missing_variables:
        named = ", ".join(diagnosis.missing_variables)
        console.print(Text("keys ", "bold red").append(f"These environment variables are not set: {named}", "default"))
    if len(models := diagnosis.models) > 1:
        ranked = (f"{place}. {model.name} {_ms(model.percentile(50))}" for place, model in enumerate(models, 1))
        console.print(Text("models by first token: ", "dim").append(plain("  ".join(ranked)), "default"))
    console.print(_predicted(diagnosis.prediction))


async def _diagnosed(agent: Agent) -> Diagnosis:
    # Of what is printed only the findings go to standard output, which may be a file.
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("asking the providers")
        return await diagnose(agent, lambda what: progress.update(task, description=plain(what)))


def _add_row(table: Table, checkup: Checkup) -> None:
    answers = (checkup.reachable, checkup.key_accepted, checkup.model_exists)
    table.add_row(
        checkup.stage,
        Text(plain(checkup.name), "" if checkup.well else "yellow" if not checkup.problem else "red"),
        *(Text(*_ANSWERS[answer]) for answer in answers),
        checkup.measured,
        _ms(checkup.percentile(50)),
        _ms(checkup.percentile(95)),
    )


def _predicted(prediction: Prediction | None) -> Text:
    if prediction is None:
        return Text("No response latency can be predicted: a stage has no provider that can be used.", "yellow")
    text = Text("response latency, predicted: ", "dim")
    named = (("p50", prediction.p50_ms), ("p90", prediction.p90_ms), ("p95", prediction.p95_ms))
    for name, value in (*named, ("p99", prediction.p99_ms)):
        text.append(f"{name} ", "dim").append(f"{value:.0f} ", "bold")
    return text.append(
        f"ms\nDrawn from {TRIALS} trials of each of {plain(', '.join(prediction.providers))}: words known {WORDS_MS} ms"
        f" after the last of them, or when finalized, + first token + first byte + {OWN_MS} ms; not before the turn is"
        f" committed, {prediction.commit_ms:.0f} ms after the last word. The caller's line comes on top.",
        "not bold dim",
    )


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _findings(diagnosis: Diagnosis) -> dict[str, Any]:
    checkups = [
        {**msgspec.structs.asdict(checkup), "p50_ms": checkup.percentile(50), "p95_ms": checkup.percentile(95)}
        for checkup in diagnosis.checkups
    ]
    return {
        "agent": diagnosis.agent,
        "well": diagnosis.well,
        "checkups": checkups,
        "missing_variables": diagnosis.missing_variables,
        "models_by_first_token": [checkup.name for checkup in diagnosis.models],
        "prediction": diagnosis.prediction,
    }
