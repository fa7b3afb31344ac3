"""The talk page and its modules over HTTP, with headers that let it load nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import web

FOLDER: Final = Path(__file__).parent

TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")


class _File(NamedTuple):
    body: bytes
    content_type: str
    etag: str


def add_page(app: web.Application, *, connect: Sequence[str] = ()) -> None:
    """Serve the talk page at `/`, and beside it `hocket.js` and what that imports.

    `connect` are the sources, such as `wss://voice.example.com`, that a call may connect to besides any port of the
    host the page was asked for. The files are read once.
    """
    files = {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}

    async def serve(request: web.Request) -> web.Response:
        file = files[request.path.removeprefix("/") or "index.html"]
        headers = _headers(request.host, connect)
        # Each visit asks whether there is a new version, so that no page runs on modules of two versions.
        if file.content_type == "text/javascript":
            headers["Access-Control-Allow-Origin"] = "*"  # a page of another origin may import hocket.js
        headers |= {"Cache-Control": "no-cache", "ETag": f'"{file.etag}"'}
        if any(tag.value == file.etag for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=file.body, content_type=file.content_type, charset="utf-8", headers=headers)

    app.router.add_get("/", serve)
    for name in files:
        app.router.add_get(f"/{name}", serve)


def _read(path: Path) -> _File:
    body = path.read_bytes()
    return _File(body, TYPES[path.suffix], sha256(body).hexdigest()[:32])


def _headers(host: str, connect: Sequence[str]) -> dict[str, str]:
    sources = ["'self'", *connect]
    name = re.sub(r":\d+$", "", host)
    if _HOST.fullmatch(name):  # the host is the client's word: what is no host adds nothing
        sources += [f"{scheme}://{name}:*" for scheme in ("ws", "wss", "http", "https")]
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "worker-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "media-src": "'self' blob: mediastream:",
        "connect-src": " ".join(sources),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in policy.items()),
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
