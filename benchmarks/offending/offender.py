"""One offender, in a process of its own: `python -m benchmarks.offending.offender NAME`, its target on standard input.

Prints how its connections ended, as JSON.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from benchmarks.offending import sockets, web
from benchmarks.offending.wire import ENDS, Target


async def nobody(target: Target) -> None:
    """Nobody: what the machine does by itself."""
    await asyncio.sleep(target.seconds)


OFFENDERS: Final[dict[str, Callable[[Target], Coroutine[Any, Any, None]]]] = {
    "nobody": nobody,
    "wrong rate": sockets.wrong_rate,
    "wrong frame size": sockets.wrong_frames,
    "silence": sockets.silent,
    "100x frame rate": sockets.hundredfold,
    "JSON bombs": sockets.bombs,
    "unknown messages": sockets.unknown,
    "reads nothing": sockets.never_reads,
    "pings unread": sockets.pings,
    "pings before hello": sockets.strangers_pings,
    "endless parts": sockets.parts,
    "forged tickets": sockets.forged,
    "guessed resumes": sockets.resumes,
    "wrong origin media": sockets.wrong_origin,
    "no carrier": sockets.carriers,
    "slowloris media": sockets.media_slowloris,
    "huge headers media": sockets.media_headers,
    "TLS noise media": sockets.media_tls,
    "ticket flood": web.ticket_flood,
    "forged forwarding": web.forwarded,
    "JSON bombs front": web.bodies,
    "SDP garbage": web.offers,
    "wrong origin front": web.wrong_page,
    "slowloris front": web.web_slowloris,
    "huge headers front": web.web_headers,
    "TLS noise front": web.web_tls,
    "STUN DTLS RTP": web.strangers_packets,
}
"""What each does is said at its function."""


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print("ready", flush=True)
    target = msgspec.json.decode(sys.stdin.buffer.read(), type=Target)
    asyncio.run(OFFENDERS[sys.argv[1]](target))
    print(msgspec.json.encode(dict(ENDS.most_common())).decode())


if __name__ == "__main__":
    main()
