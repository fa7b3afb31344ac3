"""Every error that hocket raises on purpose.

    HocketError                 has a sentence for the user: what happened, what it means, what to do
    ├── InputError              the user gave something that cannot be used        (exit code 2)
    │   ├── AudioError          a file or stream that is not usable audio
    │   ├── AgentError          an agent, its tools or its knowledge are not usable
    │   ├── TraceError          a file that is not a trace
    │   └── ConfigError         an unknown provider, preset or option
    ├── MissingError            something that has to be installed or fetched is not there (exit code 2)
    └── StageError              a stage failed while a call was going on
        ├── SttError            speech-to-text
        ├── LlmError            language model
        ├── TtsError            text-to-speech
        ├── ToolError           a tool of the agent raised, or took too long
        └── TransportError      the caller's connection

Foreign exceptions are mapped to these in adapters (providers, transports) and nowhere else. A broken
invariant is an `assert`, left on: it is a bug in hocket and never the user's mistake.
"""

from __future__ import annotations


class HocketError(Exception):
    """Base of all; `str(error)` is one plain sentence that can be shown to a user."""


class InputError(HocketError):
    """The user gave something that cannot be used."""


class AudioError(InputError):
    """A file or stream that is not usable audio."""


class AgentError(InputError):
    """An agent, one of its tools or its knowledge cannot be used."""


class TraceError(InputError):
    """A file that is not a trace, or a trace of another version."""


class ConfigError(InputError):
    """An unknown provider, preset or option."""


class MissingError(HocketError):
    """Something that has to be installed or fetched first is not there."""


class StageError(HocketError):
    """A stage failed while a call was going on. `retryable` says whether trying again may help."""

    retryable: bool = True
    retry_after_s: float = 0.0
    """How long the provider asks to be left alone; 0 when it does not say."""

    def __init__(self, message: str, *, retryable: bool = True, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class SttError(StageError):
    """Speech-to-text failed."""


class LlmError(StageError):
    """The language model failed."""


class TtsError(StageError):
    """Text-to-speech failed."""


class ToolError(StageError):
    """A tool of the agent raised, or took longer than its deadline."""


class TransportError(StageError):
    """The caller's connection failed."""
