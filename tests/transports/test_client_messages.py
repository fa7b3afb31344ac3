"""The protocol's messages, held against the page that documents them."""

from __future__ import annotations

import re
from typing import get_args

import msgspec
import pytest

from hocket.trace import news
from hocket.transports import client_messages as messages
from hocket.transports.client_messages import (
    AudioFormat,
    Bar,
    ClientMessage,
    PathPart,
    ServerMessage,
    Spread,
    TailCause,
)
from tests.documents import ROOT, blocks

PAGE = ROOT / "docs" / "reference" / "client-protocol.md"
TOLD = get_args(ClientMessage) + get_args(ServerMessage)
PARTS = {AudioFormat: "hello", Bar: "turn", PathPart: "turn", Spread: "summary", TailCause: "summary"}
LINES = [line for block in blocks(PAGE, "text") for line in block.text.splitlines()]


def section(tag: str) -> str:
    found = re.search(rf"^### `{tag}`\n(.*?)(?=^##)", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found, f"{tag} is not documented"
    return found[1]


def test_nothing_is_left_out() -> None:
    structs = {
        value
        for module in (messages, news)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, msgspec.Struct)
    }
    assert structs == set(TOLD) | set(PARTS)


@pytest.mark.parametrize("struct", [*TOLD, *PARTS], ids=lambda struct: struct.__name__)
def test_every_field_of_every_message_is_documented(struct: type[msgspec.Struct]) -> None:
    tag = struct.__struct_config__.tag if struct in TOLD else PARTS[struct]
    text = section(str(tag))
    assert [field for field in struct.__struct_fields__ if f"`{field}`" not in text] == []


def test_no_other_message_is_documented() -> None:
    tags = re.findall(r"^### `(\w+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert tags == [struct.__struct_config__.tag for struct in TOLD]


@pytest.mark.parametrize("line", LINES)
def test_examples_are_what_is_said(line: str) -> None:
    who, _, said = line.partition(": ")
    if not said.startswith("{"):
        assert re.match(r"\d+ bytes of audio", said)
        return
    kind = {"C": ClientMessage, "G": ServerMessage}[who]
    message = msgspec.json.decode(said, type=kind)
    fields = set(msgspec.json.decode(said)) - {"type"}
    assert fields <= set(message.__struct_fields__), "a field that there is not"


def test_limits_and_formats_are_those_of_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for said in (
        f"| time to `hello` | {messages.HELLO_S:g} s |",
        f"| a text message | {messages.MAX_TEXT_BYTES // 1024} KiB |",
        f"| an audio message | {messages.MAX_AUDIO_MS} ms,",
        f"| messages | {messages.MAX_MESSAGES_PER_S} a second;",
        f"| `pcm16` | {', '.join(map(str, messages.RATES))} |",
    ):
        assert said in text
