"""Real pip, real wheels, no network: pip is pointed at a folder of wheels, or at a port where nobody listens."""

from __future__ import annotations

import hashlib
import os
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hocket.clock import SECOND, stopwatch
from hocket.errors import ConfigError, MissingError
from hocket.providers import models
from hocket.providers.models import MANIFEST, Model, fetch, model_path

CONTENT = bytes(range(256)) * 40
MEMBER = "hocket_test_weights/data/weights.bin"
TINY = Model(
    name="tiny",
    wheel="hocket-test-weights",
    version="1.2.3",
    member=MEMBER,
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size=len(CONTENT),
    download_size=2_000,
    licence="MIT",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, a manifest with one more model, and a pip that knows no index."""
    monkeypatch.setenv("HOCKET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(MANIFEST, "tiny", TINY)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path / "cache"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip looks for wheels in."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def build_wheel(folder: Path, content: bytes = CONTENT, member: str = MEMBER) -> Path:
    info = "hocket_test_weights-1.2.3.dist-info"
    path = folder / "hocket_test_weights-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(member, content)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: hocket-test-weights\nVersion: 1.2.3\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() or path.name.startswith(".")]


def test_a_fetched_model_is_found_again_without_an_index(wheels: Path, cache: Path) -> None:
    build_wheel(wheels)
    seen: list[int] = []
    path = fetch("tiny", seen.append)
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(cache)
    assert files(cache) == [path], "nothing else stays behind"
    assert seen[-1] == TINY.download_size
    assert seen == sorted(seen)
    (wheels / "hocket_test_weights-1.2.3-py3-none-any.whl").unlink()
    assert model_path("tiny") == fetch("tiny") == path


def test_a_model_that_was_not_fetched_is_reported_with_the_remedy() -> None:
    with pytest.raises(MissingError, match="has not been fetched: run `hocket models`"):
        model_path("tiny")


def test_a_damaged_cache_is_noticed_and_repaired(wheels: Path) -> None:
    build_wheel(wheels)
    path = fetch("tiny")
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(MissingError, match="is damaged: run `hocket models`"):
        model_path("tiny")
    assert fetch("tiny").read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT + b"more", b"other" * 100])
def test_another_file_than_expected_is_not_kept(wheels: Path, cache: Path, content: bytes) -> None:
    build_wheel(wheels, content)
    with pytest.raises(MissingError, match="not the one expected"):
        fetch("tiny")
    assert files(cache) == []


def test_a_wheel_without_the_file_is_refused(wheels: Path, cache: Path) -> None:
    build_wheel(wheels, member="hocket_test_weights/elsewhere.bin")
    with pytest.raises(MissingError, match=r"holds no hocket_test_weights/data/weights.bin"):
        fetch("tiny")
    assert files(cache) == []


def test_without_a_network_the_reason_is_one_sentence(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nobody listens
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(MissingError, match=r"no package index was reached. Connect once and run `hocket models`"):
        fetch("tiny")
    assert files(cache) == []


def test_an_index_without_the_release_is_told_apart_from_no_network(wheels: Path) -> None:
    with pytest.raises(MissingError, match=r"No matching distribution found for hocket-test-weights==1.2.3"):
        fetch("tiny")


@pytest.fixture
def silent_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.getsockname()[1]}/simple")
        yield


@pytest.mark.usefixtures("silent_index")
def test_a_download_ends_at_its_deadline(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(models, "DEADLINE_S", 1)
    begun = stopwatch()
    with pytest.raises(MissingError, match="took more than 1 seconds"):
        fetch("tiny")
    assert stopwatch() - begun < 8 * SECOND, "pip itself would have waited for 15 s"
    assert files(cache) == []


def test_a_package_that_is_installed_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any installed file will do: here one of msgspec's."""
    package = Path(msgspec.__file__)
    installed = msgspec.structs.replace(
        TINY, wheel="msgspec", member="msgspec/__init__.py", sha256=hashlib.sha256(package.read_bytes()).hexdigest()
    )
    monkeypatch.setitem(MANIFEST, "tiny", installed)
    assert model_path("tiny").samefile(package)
    assert fetch("tiny").samefile(package)


def test_an_installed_package_with_another_file_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MANIFEST, "tiny", msgspec.structs.replace(TINY, wheel="msgspec", member="msgspec/__init__.py"))
    with pytest.raises(MissingError, match="has not been fetched"):
        model_path("tiny")


def test_a_cache_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HOCKET_CACHE", str(tmp_path / "file"))
    with pytest.raises(MissingError, match="name another folder in HOCKET_CACHE"):
        fetch("tiny")


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match="There are: silero, smart-turn, tiny"):
        model_path("whisper")
