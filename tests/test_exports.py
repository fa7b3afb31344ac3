"""The public names: those of `hocket` itself, of each room, and the commands that are installed."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hocket
from hocket.errors import HocketError

ROOT = Path(__file__).parent.parent
ROOMS = ["hocket", *(room.name for room in pkgutil.walk_packages(hocket.__path__, "hocket.") if room.ispkg)]
PUBLIC = ["Agent", "Call", "CallRecord", "HocketError", "Manners", "Resilience", "Tool", "ToolRun", "TranscriptEntry"]


def test_hocket_offers_what_an_agent_is_written_with() -> None:
    assert hocket.__all__ == PUBLIC
    for name in PUBLIC:
        public = getattr(hocket, name)
        assert public.__module__.startswith("hocket.")
        assert public.__name__ == name
        assert inspect.getdoc(public)


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_the_names_it_announces(room: str) -> None:
    module = importlib.import_module(room)
    announced = getattr(module, "__all__", [])
    assert [name for name in announced if not hasattr(module, name)] == []
    assert sorted(set(announced)) == sorted(announced)
    assert importlib.import_module(room).__doc__


def test_rooms_are_found_at_all() -> None:
    assert {"hocket.turn", "hocket.session", "hocket.sim.wire", "hocket.providers.dialogue"} <= set(ROOMS)


def test_everything_raised_on_purpose_can_be_caught_as_one() -> None:
    errors = importlib.import_module("hocket.errors")
    raised = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert len(raised) > 10
    assert all(issubclass(error, HocketError) for error in raised)
    assert hocket.HocketError is HocketError


def test_the_installed_command_and_the_module_are_the_same_program() -> None:
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="hocket")
    assert script.load() is importlib.import_module("hocket.cli").main
    run = subprocess.run([sys.executable, "-m", "hocket", "--help"], capture_output=True, text=True, check=True)
    for command in ("demo", "call", "report", "models"):
        assert f" {command} " in run.stdout


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert importlib.metadata.version("hocket") == project["version"]
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
