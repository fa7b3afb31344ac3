from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from hocket.errors import MissingError
from hocket.providers import flite_library
from hocket.providers.flite_library import LIBRARIES, fetch_flite, flite_folder, load_flite

FAKE_DOWNLOAD = 'touch "libflite1_2.2_any.deb"\n'
FAKE_UNPACK = """
root="$3/usr/lib/some-machine"; mkdir -p "$root" "$3/usr/share/doc/libflite1"
for name in libflite libflite_cmulex libflite_usenglish libflite_cmu_us_rms; do
  echo not a library > "$root/$name.so.2.2"; ln -sf "$name.so.2.2" "$root/$name.so.1"
done
echo permissive > "$3/usr/share/doc/libflite1/copyright"
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for fake programs in front of the real ones, and a cache of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("HOCKET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(flite_library, "_can_load", lambda name: True)
    return folder


def fake(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}")
    (folder / name).chmod(0o755)


def left_behind() -> list[str]:
    return sorted(path.name for path in flite_folder().parent.iterdir())


def test_it_is_downloaded_unpacked_and_kept(tools: Path) -> None:
    fake(tools, "apt-get", FAKE_DOWNLOAD)
    fake(tools, "dpkg-deb", FAKE_UNPACK)
    folder = fetch_flite()
    assert folder == flite_folder()
    assert left_behind() == ["flite"]
    assert all((folder / name).read_text() == "not a library\n" for name in LIBRARIES)
    assert (folder / "copyright").read_text() == "permissive\n"
    fake(tools, "apt-get", "exit 1")
    assert fetch_flite() == folder


def test_missing_package_lists_are_fetched_into_a_folder_of_their_own(tools: Path) -> None:
    fake(
        tools,
        "apt-get",
        """
case "$*" in
  *Dir::State::lists=*update) for option; do case $option in *lists=*) touch "${option#*lists=}/here";; esac; done;;
  *Dir::State::lists=*download*) test -e lists/here && touch libflite1_2.2_any.deb;;
  *) echo "E: Unable to locate package libflite1" >&2; exit 100;;
esac
""",
    )
    fake(tools, "dpkg-deb", FAKE_UNPACK)
    assert (fetch_flite() / LIBRARIES[0]).exists()


def test_alsa_comes_along_where_it_is_missing(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flite_library, "_can_load", lambda name: False)
    fake(tools, "apt-get", 'case "$2" in libasound2t64) exit 100;; esac; touch "$2_1_any.deb"')
    fake(
        tools,
        "dpkg-deb",
        FAKE_UNPACK
        + """
case "$2" in *libasound2_*) echo alsa > "$root/libasound.so.2.0"; ln -s libasound.so.2.0 "$root/libasound.so.2";; esac
""",
    )
    assert (fetch_flite() / "libasound.so.2").read_text() == "alsa\n"


@pytest.mark.parametrize(
    ("apt_get", "dpkg_deb", "sentence"),
    [
        ('echo "E: no route to host" >&2; exit 100', FAKE_UNPACK, "no route to host"),
        ("exit 3", FAKE_UNPACK, "exit code 3"),
        ("exit 0", FAKE_UNPACK, "no reason given"),
        (FAKE_DOWNLOAD, 'echo "not an archive" >&2; exit 2', "not an archive"),
        (FAKE_DOWNLOAD, "exit 0", "holds no libflite.so.1"),
    ],
)
def test_each_failure_is_one_sentence_and_leaves_nothing(
    tools: Path, apt_get: str, dpkg_deb: str, sentence: str
) -> None:
    fake(tools, "apt-get", apt_get)
    fake(tools, "dpkg-deb", dpkg_deb)
    with pytest.raises(MissingError, match=sentence) as caught:
        fetch_flite()
    assert "\n" not in str(caught.value)
    assert left_behind() == []


def test_a_download_that_hangs_is_given_up(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flite_library, "_DOWNLOAD_TIMEOUT_S", 0.2)
    fake(tools, "apt-get", "exec sleep 60")
    fake(tools, "dpkg-deb", FAKE_UNPACK)
    with pytest.raises(MissingError, match=r"no answer in 0\.2 s"):
        fetch_flite()
    assert left_behind() == []


@pytest.mark.parametrize("missing", ["apt-get", "dpkg-deb"])
def test_without_debian_tools_it_says_so(tools: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setenv("PATH", str(tools))
    fake(tools, {"apt-get": "dpkg-deb", "dpkg-deb": "apt-get"}[missing], "exit 1")
    with pytest.raises(MissingError, match=f"without {missing}"):
        fetch_flite()


def test_a_cache_that_cannot_be_written_is_named(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOCKET_CACHE", str(tmp_path / "file"))
    fake(tools, "apt-get", FAKE_DOWNLOAD)
    fake(tools, "dpkg-deb", FAKE_UNPACK)
    with pytest.raises(MissingError, match="HOCKET_CACHE"):
        fetch_flite()


def test_a_broken_library_is_missing_and_not_a_crash(tools: Path) -> None:
    fake(tools, "apt-get", FAKE_DOWNLOAD)
    fake(tools, "dpkg-deb", FAKE_UNPACK)
    with pytest.raises(MissingError, match="rms"):
        load_flite("rms", fetch_flite())


def test_the_cache_is_used_when_the_system_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "flite"
    folder.mkdir()
    (folder / LIBRARIES[0]).touch()
    monkeypatch.setenv("HOCKET_CACHE", str(tmp_path))
    opened: list[str] = []

    def open_library(name: str, mode: int = 0) -> str:
        if not name.startswith(str(folder)) and "flite" in name:
            raise OSError("not on the system")
        opened.append(name)
        return name

    monkeypatch.setattr(ctypes, "CDLL", open_library)
    load_flite("slt")
    assert [Path(name).name for name in opened if "flite" in name] == [*LIBRARIES, "libflite_cmu_us_slt.so.1"]
