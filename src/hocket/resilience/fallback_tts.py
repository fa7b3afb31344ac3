"""Several voices as one: when one dies or falls silent, the next goes on with the very word."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final, Literal

from hocket.errors import TtsError
from hocket.resilience.chain import Chain, Link
from hocket.resilience.manuscript import Manuscript, Reading
from hocket.resilience.openers import StoredChunk
from hocket.resilience.recital import Recital, close
from hocket.stages.bell import Bell
from hocket.stages.notices import notify
from hocket.stages.patience import Patience
from hocket.stages.tts import Remembers, SpeechChunk, Tts
from hocket.text.words import has_word
from hocket.turn.speakable import Segmenter

FIRST_SOUND_S: Final = 1.0
"""A voice that has something to say and makes no sound for so long is left for one that has not been asked."""

GAP_S: Final = 1.0
"""The same between two chunks, when what came before has ended too."""

BEGINS: Final = 12
"""Characters of whole words from which voices begin to speak (`providers.spoken`): their first sound is timed from
there, for how fast the model writes before is not their doing."""

SPEAKABLE: Final = 20
"""Characters of whole words that every voice can begin with."""

LATER: Final = 40
"""The same of later text: voices wait for longer phrases then."""


class FallbackTts:
    """The first voice of a chain that is well; the others stand in for it, in the order the user has put them.

    When a voice fails, or brings no sound in time, the next one is given the text from the word on whose sound was
    broken off. That word may be heard twice. Its text is given once: the repetition comes with the text "", so that
    the texts of all chunks, joined, are still the texts given. Of a voice whose chunks begin several words at once, all
    words of the last one are repeated, for nobody knows how far it came.

    A voice that is merely late is left only for one that has not been asked in this reply. When all have failed, each
    is asked once more where that may help, within the chain's budget.
    """

    def __init__(self, chain: Chain[Tts]) -> None:
        self.name = chain.first.name
        self.takes: Literal["tokens", "segments"] = chain.first.takes
        self._chain = chain

    def remembers(self, opener: str, rate: int) -> bool:
        """Whether the first voice has kept its sound."""
        first = self._chain.first
        return isinstance(first, Remembers) and first.remembers(opener, rate)

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Speak the text as it arrives, at `rate` Hertz. Closing it cancels. Raises the last voice's `TtsError`."""
        link = self._chain.pick()
        if link is None:
            raise TtsError(
                f"All streams that the accounts of {self.name} and its stand-ins allow are taken, so this reply has no "
                "voice; raise the limits, or take fewer calls."
            )
        self._chain.budget.called()
        reply = _Reply(self._chain, link, text, rate)
        try:
            while (chunk := await reply.next()) is not None:
                yield chunk
        finally:
            await reply.close()


class _Reply:
    """One reply, spoken by one voice after another."""

    def __init__(self, chain: Chain[Tts], link: Link[Tts], text: AsyncIterator[str], rate: int) -> None:
        self._chain = chain
        self._rate = rate
        self._loop = asyncio.get_running_loop()
        self._news = Bell()
        self._patience = Patience(GAP_S)
        self._manuscript = Manuscript(text)
        self._told = 0
        """Characters of the text that chunks have been given out with."""
        self._attempts: list[_Attempt] = []
        self._hopeless: list[Link[Tts]] = []
        """Those that are not worth asking again."""
        self._next: Link[Tts] | None = None
        """Who takes over from a voice that is late."""
        self._begin(link, 0)

    async def next(self) -> SpeechChunk | None:
        """The next chunk; None at the end. Raises what the last voice or the text raised."""
        while True:
            attempt = self._attempts[-1]
            try:
                chunk = await self._chunk(attempt)
            except TtsError as error:
                if self._manuscript.error is not None:
                    raise self._manuscript.error from None
                self._go_on(attempt, error)
                continue
            return None if chunk is None else self._told_once(chunk, attempt.took(chunk, self._loop.time()))

    async def close(self) -> None:
        self._patience.close()
        for attempt in self._attempts:
            attempt.judge_nothing()
        await close(self._manuscript, [attempt.recital for attempt in self._attempts])

    async def _chunk(self, attempt: _Attempt) -> SpeechChunk | None:
        """The voice's next chunk; None at its end. Raises `TtsError` when it fails, or is late and there is another."""
        waits_from = self._loop.time()
        while not attempt.recital.ready:
            attempt.look(self._loop.time())
            try:
                # A token wakes it too, for then there may be something to say.
                with self._patience:
                    self._patience.until(attempt.deadline(waits_from))
                    await self._news.rung()
            except TimeoutError:
                # An error of the text, and what has just come, are no silence.
                if self._manuscript.error is None and not attempt.recital.ready and self._stand_in():
                    raise TtsError(f"{attempt.link.stage.name} had text to speak and made no sound in time.") from None
                # With nobody else there it may still come; whoever reads this stream says how long is too long.
                waits_from = self._loop.time()
        return attempt.recital.take()

    def _stand_in(self) -> bool:
        """Whether there is a voice that has not been asked."""
        self._next = self._chain.pick([attempt.link for attempt in self._attempts])
        return self._next is not None

    def _go_on(self, attempt: _Attempt, error: TtsError) -> None:
        """Leave this voice for the next. Raises the error when there is none."""
        attempt.failed(error)
        if error.retry_after_s or not error.retryable:
            self._hopeless.append(attempt.link)
        link, self._next = self._next, None
        if link is None and (link := self._another()) is None:
            raise error
        notify("tts", "left", str(error))
        self._begin(link, attempt.broken_off())

    def _another(self) -> Link[Tts] | None:
        asked = [attempt.link for attempt in self._attempts]
        if link := self._chain.pick(asked):
            return link
        again = [link for link in asked if asked.count(link) == 1 and link not in self._hopeless]
        if not again or not self._chain.budget.take():
            return None
        return self._chain.pick([link for link in self._chain.links if link not in again])

    def _begin(self, link: Link[Tts], at: int) -> None:
        segmented = link.stage.takes == "segments" != self._chain.first.takes
        attempt = _Attempt(link, self._manuscript, at, self._rate, segmented, self._news)
        # Until its connection is closed, the stream counts against the account.
        attempt.recital.task.add_done_callback(lambda _: self._chain.slots.give(link.stage.name))
        self._attempts.append(attempt)

    def _told_once(self, chunk: SpeechChunk, at: int) -> SpeechChunk:
        """The chunk, whose text begins at this character, without text that was given out before."""
        repeated = max(0, self._told - at)
        self._told = max(self._told, at + len(chunk.text))
        return SpeechChunk(chunk.samples, chunk.text[repeated:]) if repeated and chunk.text else chunk


class _Attempt:
    """One voice that is asked for the rest of a reply."""

    def __init__(
        self, link: Link[Tts], manuscript: Manuscript, at: int, rate: int, segmented: bool, news: Bell
    ) -> None:
        """`at`: where the rest begins. `segmented`: the text is to be cut for it."""
        self.link = link
        self._manuscript = manuscript
        self._rate = rate
        self._reading = Reading(manuscript, at, Segmenter() if segmented else None, news.ring)
        self.recital = Recital(link.stage.speak(self._reading, rate), news)
        self._at = at
        """Where the text begins whose sound has not begun."""
        self._sounding = at
        """Where the text begins whose sound has begun last, and may not be whole."""
        self._ends_at: float | None = None
        """Loop time at which the sound so far ends, if it is heard as it comes; None before the first."""
        self._owed_since: float | None = None
        self._word_since: float | None = None
        self._begins_since: float | None = None
        self._judged = False

    def look(self, now: float) -> None:
        """See what there is to say that has not sounded."""
        unspoken = self._manuscript.text[self._at : self._reading.handed]
        if self._word_since is None and has_word(unspoken):
            self._word_since = now
        if self._begins_since is None and self._is_speakable(unspoken, BEGINS):
            self._begins_since = now
        if not self._is_speakable(unspoken, SPEAKABLE if self._ends_at is None else LATER):
            self._owed_since = None
        elif self._owed_since is None:
            self._owed_since = now

    def deadline(self, waits_from: float) -> float | None:
        """When a voice is late from which one has been waiting since then; None while it has nothing to say."""
        if self._owed_since is None:
            return None
        since = max(waits_from, self._owed_since)
        return since + FIRST_SOUND_S if self._ends_at is None else max(since + GAP_S, self._ends_at)

    def took(self, chunk: SpeechChunk, now: float) -> int:
        """A chunk has come; returns where in the reply its text begins."""
        at = self._at
        self._ends_at = max(now if self._ends_at is None else self._ends_at, now) + len(chunk.samples) / self._rate
        if chunk.text:
            self._sounding = at
            self._at += len(chunk.text)
        if isinstance(chunk, StoredChunk):
            # It is whole, and the voice begins behind it.
            self._sounding = self._at
            self._word_since = self._begins_since = None
        elif not self._judged:
            # Some voices begin with less.
            since = self._word_since if self._begins_since is None else self._begins_since
            self.link.breaker.succeeded(0.0 if since is None else (now - since) * 1000)
            self._judged = True
        return at

    def failed(self, error: TtsError) -> None:
        """It is given up."""
        self.recital.leave()
        self.link.breaker.failed(error)
        self._judged = True

    def judge_nothing(self) -> None:
        """It is closed: if it has brought nothing so far, that says nothing of it."""
        if not self._judged:
            self.link.breaker.abandoned()

    def broken_off(self) -> int:
        """Where the word begins whose sound was broken off, with the white space that the voice counts to it."""
        text, at = self._manuscript.text, self._sounding
        if not text[at : self._at].strip():
            return self._at
        while at and not text[at].isspace() and not text[at - 1].isspace():
            at -= 1
        # Half a tag would be read out.
        opened = text.rfind("<", 0, at)
        inside = opened > text.rfind(">", 0, at) and _TAG(text, opened)
        return opened if inside else at

    def _is_speakable(self, text: str, enough: int) -> bool:
        """Whether a voice can begin with it; a word that may go on is not counted."""
        if self._reading.finished or self.link.stage.takes == "segments":
            return has_word(text)
        whole = text[: max(text.rfind(" "), text.rfind("\n")) + 1]
        return has_word(whole) and (len(whole) >= enough or _PHRASE_END(whole) is not None)


_PHRASE_END: Final = re.compile(r"[.?!:;,]\s").search
_TAG: Final = re.compile(r"</?[a-zA-Z]").match
