"""One call from files, with small stages of its own: what is written, what is shown, and that nothing is left open."""

from __future__ import annotations

import functools
import io
import re
import string
from pathlib import Path
from typing import Any

import msgspec
import pytest
import soundfile
from rich.console import Console

from hocket.agent.agent import Agent
from hocket.agent.call import Call, CallRecord
from hocket.cli import calling
from hocket.cli.calling import hold
from hocket.errors import AgentError, AudioError, InputError
from hocket.sim.loop import run as run_virtually
from hocket.trace.log import read_trace
from hocket.trace.records import Closed, Opened
from hocket.transports.script import Line, after_agent, at, during_agent
from tests.cli.small_stages import RATE, LevelVad, WordsStt, noise
from tests.session.making import FakeLlm, FakeTts

QUESTION = "When do you open?"
ANSWER = "We open at nine."


def agent_of(vad: LevelVad | None = None, **options: Any) -> Agent:
    stages: dict[str, Any] = {"stt": WordsStt(QUESTION), "llm": FakeLlm((ANSWER,)), "tts": FakeTts(ms=1500)}
    instructions = options.pop("instructions", "You are being tested.")
    return Agent(instructions, name="tested", vad=vad or LevelVad(), **(stages | options))


ASKS = [Line(noise(700), at(400))]
"""The caller asks once and stays for the answer."""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Let the call be shown on a terminal, and keep what it is sent."""
    screen = io.StringIO()
    monkeypatch.setattr(calling, "Console", functools.partial(Console, file=screen, force_terminal=True, width=100))
    return screen


def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold calls that are not `fast` in virtual time too."""
    monkeypatch.setattr(calling, "_run", lambda call, fast: run_virtually(call))


def test_it_leaves_the_recording_the_trace_the_record_and_the_page(tmp_path: Path) -> None:
    out = tmp_path / "some" / "folder"
    record = hold(agent_of(), ASKS, out, fast=True)
    assert {made.name for made in out.iterdir()} == {"call.wav", "trace.jsonl", "call.json", "report.html"}
    assert [(entry.who, entry.text) for entry in record.transcript] == [("caller", QUESTION), ("agent", ANSWER)]
    assert msgspec.json.decode((out / "call.json").read_bytes(), type=CallRecord) == record
    trace = read_trace(out / "trace.jsonl")
    assert trace.note == ""
    head, foot = trace[0].record, trace[-1].record
    assert isinstance(head, Opened)
    assert (head.agent, head.time, head.recording) == ("tested", "modelled", "call.wav")
    assert isinstance(foot, Closed)
    assert foot.reason == record.reason == "end of the files"
    sound = soundfile.info(out / "call.wav")
    assert sound.channels == 2
    assert sound.duration == pytest.approx(record.duration_ms / 1000, abs=0.2)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert QUESTION in page
    assert "There is no recording beside this trace" not in page


def test_the_transcript_is_printed_one_line_an_entry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = hold(agent_of(greeting="Good morning."), [Line(noise(700), after_agent(400))], tmp_path, fast=True)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    said = [line for line in lines if re.match(r" +\d+\.\d s  (caller|agent) ", line)]
    expected = [("agent", "Good morning."), ("caller", QUESTION), ("agent", ANSWER)]
    assert [(entry.who, entry.text) for entry in record.transcript] == expected
    assert said == [f"{entry.at_ms / 1000:7.1f} s  {entry.who:6}  {entry.text}" for entry in record.transcript]


def test_an_answer_that_was_talked_over_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [*ASKS, Line(noise(900), during_agent(300))]
    pieces = FakeLlm(tuple(f"wo{letter} " for letter in string.ascii_letters[:40]), (ANSWER,))
    hold(agent_of(llm=pieces, tts=FakeTts(ms=100)), lines, tmp_path, fast=True)
    said = [line for line in capsys.readouterr().out.splitlines() if " s  agent " in line]
    assert len(said) == 2
    assert "wob " in said[0]
    assert f"wo{string.ascii_letters[39]}" not in said[0]
    assert said[0].rstrip().endswith("(interrupted)")
    assert "(interrupted)" not in said[1]


def test_after_the_call_come_waterfalls_percentiles_and_where_everything_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(agent_of(), ASKS, tmp_path, fast=True)
    printed = capsys.readouterr().out
    assert "stt words · llm fake · voice fake" in printed
    for in_order in ("turn 1", "path", "response latency", "ended: end of the files", "call.wav (caller left"):
        assert in_order in printed
        printed = printed[printed.index(in_order) :]


def test_what_is_odd_about_a_file_is_said_before_the_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, cut = tmp_path / "whole.wav", tmp_path / "cut.wav"
    soundfile.write(whole, noise(1400).samples, RATE, subtype="PCM_16")
    cut.write_bytes(whole.read_bytes()[: 44 + RATE * 2 * 7 // 10])
    record = hold(agent_of(), [Line(cut, at(400))], tmp_path / "out", fast=True)
    assert capsys.readouterr().err == f"hocket: {cut} is cut off: 0.7 s of 1.4 s are there\n"
    assert [entry.text for entry in record.transcript] == [QUESTION, ANSWER]
    hold(agent_of(), [Line(whole, at(400))], tmp_path / "out", fast=True)
    assert capsys.readouterr().err == ""


def test_nothing_is_made_when_a_line_is_no_audio(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"gone\.wav does not exist"):
        hold(agent_of(), [*ASKS, Line(tmp_path / "gone.wav", at(0))], tmp_path / "out", fast=True)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="give another with --out"):
        hold(agent_of(), ASKS, tmp_path / "file" / "out", fast=True)


def test_a_call_that_is_not_fast_is_held_by_the_clock(tmp_path: Path) -> None:
    agent = agent_of()
    agent.on("started", lambda call, detail: call.end("tested enough", goodbye=""))
    record = hold(agent, ASKS, tmp_path, fast=False)
    assert record.reason == "tested enough"
    head = read_trace(tmp_path / "trace.jsonl")[0].record
    assert isinstance(head, Opened)
    assert head.time == "real"


def test_a_terminal_shows_the_call_as_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_no_time(monkeypatch)
    screen = on_terminal(monkeypatch)
    hold(agent_of(), ASKS, tmp_path, fast=False)
    shown = screen.getvalue()
    assert "tested · modelled time · 0:0" in shown, "the live view's title"
    live = shown[: shown.index("ended:")]
    assert live.count(QUESTION) >= 3, "in the live view, then in the transcript and the waterfall"


@pytest.mark.parametrize(("terminal", "fast"), [(False, False), (False, True), (True, True)])
def test_without_a_terminal_or_in_virtual_time_there_is_no_live_view(
    terminal: bool,
    fast: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    in_no_time(monkeypatch)
    screen = on_terminal(monkeypatch) if terminal else None
    hold(agent_of(), ASKS, tmp_path, fast=fast)
    shown = capsys.readouterr().out if screen is None else screen.getvalue()
    assert QUESTION in shown
    assert "tested · modelled time" not in shown
    assert terminal or "\x1b" not in shown, "a file gets no terminal commands"


def test_the_stages_are_closed_when_the_call_is_over_and_when_it_cannot_begin(tmp_path: Path) -> None:
    def broken(call: Call) -> str:
        raise ValueError("no such customer")

    vad = LevelVad()
    hold(agent_of(vad), ASKS, tmp_path, fast=True)
    assert vad.closed == 1
    with pytest.raises(AgentError, match="no such customer"):
        hold(agent_of(vad, instructions=broken), ASKS, tmp_path, fast=True)
    assert vad.closed == 2


@pytest.mark.parametrize("words", ["It is [bold]nine[/bold].", "Press [/stop].", "We are open :clock: today."])
def test_words_are_printed_as_they_are(words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hold(agent_of(llm=FakeLlm((words,))), ASKS, tmp_path, fast=True)
    assert f"agent   {words}" in capsys.readouterr().out
