"""What CONTRIBUTING says about the shape of the code, checked."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src" / "hocket").rglob("*.py"))
TEXTS = sorted(
    path
    for pattern in ("*.md", "Makefile", "pyproject.toml", "*.py", ".ci/run")
    for path in ROOT.rglob(pattern)
    if not {".venv", ".peers", "build", ".git", ".hypothesis", ".mypy_cache"} & set(path.relative_to(ROOT).parts)
)

MODULE_LINES = 400
FUNCTION_LINES = 50
CLASS_ATTRIBUTES = 14


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("path", SOURCES, ids=names(SOURCES))
def test_modules_functions_and_classes_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MODULE_LINES, f"over {MODULE_LINES} lines: split it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            # Parameters one to a line are a list, not logic.
            lines -= len(node.args.args) + len(node.args.kwonlyargs)
            assert lines <= FUNCTION_LINES, f"{node.name} has {lines} lines, over {FUNCTION_LINES}"
        elif isinstance(node, ast.ClassDef) and not _is_declaration(node):
            found = set(_attributes(node))
            assert len(found) <= CLASS_ATTRIBUTES, f"{node.name} has {len(found)} attributes: {sorted(found)}"


def _is_declaration(node: ast.ClassDef) -> bool:
    """Options and records that are passed around whole; their fields are their purpose."""
    return any(ast.unparse(base).split(".")[-1] in ("Struct", "Enum") for base in node.bases)


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            yield item.target.id
        elif isinstance(item, ast.FunctionDef) and item.name == "__init__":
            for inner in ast.walk(item):
                if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
                    yield inner.attr


@pytest.mark.parametrize("path", SOURCES, ids=names(SOURCES))
def test_every_module_says_what_it_is_and_has_its_own_tests(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a module opens with what it is"
    if path.name.startswith("__"):
        return
    if not any(_does_something(node) for node in ast.walk(tree)):
        return  # data and protocols are tested where they are used
    mirrored = ROOT / "tests" / path.relative_to(ROOT / "src" / "hocket").parent / f"test_{path.stem}.py"
    assert mirrored.exists(), f"{mirrored.relative_to(ROOT)} is missing"


def _does_something(node: ast.AST) -> bool:
    """A function with more than a docstring, one expression to return, or a protocol's dots."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return any(not isinstance(item, ast.Expr | ast.Return) for item in node.body)


def test_files_name_no_machine_and_no_index() -> None:
    spoilers = re.compile(r"/wor[k]/|/roo[t]/|/opt/pyp[i]|pypi\.or[g]|/home/\w")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in TEXTS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if spoilers.search(line)
    ]
    assert not found


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TOD[O]|FIXM[E]|XX[X]|NotImplementedErro[r])\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if later.search(line)
    ]
    assert not found
