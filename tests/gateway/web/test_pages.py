"""How the talk page is served, and what it has in common with hocket's reports."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from hocket.gateway.web.pages import FOLDER, TYPES, add_page
from hocket.observe.colours import COLOURS
from hocket.trace.spans import ROWS

T = TypeVar("T")


def asked(act: Callable[[ClientSession, str], Awaitable[T]], **options: Any) -> T:
    """What `act` finds, given a client and the page's address."""

    async def scenario() -> T:
        app = web.Application()
        add_page(app, **options)
        async with TestServer(app) as server, ClientSession() as client:
            return await act(client, str(server.make_url("/")))

    return asyncio.run(scenario())


def policy(response: Any) -> dict[str, str]:
    return dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))


def test_every_file_is_there_with_its_type() -> None:
    async def act(client: ClientSession, url: str) -> None:
        for path in FOLDER.iterdir():
            if path.suffix in TYPES:
                async with client.get(url + path.name) as response:
                    assert response.status == 200, path.name
                    assert response.content_type == TYPES[path.suffix]
                    assert await response.read() == path.read_bytes()
        async with client.get(url) as response:
            assert await response.read() == (FOLDER / "index.html").read_bytes()
        for missing in ("pages.py", "../pages.py", "nothing.js"):
            async with client.get(url + missing) as response:
                assert response.status == 404, missing

    asked(act)


def test_the_page_may_load_nothing_from_elsewhere() -> None:
    async def act(client: ClientSession, url: str) -> None:
        async with client.get(url) as response:
            found = policy(response)
        assert found["default-src"] == "'none'"
        assert found["script-src"] == found["style-src"] == "'self'"
        assert "wss://voice.example" in found["connect-src"].split()
        assert "ws://127.0.0.1:*" in found["connect-src"].split()
        assert response.headers["X-Content-Type-Options"] == "nosniff"

    asked(act, connect=["wss://voice.example"])


@pytest.mark.parametrize("host", ["evil.example; script-src *", "a b", "x' 'unsafe-inline", "é"])
def test_a_host_that_is_none_adds_nothing_to_the_policy(host: str) -> None:
    async def act(client: ClientSession, url: str) -> None:
        async with client.get(url, headers={"Host": host}) as response:
            if response.status == 200:
                assert policy(response)["connect-src"] == "'self'"

    asked(act)


def test_what_has_not_changed_is_not_sent_again() -> None:
    async def act(client: ClientSession, url: str) -> None:
        async with client.get(url + "hocket.js") as response:
            tag = response.headers["ETag"]
            assert response.headers["Access-Control-Allow-Origin"] == "*"  # pages of other origins import it
        async with client.get(url + "hocket.js", headers={"If-None-Match": tag}) as response:
            assert response.status == 304
            assert await response.read() == b""

    asked(act)


def test_rows_and_colours_are_those_of_the_reports() -> None:
    style = (FOLDER / "style.css").read_text()
    for name, colour in COLOURS.items():
        assert re.search(rf"--{name}: {colour};", style), name
        assert f".bar.{name} {{ background: var(--{name}); }}" in style or name == "unexplained", name
    listed = re.search(r"ROWS = \[(.*?)\]", (FOLDER / "rows.js").read_text(), re.DOTALL)
    assert listed is not None
    assert tuple(re.findall(r'"([a-z]+)"', listed[1])) == ROWS


def test_no_file_names_another_address_or_has_code_in_its_markup() -> None:
    for path in FOLDER.iterdir():
        if path.suffix not in TYPES:
            continue
        text = path.read_text()
        found = set(re.findall(r"https?://[\w.-]+", text))
        assert found <= {"https://voice.example.com", "http://www.w3.org"}, path.name
        assert not re.search(r"\son\w+=|\sstyle=|javascript:", text) or path.suffix != ".html", path.name
        assert "eval(" not in text
        assert "innerHTML" not in text
        assert text.count("\n") < 400
