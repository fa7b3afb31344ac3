"""Which tool a caller wants, by the words of its name, its description and its parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgspec

from hocket.knowledge.words import certainty, stem, terms, tokens, weight
from hocket.providers.dialogue.phrasing import is_action
from hocket.providers.dialogue.utterance import Utterance
from hocket.stages.llm import ToolSpec

WANTED = 0.5
"""The least score of a tool that is wanted."""

NAME, DESCRIPTION, VALUE = 1.0, 0.8, 0.6
"""How much a caller's word counts that is in a tool's name, its description, or its parameters and their choices."""

WISH, QUESTION = 0.15, 0.2
"""What a wish ("I'd like to") adds to a tool that does something, and a question ("how much") takes from it."""

_WISH = re.compile(
    r"\b(?:i(?:'d| would) like|(?<!do )i (?:want|need|wish)|(?:can|could|may) i|(?:can|could|would) you|please|let's)\b"
)
_QUESTION = re.compile(
    r"\b(?:how (?:much|many|long|old|far)|what|when|where|why|who|is it|are there|do (?:you|i|we)|does|if)\b"
)


class Wanted(msgspec.Struct, frozen=True):
    """A tool and how well it fits, 0 to about 1."""

    tool: ToolSpec
    score: float


def wanted_tool(said: Utterance, tools: Iterable[ToolSpec]) -> Wanted | None:
    """The tool that fits best, or None when none is wanted."""
    asked = _subject(said)
    line = " ".join(said.words)
    scored = [Wanted(tool, score) for tool in tools if (score := _score(asked, line, tool)) >= WANTED]
    return max(scored, key=lambda wanted: wanted.score, default=None)


def _subject(said: Utterance) -> Sequence[str]:
    """The terms that are no values: "boats for six tomorrow" is about boats."""
    values = {at for value in (*said.numbers, *said.days, *said.times) for at in range(value.start, value.end)}
    return tuple(dict.fromkeys(terms(" ".join(word for at, word in enumerate(said.words) if at not in values))))


def _score(asked: Sequence[str], line: str, tool: ToolSpec) -> float:
    words = _words_of(tool)
    total = found = 0.0
    telling = 0
    named = False
    for term in asked:
        match = max(certainty(term, known) * counts for known, counts in words)
        total += weight(term)
        found += weight(term) * match
        telling += match > 0 and weight(term) == 1
        named = named or certainty(term, words[0][0]) > 0
    if not total or not (named or telling >= 2):
        return 0.0
    score = found / total
    if is_action(tool):
        score += WISH * bool(_WISH.search(line)) - QUESTION * bool(_QUESTION.search(line))
    return score


def _words_of(tool: ToolSpec) -> tuple[tuple[set[str], float], ...]:
    properties = cast("dict[str, dict[str, Any]]", tool.parameters.get("properties", {}))
    values = [
        f"{name} {' '.join(str(choice) for choice in schema.get('enum', ()))}".replace("_", " ")
        for name, schema in properties.items()
    ]
    return (
        (
            {stem(word) for word in tokens(tool.name.replace("_", " "))},
            NAME,
        ),
        (set(terms(tool.description)), DESCRIPTION),
        (set(terms(" ".join(values))), VALUE),
    )
