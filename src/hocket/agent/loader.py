"""Find the agent that a user names on the command line."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from hocket.agent.agent import Agent
from hocket.errors import AgentError


def load_agent(target: str) -> Agent:
    """The agent named `module.path:attribute`, `path/to/file.py:attribute`, or by either without the attribute.

    A relative knowledge folder of the agent is taken from the folder of its file. Modules are imported as Python does
    when run in the current directory, files with their own folder on the path. Raises `AgentError`, one sentence.
    """
    place, attribute = _split(target)
    module = _from_file(place) if place.endswith(".py") or "/" in place else _from_path(place)
    agent = _named(module, attribute, place) if attribute else _only(module, place)
    if agent.knowledge is not None and module.__file__:
        agent.knowledge = Path(module.__file__).resolve().parent / agent.knowledge
    return agent


def _split(target: str) -> tuple[str, str]:
    place, colon, attribute = target.rpartition(":")
    if not colon:
        return target, ""
    if attribute.isidentifier():
        return place, attribute
    if place and not attribute:
        return place, ""
    return target, ""  # the colon belongs to the path, as in C:/agent.py


def _from_file(place: str) -> ModuleType:
    path = Path(place)
    if not path.is_file():
        raise AgentError(f"There is no file {place}: give the path of the Python file that declares the agent.")
    path = path.resolve()
    name = f"hocket_agent_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AgentError(f"{place} is not a Python file: give one that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    _put_on_path(path.parent)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _import_failure(place, error) from error
    return module


def _from_path(place: str) -> ModuleType:
    if not all(part.isidentifier() for part in place.split(".")):
        raise AgentError(
            f'"{place}" is neither a module nor a file: write package.module:agent or folder/file.py:agent.'
        )
    _put_on_path(Path.cwd())
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if place == missing or place.startswith(f"{missing}."):
            raise AgentError(
                f"There is no module {missing}: run this where it can be imported, or give a file."
            ) from error
        raise _import_failure(place, error) from error
    except (Exception, SystemExit) as error:
        raise _import_failure(place, error) from error


def _put_on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _import_failure(place: str, error: BaseException) -> AgentError:
    message = str(error).split("\n", 1)[0]
    where = ""
    if isinstance(error, SyntaxError):
        message = error.msg
        where = f" in {Path(error.filename or place).name}, line {error.lineno}"
    elif frames := [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]:
        where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}"
    what = f"{type(error).__name__}: {message}".rstrip(": ")
    return AgentError(f"{place} cannot be imported: {what}{where}.")


def _is_users(filename: str) -> bool:
    ours = Path(__file__).parent.parent
    path = Path(filename)
    installed = {"site-packages", "importlib"} & set(path.parts)
    return path.is_absolute() and path.exists() and not installed and not path.is_relative_to(ours)


def _named(module: ModuleType, attribute: str, place: str) -> Agent:
    if not hasattr(module, attribute):
        names = [name for name, value in vars(module).items() if isinstance(value, Agent)]
        hint = f"it has {', '.join(names)}" if names else "it declares no agent"
        raise AgentError(f"{place} has no {attribute}: {hint}.")
    value = getattr(module, attribute)
    if not isinstance(value, Agent):
        raise AgentError(f"{attribute} in {place} is a {type(value).__name__} and not a hocket.Agent.")
    return value


def _only(module: ModuleType, place: str) -> Agent:
    agents = {name: value for name, value in vars(module).items() if isinstance(value, Agent)}
    if not agents:
        raise AgentError(f'{place} declares no agent: write agent = Agent("You are ...") in it.')
    if len({id(agent) for agent in agents.values()}) > 1:
        raise AgentError(
            f"{place} has several agents ({', '.join(agents)}): name one, as in {place}:{next(iter(agents))}."
        )
    return next(iter(agents.values()))
