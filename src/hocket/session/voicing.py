"""Text to speech to the speaker's gate, as it is written."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Final

from hocket.errors import StageError, TtsError
from hocket.ids import ReplyId
from hocket.session.speaking import Speaker
from hocket.stages.patience import Patience
from hocket.stages.tts import SpeechChunk, Tts
from hocket.trace.records import Mark, Step
from hocket.turn.events import Event, ReplyFailed

log = logging.getLogger(__name__)

STALL_S: Final = 10.0
"""A voice that has text and brings nothing for so long is lost."""


class Voicing:
    """Speaks the text of replies; every failure becomes one fact for the engine."""

    def __init__(
        self, tts: Tts, rate: int, speaker: Speaker, post: Callable[[Event], None], mark: Callable[[Mark], None]
    ) -> None:
        self._tts = tts
        self._rate = rate
        self._speaker = speaker
        self._post = post
        self._mark = mark

    async def speak(self, reply: ReplyId, text: AsyncGenerator[str, None]) -> None:
        """Speak a text while it is being written."""
        try:
            await self._synthesise(reply, text)
        except StageError as error:
            self._fail(reply, str(error))
        except Exception as error:  # a stage that somebody else wrote must not take the call down
            log.exception("reply %d failed", reply)
            self._fail(reply, f"{type(error).__name__} in a stage")
        else:
            self._complete(reply)

    async def play(self, reply: ReplyId, speech: Iterable[SpeechChunk]) -> None:
        """Speak what was synthesised ahead."""
        for chunk in speech:
            await self._speaker.feed(reply, chunk)
        self._complete(reply)

    async def _synthesise(self, reply: ReplyId, text: AsyncGenerator[str, None]) -> None:
        handed = _HandedOver(self._tts.name, text, self._mark, reply)
        how: Step = "cancelled"
        try:
            async with (
                aclosing(text),
                aclosing(handed.pieces()) as pieces,
                aclosing(self._tts.speak(pieces, self._rate)) as speech,
            ):
                first = True
                while (chunk := await handed.sound(speech)) is not None:
                    if first:
                        first = False
                        self._mark(Mark("tts", "first", reply))
                    await self._speaker.feed(reply, chunk)
            if handed.error is not None:  # the voice took it for the end of the text
                raise handed.error
            how = "ended"
        except Exception as error:
            how = "failed"
            raise handed.error or error from None
        finally:
            handed.close()
            if handed.started:
                self._mark(Mark("tts", how, reply))

    def _complete(self, reply: ReplyId) -> None:
        if not self._speaker.complete(reply):
            self._post(ReplyFailed(reply, "nothing to say"))

    def _fail(self, reply: ReplyId, reason: str) -> None:
        self._speaker.complete(reply)
        self._post(ReplyFailed(reply, reason))


class _HandedOver:
    """The text on its way into a voice, which is the next to act only while it does not wait for more of it."""

    def __init__(
        self, voice: str, text: AsyncGenerator[str, None], mark: Callable[[Mark], None], reply: ReplyId
    ) -> None:
        self.started = False
        self.error: Exception | None = None
        """What the writing of the text failed with."""
        self._voice = voice
        self._text = text
        self._mark = mark
        self._reply = reply
        self._awaited = False
        self._patience = Patience(STALL_S)

    async def pieces(self) -> AsyncGenerator[str, None]:
        """The text, with the moments it is handed over."""
        while (piece := await self._piece()) is not None:
            if not self.started:
                self.started = True
                self._mark(Mark("tts", "started", self._reply))
            self._mark(Mark("tts", "segment", self._reply, piece, len(piece)))
            yield piece

    async def sound(self, speech: AsyncGenerator[SpeechChunk, None]) -> SpeechChunk | None:
        """The next sound; None at the end."""
        # The bound is around each wait, not around the loop: a timeout must never span a generator's yield.
        try:
            with self._patience:
                if self._awaited:
                    self._patience.until(None)
                return await anext(speech, None)
        except TimeoutError:
            raise TtsError(f"{self._voice} had text to speak and sent nothing for {STALL_S:g} s.") from None

    def close(self) -> None:
        """No more sound is waited for."""
        self._patience.close()

    async def _piece(self) -> str | None:
        self._wait_for_text(True)
        try:
            return await anext(self._text, None)
        except Exception as error:
            self.error = error
            raise
        finally:
            self._wait_for_text(False)

    def _wait_for_text(self, awaited: bool) -> None:
        self._awaited = awaited
        if awaited:
            self._patience.until(None)
        else:
            self._patience.count()
