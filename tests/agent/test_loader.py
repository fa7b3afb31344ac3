from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hocket.agent.loader import load_agent
from hocket.errors import AgentError

ONE = "from hocket import Agent\nagent = Agent('You are a clerk.', name='clerk', knowledge='facts')\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def test_a_file_with_and_without_the_attribute(here: Path) -> None:
    (here / "shop").mkdir()
    (here / "shop" / "desk.py").write_text(ONE)
    for target in ("shop/desk.py:agent", "shop/desk.py", str(here / "shop" / "desk.py"), "shop/desk.py:"):
        agent = load_agent(target)
        assert agent.name == "clerk"
        assert agent.knowledge == here / "shop" / "facts"


def test_a_module_of_the_current_directory(here: Path) -> None:
    (here / "desk_module_loaded_by_name.py").write_text(ONE)
    assert load_agent("desk_module_loaded_by_name:agent").knowledge == here / "facts"
    assert load_agent("desk_module_loaded_by_name").name == "clerk"


def test_a_file_imports_its_neighbours_and_annotates_with_its_own_types(here: Path) -> None:
    (here / "neighbour_of_desk.py").write_text("PRICE = 5\n")
    (here / "desk.py").write_text(
        "from __future__ import annotations\n"
        "import msgspec\nfrom neighbour_of_desk import PRICE\n" + ONE + "class Boat(msgspec.Struct):\n    seats: int\n"
        "@agent.tool\ndef price(boat: Boat) -> int:\n    'The price of a boat.'\n    return PRICE\n"
    )
    assert "price" in load_agent("desk.py").tools


def test_the_same_agent_under_two_names_is_one(here: Path) -> None:
    (here / "desk.py").write_text(ONE + "also = agent\n")
    assert load_agent("desk.py").name == "clerk"


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("", "absent.py", "There is no file absent.py"),
        ("", "absent_module_xyz:agent", "There is no module absent_module_xyz"),
        ("", "absent_package_xyz.inner:agent", "There is no module absent_package_xyz"),
        ("", "what is this", "neither a module nor a file"),
        ("", "", "neither a module nor a file"),
        ("x = 1\ny = x / 0\n", "desk.py", "ZeroDivisionError: division by zero in desk.py, line 2"),
        ("def f(:\n", "desk.py", "SyntaxError: .* in desk.py, line 1"),
        ("import absent_module_xyz\n", "desk.py", "ModuleNotFoundError: .*absent_module_xyz.* in desk.py, line 1"),
        ("import sys\nsys.exit('stop')\n", "desk.py", "SystemExit: stop in desk.py, line 2"),
        ("raise ValueError\n", "desk.py", "ValueError in desk.py, line 1"),
        (ONE + "@agent.tool\ndef f(): pass\n", "desk.py", "Tool f has no docstring.* in desk.py, line 3"),
        (ONE, "desk.py:clerk", "desk.py has no clerk: it has agent"),
        ("x = 1\n", "desk.py:agent", "declares no agent"),
        ("agent = 'x'\n", "desk.py:agent", "agent in desk.py is a str"),
        ("x = 1\n", "desk.py", "declares no agent"),
        (ONE + "other = Agent('x')\n", "desk.py", r"several agents \(agent, other\).*desk.py:agent"),
    ],
)
def test_a_users_mistake_is_one_sentence(here: Path, source: str, target: str, words: str) -> None:
    (here / "desk.py").write_text(source)
    with pytest.raises(AgentError, match=words) as caught:
        load_agent(target)
    assert "\n" not in str(caught.value)


def test_a_module_that_fails_can_be_mended_and_loaded(here: Path) -> None:
    (here / "desk.py").write_text("1 / 0\n")
    with pytest.raises(AgentError):
        load_agent("desk.py")
    (here / "desk.py").write_text(ONE)
    assert load_agent("desk.py").name == "clerk"
