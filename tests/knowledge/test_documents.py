from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.errors import AgentError
from hocket.knowledge import documents
from hocket.knowledge.documents import FILE_LIMIT, PASSAGE_WORDS, Skipped, heading_of, load_documents, plain


def test_passages_carry_their_heading_and_read_aloud(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "shop.md").write_text(
        "Before any heading.\n\n## Opening *hours*\nWe open\nat nine.\n\n- **Dogs** are welcome\n- See [us](http://x.y)\n"
        "\n# Empty\n\n### Prices ###\nTen pounds.\n"
    )
    (tmp_path / "notes.txt").write_text("Plain text.\n")
    found = load_documents(tmp_path)
    assert [(passage.source, passage.text) for passage in found.passages] == [
        ("inner/shop.md", "Before any heading."),
        ("inner/shop.md#Opening hours", "We open at nine. Dogs are welcome. See us"),
        ("inner/shop.md#Prices", "Ten pounds."),
        ("notes.txt", "Plain text."),
    ]
    assert [heading_of(passage) for passage in found.passages] == ["", "Opening hours", "Prices", ""]
    assert found.sentences()[:3] == ("Before any heading.", "Opening hours", "We open at nine.")
    assert found.words()[:3] == ("any", "are", "at")


@given(st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_passages_are_short_and_lose_no_word(sizes: list[int]) -> None:
    paragraphs = [" ".join(f"w{number}" for number in range(size)) + "." for size in sizes]
    found = list(documents._passages("a.md", "# H\n\n" + "\n\n".join(paragraphs)))
    assert all(len(passage.text.split()) <= PASSAGE_WORDS for passage in found)
    assert " ".join(passage.text for passage in found) == " ".join(paragraphs)


def test_files_that_are_no_text_are_skipped_and_named(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_bytes("\ufeffWe are open.".encode())
    (tmp_path / "binary.txt").write_bytes(b"abc\0def")
    (tmp_path / "latin.md").write_bytes("Caf\xe9".encode("latin-1"))
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "huge.txt").write_text("x" * (FILE_LIMIT + 1))
    (tmp_path / ".hidden.txt").write_text("secret")
    found = load_documents(tmp_path)
    assert [passage.text for passage in found.passages] == ["We are open."]
    assert found.skipped == (
        Skipped("binary.txt", "binary"),
        Skipped("huge.txt", "larger than 1 MiB"),
        Skipped("latin.md", "not UTF-8"),
        Skipped("photo.jpg", "neither .md nor .txt"),
    )


def test_more_files_than_the_limit_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "FILES_LIMIT", 1)
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("Text.")
    assert load_documents(tmp_path).skipped == (Skipped("b.txt", "more than 1 files"),)


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="absent does not exist: give a folder"):
        load_documents(tmp_path / "absent")
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(AgentError, match="is not a folder"):
        load_documents(tmp_path / "file.txt")
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "scan.pdf").write_bytes(b"%PDF")
    with pytest.raises(AgentError, match=r"no text in .md or .txt files \(skipped: scan.pdf\)"):
        load_documents(tmp_path / "only")


@pytest.mark.parametrize(
    ("markdown", "spoken"),
    [
        ("* **Ten** _pounds_ a `day`", "Ten _pounds_ a day"),
        ("1. First, [call us](tel:1)", "First, call us"),
        ("![boat](b.png) A boat", "A boat"),
        ("> snake_case stays, 2 * 3 * 4 too", "snake_case stays, 2 * 3 * 4 too"),
        ("line<br>break", "linebreak"),
    ],
)
def test_markup_is_not_read_out(markdown: str, spoken: str) -> None:
    assert plain(markdown) == spoken
