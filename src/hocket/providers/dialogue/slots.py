"""A tool's parameters: what they want, how to ask for them, and their values in what the caller said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias, cast

import msgspec

from hocket.knowledge.words import similar, stem, terms, tokens, weight
from hocket.providers.dialogue.talk import yes_or_no
from hocket.providers.dialogue.utterance import Utterance, Value, number_said_alone
from hocket.stages.llm import ToolSpec

Kind: TypeAlias = Literal["number", "yes_no", "choice", "day", "time", "digits", "list", "text", "other"]

TEXT_WORDS = 8
"""A free text that is longer is a remark and not an answer."""

_LEADING_WORDS = """
um uh er erm oh well so ok okay yes yeah it's its it is that's that would be i think guess maybe please thanks my name
for on the i'd like want make
"""
_LEADING = frozenset(_LEADING_WORDS.split())
_TRAILING = frozenset(("please", "thanks", "thank", "you", "um", "uh", "i", "think"))
_NAME_STOPS = frozenset(("and", "for", "on", "at", "please", "from", "with", "to", "if", "because"))
_QUESTION_WORDS = frozenset(("what", "when", "where", "who", "why", "how", "which", "do", "does", "can", "could", "is"))


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of a tool."""

    name: str
    kind: Kind
    required: bool
    choices: tuple[Any, ...] = ()
    description: str = ""

    @property
    def spoken(self) -> str:
        """Its name as words."""
        return self.name.replace("_", " ").strip()


def parameters(tool: ToolSpec) -> list[Parameter]:
    """All parameters, the required ones first, in the order of the schema."""
    properties = cast("dict[str, dict[str, Any]]", tool.parameters.get("properties", {}))
    required = cast("list[str]", tool.parameters.get("required", []))
    found = [_parameter(name, schema, name in required) for name, schema in properties.items()]
    return sorted(found, key=lambda parameter: not parameter.required)


def question_for(parameter: Parameter) -> str:
    """The short question that asks for it; a description that is a question is used as it is."""
    spoken = parameter.spoken
    if parameter.description.endswith("?"):
        return parameter.description
    match parameter.kind:
        case "number" if spoken.endswith("s") or spoken in ("people", "children"):
            return f"How many {spoken}?"
        case "yes_no":
            return f"{spoken.capitalize()}, yes or no?"
        case "choice":
            *most, last = (str(choice).replace("_", " ") for choice in parameter.choices)
            return f"Which {spoken}: {', '.join(most)} or {last}?" if most else f"Is {last} all right?"
        case "day":
            return "For which day?" if spoken in ("day", "date") else f"What is the {spoken}?"
        case "time":
            return "At what time?" if spoken == "time" else f"What is the {spoken}?"
    return f"What is the {spoken}?"


def fill(tool: ToolSpec, said: Utterance) -> dict[str, Any]:
    """The parameters whose values are in a free utterance."""
    values: dict[str, Any] = {}
    wanted = parameters(tool)
    values.update(_numbers_of([parameter for parameter in wanted if parameter.kind == "number"], said))
    for parameter in wanted:
        if parameter.name not in values and (value := _mentioned(parameter, said, wanted)) is not None:
            values[parameter.name] = value
    return values


def answer(parameter: Parameter, said: Utterance) -> Any | None:
    """The parameter's value in the answer to its own question, or None."""
    match parameter.kind:
        case "number":
            return number_said_alone(said)
        case "yes_no":
            verdict = yes_or_no(said.words)
            return None if verdict is None else verdict == "yes"
        case "choice":
            return _choice(parameter.choices, said, [number.value for number in said.numbers])
        case "day":
            return said.days[0].value if said.days else None
        case "time":
            hour = said.times or (said.numbers if len(said.words) <= 3 else ())
            return str(" ".join(said.words[hour[0].start : hour[0].end])).removeprefix("at ") if hour else None
        case "digits":
            return said.digits or None
        case "list":
            parts = re.split(r"\s*(?:,|\band\b)\s*", _trimmed(said.text))
            return [part for part in parts if part] or None
        case "text":
            text = _trimmed(said.text)
            is_question = bool(said.words) and said.words[0] in _QUESTION_WORDS and len(said.words) > 2
            return text if text and len(text.split()) <= TEXT_WORDS and not is_question else None
    return None


def _parameter(name: str, schema: dict[str, Any], required: bool) -> Parameter:
    description = str(schema.get("description", ""))
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        schema = options[0]
    choices = tuple(schema.get("enum", ()))
    return Parameter(name, _kind(name, schema, choices), required, choices, description)


def _kind(name: str, schema: dict[str, Any], choices: tuple[Any, ...]) -> Kind:
    if choices:
        return "choice"
    match schema.get("type"):
        case "integer" | "number":
            return "number"
        case "boolean":
            return "yes_no"
        case "array":
            return "list" if schema.get("items", {}).get("type") == "string" else "other"
        case "string":
            words = set(tokens(name.replace("_", " ")))
            if schema.get("format") == "date" or words & {"day", "date"}:
                return "day"
            if schema.get("format") == "time" or words & {"time", "hour"}:
                return "time"
            return "digits" if words & {"number", "code", "pin", "phone", "telephone"} else "text"
    return "other"


def _mentioned(parameter: Parameter, said: Utterance, wanted: list[Parameter]) -> Any | None:
    match parameter.kind:
        case "choice":
            beside = [number.value for number in said.numbers if _names(parameter) & _around(number, said)]
            return _choice(parameter.choices, said, beside)
        case "day":
            return said.days[0].value if said.days else None
        case "time":
            return said.times[0].value if said.times else None
        case "digits":
            return said.digits if len(said.digits) >= 4 else None
        case "text":
            texts = [other for other in wanted if other.kind == "text" and other.required]
            return _named(parameter, said) or (_capitalised(said) if texts == [parameter] else None)
    return None


def _numbers_of(wanted: list[Parameter], said: Utterance) -> Iterator[tuple[str, int]]:
    """Each number goes to the parameter whose name stands beside it; what is left over, to a required one."""
    free = list(said.numbers)
    left: list[Parameter] = []
    for parameter in wanted:
        beside = next((number for number in free if _names(parameter) & _around(number, said)), None)
        if beside:
            free.remove(beside)
            yield parameter.name, cast("int", beside.value)
        elif parameter.required:
            left.append(parameter)
    counts_nothing_else = [number for number in free if not _counted(number, said)]
    for parameter, number in zip(left, counts_nothing_else, strict=False):
        yield parameter.name, cast("int", number.value)


def _names(parameter: Parameter) -> set[str]:
    return {stem(word) for word in tokens(parameter.spoken)}


def _counted(number: Value, said: Utterance) -> bool:
    """Whether something is named that there are so many of, as in "two double kayaks"."""
    following = said.words[number.end : number.end + 1]
    is_value = any(value.start == number.end for value in (*said.days, *said.times))
    return not is_value and any(weight(term) == 1 for term in terms(" ".join(following)))


def _around(number: Value, said: Utterance) -> set[str]:
    return {
        stem(word) for word in (*said.words[max(0, number.start - 1) : number.start], *said.words[number.end :][:2])
    }


def _choice(choices: tuple[Any, ...], said: Utterance, numbers: Sequence[int | str]) -> Any | None:
    """The choice that was named: its number, all its words, or one word that belongs to no other choice."""
    heard = [stem(word) for word in said.words]
    best, most = None, 0.0
    for choice in choices:
        if not isinstance(choice, str):
            if choice in numbers:
                return choice
            continue
        words = [stem(word) for word in tokens(choice.replace("_", " "))]
        others = {stem(word) for other in choices if other != choice for word in tokens(str(other))}
        found = [word for word in words if any(similar(word, other) for other in heard)]
        share = len(found) / max(1, len(words))
        telling = share == 1 or any(word not in others for word in found)
        if telling and share > most:
            best, most = choice, share
    return best


def _named(parameter: Parameter, said: Utterance) -> str | None:
    """What follows "called", "my name is", or the parameter's own name."""
    if quoted := re.search(r"[\"“]([^\"”]{1,80})[\"”]", said.text):
        return quoted.group(1)
    markers = [r"called", r"named", r"titled", rf"{re.escape(parameter.spoken)}(?: is|:)"]
    if "name" in terms(parameter.spoken) or parameter.spoken in ("who", "person"):
        markers += [r"my name is", r"the name is", r"this is", r"under the name(?: of)?"]
    match = re.search(rf"\b(?:{'|'.join(markers)})\s+(.+)", said.text, re.IGNORECASE)
    if not match:
        return None
    kept: list[str] = []
    for word in match.group(1).split():
        if word.lower() in _NAME_STOPS:
            break
        kept.append(word)
        if word[-1] in ",.;!?":
            break
    return " ".join(kept).strip(" ,.;!?") or None


def _capitalised(said: Utterance) -> str | None:
    """Capitalised words inside a sentence: a name, where the recogniser writes capitals."""
    taken = {str(value.value).lower() for value in (*said.days, *said.times)}
    found = re.findall(r"(?<=[a-z,] )((?:[A-Z][\w'’-]+)(?: [A-Z][\w'’-]+)*)", said.text)
    return next((name for name in found if name.lower() not in taken and not name.startswith("I'")), None)


def _trimmed(text: str) -> str:
    """Without the small words around an answer."""
    words = text.split()
    while words and words[0].lower().strip(",.") in _LEADING:
        words.pop(0)
    while words and words[-1].lower().strip(",.!?") in _TRAILING:
        words.pop()
    return " ".join(words).strip(" ,.;!?")
