"""Where libflite comes from: the system, or its Debian package unpacked into the cache, for which nobody needs root.

flite is Carnegie Mellon's, under a permissive licence that the unpacked folder holds in `copyright`.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hocket.errors import MissingError
from hocket.providers.models import cache_folder

LIBRARIES = ("libflite.so.1", "libflite_cmulex.so.1", "libflite_usenglish.so.1")
"""In the order in which they have to be loaded: the later ones need the earlier."""

ALSA = "libasound.so.2"
"""libflite is linked to it, though it plays nothing here."""

_FLITE_PACKAGES = ("libflite1",)
_ALSA_PACKAGES = ("libasound2t64", "libasound2")
_DOWNLOAD_TIMEOUT_S = 120
_UNPACK_TIMEOUT_S = 60
_BY_HAND = "Install flite 2.2 by hand (Debian, Ubuntu: apt-get install libflite1), or use another voice."
_TO_DO = "Get it with `apt-get install libflite1`, or without root with `python -m hocket.providers.flite_library`."


def flite_folder() -> Path:
    """Where `fetch_flite` puts the library: `$HOCKET_CACHE/flite`, else `~/.cache/hocket/flite`."""
    return cache_folder() / "flite"


def load_flite(voice: str, folder: Path | None = None) -> tuple[ctypes.CDLL, ctypes.CDLL]:
    """flite and the library of one of its voices, from `folder`, or else from the system, or else from the cache.

    Raises `MissingError`.
    """
    if folder is not None:
        return _load(voice, folder)
    try:
        return _load(voice, None)
    except MissingError:
        if not (flite_folder() / LIBRARIES[0]).exists():
            raise
    return _load(voice, flite_folder())


def fetch_flite() -> Path:
    """Download and unpack flite into the cache, if it is not there; returns its folder.

    Needs apt-get and dpkg-deb, no root. Where the package lists are missing they are fetched for this one download.
    Raises `MissingError`.
    """
    folder = flite_folder()
    if (folder / LIBRARIES[0]).exists():
        return folder
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise MissingError(f"flite cannot be fetched without {tool}. {_BY_HAND}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="flite-") as work:
            _unpack_all(Path(work))
            _move(Path(work) / "flite", folder)
    except OSError as error:
        raise MissingError(
            f"flite cannot be put into {folder.parent} ({error}). Name another folder in HOCKET_CACHE."
        ) from error
    return folder


def _load(voice: str, folder: Path | None) -> tuple[ctypes.CDLL, ctypes.CDLL]:
    before = f"{folder}/" if folder else ""
    try:
        if folder and not _can_load(ALSA):
            ctypes.CDLL(before + ALSA, ctypes.RTLD_GLOBAL)
        core, *_ = [ctypes.CDLL(before + name, ctypes.RTLD_GLOBAL) for name in LIBRARIES]
        return core, ctypes.CDLL(f"{before}libflite_cmu_us_{voice}.so.1")
    except OSError as error:
        where = f"in {folder}" if folder else "on this system"
        raise MissingError(f"The voice {voice} of flite is not {where} ({error}). {_TO_DO}") from error


def _can_load(name: str) -> bool:
    try:
        ctypes.CDLL(name, ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _unpack_all(work: Path) -> None:
    """Leave a folder `flite` in `work` with the libraries and their licence."""
    made = work / "flite"
    made.mkdir()
    wanted: list[tuple[str, tuple[str, ...]]] = [(LIBRARIES[0], _FLITE_PACKAGES)]
    if not _can_load(ALSA):
        wanted.append((ALSA, _ALSA_PACKAGES))
    for library, packages in wanted:
        found = _unpack(_download(packages, work), work, library)
        for file in found.parent.glob(f"{library.split('.')[0]}*.so*"):
            shutil.copy2(file, made / file.name, follow_symlinks=False)
    for notice in work.rglob("usr/share/doc/libflite1/copyright"):
        shutil.copy2(notice, made / "copyright")


def _download(packages: tuple[str, ...], work: Path) -> Path:
    """The first of these packages that can be had, as a file."""
    private = _private_lists(work)
    complaint = ""
    for options in ((), private):
        if options:
            _run(["apt-get", *options, "update"], work, _DOWNLOAD_TIMEOUT_S)
        for package in packages:
            complaint = _run(["apt-get", *options, "download", package], work, _DOWNLOAD_TIMEOUT_S) or complaint
            if files := sorted(work.glob(f"{package}_*.deb")):
                return files[0]
    raise MissingError(f"apt-get could not download {packages[-1]} ({complaint or 'no reason given'}). {_BY_HAND}")


def _private_lists(work: Path) -> tuple[str, ...]:
    """Options that give apt lists and a cache of its own, so that it writes nothing outside `work`."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    return ("-o", f"Dir::State::lists={work}/lists", "-o", f"Dir::Cache={work}/cache", "-o", "APT::Sandbox::User=root")


def _unpack(package: Path, work: Path, library: str) -> Path:
    """Where `library` lies after unpacking."""
    complaint = _run(["dpkg-deb", "-x", str(package), str(work / "root")], work, _UNPACK_TIMEOUT_S)
    found = sorted((work / "root").rglob(library))
    if not found:
        raise MissingError(
            f"{package.name} could not be unpacked ({complaint or f'it holds no {library}'}). {_BY_HAND}"
        )
    return found[0]


def _run(command: list[str], folder: Path, timeout_s: float) -> str:
    """Run it; returns the last line of what it complained about, empty if it succeeded."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {timeout_s:g} s"
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines[-1] if lines else f"exit code {done.returncode}")


def _move(made: Path, folder: Path) -> None:
    """Put the finished folder in its place; somebody else may have been quicker."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        made.rename(folder)
    except OSError:
        if not (folder / LIBRARIES[0]).exists():
            raise


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{fetch_flite()}\n")
    except MissingError as error:
        sys.exit(str(error))
