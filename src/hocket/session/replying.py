"""One reply, read top to bottom: request -> tokens -> segments -> speech -> the speaker's gate."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from hocket.errors import LlmError
from hocket.ids import ReplyId
from hocket.session.retrieval import Retrieval
from hocket.session.sayings import Sayings
from hocket.session.speaking import Speaker
from hocket.session.tool_calls import ToolCalls
from hocket.session.turns import Turns
from hocket.session.voicing import Voicing
from hocket.stages.llm import Llm, LlmDelta, LlmRequest, Message, TextDelta, ToolCall, Usage
from hocket.stages.notices import listen
from hocket.stages.patience import Patience
from hocket.stages.tts import Remembers, Tts
from hocket.text.opening import Opening, nothing_known
from hocket.text.speech import speech_text
from hocket.trace.records import Mark, Step, Tokens
from hocket.turn.history import Entry
from hocket.turn.meaning import same_meaning
from hocket.turn.speakable import Segmenter

log = logging.getLogger(__name__)

TOOL_ROUNDS: Final = 4
"""How often a model may ask for tools within one reply."""

_NOTHING: Final = TextDelta("")

STALL_S: Final = 10.0
"""A model that brings nothing for so long is lost."""


class Replying:
    """Computes replies of one call. Which may be heard, and when, is the engine's business."""

    def __init__(
        self,
        llm: Llm,
        tts: Tts,
        prefix: LlmRequest,
        turns: Turns,
        retrieval: Retrieval | None,
        tool_calls: ToolCalls,
        sayings: Sayings,
        speaker: Speaker,
        start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._llm = llm
        self._tts = tts
        self._prefix = prefix
        self._turns = turns
        self._retrieval = retrieval
        self._tool_calls = tool_calls
        self._sayings = sayings
        self._speaker = speaker
        self._voicing = Voicing(tts, sayings.rate, speaker, turns.post, turns.mark)
        self._start = start
        self._running: dict[ReplyId, asyncio.Task[None]] = {}
        self._unvoiced: dict[ReplyId, asyncio.Event] = {}
        """Replies that are spoken from their commit on."""

    def answer(self, reply: ReplyId, text: str, *, voiced: bool = True) -> None:
        """Reply to the caller's words. Unless `voiced`, it is written, and spoken once it is committed."""
        if not voiced:
            self._unvoiced[reply] = asyncio.Event()
        self._begin(reply, self._answer(reply, text))

    def committed(self, reply: ReplyId) -> None:
        """It is spoken from now on."""
        if unvoiced := self._unvoiced.pop(reply, None):
            unvoiced.set()

    def say(self, reply: ReplyId, text: str) -> None:
        """Say these very words."""
        self._begin(reply, self._say(reply, text))

    def fill(self, reply: ReplyId, text: str) -> None:
        """Play fixed words while the reply is not there."""
        if speech := self._sayings.get(text):
            self._speaker.fill(reply, speech)
        else:
            self._start(self._fill(reply, text))

    def cancel(self, reply: ReplyId) -> None:
        """Stop computing a reply; not waited for."""
        self._unvoiced.pop(reply, None)
        if task := self._running.pop(reply, None):
            task.cancel()

    def _begin(self, reply: ReplyId, work: Coroutine[Any, Any, None]) -> None:
        self._speaker.begin(reply)
        task = self._running[reply] = self._start(work)
        task.add_done_callback(lambda _: self._running.pop(reply, None))

    async def _answer(self, reply: ReplyId, text: str) -> None:
        self._listen(reply)
        request = await self._request(text)
        written = self._write(reply, request)
        unvoiced = self._unvoiced.get(reply)
        await self._voicing.speak(reply, written if unvoiced is None else _from(unvoiced, written))

    def _listen(self, reply: ReplyId) -> None:
        """What the stages tell of themselves in this task is about this reply."""
        listen(lambda notice: self._mark(Mark(notice.stage, notice.step, reply, notice.detail, notice.count)))

    async def _say(self, reply: ReplyId, text: str) -> None:
        self._listen(reply)
        if prepared := self._sayings.get(text):
            await self._voicing.play(reply, prepared)
        else:
            await self._voicing.speak(reply, _once(text))

    async def _fill(self, reply: ReplyId, text: str) -> None:
        try:
            await self._sayings.prepare((text,))
        except Exception as error:  # a reply without its filler is still a reply
            log.warning("a filler could not be spoken", exc_info=error)
            self._mark(Mark("tts", "failed", reply, str(error)))
        else:
            self._speaker.fill(reply, self._sayings.get(text))

    async def _request(self, text: str) -> LlmRequest:
        messages = [message for entry in self._turns.engine.history.messages() for message in _messages(entry)]
        # A committed turn is in the history already; a speculative one is not, and must not be.
        if not messages or messages[-1].role != "user":
            messages.append(Message("user", text))
        elif not _ends_with(messages[-1].content, text):
            messages[-1] = Message("user", f"{messages[-1].content} {text}")
        passages = await self._retrieval.newest() if self._retrieval else ()
        prefix = self._prefix
        return LlmRequest(
            prefix.instructions, tuple(messages), prefix.tools, passages, prefix.max_tokens, prefix.language
        )

    def _mark(self, mark: Mark) -> None:
        self._turns.mark(mark)

    async def _write(self, reply: ReplyId, request: LlmRequest) -> AsyncGenerator[str, None]:
        """The model's text as it is said, cut as the voice wants it, with its tools run in between."""
        before = ""
        for _ in range(TOOL_ROUNDS):
            spoken = _Spoken(request.language, self._tts, self._sayings.rate, before)
            written: list[str] = []
            wanted: list[ToolCall] = []
            async with aclosing(self._deltas(reply, request)) as deltas:
                async for delta in deltas:
                    if isinstance(delta, ToolCall):
                        wanted.append(delta)
                        continue
                    written.append(delta.text)
                    for piece in spoken.push(delta.text):
                        yield piece
            for piece in spoken.flush():
                yield piece
            if not wanted:
                return
            text = "".join(written)
            before = text or before
            request = await self._with_results(reply, request, text, wanted)
        raise LlmError(f"{self._llm.name} asked for tools {TOOL_ROUNDS} times without an answer.", retryable=False)

    async def _deltas(self, reply: ReplyId, request: LlmRequest) -> AsyncGenerator[TextDelta | ToolCall, None]:
        """One request, with its marks and a bound on its silence."""
        tokens = 0
        patience = Patience(STALL_S)
        how: Step = "cancelled"
        self._mark(Mark("llm", "started", reply))
        try:
            async with aclosing(self._llm.reply(request)) as deltas:
                while (delta := await self._next(deltas, patience)) is not None:
                    if isinstance(delta, Usage):
                        self._turns.write(Tokens(reply, delta.input_tokens, delta.cached_tokens, delta.output_tokens))
                        continue
                    if delta == _NOTHING:
                        continue
                    if not tokens:
                        self._mark(Mark("llm", "first", reply))
                    tokens += 1
                    yield delta
            how = "ended"
        except Exception:
            how = "failed"
            raise
        finally:
            patience.close()
            self._mark(Mark("llm", how, reply, count=tokens))

    async def _next(self, deltas: AsyncGenerator[LlmDelta, None], patience: Patience) -> LlmDelta | None:
        """The next delta; None at the end."""
        # The bound is around each wait, not around the loop: a timeout must never span a generator's yield.
        try:
            with patience:
                return await anext(deltas, None)
        except TimeoutError:
            raise LlmError(f"{self._llm.name} sent nothing for {STALL_S:g} s.") from None

    async def _with_results(
        self, reply: ReplyId, request: LlmRequest, written: str, wanted: list[ToolCall]
    ) -> LlmRequest:
        """Run the tools side by side and go on from their results."""
        calls = [self._tool_calls.request(reply, call) for call in wanted]
        asked = tuple(ToolCall(call, tool.name, tool.arguments) for call, tool in zip(calls, wanted, strict=True))
        messages = [*request.messages, Message("assistant", written, asked)]
        results = await self._tool_calls.results(calls)
        messages += [Message("tool", result, tool_call_id=call) for call, result in zip(calls, results, strict=True)]
        return LlmRequest(
            request.instructions,
            tuple(messages),
            request.tools,
            request.passages,
            request.max_tokens,
            request.language,
        )


class _Spoken:
    """What is written -> what is handed to a voice."""

    def __init__(self, language: str, tts: Tts, rate: int, before: str) -> None:
        """`before`: what was written before a tool was run; models mostly leave no white space between."""
        self._gap = " " if before and not before[-1].isspace() else ""
        self._speech = speech_text(language)
        self._segmenter = Segmenter() if tts.takes == "segments" else None
        if tts.takes == "tokens":
            known = partial(tts.remembers, rate=rate) if isinstance(tts, Remembers) else nothing_known
            self._speech = Opening(self._speech, language, known)

    def push(self, token: str) -> Iterable[str]:
        return self._pieces(self._speech.push(token))

    def flush(self) -> Iterable[str]:
        yield from self._pieces(self._speech.flush())
        if self._segmenter is not None:
            yield from self._segmenter.flush()

    def _pieces(self, text: str) -> Iterable[str]:
        if not text:
            return ()
        if self._gap:
            text, self._gap = self._gap + text.lstrip(), ""
        return (text,) if self._segmenter is None else self._segmenter.push(text)


def _ends_with(content: str, text: str) -> bool:
    """Are the last words of `content` these? Case and punctuation may have changed between interim and final."""
    words = content.split()
    return same_meaning(" ".join(words[max(0, len(words) - len(text.split())) :]), text)


def _messages(entry: Entry) -> tuple[Message, ...]:
    """An entry of the history as a model knows it."""
    if entry.tool is not None:
        tool = entry.tool
        asked = Message("assistant", "", (ToolCall(tool.id, tool.name, tool.arguments),))
        return asked, Message("tool", tool.result, tool_call_id=tool.id)
    return (Message("assistant" if entry.role == "assistant" else "user", entry.text),)


async def _from(moment: asyncio.Event, text: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """A text whose writing begins now, and which is there from a moment on: a commit, or the end of its reply."""
    async with aclosing(text):
        async for piece in text:
            await moment.wait()
            yield piece


async def _once(text: str) -> AsyncGenerator[str, None]:
    yield text
