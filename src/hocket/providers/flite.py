"""flite: small voices that need no key and no network, in-process.

libflite 2.2 through ctypes, which releases the interpreter while it works. The library shares reference counts and the
C library's random numbers between utterances, so one thread synthesises for the whole process: at a real-time factor
of about 0.015 it carries dozens of voices. The random numbers are seeded before each utterance: the same text always
gives the same samples.
"""

from __future__ import annotations

import ctypes
import functools
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from ctypes import POINTER, c_char_p, c_float, c_int, c_short, c_void_p
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hocket.errors import ConfigError
from hocket.providers.flite_library import load_flite
from hocket.providers.synthesis import Emit, Word, speak_segments
from hocket.stages.tts import SpeechChunk
from hocket.text.words import has_word

RATE = 16_000
VOICES = ("rms", "slt", "awb", "kal16")
"""American male, American female, Scottish male; kal16 is a diphone voice, coarser and twenty times quicker."""

CALLBACK_SAMPLES = 256
"""flite hands out audio when it has more than this: a cancelled synthesis goes on for 20 ms of speech at most."""

_STOP = -1
_GO_ON = 0
_SEED = 1
_START = b"daughter1.R:SylStructure.daughter1.daughter1.R:Segment.p.end"
_END = b"daughtern.R:SylStructure.daughtern.daughtern.R:Segment.end"
_LOOKALIKES = str.maketrans("‘’‚“”„–—‐‑…×", "'''\"\"\"----.x")


class Flite:
    """A voice of flite."""

    takes: Literal["tokens", "segments"] = "segments"

    def __init__(self, voice: str = "rms", library_folder: Path | None = None) -> None:
        """Load the voice; a few milliseconds. `library_folder`: where the libraries are, if not in the usual places.

        Raises `ConfigError` for an unknown voice, `MissingError` without the library.
        """
        if voice not in VOICES:
            raise ConfigError(f"flite has no voice {voice!r}. Choose one of {', '.join(VOICES)}.")
        self.name = f"flite/{voice}"
        self._synthesiser = _FliteVoice(voice, library_folder)

    def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Speak segments as they come, at `rate` Hertz; every word begins a chunk. Raises `TtsError`."""
        return speak_segments(self._synthesiser, text, rate)


def spoken_ascii(text: str) -> str:
    """The text in the characters flite knows, one for one: accents dropped, others and control characters a space."""
    return "".join(_ascii(character) for character in text.translate(_LOOKALIKES))


def _ascii(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character)[:1]
    return plain if " " <= plain <= "~" else " "


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", c_char_p),
        ("sample_rate", c_int),
        ("count", c_int),
        ("channels", c_int),
        ("samples", POINTER(c_short)),
    )


class _Streaming(ctypes.Structure):
    pass


_Callback = ctypes.CFUNCTYPE(c_int, POINTER(_Wave), c_int, c_int, c_int, POINTER(_Streaming))
_Streaming._fields_ = (
    ("smallest_buffer", c_int),
    ("callback", _Callback),
    ("utterance", c_void_p),
    ("item", c_void_p),
    ("user_data", c_void_p),
)


class _FliteVoice:
    """One voice; a `Synthesiser`."""

    rate = RATE

    def __init__(self, voice: str, folder: Path | None) -> None:
        self.thread = _flite_thread()
        library, voice_library = load_flite(voice, folder)
        self._call = _bind(library)
        register = getattr(voice_library, f"register_cmu_us_{voice}")
        register.restype, register.argtypes = c_void_p, [c_char_p]
        # On flite's own thread: loading a voice while another one speaks would touch what they share.
        self._voice = self.thread.submit(register, None).result()

    def synthesise(self, text: str, emit: Emit) -> None:
        spoken = spoken_ascii(text)
        if not has_word(spoken):
            return
        call = self._call
        failures: list[BaseException] = []

        def hand_out(wave: Any, start: int, count: int, last: int, streaming: Any) -> int:
            try:
                words = self._words(streaming.contents.utterance, spoken) if start == 0 else []
                samples = np.ctypeslib.as_array(wave.contents.samples, (start + count,))[start:].copy()
                return _GO_ON if emit(samples, words, 0) else _STOP
            except BaseException as error:  # ctypes would print it and go on
                failures.append(error)
                return _STOP

        callback = _Callback(hand_out)
        utterance = call["new_utterance"]()
        try:
            call["utt_set_input_text"](utterance, spoken.encode("ascii"))
            call["utt_init"](utterance, self._voice)
            streaming = call["new_audio_streaming_info"]()
            streaming.contents.smallest_buffer = CALLBACK_SAMPLES
            streaming.contents.callback = callback
            # The utterance owns and frees it. Its first field is its features.
            features = ctypes.cast(utterance, POINTER(c_void_p))[0]
            call["feat_set"](features, b"streaming_info", call["audio_streaming_info_val"](streaming))
            call["srand"](_SEED)
            call["utt_synth"](utterance)
        finally:
            call["delete_utterance"](utterance)
        if failures:
            raise failures[0]

    def _words(self, utterance: int, spoken: str) -> list[Word]:
        """The tokens of the utterance that have sound; known as soon as there is any audio."""
        call = self._call
        words = []
        offset = 0
        token = call["relation_head"](call["utt_relation"](utterance, b"Token"))
        while token:
            name = call["flite_ffeature_string"](token, b"name").decode("ascii", "replace")
            found = spoken.find(name, offset)
            if found >= 0 and call["flite_ffeature_float"](token, _END) > 0:
                words.append(Word(found, round(call["flite_ffeature_float"](token, _START) * RATE)))
            offset = max(found + len(name), offset)
            token = call["item_next"](token)
        return words


@functools.cache
def _flite_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="hocket-flite")


_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "new_utterance": (c_void_p,),
    "utt_set_input_text": (c_int, c_void_p, c_char_p),
    "utt_init": (c_void_p, c_void_p, c_void_p),
    "utt_synth": (c_void_p, c_void_p),
    "delete_utterance": (None, c_void_p),
    "new_audio_streaming_info": (POINTER(_Streaming),),
    "audio_streaming_info_val": (c_void_p, POINTER(_Streaming)),
    "feat_set": (None, c_void_p, c_char_p, c_void_p),
    "utt_relation": (c_void_p, c_void_p, c_char_p),
    "relation_head": (c_void_p, c_void_p),
    "item_next": (c_void_p, c_void_p),
    "flite_ffeature_string": (c_char_p, c_void_p, c_char_p),
    "flite_ffeature_float": (c_float, c_void_p, c_char_p),
}
"""Function -> type of its result, types of its arguments."""


def _bind(library: ctypes.CDLL) -> dict[str, Any]:
    call: dict[str, Any] = {"srand": ctypes.CDLL(None).srand}
    for name, (result, *arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
        call[name] = function
    library.flite_init()
    return call
