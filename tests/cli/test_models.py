from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hocket.cli.models import models
from hocket.errors import MissingError
from hocket.providers.models import MANIFEST
from tests.providers.test_models import CONTENT, TINY, build_wheel

app = typer.Typer()
app.command()(models)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where pip finds the only model of the manifest, and nothing else."""
    monkeypatch.setenv("HOCKET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "250")
    for name in list(MANIFEST):
        monkeypatch.delitem(MANIFEST, name)
    monkeypatch.setitem(MANIFEST, "tiny", TINY)

    def no_voice(*_: object) -> None:
        raise MissingError("There is no apt-get here.")

    module = importlib.import_module("hocket.cli.models")  # the package has a command of that name
    monkeypatch.setattr(module, "load_flite", no_voice)
    monkeypatch.setattr(module, "fetch_flite", no_voice)
    return tmp_path


def test_what_is_missing_is_fetched_and_everything_is_listed(wheels: Path) -> None:
    build_wheel(wheels)
    result = CliRunner().invoke(app)
    assert result.exit_code == 0, result.output
    path = next((wheels / "cache").rglob("tiny-*.bin"))
    assert path.read_bytes() == CONTENT
    assert "voice: espeak-ng, because there is no apt-get here." in result.output
    for cell in ("tiny", "hocket-test-weights 1.2.3", "MIT", "10.2 kB", str(path)):
        assert cell in result.output


def test_a_failure_is_an_error_that_says_why(wheels: Path) -> None:
    result = CliRunner().invoke(app)
    assert isinstance(result.exception, MissingError)
    assert TINY.wheel in str(result.exception)
