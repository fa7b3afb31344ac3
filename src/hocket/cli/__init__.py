"""The command line: one command a file."""

from __future__ import annotations

import sys
from typing import Final

import typer

from hocket.cli.call import call
from hocket.cli.demo import demo
from hocket.cli.doctor import doctor
from hocket.cli.models import models
from hocket.cli.report import report
from hocket.cli.serve import serve
from hocket.errors import HocketError, InputError, MissingError

app: Final = typer.Typer(
    help="Voice agents that answer as fast as people do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (demo, call, serve, report, models, doctor):
    app.command()(command)


def main() -> None:
    """Run the command line. A user's mistake gets one sentence and exit code 2, never a traceback."""
    try:
        app()
    except (InputError, MissingError) as error:
        print(f"hocket: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except HocketError as error:
        print(f"hocket: {error}", file=sys.stderr)
        raise SystemExit(1) from None
