"""The repository's documents, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")), *ROOT.glob("docs/**/*.md")]


class Block(NamedTuple):
    """A fenced block."""

    document: Path
    line: int
    """Of its first line of text."""
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(document: Path, language: str | None = None) -> Iterator[Block]:
    """The fenced blocks of a document, in order; of one language if that is given."""
    text = document.read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        if language in (None, found[1]):
            yield Block(document, text[: found.start(2)].count("\n") + 1, found[1], found[2])


def links(document: Path) -> Iterator[str]:
    """The targets of its links, fragments included."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text))


def commands(document: Path) -> Iterator[tuple[str, str]]:
    """(place, command line) of every `make` and `hocket` command, in fences and in code within the text."""
    text = document.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        for code in [line, *re.findall(r"`([^`]+)`", line)]:
            for part in code.split("&&"):
                command = part.partition(" #")[0].strip()
                if re.match(r"(make|hocket) [a-z]", command):
                    yield f"{document.relative_to(ROOT)}:{number}", command
