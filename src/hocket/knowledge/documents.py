"""Documents: a folder of plain texts, cut into passages small enough to be read out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hocket.errors import AgentError
from hocket.knowledge import words
from hocket.stages.llm import Passage

PASSAGE_WORDS = 120
FILE_LIMIT = 1 << 20
"""Bytes of one file."""
FILES_LIMIT = 2_000
SUFFIXES = (".md", ".txt")


class Skipped(msgspec.Struct, frozen=True):
    """A file of the folder that is not part of the knowledge."""

    file: str
    reason: str


class Documents(msgspec.Struct, frozen=True):
    """What a folder holds."""

    passages: tuple[Passage, ...]
    skipped: tuple[Skipped, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """Every sentence and heading once, as written, in order: what a recogniser may be biased by."""
        found: dict[str, None] = {}
        for passage in self.passages:
            if heading := heading_of(passage):
                found[heading] = None
            found.update(dict.fromkeys(words.sentences(passage.text)))
        return tuple(found)

    def words(self) -> tuple[str, ...]:
        """Every word once, in lower case, sorted."""
        return tuple(sorted({word for sentence in self.sentences() for word in words.tokens(sentence)}))


def load_documents(folder: str | Path) -> Documents:
    """All .md and .txt files of a folder and the folders in it, in passages of at most `PASSAGE_WORDS` words.

    A passage never spans two headings; its source is `file#Heading`. Files that are no text are skipped and named.
    Raises `AgentError` when the folder is missing or holds nothing to read.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise AgentError(f"The knowledge folder {root} {what}: give a folder of .md and .txt files.")
    passages: list[Passage] = []
    skipped: list[Skipped] = []
    for number, path in enumerate(_files(root)):
        name = path.relative_to(root).as_posix()
        text = _read(path, name) if number < FILES_LIMIT else Skipped(name, f"more than {FILES_LIMIT} files")
        if isinstance(text, Skipped):
            skipped.append(text)
        else:
            passages.extend(_passages(name, text))
    if not passages:
        named = f" (skipped: {', '.join(file.file for file in skipped[:5])})" if skipped else ""
        raise AgentError(f"The knowledge folder {root} has no text in .md or .txt files{named}: add some.")
    return Documents(tuple(passages), tuple(skipped))


def heading_of(passage: Passage) -> str:
    """The heading a passage stands under, or an empty string."""
    return passage.source.partition("#")[2]


def plain(markdown: str) -> str:
    """One line of Markdown as it would be read out: no emphasis, code marks, links, images or list marks."""
    text = re.sub(r"^\s*(?:[-*+•]|\d+[.)]|>)\s+", "", markdown)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"(\*{1,3}|_{2,3}|~~|`+)(\S(?:.*?\S)?)\1", r"\2", text)
    return " ".join(re.sub(r"<[^<>]{1,80}>", "", text).split())


def _files(root: Path) -> Iterator[Path]:
    hidden = re.compile(r"(?:^|/)\.")
    for path in sorted(root.rglob("*")):
        if path.is_file() and not hidden.search(path.relative_to(root).as_posix()):
            yield path


def _read(path: Path, name: str) -> str | Skipped:
    if path.suffix.lower() not in SUFFIXES:
        return Skipped(name, "neither .md nor .txt")
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except OSError as error:
        return Skipped(name, f"cannot be read: {error.strerror}")
    if len(data) > FILE_LIMIT:
        return Skipped(name, f"larger than {FILE_LIMIT >> 20} MiB")
    if b"\0" in data:
        return Skipped(name, "binary")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Skipped(name, "not UTF-8")


def _passages(file: str, text: str) -> Iterator[Passage]:
    for heading, paragraphs in _sections(text):
        source = f"{file}#{heading}" if heading else file
        for packed in _packed(paragraphs):
            yield Passage(packed, source, 0.0)


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """(heading, paragraphs) of each part; list items are sentences of one paragraph."""
    heading, paragraphs, lines = "", list[str](), list[str]()
    for raw in [*text.splitlines(), "", "# "]:
        title = re.match(r"\s{0,3}#{1,6}(?:\s+(.*?))?\s*#*\s*$", raw)
        if not raw.strip() or title:
            if lines:
                paragraphs.append(" ".join(lines))
                lines = []
            if title:
                if paragraphs:
                    yield heading, paragraphs
                heading, paragraphs = plain(title.group(1) or ""), []
        elif line := plain(raw):
            is_item = re.match(r"\s*(?:[-*+•]|\d+[.)])\s", raw)
            if is_item and lines and not lines[-1].endswith((".", "!", "?", ":", ";")):
                lines[-1] += "."
            lines.append(line)


def _packed(paragraphs: list[str]) -> Iterator[str]:
    """Sentences put together, up to `PASSAGE_WORDS` words; a paragraph is only cut when it is longer than that."""
    current: list[str] = []
    for paragraph in paragraphs:
        size = len(paragraph.split())
        pieces = [paragraph] if size <= PASSAGE_WORDS else list(_cut(paragraph))
        for piece in pieces:
            if current and sum(len(part.split()) for part in current) + len(piece.split()) > PASSAGE_WORDS:
                yield " ".join(current)
                current = []
            current.append(piece)
    if current:
        yield " ".join(current)


def _cut(paragraph: str) -> Iterator[str]:
    for sentence in words.sentences(paragraph):
        parts = sentence.split()
        for start in range(0, len(parts), PASSAGE_WORDS):
            yield " ".join(parts[start : start + PASSAGE_WORDS])
