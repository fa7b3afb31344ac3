"""What no vendor's wire server does: answers that are no streams at all, and connections that stay open too long."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from hocket.errors import LlmError, MissingError
from hocket.providers.openai_chat import OpenAiChat
from hocket.providers.server_events import EVENT_BYTES
from tests.providers.llm_wire import Closing, ask, closing, text_of

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
HELLO = b'data: {"choices": [{"delta": {"content": "Hello."}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


def chunk(body: bytes) -> bytes:
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[tuple[Closing, list[int]]]:
    """An adapter and the connections its server was asked over."""
    connections: list[int] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(len(connections))
        writers.append(writer)
        try:
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with closing(OpenAiChat("m", key="k", base_url=f"http://127.0.0.1:{port}", silence_s=1)) as llm:
            yield llm, connections
        for writer in writers:
            with suppress(ConnectionError):
                await writer.wait_closed()


def asking(answer: Answer, requests: int = 1) -> tuple[list[str], int, float]:
    """The replies to some requests, how many connections they took, and how long, in seconds."""

    async def scenario() -> tuple[list[str], int, float]:
        loop = asyncio.get_running_loop()
        async with serving(answer) as (llm, connections):
            began = loop.time()
            replies = [text_of(await ask(llm)) for _ in range(requests)]
            return replies, len(connections), loop.time() - began

    return asyncio.run(scenario())


async def request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(length)


def whole(status: str, content_type: str, body: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return answer


def test_a_connection_is_used_again_when_the_end_comes_a_little_after_the_last_event() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request(reader)
            writer.write(HEAD + chunk(HELLO))
            await asyncio.sleep(0.01)
            writer.write(b"0\r\n\r\n")

    replies, connections, _ = asking(answer, 3)
    assert (replies, connections) == (["Hello."] * 3, 1)


def test_a_server_that_never_ends_its_response_holds_nobody_up() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(HEAD + chunk(HELLO))
        await reader.read()

    replies, connections, took = asking(answer, 2)
    assert (replies, connections) == (["Hello."] * 2, 2)
    assert took < 0.9, "the silence of the end is not waited for"


def test_a_page_instead_of_an_answer() -> None:
    with pytest.raises(LlmError, match="broke off in the middle"):
        asking(whole("200 OK", "text/html", b"<html>Sign in</html>"))
    with pytest.raises(LlmError, match="HTTP 302"):
        asking(whole("302 Found", "text/html", b"<html>Sign in</html>"))


def test_a_flood_is_refused() -> None:
    with pytest.raises(LlmError, match="no answer of this API"):
        asking(whole("200 OK", "text/event-stream", b"x" * (EVENT_BYTES + 65536)))


def test_a_list_of_models_that_is_none() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
        await writer.drain()

    async def scenario() -> None:
        async with serving(answer) as (llm, _):
            with pytest.raises(LlmError, match="no answer of this API"):
                await llm.models()

    asyncio.run(scenario())


def test_without_aiohttp_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(MissingError, match=r"pip install hocket\[cloud\]"):
        OpenAiChat("m", key="k")


def test_the_adapters_are_imported_without_aiohttp() -> None:
    code = "import sys, hocket.providers.openai_presets, hocket.providers.anthropic; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
