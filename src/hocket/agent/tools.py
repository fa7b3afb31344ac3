"""Tools: functions of the agent's author that the model may call."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

import msgspec

from hocket.agent.call import Call
from hocket.agent.threads import DaemonThreads
from hocket.errors import AgentError, ToolError
from hocket.stages.llm import ToolSpec

END_CALL = "end_call"
"""The tool every agent has: the model hangs up with it, after its goodbye."""

RESULT_LIMIT = 16 * 1024
"""Bytes of a result that the model is shown; more would cost it seconds to read."""

PLAIN_FUNCTIONS_LIMIT = 64

_threads = DaemonThreads("hocket-tool", PLAIN_FUNCTIONS_LIMIT)


class Tool:
    """A function that the model may call. Built by `@agent.tool`.

    `spec` is what the model sees: the function's name, its docstring, and a JSON schema of its annotated parameters.
    A parameter annotated `Call` receives the call. `filler` is said while it runs: None is the agent's own, empty is
    none. `deadline_s` is how long it may take. Raises `AgentError` for a function that the model could not use.
    """

    __slots__ = ("_arguments", "_call_parameter", "_function", "deadline_s", "filler", "spec")

    def __init__(self, function: Callable[..., Any], *, filler: str | None = None, deadline_s: float = 10.0) -> None:
        name = getattr(function, "__name__", "")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name):
            raise AgentError(f'"{name}" cannot be a tool: give it a function with a plain name of up to 64 letters.')
        description = inspect.getdoc(function)
        if not description:
            raise AgentError(f"Tool {name} has no docstring: say in one sentence when and for what to use it.")
        if deadline_s <= 0:
            raise AgentError(f"Tool {name} has a deadline of {deadline_s} s: give it more than 0.")
        self._function = function
        self._call_parameter, self._arguments = _parameters(name, function)
        self.filler = filler
        self.deadline_s = deadline_s
        self.spec = ToolSpec(name, description, _schema(name, self._arguments))

    @property
    def name(self) -> str:
        """The name under which the model calls it."""
        return self.spec.name

    async def run(self, call: Call, arguments: str) -> str:
        """Run it on a JSON object of arguments; returns text, or JSON of what is not text.

        Raises `ToolError`, its sentence written for the model: the arguments do not fit, the function raised, or it
        took longer than its deadline. A plain function runs in a thread, which goes on unheeded after a cancellation.
        """
        bound = self._bound(call, arguments)
        try:
            async with asyncio.timeout(self.deadline_s) as deadline:
                result = await self._call(bound)
        except ToolError:
            raise
        except Exception as error:
            if isinstance(error, TimeoutError) and deadline.expired():
                raise ToolError(f"{self.name} did not answer within {self.deadline_s:g} seconds.") from error
            raise ToolError(f"{self.name} failed with {type(error).__name__}: {error}", retryable=False) from error
        return _encoded(self.name, result)

    async def _call(self, bound: Callable[[], Any]) -> Any:
        if inspect.iscoroutinefunction(self._function):
            return await bound()
        return await asyncio.get_running_loop().run_in_executor(_threads, bound)

    def _bound(self, call: Call, arguments: str) -> Callable[[], Any]:
        try:
            # Models send "6" for 6 and "true" for true often enough: such arguments are converted.
            values = msgspec.json.decode(arguments or "{}", type=self._arguments, strict=False)
        except msgspec.DecodeError as error:
            raise ToolError(f"Wrong arguments for {self.name}: {error}", retryable=False) from error
        named = {field: getattr(values, field) for field in self._arguments.__struct_fields__}
        if self._call_parameter:
            named[self._call_parameter] = call
        return functools.partial(self._function, **named)


def end_call_tool() -> Tool:
    """The built-in tool by which the model hangs up."""

    async def end_call(call: Call) -> str:
        """End the call. Use it when the caller says goodbye or needs nothing more, after saying goodbye yourself."""
        call.end("agent")
        return "The call is ending."

    return Tool(end_call, filler="")


def _parameters(name: str, function: Callable[..., Any]) -> tuple[str, type[msgspec.Struct]]:
    """The parameter that takes the call, or an empty string, and a struct of all others."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise AgentError(
            f"The annotations of tool {name} cannot be read ({error}): import their types when the program runs, "
            "not only for type checking."
        ) from error
    call_parameter = ""
    fields: list[Any] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise AgentError(f'Parameter "{parameter}" of tool {name} has no name for the model: use plain parameters.')
        hint = hints.get(parameter.name)
        if hint is None:
            raise AgentError(
                f'Parameter "{parameter.name}" of tool {name} has no type: annotate it, such as "day: str".'
            )
        if hint is Call:
            call_parameter = parameter.name
        elif parameter.default is parameter.empty:
            fields.append((parameter.name, hint))
        else:
            # A default such as [] is shared by all calls of a Python function; the struct makes its own each time.
            make = functools.partial(copy.deepcopy, parameter.default)
            default = msgspec.field(default_factory=make) if _mutable(parameter.default) else parameter.default
            fields.append((parameter.name, hint, default))
    return call_parameter, msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)


def _mutable(value: object) -> bool:
    return isinstance(value, list | dict | set | bytearray)


def _schema(name: str, arguments: type[msgspec.Struct]) -> dict[str, object]:
    try:
        schema = msgspec.json.schema(arguments)
    except Exception as error:
        raise AgentError(
            f"A parameter of tool {name} has a type that JSON cannot carry ({error}): use str, int, float, bool, "
            "Literal, list, dict or a msgspec.Struct."
        ) from error
    shared: dict[str, object] = schema["$defs"]
    schema = typing.cast("dict[str, object]", shared.pop(name))
    schema.pop("title", None)
    return schema | ({"$defs": shared} if shared else {})


def _encoded(name: str, result: object) -> str:
    if result is None:
        return "Done."
    if isinstance(result, str):
        text = result
    else:
        try:
            text = msgspec.json.encode(result).decode()
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise ToolError(
                f"{name} returned a {type(result).__name__} that cannot be written as JSON: {error}", retryable=False
            ) from error
    encoded = text.encode()
    if len(encoded) <= RESULT_LIMIT:
        return text
    return encoded[:RESULT_LIMIT].decode(errors="ignore") + " (the rest is left out)"
