"""The agent: what a user declares."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast, get_args, overload

import msgspec

from hocket.agent.call import Call, Callback, EventKind, checked_kind
from hocket.agent.tools import Tool, end_call_tool
from hocket.errors import AgentError
from hocket.stages.llm import Llm, ToolSpec

if TYPE_CHECKING:  # these bring numpy, which a program that only declares an agent need not wait for
    from hocket.stages.stt import Stt
    from hocket.stages.tts import Tts
    from hocket.stages.turn_detector import TurnDetector
    from hocket.stages.vad import Vad

Instructions: TypeAlias = str | Callable[[Call], str]

Preset: TypeAlias = Literal["safe", "tuned", "aggressive", "adaptive"]
"""When a turn counts as over: after 700 ms of silence, 300, 150, or as long as the words suggest."""

F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S")

Choice: TypeAlias = str | S | Sequence[str | S] | None
"""One provider, or several in the order they are preferred; None for the embedded one."""


class Manners(msgspec.Struct, frozen=True, kw_only=True):
    """How an agent behaves in a call, whatever the call is about."""

    greeting_interruptible: bool = True
    filler: str = "One moment."
    """Said while a tool runs that has no filler of its own; empty for none."""
    reprompts: tuple[str, ...] = ("Are you still there?", "I can't hear you. Is there anything I can help you with?")
    """Said one after the other each time the caller says nothing for `no_input_s`; then the call ends."""
    no_input_s: float = 8.0
    goodbye: str = "Goodbye."
    """Said before hanging up when the call ends otherwise than by the model's own goodbye."""
    max_duration_s: float = 1800.0
    max_tokens: int = 200
    """Of one reply."""


def choices(named: Choice[S]) -> tuple[str | S | None, ...]:
    """A choice as the providers in the order they are preferred; (None,) for the embedded one."""
    return tuple(named) if isinstance(named, (list, tuple)) else (cast("str | S | None", named),)


class Stages(msgspec.Struct, frozen=True):
    """Who does what: a provider's name such as `deepgram/nova-3`, a stage of your own, or None for the embedded.

    A list names the first choice and those that stand in for it when it fails or is slow.
    """

    stt: Choice[Stt] = None
    llm: Choice[Llm] = None
    tts: Choice[Tts] = None
    vad: str | Vad | None = None
    turn_detector: str | TurnDetector | None = None
    """Hears whether a voice has finished, beside the words; None leaves it to the words."""
    complex_llm: str | Llm | None = None
    """Answers the turns that look complex; None leaves all to `llm`."""


Hedge: TypeAlias = Literal["late", "both", "off"]
"""A second call of the model: when the first is late, at once with every first, or never."""


class Resilience(msgspec.Struct, frozen=True, kw_only=True):
    """What is done about providers that are slow, full or down."""

    hedge: Hedge = "late"
    slots: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Vendor, such as "deepgram", or "vendor/model" -> simultaneous streams or requests that the account allows each
    worker: they do not know of each other."""
    openers_mb: float = 32.0
    """Memory for the sound of openings that were spoken before; 0 keeps none."""


class Agent:
    """A voice agent.

    `instructions` tell the model who it is: a text, or a function of the call that returns one. `stt`, `llm`, `tts`
    and `vad` are provider names ("vendor/model") or stages; left out, the embedded ones are used. Of `stt`, `llm` and
    `tts` there may be several in a list: the later stand in for the earlier. `turn_detector`, such as "smart-turn",
    hears whether a caller whose words read complete has finished; without one the words decide. `complex_llm` answers
    the turns that look complex. `knowledge` is a folder of .md and .txt files, relative to the agent's file when hocket
    loads it, else to the current directory. `greeting` is said first. `phrases` are examples of what callers say, to
    bias recognition. `language` is a BCP 47 tag. Raises `AgentError` for values that cannot work.
    """

    __slots__ = (
        "_subscribers",
        "greeting",
        "instructions",
        "knowledge",
        "language",
        "manners",
        "name",
        "phrases",
        "preset",
        "resilience",
        "stages",
        "tools",
    )

    def __init__(
        self,
        instructions: Instructions,
        *,
        name: str = "agent",
        stt: Choice[Stt] = None,
        llm: Choice[Llm] = None,
        tts: Choice[Tts] = None,
        vad: str | Vad | None = None,
        turn_detector: str | TurnDetector | None = None,
        complex_llm: str | Llm | None = None,
        knowledge: str | Path | None = None,
        greeting: str | None = None,
        language: str = "en",
        preset: Preset = "adaptive",
        phrases: Sequence[str] = (),
        manners: Manners | None = None,
        resilience: Resilience | None = None,
    ) -> None:
        self.instructions = instructions
        self.name = name
        self.stages = Stages(stt, llm, tts, vad, turn_detector, complex_llm)
        self.knowledge = None if knowledge is None else Path(knowledge)
        self.greeting = greeting
        self.language = language
        self.preset: Preset = preset
        self.phrases = _texts(phrases, "phrases")
        self.manners = manners or Manners()
        self.resilience = resilience or Resilience()
        end_call = end_call_tool()
        self.tools: dict[str, Tool] = {end_call.name: end_call}
        self._subscribers: dict[str, list[Callback]] = {}
        _check(self)

    @overload
    def tool(self, function: F, /) -> F: ...

    @overload
    def tool(self, /, *, filler: str | None = None, deadline_s: float = 10.0) -> Callable[[F], F]: ...

    def tool(
        self, function: F | None = None, /, *, filler: str | None = None, deadline_s: float = 10.0
    ) -> F | Callable[[F], F]:
        """Let the model call a function, plain or async: `@agent.tool`, or `@agent.tool(filler=..., deadline_s=...)`.

        The function needs a docstring that says when to use it, and a type on every parameter; one annotated `Call` is
        given the call. `filler` is said while it runs: None is the agent's own, empty is none.
        """

        def declare(function: F) -> F:
            tool = Tool(function, filler=filler, deadline_s=deadline_s)
            if tool.name in self.tools:
                raise AgentError(f'Agent "{self.name}" already has a tool {tool.name}: give this one another name.')
            self.tools[tool.name] = tool
            return function

        return declare if function is None else declare(function)

    @overload
    def on(self, kind: EventKind, callback: Callback) -> None: ...

    @overload
    def on(self, kind: EventKind) -> Callable[[F], F]: ...

    def on(self, kind: EventKind, callback: Callback | None = None) -> Callable[[F], F] | None:
        """Have `callback(call, detail)` called on every event of this kind in every call; also a decorator."""
        callbacks = self._subscribers.setdefault(checked_kind(kind), [])
        if callback is not None:
            callbacks.append(callback)
            return None

        def subscribe(function: F) -> F:
            callbacks.append(function)
            return function

        return subscribe

    @property
    def subscribers(self) -> dict[str, tuple[Callback, ...]]:
        """Event kind -> callbacks, to be handed to each `Call`."""
        return {kind: tuple(callbacks) for kind, callbacks in self._subscribers.items()}

    @property
    def tool_specs(self) -> tuple[ToolSpec, ...]:
        """All tools as the model sees them, in the order of their declaration; `end_call` first."""
        return tuple(tool.spec for tool in self.tools.values())


def _check(agent: Agent) -> None:
    instructions = agent.instructions
    if not callable(instructions) and not (isinstance(instructions, str) and instructions.strip()):
        raise AgentError("An agent needs instructions: a text that says who it is, or a function of the call.")
    if agent.preset not in get_args(Preset):
        raise AgentError(f'There is no preset "{agent.preset}": use one of {", ".join(get_args(Preset))}.')
    manners = agent.manners
    for name in ("no_input_s", "max_duration_s", "max_tokens"):
        value = getattr(manners, name)
        if not (value > 0 and math.isfinite(value)):
            raise AgentError(f"{name} of an agent's manners is {value}: give a number above 0.")
    _texts(manners.reprompts, "reprompts")
    if agent.resilience.hedge not in get_args(Hedge):
        raise AgentError(f'hedge of an agent\'s resilience is "{agent.resilience.hedge}": use late, both or off.')
    for stage in ("stt", "llm", "tts"):
        if not choices(getattr(agent.stages, stage)):
            raise AgentError(f'"{stage}" of an agent is an empty list: name a provider in it, or leave it out.')


def _texts(values: Sequence[str], name: str) -> tuple[str, ...]:
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise AgentError(f'"{name}" of an agent is a list of texts: put them in brackets.')
    return tuple(values)
