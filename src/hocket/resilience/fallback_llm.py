"""Models one after the other: when one fails, stalls or breaks off, the next goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from hocket.errors import LlmError, StageError
from hocket.resilience.chain import Chain, Link
from hocket.resilience.closing import Closing
from hocket.resilience.continuation import Seam, continued
from hocket.resilience.hedge import usable
from hocket.stages.llm import Llm, LlmDelta, LlmRequest, TextDelta, ToolCall
from hocket.stages.notices import notify
from hocket.stages.patience import Patience

FIRST_TOKEN_S: Final = 1.2
"""What a model has to its first usable token, if another can be asked. A second call has come at 0.8 s at the latest;
from here on callers repeat themselves."""

GAP_S: Final = 0.7
"""What it then has to each further one, if another can be asked. Tokens come every 10 to 40 ms; longer pauses than this
are under one in a thousand."""

TOOL_GAP_S: Final = 2.0
"""The same where a sentence has ended and there are tools: a tool call shows only when it is complete. What a model has
after a tool call, before the tools are run without the rest."""

_SENTENCE_ENDS: Final = (".", "!", "?", ":", "…")


class FallbackLlm:
    """The models of a chain as one. Shared by all calls of a process.

    Before its first usable token a reply moves to the next model when one fails or has brought nothing for 1.2 s; when
    all have been asked, once more to the best of them, within the chain's budget of retries. After the first token the
    next model goes on where the text broke off, and no word is lost or said twice; for a mere pause that too has to be
    within the budget. Nobody is left for being slow when there is nobody else to ask.
    """

    def __init__(self, chain: Chain[Llm]) -> None:
        self.name = chain.first.name
        self._chain = chain
        self._closing = Closing()

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        """Stream the reply. Closing the generator cancels the request. Raises the last model's error."""
        self._chain.budget.called()
        route = _Route(self._chain)
        said = ""
        try:
            while True:
                attempt = _Attempt(route, continued(request, said) if said else request, self._closing)
                seam = Seam(said)
                try:
                    while (delta := await attempt.next(_gap_s(request, said))) is not None:
                        if isinstance(delta, ToolCall) and (text := seam.finish()):
                            yield TextDelta(text)
                        if isinstance(delta, TextDelta):
                            text = seam.push(delta.text)
                            said += text
                            delta = TextDelta(text)
                        yield delta
                    if text := seam.finish():
                        yield TextDelta(text)
                    return
                except StageError as error:
                    if attempt.asked_for_tools:
                        return
                    route.go_on(error)
                    notify("llm", "left", str(error))
                finally:
                    attempt.end()
        finally:
            route.end()

    async def close(self) -> None:
        """Wait until the streams that were left are closed; the models are closed by whoever opened them."""
        await self._closing.close()


class _Route:
    """The links that one reply has asked and may still ask. It holds their slots."""

    __slots__ = ("_chain", "_held", "_refused", "_repeated", "_spare", "_tried", "link")

    def __init__(self, chain: Chain[Llm]) -> None:
        """Raises `LlmError` when no account has room."""
        link = chain.pick()
        if link is None:
            raise LlmError(
                f"Every model of this agent has as many requests as its account allows, {chain.first.name} among them: "
                "admit fewer calls, or raise the limits in resilience.slots."
            )
        self.link = link
        """Asked now."""
        self._chain = chain
        self._tried = [link]
        self._held = [link]
        self._refused: list[Link[Llm]] = []
        """Asked in vain, and it would be in vain again."""
        self._spare: Link[Llm] | None = None
        """Found while the one that is asked was waited for."""
        self._repeated = False

    def relieve(self, begun: bool) -> bool:
        """Find somebody to ask in place of a model that is slow; `begun`: in the middle of its text."""
        if self._spare is None:
            self._spare = self._for_a_pause() if begun else self._for_a_late_one()
            if self._spare is not None:
                self._held.append(self._spare)
        return self._spare is not None

    def go_on(self, error: StageError) -> None:
        """Leave the link that failed for the next. Raises `error` when there is none."""
        self._held.remove(self.link)
        if not error.retryable:
            self._refused.append(self.link)
        self._chain.slots.give(self.link.stage.name)
        link = self._spare
        if link is None:
            link = self._untried() or (self._again() if error.retryable else None)
            if link is None:
                raise error
            self._held.append(link)
        self._spare = None
        self._tried.append(link)
        self.link = link

    def end(self) -> None:
        """Give the slots back."""
        if self._spare is not None:
            self._spare.breaker.abandoned()
        for link in self._held:
            self._chain.slots.give(link.stage.name)
        self._held.clear()

    def _for_a_late_one(self) -> Link[Llm] | None:
        # To ask a slow model once more from the start would only make it later.
        others = len(self._chain.links) > 1
        return self._untried() or (self._again((self.link,)) if others else None)

    def _for_a_pause(self) -> Link[Llm] | None:
        left = not self._repeated or len(self._tried) < len(self._chain.links)
        return (self._untried() or self._again(paid=True)) if left and self._chain.budget.take() else None

    def _untried(self) -> Link[Llm] | None:
        return self._chain.pick(self._tried)

    def _again(self, besides: tuple[Link[Llm], ...] = (), *, paid: bool = False) -> Link[Llm] | None:
        if self._repeated or not (paid or self._chain.budget.take()):
            return None
        self._repeated = True
        return self._chain.pick((*besides, *self._refused))


class _Attempt:
    """One request to one link, which its breaker is told of."""

    __slots__ = ("_answered", "_began", "_closing", "_deltas", "_link", "_loop", "_over", "_patience", "_route",
                 "asked_for_tools")  # fmt: skip

    def __init__(self, route: _Route, request: LlmRequest, closing: Closing) -> None:
        self.asked_for_tools = False
        self._route = route
        self._link = route.link
        self._closing = closing
        self._deltas = self._link.stage.reply(request)
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        # Whether there is somebody else to ask is known only when it is time: until then nothing is cancelled.
        self._patience = Patience(FIRST_TOKEN_S, self._is_relieved)
        self._answered = False
        self._over = False

    async def next(self, gap_s: float) -> LlmDelta | None:
        """The next delta, None at the end. `gap_s` is what a model that has begun has for it, if there is another.

        Raises the link's error, and `LlmError` for a link that is too slow while there is another."""
        try:
            delta = await self._within(gap_s)
        except StageError as error:
            self._over = True
            self._link.breaker.failed(error)
            raise
        if delta is None:
            self._over = True
            if not self._answered:
                self._link.breaker.abandoned()
        elif not self._answered and usable(delta):
            self._answered = True
            self._link.breaker.succeeded(self._elapsed_ms())
        self.asked_for_tools |= isinstance(delta, ToolCall)
        return delta

    def end(self) -> None:
        """Close what is still open; not waited for."""
        self._patience.close()
        if self._over:
            return
        self._over = True
        if not self._answered:
            self._link.breaker.waited(self._elapsed_ms())
        self._closing.later(self._deltas)

    async def _within(self, gap_s: float) -> LlmDelta | None:
        patience_s = FIRST_TOKEN_S if not self._answered else TOOL_GAP_S if self.asked_for_tools else gap_s
        try:
            with self._patience:
                self._patience.until((self._loop.time() if self._answered else self._began) + patience_s)
                return await anext(self._deltas, None)
        except TimeoutError:
            raise LlmError(f"{self._link.stage.name} sent nothing for {patience_s:g} s.") from None

    def _is_relieved(self) -> bool:
        # After a tool call nobody else is needed: the tool can be run.
        return self.asked_for_tools or self._route.relieve(self._answered)

    def _elapsed_ms(self) -> float:
        return (self._loop.time() - self._began) * 1000


def _gap_s(request: LlmRequest, said: str) -> float:
    return TOOL_GAP_S if request.tools and said.rstrip().endswith(_SENTENCE_ENDS) else GAP_S
