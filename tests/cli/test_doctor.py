from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from hocket.assembly import trials
from hocket.assembly.doctor import KEYS, Checkup, Diagnosis, Prediction
from hocket.cli import app
from hocket.cli.doctor import show
from hocket.sim.delays import Delays, Even
from hocket.sim.wire.cartesia import CartesiaServer
from hocket.sim.wire.deepgram import DeepgramServer
from hocket.sim.wire.openai import OpenAiServer
from hocket.sim.wire.server import WireServer, no_delays

AGENT = """
from hocket import Agent
from hocket.providers.cartesia import Cartesia
from hocket.providers.deepgram import Deepgram
from hocket.providers.openai_chat import OpenAiChat

agent = Agent(
    "You are a clinic.",
    stt=Deepgram(key="right", base_url="{stt}"),
    llm=[
        OpenAiChat("gpt", key="{key}", base_url="{llm}/v1"),
        OpenAiChat("gpt-slow", key="right", base_url="{slow}/v1"),
    ],
    tts=Cartesia("v", key="right", base_url="{tts}"),
)
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "LONGEST_SPEECH_S", 0.04)
    monkeypatch.setenv("COLUMNS", "100")
    for variable in KEYS.values():
        monkeypatch.delenv(variable, raising=False)


@contextmanager
def listening(*servers: WireServer) -> Iterator[list[str]]:
    """The servers on a loop of their own, for the command has its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def stop() -> None:
        for server in servers:
            await server.stop()

    try:
        yield [asyncio.run_coroutine_threadsafe(server.start(), loop).result(5) for server in servers]
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def doctor(folder: Path, text: str, *options: str) -> tuple[int, str]:
    path = folder / "clinic_agent.py"
    path.write_text(text)
    result = CliRunner().invoke(app, ["doctor", str(path), *options])
    return result.exit_code, result.stdout


def token_after(low_ms: float, high_ms: float) -> Delays:
    delays = no_delays()
    delays._llm._at = Even(low_ms, high_ms).at
    return delays


def test_all_is_well(tmp_path: Path) -> None:
    slow = OpenAiServer(key="right", delays=token_after(60, 80), token_ns=0)
    servers = DeepgramServer(key="right"), OpenAiServer(key="right"), slow, CartesiaServer(key="right")
    with listening(*servers) as (stt, llm, slow_llm, tts):
        text = AGENT.format(stt=stt, llm=llm, slow=slow_llm, tts=tts, key="right")
        code, printed = doctor(tmp_path, text)
    assert code == 0, printed
    assert re.search(r"llm +openai/gpt-slow +yes +yes +yes +first token +\d\d ms +\d+ ms", printed)
    assert re.search(r"models by first token: 1\. openai/gpt .* 2\. openai/gpt-slow [67]\d ms", printed)
    assert re.search(r"response latency, predicted: p50 2\d\d p90 [23]\d\d p95", printed)
    assert max(map(len, printed.splitlines())) <= 100


def test_a_wrong_key_is_told_and_so_are_findings_as_json(tmp_path: Path) -> None:
    servers = DeepgramServer(key="right"), OpenAiServer(key="right"), OpenAiServer(), CartesiaServer(key="right")
    with listening(*servers) as (stt, llm, slow_llm, tts):
        text = AGENT.format(stt=stt, llm=llm, slow=slow_llm, tts=tts, key="wrong")
        code, printed = doctor(tmp_path, text, "--json")
    findings = json.loads(printed)
    assert code == 1
    assert findings["well"] is False
    wrong = findings["checkups"][1]
    assert (wrong["name"], wrong["reachable"], wrong["key_accepted"]) == ("openai/gpt", True, False)
    assert "refused the key" in wrong["problem"]
    assert findings["models_by_first_token"] == ["openai/gpt-slow"]
    assert findings["prediction"]["providers"][1] == "openai/gpt-slow"
    assert findings["checkups"][0]["p95_ms"] >= 0


def test_without_keys_it_says_which_variables_are_missing(tmp_path: Path) -> None:
    text = 'from hocket import Agent\nagent = Agent("x", stt="deepgram/nova-3", llm="groq/x", tts="elevenlabs/v3")\n'
    code, printed = doctor(tmp_path, text)
    assert code == 1
    assert "not set: DEEPGRAM_API_KEY, GROQ_API_KEY, ELEVENLABS_API_KEY" in " ".join(printed.split())
    assert "No response latency can be predicted" in printed
    code, printed = doctor(tmp_path, text, "--json")
    assert code == 1
    assert json.loads(printed)["missing_variables"] == ["DEEPGRAM_API_KEY", "GROQ_API_KEY", "ELEVENLABS_API_KEY"]


def test_a_file_that_is_no_agent_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", str(tmp_path / "none.py")])
    assert "There is no file" in str(result.exception)


def checkup(**changes: object) -> Checkup:
    known = {"stage": "llm", "name": "vendor/model", "measured": "first token", **changes}
    return Checkup(**known)  # type: ignore[arg-type]


def shown(*checkups: Checkup, prediction: Prediction | None = None) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        show(Diagnosis(agent="clinic", checkups=checkups, prediction=prediction), console)
    return captured.get()


def test_what_servers_say_cannot_style_or_break_the_terminal() -> None:
    printed = shown(checkup(name="[bold]x\x1b[31m", problem="It says: [red]no\x1b[2J[/red]."))
    assert "[bold]x" in printed
    assert "[red]no" in printed
    assert "\x1b[2J" not in printed


def test_warnings_and_problems_are_below_the_table() -> None:
    warned = checkup(samples_ms=(1500.0, 1600.0), reachable=True, model_exists=True, warning="No token for 1.6 s.")
    lines = shown(warned, checkup(name="other/model", problem="It is down.")).splitlines()
    assert re.search(r"vendor/model +yes +– +yes +first token +1550 ms +1595 ms", lines[1])
    assert "llm vendor/model: No token for 1.6 s." in lines
    assert "llm other/model: It is down." in lines
