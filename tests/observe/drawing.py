"""What a renderable looks like as lines of text."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType


def drawn(renderable: RenderableType, width: int = 100) -> list[str]:
    """The lines, without colours."""
    console = Console(width=width, file=io.StringIO(), record=True, color_system="truecolor", force_terminal=True)
    console.print(renderable)
    return console.export_text().splitlines()
