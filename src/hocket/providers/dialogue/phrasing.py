"""Putting things into words: a tool's result as a sentence, a tool as something that can be offered."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import msgspec

from hocket.knowledge.documents import plain
from hocket.knowledge.words import sentences, stem, tokens
from hocket.stages.llm import ToolSpec

SPOKEN_WORDS = 40
"""More than this at a time nobody keeps in mind: about 15 seconds of speech."""

LIST_ITEMS = 5
ACTION_WORDS = 6

_UNITS = {
    "c": "degrees", "f": "degrees", "pct": "percent", "percent": "percent", "km": "kilometres", "m": "metres",
    "kg": "kilograms", "min": "minutes", "h": "hours", "s": "seconds", "eur": "euros", "usd": "dollars",
    "gbp": "pounds",
    "pence": "pence", "cents": "cents", "kn": "knots", "mph": "miles an hour", "kmh": "kilometres an hour",
}  # fmt: skip
"""Last part of a key -> the unit it stands for, as in `temperature_c`."""

_SPEAKABLE_KEYS = ("message", "text", "answer", "summary", "sentence")
_UNSPEAKABLE = re.compile(r"(?:^|_)(?:id|uuid|url|href|token|hash)$")
_FAILURE = re.compile(
    r"\s*(?:error\b|failed\b|wrong arguments for |there is no tool "
    r"|\w+ (?:failed with|did not answer within|was given up)\b)",
    re.IGNORECASE,
)


def failed(result: str) -> bool:
    """Whether a tool's result tells of a failure."""
    value = _decoded(result)
    return bool(_FAILURE.match(result)) or (isinstance(value, dict) and bool(value.get("error")))


def spoken_result(tool: str, result: str, context: Collection[str] = ()) -> str:
    """A tool's result, text or JSON, as one or two sentences.

    `context` names the tool's parameters. What an object repeats of them comes first, to say what the rest is about:
    "Today: the sky is sunny." Numbers and codes are not repeated.
    """
    value = _decoded(result)
    topic = tool.replace("_", " ").strip()
    match value:
        case dict():
            text = _spoken_dict(value, context)
        case list():
            text = f"I found {_listed([_spoken(item) for item in value])}" if value else "I found nothing"
        case bool():
            text = "Yes" if value else "No"
        case int() | float():
            text = f"The {topic} is {value:g}" if isinstance(value, float) else f"The {topic} is {value}"
        case None:
            text = "I found nothing"
        case _:
            text = " ".join(plain(line) for line in str(value).splitlines())
    return shortened(text) or "That is done."


def shortened(text: str) -> str:
    """The first sentences that fit into `SPOKEN_WORDS` words, or a part of the first; always ends a sentence."""
    kept: list[str] = []
    for sentence in sentences(text):
        if kept and len(" ".join([*kept, sentence]).split()) > SPOKEN_WORDS:
            break
        kept.append(sentence)
    words = " ".join(kept).split()
    if len(words) > SPOKEN_WORDS:
        part = " ".join(words[:SPOKEN_WORDS])
        clause = max(part.rfind(mark) for mark in (";", ",", ":"))
        return ended(part[:clause] if clause > len(part) // 2 else part)
    return ended(" ".join(words))


def ended(text: str) -> str:
    """The text as a sentence: a capital first, a full stop last."""
    text = text.strip().rstrip(",;:")
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def listed(items: list[str], last: str = "and") -> str:
    """a, b and c."""
    *most, final = items or [""]
    return f"{', '.join(most)} {last} {final}" if most else final


def is_action(tool: ToolSpec) -> bool:
    """Whether a tool is named for something it does, as `book_boats` ("Book boats ...") is."""
    name, first = tokens(tool.name.replace("_", " ")), tokens(tool.description)
    return bool(len(name) > 1 and first) and stem(name[0]) == stem(first[0])


def action_phrase(tool: ToolSpec) -> str:
    """What a tool does, after "Shall I": "book boats for a group"."""
    if not is_action(tool):
        return f"look up the {tool.name.replace('_', ' ')}"
    phrase = re.split(r"[.:,;(]| such as | so that ", tool.description, maxsplit=1)[0].strip()
    if len(phrase.split()) > ACTION_WORDS:
        phrase = re.split(r" (?:for|to|from|with|by|in|on|at) ", phrase, maxsplit=1)[0]
    if len(phrase.split()) > ACTION_WORDS:
        phrase = tool.name.replace("_", " ")
    return phrase[0].lower() + phrase[1:]


def topic_phrase(tool: ToolSpec) -> str:
    """What a tool is about, after "I can help with": "booking boats for a group", "the weather"."""
    if not is_action(tool):
        return f"the {tool.name.replace('_', ' ')}"
    verb, _, rest = action_phrase(tool).partition(" ")
    return f"{_gerund(verb)} {rest}".strip()


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _spoken_dict(value: dict[str, Any], context: Collection[str]) -> str:
    for key in _SPEAKABLE_KEYS:
        if isinstance(value.get(key), str) and value[key].strip():
            return plain(value[key])
    told = {key: item for key, item in value.items() if item not in (None, "", [], {}) and not _UNSPEAKABLE.search(key)}
    about = [
        item
        for key, item in told.items()
        if key in context and isinstance(item, str) and item.replace(" ", "").isalpha()
    ]
    clauses = [_clause(key, item) for key, item in told.items() if key not in context]
    return ": ".join(part for part in (", ".join(about), listed(clauses)) if part)


def _clause(key: str, item: Any) -> str:
    *most, last = key.split("_")
    unit = _UNITS.get(last, "") if most and isinstance(item, int | float) else ""
    name = " ".join(most if unit else [*most, last])
    plural = any(word.endswith("s") and not word.endswith(("ss", "us", "is")) for word in name.split())
    if isinstance(item, bool):
        return f"{name}: {'yes' if item else 'no'}"
    if isinstance(item, int) and plural and not unit:
        return f"{item} {name}"
    return f"the {name} {'are' if plural else 'is'} {_spoken(item)}" + (f" {unit}" if unit else "")


def _spoken(item: Any) -> str:
    match item:
        case dict():
            return ", ".join(f"{key.replace('_', ' ')} {_spoken(part)}" for key, part in item.items())
        case list():
            return _listed([_spoken(part) for part in item])
        case float():
            return f"{item:g}"
        case _:
            return plain(str(item))


def _listed(items: list[str]) -> str:
    more = len(items) - LIST_ITEMS
    return listed([*items[:LIST_ITEMS], f"{more} more"] if more > 0 else items)


def _gerund(verb: str) -> str:
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        return f"{verb[:-1]}ing"
    doubles = len(verb) in (3, 4) and re.fullmatch(r"[^aeiou]+[aeiou][^aeiouwxy]", verb)
    return f"{verb}{verb[-1]}ing" if doubles else f"{verb}ing"
