"""The documents, held against the code: links, snippets, commands and examples."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote

import msgspec
import pytest
from typer.main import get_command

from hocket.agent.agent import Agent, Stages
from hocket.agent.call import Call, CallRecord, EventKind, ToolRun, TranscriptEntry
from hocket.agent.loader import load_agent
from hocket.assembly import providers
from hocket.assembly.doctor import KEYS
from hocket.cli import app
from hocket.cli.calling import hold
from hocket.errors import ConfigError
from hocket.gateway.settings import Settings, check
from hocket.providers.openai_presets import PRESETS, VENDORS
from hocket.trace.critical_path import PART_NAMES
from hocket.trace.records import TimeKind
from hocket.transports.script import Line, after_agent
from tests.agents.talk import Talk
from tests.cli.small_stages import LevelVad, WordsStt, noise
from tests.documents import DOCUMENTS, ROOT, Block, blocks, commands, links
from tests.session.making import FakeLlm, FakeTts

HOW_TO = ROOT / "docs" / "how-to"
EXAMPLE_LINES = 60
EXAMPLES = sorted((ROOT / "examples").rglob("agent.py"))
PYTHON = [block for document in DOCUMENTS for block in blocks(document, "python")]
COMMANDS = sorted({command for document in DOCUMENTS for _, command in commands(document)})


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def places(found: list[Block]) -> list[str]:
    return [block.place for block in found]


def executed(document: Path, namespace: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a document's Python blocks declare, run in order in one namespace."""
    namespace = {"__name__": "documented"} if namespace is None else namespace
    for block in blocks(document, "python"):
        exec(compile("\n" * (block.line - 1) + block.text, str(document), "exec"), namespace)
    return namespace


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    for link in links(document):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, fragment = unquote(link).partition("#")
        path = (document.parent / target).resolve() if target else document
        assert path.exists(), f"{link} leads nowhere"
        assert path.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert not fragment or fragment in headings(path), f"{link}: there is no such heading"


def headings(document: Path) -> set[str]:
    """As they are written in the address of a link."""
    found = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in found}


def test_every_document_can_be_reached_from_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    reached = {(index.parent / link).resolve() for link in links(index)}
    assert {path for path in DOCUMENTS if path.is_relative_to(index.parent)} - {index} <= reached


@pytest.mark.parametrize("block", PYTHON, ids=places(PYTHON))
def test_python_blocks_are_python(block: Block) -> None:
    tree = ast.parse(block.text, block.place)
    assert tree.body
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("hocket", "tests"):
            module = __import__(str(node.module), fromlist=["x"])
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_the_agent_of_the_readme_can_be_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    agent = executed(ROOT / "README.md")["agent"]
    assert isinstance(agent, Agent)
    assert {"free_slots", "end_call"} <= set(agent.tools)
    assert agent.tools["free_slots"].spec.parameters["required"] == ["day"]


def test_documents_name_commands_at_all() -> None:
    assert {command.split()[0] for command in COMMANDS} == {"make", "hocket"}
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_in_the_documents_exists(command: str) -> None:
    program, name, *arguments = shlex.split(command)
    if program == "make":
        targets = re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert name in targets
        return
    known = get_command(app).commands  # type: ignore[attr-defined]
    assert name in known
    options = {option for parameter in known[name].params for option in parameter.opts}
    assert [argument for argument in arguments if argument.startswith("-") and argument not in options] == []


def test_the_page_about_proxies_leads_to_every_worker() -> None:
    page = HOW_TO / "behind-a-proxy.md"
    serve = get_command(app).commands["serve"]  # type: ignore[attr-defined]
    given = [serve.make_context("serve", shlex.split(line)[2:]).params for _, line in commands(page)]
    for told in given:
        named = {"origins": told["origin"], "trusted_proxies": told["trusted_proxy"], "public_url": told["public_url"]}
        check(
            Settings(
                agent=told["agent"], host=told["host"], workers=told["workers"], public_ip=told["public_ip"], **named
            )
        )
    (port,), (workers,) = ({told[name] for told in given} for name in ("port", "workers"))
    ports = {str(number): str(port + 1 + number) for number in range(2 * workers)}
    nginx = next(blocks(page, "nginx")).text
    assert dict(re.findall(r"(\d+) 127\.0\.0\.1:(\d+);", nginx)) == ports
    assert f"[0-{2 * workers - 1}]" in nginx
    assert f"upstream front {{ server 127.0.0.1:{port};" in nginx
    haproxy = next(blocks(page, "haproxy")).text
    chosen = re.findall(r"use_backend (\w+) if \{ path_beg /w/(\d+)/ \}", haproxy)
    servers = dict(re.findall(r"backend (\w+)\n +server \w+ 127\.0\.0\.1:(\d+)", haproxy))
    assert {number: servers[name] for name, number in chosen} == ports
    assert servers["front"] == str(port)
    assert "mode http\n" in haproxy  # in the other mode there is no X-Forwarded-For, and everybody is a neighbour
    assert "option forwardfor\n" in haproxy


def test_every_target_that_make_announces_has_a_rule() -> None:
    text = (ROOT / "Makefile").read_text()
    announced = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)[0].split()
    assert [name for name in announced if not re.search(rf"^{name}:", text, re.MULTILINE)] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=names(EXAMPLES))
def test_examples_are_short_and_load(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") < EXAMPLE_LINES
    agent = load_agent(str(path))
    assert len(agent.tools) > 1, "an example shows more than instructions"
    assert agent.knowledge is None or agent.knowledge.is_dir()


class Clinic:
    """The agent of `write-an-agent.md`, written to files as that page says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "clinic.py"
        page = HOW_TO / "write-an-agent.md"
        self.file.write_text("\n\n".join(block.text for block in blocks(page, "python")), encoding="utf-8")
        (hours,) = blocks(page, "markdown")
        (folder / "knowledge").mkdir()
        (folder / "knowledge" / "hours.md").write_text(hours.text, encoding="utf-8")

    def hold(self) -> CallRecord:
        """A call in no time: one question, answered."""
        agent = load_agent(str(self.file))
        agent.stages = Stages(
            WordsStt("When do you open?"), FakeLlm(("We open at nine.",)), FakeTts(ms=1200), LevelVad()
        )
        return hold(agent, [Line(noise(700), after_agent(400))], self.folder, fast=True)


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    monkeypatch.chdir(tmp_path)
    return Clinic(tmp_path)


def test_the_agent_that_is_written_step_by_step_answers(clinic: Clinic) -> None:
    talk = Talk(clinic.file)
    assert talk.agent.greeting == "Harbour Clinic, good morning."
    assert "nine to noon" in talk.say("When are you open on Saturday?")
    assert "free parking" in talk.say("Is there parking?")
    assert "nine thirty" in talk.say("Do you have an open appointment on Monday?")
    assert [call.name for call in talk.calls] == ["free_slots"]


def test_its_own_test_passes(clinic: Clinic) -> None:
    executed(HOW_TO / "write-an-agent.md")["test_free_slots"]()


def test_its_subscribers_are_called_and_keep_the_record(clinic: Clinic) -> None:
    record = clinic.hold()
    assert [entry.text for entry in record.transcript] == [
        "Harbour Clinic, good morning.",
        "When do you open?",
        "We open at nine.",
    ]
    kept = json.loads((clinic.folder / "call.record.json").read_bytes())
    assert msgspec.convert(kept, CallRecord) == record
    assert kept["p95_ms"] == record.latencies_ms[0]


class Orders:
    """A line that notes what a call asks of it."""

    def __init__(self) -> None:
        self.given: list[tuple[object, ...]] = []

    def say(self, text: str, interruptible: bool) -> None:
        self.given.append(("say", text))

    def end(self, reason: str, goodbye: str | None) -> None:
        self.given.append(("end", reason, goodbye))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        raise AssertionError("its subscribers are plain functions")


def test_its_subscribers_speak_and_hang_up(clinic: Clinic) -> None:
    orders = Orders()
    call = Call("1", line=orders, subscribers=load_agent(str(clinic.file)).subscribers)
    call.emit("tool", ToolRun("free_slots", "{}", "[]"))
    for _ in range(30):
        call.emit("turn", TranscriptEntry("caller", "And on Monday?", 0))
    assert orders.given == []
    call.emit("tool", ToolRun("free_slots", "{}", "no answer", failed=True))
    call.emit("turn", TranscriptEntry("caller", "And on Tuesday?", 0))
    assert orders.given == [
        ("say", "Our calendar is not answering today."),
        ("end", "too many questions", "I have to take the next call now. Goodbye."),
    ]


def test_a_trace_is_read_and_replayed_as_described(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    record = clinic.hold()
    capsys.readouterr()
    executed(HOW_TO / "read-a-trace.md")
    first, *_, p95, verdict = capsys.readouterr().out.splitlines()
    assert first.startswith("When do you open?")
    assert "'vad':" in first, "the parts"
    assert float(p95.rpartition(" ")[2]) / 1e6 == pytest.approx(record.latencies_ms[0], rel=0.01)
    assert verdict == "the engine decides as it did"


def test_another_policy_makes_a_difference_that_is_told(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    clinic.hold()
    changed = clinic.file.read_text(encoding="utf-8").replace("good morning", "good evening")
    clinic.file.write_text(changed, encoding="utf-8")
    executed(HOW_TO / "read-a-trace.md")
    assert "the trace has StartSay" in capsys.readouterr().out.splitlines()[-1]


def test_every_part_and_kind_of_time_is_explained() -> None:
    text = (HOW_TO / "read-a-trace.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(PART_NAMES)
    assert re.findall(r"^- \*\*(\w+)\*\*:", text, re.MULTILINE) == list(get_args(TimeKind))


def test_the_stage_that_is_written_step_by_step_keeps_its_contract() -> None:
    found = executed(HOW_TO / "write-a-stage.md")
    assert isinstance(found["agent"], Agent)
    found["test_the_parrot_keeps_the_contract"]()


def test_the_table_of_stages_is_complete() -> None:
    text = (HOW_TO / "write-a-stage.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(stages/\w+\.py)` \| `(\w+)`", text))
    stages = (ROOT / "src/hocket/stages").glob("[a-z]*.py")
    files = {f"stages/{path.name}" for path in stages if "(Protocol)" in path.read_text(encoding="utf-8")}
    assert {file for file, _ in named} == files
    for file, protocol in named:
        assert f"\nclass {protocol}(Protocol):" in (ROOT / "src/hocket" / file).read_text(encoding="utf-8")


def test_the_table_of_events_is_complete() -> None:
    text = (HOW_TO / "write-an-agent.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(get_args(EventKind))


@pytest.mark.parametrize("written", ["the_contract", "failures", "a_warm_voice"])
def test_the_provider_that_is_built_step_by_step_passes_its_own_tests(written: str) -> None:
    found = executed(HOW_TO / "add-a-provider.md")
    (test,) = (value for name, value in found.items() if name.startswith("test_") and written in name)
    test()


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the tables below a heading, without their heads."""
    section = (HOW_TO / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert section, f"{page} has no {heading}"
    table = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_table_of_models_is_that_of_the_code() -> None:
    found = rows("choose-providers.md", "Language models")
    names = [row[0].strip("`") for row in found]
    assert names == [*VENDORS, "anthropic", "responder"]
    for name, title, key, presets in found[: len(VENDORS)]:
        vendor = VENDORS[name.strip("`")]
        assert title == vendor.title
        assert key == (f"`{vendor.variable}`" if vendor.variable else f"none; listens on {vendor.base_url[7:]}")
        assert re.findall(r"`([^`]+)`", presets) == [
            preset.partition("/")[2] for preset in PRESETS if preset.startswith(f"{vendor.name}/")
        ]
    assert found[-2][2] == f"`{KEYS['anthropic']}`"


@pytest.mark.parametrize("heading", ["Speech-to-text", "Text-to-speech"])
def test_the_names_of_recognisers_and_voices_are_known(heading: str) -> None:
    resolve = providers.tts if heading == "Text-to-speech" else lambda name: providers.stt(name, ())
    with pytest.raises(ConfigError) as unknown:
        resolve("nobody")
    known = set(re.findall(r"[a-z]+", str(unknown.value).partition("use one of ")[2].partition(", or give")[0]))
    found = rows("choose-providers.md", heading)
    assert {row[0].strip("`").partition("/")[0] for row in found} == known
    for row in found:
        name = row[0].strip("`")
        assert row[1] == (f"`{KEYS[vendor]}`" if (vendor := name.partition("/")[0]) in KEYS else "none")


@pytest.mark.parametrize(
    "name", ["deepgram/nova-3", "deepgram/flux-general-en", "elevenlabs/flash-2.5", "cartesia/sonic-3.5"]
)
def test_hosted_recognisers_and_voices_are_what_the_page_says(name: str) -> None:
    named = [row for heading in ("Speech-to-text", "Text-to-speech") for row in rows("choose-providers.md", heading)]
    (row,) = (row for row in named if row[0] == f"`{name}`")
    if name.startswith("deepgram"):
        assert providers.stt(name, ()).name == name
    else:
        voice = providers.tts(name)
        assert voice.takes == row[3]


def test_its_agents_can_be_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    found = executed(HOW_TO / "choose-providers.md")
    assert isinstance(found["agent"], Agent)
    monkeypatch.setenv("ROTATED_KEY", "newest")
    assert isinstance(found["hosted"](), Agent)
    assert found["newest_key"]() == "newest"
