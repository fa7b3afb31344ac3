"""What both voices of the cloud are tested for. `TestVoice` of each says which server and which adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, ClassVar, Protocol

import numpy as np
import pytest

from hocket.errors import TtsError
from hocket.providers import cloud_socket, feeding
from hocket.resilience import pool
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.server import WireServer
from hocket.sim.wire.tone import CHARACTER_MS
from hocket.stages.tts import Tts
from tests.providers.cold_start import Proxy, check_cold_start, heard
from tests.providers.on_the_wire import against, maker, said, text_of, words
from tests.sim.wire.waiting import until
from tests.stages.contract import check_tts
from tests.stages.leftovers import cancelled_anywhere, leaves_nothing

TEXT = "We are open from nine to five, and on Saturdays until noon."


class CloudVoice(Tts, Protocol):
    async def warm(self, rate: int) -> None: ...

    async def close(self) -> None: ...


class VoiceTests:
    variable: ClassVar[str]
    """Of the environment, for the key."""
    waiting: ClassVar[int]
    """Connections that are kept."""

    def server(self) -> WireServer:
        raise NotImplementedError

    def voice(self, base_url: str, key: str | None = "secret") -> CloudVoice:
        raise NotImplementedError

    def waits(self, voice: Any, rate: int = 16_000) -> int:
        """How many connections are ready."""
        raise NotImplementedError

    def test_it_keeps_the_contract(self) -> None:
        def broken() -> WireServer:
            made = self.server()
            made.faults.standing = Fault("reset", after_messages=2)
            return made

        chunks = check_tts(maker(self.server, self.voice), asyncio.run, maker(broken, self.voice))
        assert [chunk.text for chunk in chunks if chunk.text][:3] == ["We ", "are ", "open "]

    def test_words_begin_where_the_alignment_says(self) -> None:
        async def scenario() -> None:
            async with against(self.server(), self.voice) as (_, tts):
                for rate in (8000, 16_000, 11_025, 48_000):
                    at, begins = 0, {}
                    for chunk in await said(tts, TEXT, rate):
                        if chunk.text:
                            begins[chunk.text.strip()] = at * 1000 / rate
                        at += len(chunk.samples)
                    expected = {word: TEXT.index(word) * CHARACTER_MS for word in TEXT.split()}
                    assert begins == pytest.approx(expected, abs=20)

        asyncio.run(scenario())

    def test_without_a_key_it_says_where_to_put_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(self.variable, raising=False)

        async def scenario() -> None:
            with pytest.raises(TtsError, match=self.variable) as caught:
                await said(self.voice("http://127.0.0.1:1", key=None), TEXT)
            assert not caught.value.retryable

        asyncio.run(scenario())

    @pytest.mark.parametrize(
        ("status", "expected", "retryable"),
        [
            (401, "refused the key .HTTP 401.: check {variable}", False),
            (403, "refused the key", False),
            (429, "limit of simultaneous streams", True),
            (500, "failed .HTTP 500.", True),
        ],
    )
    def test_a_refused_handshake_is_one_sentence(self, status: int, expected: str, retryable: bool) -> None:
        async def scenario() -> None:
            async with against(self.server(), self.voice) as (wire, tts):
                wire.faults.plan(Fault("status", status=status))
                with pytest.raises(TtsError, match=expected.format(variable=self.variable)) as caught:
                    await said(tts, TEXT)
                assert caught.value.retryable is retryable
                assert "secret" not in str(caught.value)
                assert TEXT not in str(caught.value)
                assert text_of(await said(tts, TEXT)) == TEXT

        asyncio.run(scenario())

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [("reset", "broke off"), ("close", "closed the connection .code 1011"), ("garbage", "cannot be read")],
    )
    @pytest.mark.parametrize("after", [0, 1, 20])
    def test_a_lost_connection_is_raised_and_the_next_reply_is_whole(
        self, kind: str, expected: str, after: int
    ) -> None:
        async def scenario() -> None:
            async with against(self.server(), self.voice) as (wire, tts):
                wire.faults.plan(Fault(kind, after_messages=after))  # type: ignore[arg-type]
                with pytest.raises(TtsError, match=expected) as caught:
                    await said(tts, TEXT)
                assert caught.value.retryable
                assert text_of(await said(tts, TEXT)) == TEXT

        asyncio.run(scenario())

    def test_a_voice_that_stalls_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(feeding, "SILENT_S", 0.1)

        async def scenario() -> None:
            async with against(self.server(), self.voice) as (wire, tts):
                wire.faults.plan(Fault("stall", after_messages=3, seconds=60))
                with pytest.raises(TtsError, match="no sound"):
                    await said(tts, TEXT)

                async def slow() -> AsyncGenerator[str, None]:
                    yield "We are open "
                    await asyncio.sleep(0.3)
                    yield "from nine."

                async with aclosing(tts.speak(slow(), 16_000)) as chunks:
                    assert text_of([chunk async for chunk in chunks]) == "We are open from nine."

        asyncio.run(scenario())

    def test_text_without_a_word_is_given_back_in_silence(self) -> None:
        async def scenario() -> None:
            async with against(self.server(), self.voice) as (_, tts):
                chunks = await said(tts, " … ")
                assert text_of(chunks) == " … "
                assert all(np.abs(chunk.samples).max() == 0 for chunk in chunks)

        asyncio.run(scenario())

    def test_the_first_reply_over_a_warm_connection_is_as_quick_as_later_ones(self) -> None:
        async def use(tts: CloudVoice) -> None:
            stream = tts.speak(words(["Yes."]), 16_000)
            await anext(stream)
            await stream.aclose()

        check_cold_start(self.server, self.voice, use)

    def test_a_warm_connection_that_is_lost_or_half_open_is_replaced_before_the_next_reply(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cloud_socket, "HEARTBEAT_S", 0.2)
        monkeypatch.setattr(pool, "CHECK_S", 0.02)
        monkeypatch.setattr(pool, "FIRST_WAIT_S", 0.02)

        async def scenario() -> None:
            proxy = Proxy()
            async with proxy.before(self.server()):
                tts = self.voice(proxy.url)
                await tts.warm(16_000)
                await until(lambda: self.waits(tts) == self.waiting)
                steps = heard(tts)
                proxy.swallow()
                await until(lambda: self.waits(tts) == 0, 0.45)
                await until(lambda: self.waits(tts) == self.waiting, 1)
                assert text_of(await said(tts, TEXT)) == TEXT
                assert steps == []
                await tts.close()

        asyncio.run(scenario())

    def test_warming_can_be_cancelled_and_closing_leaves_nothing(self) -> None:
        async def scenario() -> None:
            async with self.server() as server:

                async def use() -> None:
                    tts = self.voice(server.url)
                    try:
                        await tts.warm(16_000)
                    finally:
                        await tts.close()
                        await tts.close()
                    assert not [task for task in asyncio.all_tasks() if task.get_name().endswith("pool")]

                await leaves_nothing(use, "warm connections")
                await cancelled_anywhere(use, "warming")

        asyncio.run(scenario())
