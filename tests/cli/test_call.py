"""What a user does wrong, at the command line: one sentence and exit code 2, never a traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hocket.cli import main
from tests.speech import COMMITTED

GOOD_AGENT = 'from hocket import Agent\nagent = Agent("You are a test.")\n'
WEATHER = COMMITTED / "agent_query" / "azure_whatstheweatherlike.wav"


def hocket(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["hocket", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def agent_file(folder: Path, text: str = GOOD_AGENT) -> Path:
    path = folder / "some_agent.py"
    path.write_text(text)
    return path


def sound_file(folder: Path, content: bytes) -> Path:
    path = folder / "caller.wav"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import nowhere_to_be_found\n", "nowhere_to_be_found"),
        ("def broken(:\n", "line 1"),
        ("answer = 42\n", "no agent"),
        ('from hocket import Agent\nagent = Agent("")\n', "instructions"),
        ('from hocket import Agent\nagent = Agent("x", knowledge="missing_folder")\n', "missing_folder"),
        ('from hocket import Agent\nagent = Agent("x", stt="nobody/nothing")\n', "nobody"),
        ('from hocket import Agent\nagent = Agent("x", preset="hasty")\n', "hasty"),
    ],
)
def test_agents_that_cannot_be_used(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hocket(monkeypatch, "call", agent_file(tmp_path, text), WEATHER, "--out", tmp_path / "out") == 2
    printed = capsys.readouterr()
    assert says.lower() in printed.err.lower()
    assert "Traceback" not in printed.err + printed.out
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "caller.wav"),
        (b"This is a letter, not a sound.", "caller.wav"),
        (b"RIFF\x00\x00\x00\x00WAVE", "caller.wav"),
    ],
)
def test_files_that_are_no_audio(
    content: bytes, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = sound_file(tmp_path, content)
    assert hocket(monkeypatch, "call", agent_file(tmp_path), sound, "--out", tmp_path / "out") == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert "Traceback" not in printed.err


def test_a_missing_file_and_an_unusable_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = agent_file(tmp_path)
    assert hocket(monkeypatch, "call", agent, tmp_path / "gone.wav") == 2
    assert "gone.wav" in capsys.readouterr().err
    assert hocket(monkeypatch, "call", agent, WEATHER, "--out", agent / "below_a_file") == 2
    assert "--out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"),
    [(8_000, 1, "PCM_16"), (44_100, 2, "PCM_24"), (48_000, 2, "FLOAT"), (16_000, 1, "PCM_U8")],
)
def test_any_audio_is_converted(
    rate: int, channels: int, subtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech, found = soundfile.read(WEATHER)
    times = np.arange(int(len(speech) * rate / found)) / rate
    resampled = np.interp(times, np.arange(len(speech)) / found, speech)
    path = tmp_path / "caller.wav"
    soundfile.write(path, np.stack([resampled] * channels, axis=1), rate, subtype=subtype)
    out = tmp_path / "out"
    assert hocket(monkeypatch, "call", agent_file(tmp_path), path, "--out", out, "--fast") == 0
    assert {made.name for made in out.iterdir()} == {"call.wav", "trace.jsonl", "call.json", "report.html"}
    assert '"who": "caller"' in (out / "call.json").read_text()


@pytest.mark.parametrize(
    "body", ["raise RuntimeError('the shop is closed')", "import threading; threading.Event().wait()"]
)
def test_a_tool_that_raises_or_never_returns_ends_no_call(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hocket.sim.loop.HANG_S", 0.2)
    text = (
        "from hocket import Agent\n"
        'agent = Agent("You tell the weather.", phrases=["is the weather good"])\n'
        "@agent.tool(deadline_s=2)\n"
        "def weather() -> str:\n"
        '    """What the weather is like."""\n'
        f"    {body}\n"
    )
    out = tmp_path / "out"
    assert hocket(monkeypatch, "call", agent_file(tmp_path, text), WEATHER, "--out", out, "--fast") == 0
    assert '"who": "agent"' in (out / "call.json").read_text()
