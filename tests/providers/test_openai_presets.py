from __future__ import annotations

import asyncio

import pytest

from hocket.errors import ConfigError, MissingError
from hocket.providers.openai_presets import PRESETS, VENDORS, openai_chat
from hocket.sim.wire.openai import OpenAiServer
from tests.providers.llm_wire import LONG, ask, closing, sent


def test_there_are_models_enough_and_each_has_a_vendor() -> None:
    assert len(PRESETS) >= 17
    assert {name.partition("/")[0] for name in PRESETS} <= set(VENDORS)
    assert len({(name.partition("/")[0], preset.model) for name, preset in PRESETS.items()}) == len(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_asks_as_its_vendor_wants_to_be_asked(name: str) -> None:
    async def scenario() -> None:
        server = OpenAiServer("Hello.")
        async with server, closing(openai_chat(name, key="k", base_url=server.url + "/v1")) as llm:
            await ask(llm, LONG)
        preset, vendor = PRESETS[name], VENDORS[name.partition("/")[0]]
        body = sent(server)
        assert body["model"] == preset.model
        assert body[vendor.max_tokens] == LONG.max_tokens + preset.thinking_tokens
        assert {key: body[key] for key in preset.body} == preset.body
        assert ("stream_options" in body) == vendor.stream_options
        (called,) = body["messages"][3]["tool_calls"]
        assert set(called) == {"id", "type", "function", *vendor.on_tool_calls}

    asyncio.run(scenario())


@pytest.mark.parametrize("vendor", [vendor for vendor in VENDORS.values() if vendor.variable], ids=lambda v: v.name)
def test_a_key_that_is_missing_is_named(vendor: object, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = next(one for one in VENDORS.values() if one is vendor)
    monkeypatch.delenv(chosen.variable, raising=False)
    with pytest.raises(
        MissingError, match=f"{chosen.title} needs a key: set the environment variable {chosen.variable}"
    ):
        openai_chat(f"{chosen.name}/any")


def test_a_models_own_name_keeps_its_switch() -> None:
    async def body_for(name: str) -> dict[str, object]:
        server = OpenAiServer()
        async with server, closing(openai_chat(name, key="k", base_url=server.url + "/v1")) as llm:
            assert llm.name.startswith("groq/")
            await ask(llm)
        return sent(server)

    assert asyncio.run(body_for("groq/openai/gpt-oss-20b")) == asyncio.run(body_for("groq/gpt-oss-20b"))
    assert "reasoning_effort" not in asyncio.run(body_for("groq/something-new"))


def test_servers_of_ones_own_need_no_key() -> None:
    assert openai_chat("ollama/llama-3.1-8b").name == "ollama/llama3.1:8b"


def test_unknown_names() -> None:
    with pytest.raises(ConfigError, match="use one of openai, groq"):
        openai_chat("nobody/model")
    with pytest.raises(ConfigError, match="for example groq/"):
        openai_chat("groq")
    with pytest.raises(ConfigError, match="lmstudio/…"):
        openai_chat("lmstudio/")
