"""Which vendors speak the OpenAI-compatible protocol, and models of theirs that answer fast enough for a call.

Addresses, names and switches are the vendors' documentation of 2026-10. Where a model thinks before it answers, its
preset carries the vendor's switch to stop it, or where there is none its lowest level and room for the thoughts: a
caller does not wait for a second of silence. Vendors retire models; a name that is not here is handed to the vendor
as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hocket.errors import ConfigError
from hocket.providers.cloud import Setting
from hocket.providers.openai_chat import NOTHING, OPENAI, OpenAiChat, Vendor

# Gemini refuses a tool call of the history that lacks the signature it came with. This value, which Google documents
# for calls that were not made by the model, is taken in its place.
_UNSIGNED: Final[Mapping[str, Any]] = {
    "extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}}
}

VENDORS: Final[dict[str, Vendor]] = {
    vendor.name: vendor
    for vendor in (
        OPENAI,
        Vendor("groq", "Groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", max_tokens="max_completion_tokens"),
        Vendor(
            "gemini",
            "Gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
            on_tool_calls=_UNSIGNED,
        ),
        Vendor(
            "cerebras", "Cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", max_tokens="max_completion_tokens"
        ),
        Vendor("together", "Together AI", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
        Vendor("fireworks", "Fireworks AI", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
        Vendor("deepseek", "DeepSeek", "https://api.deepseek.com", "DEEPSEEK_API_KEY"),
        Vendor("mistral", "Mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", stream_options=False),
        Vendor("xai", "xAI", "https://api.x.ai/v1", "XAI_API_KEY"),
        Vendor("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        Vendor("vllm", "vLLM", "http://127.0.0.1:8000/v1"),
        Vendor("ollama", "Ollama", "http://127.0.0.1:11434/v1"),
        Vendor("llamacpp", "llama.cpp", "http://127.0.0.1:8080/v1"),
        Vendor("lmstudio", "LM Studio", "http://127.0.0.1:1234/v1"),
    )
}


class Preset(msgspec.Struct, frozen=True):
    """A model as its vendor calls it, and what keeps it from thinking before it speaks."""

    model: str
    body: Mapping[str, Any] = NOTHING
    thinking_tokens: int = 0
    """Room for thoughts that cannot be switched off."""


_NONE: Final = {"reasoning_effort": "none"}
_LOW: Final = {"reasoning_effort": "low"}
_MINIMAL: Final = {"reasoning_effort": "minimal"}
_DISABLED: Final = {"thinking": {"type": "disabled"}}
_TEMPLATE_OFF: Final = {"chat_template_kwargs": {"enable_thinking": False}}
_THOUGHTS: Final = 300

PRESETS: Final[dict[str, Preset]] = {
    "openai/gpt-6-luna": Preset("gpt-6-luna", _NONE),
    "openai/gpt-5.6-luna": Preset("gpt-5.6-luna", _NONE),
    "openai/gpt-5.6-terra": Preset("gpt-5.6-terra", _NONE),
    "openai/gpt-5.4-mini": Preset("gpt-5.4-mini", _NONE),
    "openai/gpt-4.1-mini": Preset("gpt-4.1-mini"),
    "groq/gpt-oss-20b": Preset("openai/gpt-oss-20b", _LOW, _THOUGHTS),
    "groq/gpt-oss-120b": Preset("openai/gpt-oss-120b", _LOW, _THOUGHTS),
    "groq/llama-3.3-70b": Preset("llama-3.3-70b-versatile"),
    "groq/llama-3.1-8b": Preset("llama-3.1-8b-instant"),
    "groq/qwen3-32b": Preset("qwen/qwen3-32b", _NONE),
    "gemini/gemini-3.8-flash": Preset("gemini-3.8-flash", _MINIMAL, _THOUGHTS),
    "gemini/gemini-3.5-flash": Preset("gemini-3.5-flash", _MINIMAL, _THOUGHTS),
    "gemini/gemini-2.5-flash": Preset("gemini-2.5-flash", _NONE),
    "cerebras/gpt-oss-120b": Preset("gpt-oss-120b", _LOW, _THOUGHTS),
    "cerebras/glm-4.7": Preset("zai-glm-4.7", _NONE),
    "together/llama-3.3-70b": Preset("meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    "together/deepseek-v4-flash": Preset("deepseek-ai/DeepSeek-V4-Flash-0731", {"reasoning": {"enabled": False}}),
    "fireworks/gpt-oss-20b": Preset("accounts/fireworks/models/gpt-oss-20b", _LOW, _THOUGHTS),
    "fireworks/gpt-oss-120b": Preset("accounts/fireworks/models/gpt-oss-120b", _LOW, _THOUGHTS),
    "deepseek/deepseek-v4-flash": Preset("deepseek-v4-flash", _DISABLED),
    "mistral/mistral-small": Preset("mistral-small-latest"),
    "mistral/ministral-8b": Preset("ministral-8b-latest"),
    "xai/grok-4.3": Preset("grok-4.3", _NONE),
    "xai/grok-4.20": Preset("grok-4.20-non-reasoning"),
    "openrouter/gpt-6-luna": Preset("openai/gpt-6-luna", {"reasoning": {"effort": "none"}}),
    "openrouter/llama-3.3-70b": Preset("meta-llama/llama-3.3-70b-instruct"),
    "vllm/qwen3-8b": Preset("Qwen/Qwen3-8B", _TEMPLATE_OFF),
    "ollama/qwen3-8b": Preset("qwen3:8b", _NONE),
    "ollama/llama-3.1-8b": Preset("llama3.1:8b"),
    "llamacpp/loaded": Preset("loaded", _TEMPLATE_OFF),
}


def openai_chat(
    name: str,
    *,
    key: Setting[str] | None = None,
    base_url: Setting[str] | None = None,
    headers: Setting[Mapping[str, str]] = NOTHING,
    silence_s: float = 10.0,
) -> OpenAiChat:
    """A model by its name, such as "groq/gpt-oss-20b": vendor, slash, a preset's name or the vendor's own.

    Raises `ConfigError` for an unknown vendor or a missing model, `MissingError` without a key or aiohttp.
    """
    vendor_name, _, model = name.partition("/")
    vendor = VENDORS.get(vendor_name)
    if vendor is None:
        known = ", ".join(VENDORS)
        raise ConfigError(f'No OpenAI-compatible vendor is called "{vendor_name}": use one of {known}.')
    if not model:
        known = ", ".join(preset for preset in PRESETS if preset.startswith(f"{vendor_name}/")) or f"{vendor_name}/…"
        raise ConfigError(f'"{name}" names no model: say which, for example {known}.')
    preset = PRESETS.get(name) or _preset_of(vendor_name, model)
    return OpenAiChat(
        preset.model,
        vendor=vendor,
        key=key,
        base_url=base_url,
        headers=headers,
        body=preset.body,
        thinking_tokens=preset.thinking_tokens,
        silence_s=silence_s,
    )


def _preset_of(vendor: str, model: str) -> Preset:
    """The preset of a model that is called by its vendor's own name, so that its switch is not lost."""
    named = (preset for name, preset in PRESETS.items() if name.startswith(f"{vendor}/") and preset.model == model)
    return next(named, Preset(model))
