"""One UDP port for all calls of a process, and who may speak through it.

Nobody is listened to who has not been asked: an address may speak DTLS or RTP only after it has answered a connectivity
check that is signed with both sides' secrets (RFC 8445), and then only to the call it belongs to. Whatever else a
stranger sends is dropped unanswered, before it costs more than a look into a table.

The server's candidates are all there is: those of an offer are ignored, because whoever makes it could have checks
sent to addresses of others. The caller checks ours, and is answered where they come from.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
import string
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias, cast

from hocket.errors import MissingError

try:
    from aioice import Candidate
    from aioice.candidate import candidate_foundation, candidate_priority
    from aioice.ice import CandidatePair, Connection, StunProtocol, get_host_addresses
    from aioice.stun import Class, Message, Transaction, parse_message
except ImportError:
    raise MissingError("Calls by WebRTC need aiortc, which is not installed: pip install hocket[webrtc]") from None

Address: TypeAlias = tuple[str, int]

MAX_PAIRS: Final = 24
"""Addresses that one call is checked from: each of a machine's networks, a few changes of them."""

MAX_WAITING: Final = 64
"""Datagrams of DTLS that wait to be read; the rest is sent again by the far end."""

MAX_STUN_BYTES: Final = 1_280
RECEIVE_BUFFER: Final = 1 << 21
"""Of the socket: what arrives while the loop is busy."""

UNSENT_BYTES: Final = 64 * 1024
"""A socket that takes no more loses frames instead of keeping them."""

MAX_ATTRIBUTES: Final = 12
"""Of a check; browsers' have some eight."""

_USERNAME: Final = 0x0006
_NAME_LENGTH: Final = 12
_ALPHABET: Final = string.ascii_letters + string.digits


class Sockets:
    """A process's UDP port, on each of its addresses."""

    def __init__(self) -> None:
        self._sockets: list[_Socket] = []
        self._calls: dict[str, IceConnection] = {}

    @property
    def port(self) -> int:
        """Where the first listens."""
        return self._sockets[0].port

    async def open(self, addresses: Sequence[str] = (), port: int = 0, advertised: Sequence[str] = ()) -> None:
        """Listen on these addresses, all of this machine if there are none, at `port` (0: any).

        `advertised`: what callers are told instead, in the same order, where a router translates addresses. Raises
        `MissingError` when a port cannot be used.
        """
        loop = asyncio.get_running_loop()
        local = tuple(addresses) or tuple(_host_addresses())
        for index, address in enumerate(local):
            told = advertised[index] if index < len(advertised) else address
            try:
                _, made = await loop.create_datagram_endpoint(
                    partial(_Socket, self._calls, told), local_addr=(address, port)
                )
            except OSError as error:
                if not addresses and self._sockets:
                    continue  # one of many that were found, and not one that was asked for
                self.close()
                raise MissingError(
                    f"UDP port {port} of {address} cannot be used ({error.strerror}): stop what listens there, or give"
                    " another."
                ) from error
            self._sockets.append(made)
            port = made.port

    def close(self) -> None:
        """Listen no more. Legal twice."""
        for each in self._sockets:
            each.transport.close()
        self._sockets.clear()

    def connection(self, received: Callable[[bytes], None]) -> IceConnection:
        """What one call is reached by; `received` gets its RTP and RTCP, still encrypted."""
        name = "".join(secrets.choice(_ALPHABET) for _ in range(_NAME_LENGTH))
        made = self._calls[name] = IceConnection(name, self._sockets, received, self._calls)
        return made


class _Socket(asyncio.DatagramProtocol):
    """One address. Tells datagrams apart by their first byte (RFC 7983)."""

    def __init__(self, calls: dict[str, IceConnection], told: str) -> None:
        self.transport: asyncio.DatagramTransport
        self.told = told
        self.port = 0
        self.transactions: dict[bytes, Transaction] = {}
        """Checks that wait for their answer."""
        self.validated: dict[Address, IceConnection] = {}
        """Who may speak."""
        self._calls = calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.port = int(transport.get_extra_info("sockname")[1])
        if (own := transport.get_extra_info("socket")) is not None:
            with suppress(OSError):
                own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)

    def datagram_received(self, data: bytes, address: tuple[Any, ...]) -> None:
        first = data[0] if data else 255
        if first >= 20:
            call = self.validated.get(address[:2])
            if call is None:
                return
            if 128 <= first < 192:
                call.received(data)
            elif first < 64:
                call.data_received(data, 1)
        elif first < 4 and len(data) <= MAX_STUN_BYTES:
            self._check(data, (str(address[0]), int(address[1])))

    def error_received(self, _: Exception) -> None:
        """Somebody's port is closed; silence says that as well."""

    def _check(self, data: bytes, address: Address) -> None:
        call, transaction = self._calls.get(_called(data)), self.transactions.get(data[8:20])
        if call is None and transaction is None:
            return  # before it is parsed, which takes up to half a millisecond
        try:
            message = parse_message(data)
        except (ValueError, struct.error, IndexError):
            return
        if message.message_class == Class.REQUEST:
            if call is not None:
                call.checked(message, address, self)
        elif transaction is not None:
            transaction.response_received(message, address)


class IceConnection(Connection):
    """One call's way to its caller: answers checks, never begins them."""

    def __init__(
        self,
        name: str,
        sockets: Sequence[_Socket],
        received: Callable[[bytes], None],
        calls: dict[str, IceConnection],
    ) -> None:
        super().__init__(ice_controlling=False, local_username=name)
        self.received = received
        self.heard_at = asyncio.get_running_loop().time()
        """When the caller last gave a sign of life by a check."""
        self._calls = calls
        for index, each in enumerate(sockets):
            self._protocols.append(_Route(self, each, index))
        self._local_candidates = [route.local_candidate for route in self._protocols]
        self._local_candidates_start = self._local_candidates_end = True

    def checked(self, message: Message, address: Address, where: _Socket) -> None:
        """A check came; who cannot sign it gets no answer."""
        route = next(route for route in self._protocols if cast(_Route, route).socket is where)
        self.request_received(message, address, route)

    def check_incoming(self, message: Message, addr: Address, protocol: StunProtocol) -> None:
        """A check that is signed."""
        self.heard_at = asyncio.get_running_loop().time()
        if "PRIORITY" not in message.attributes:
            return
        if len(self._check_list) >= MAX_PAIRS and not any(pair.remote_addr == addr for pair in self._check_list):
            return
        super().check_incoming(message, addr, protocol)

    def check_state(self, pair: CandidatePair, state: CandidatePair.State) -> None:
        super().check_state(pair, state)
        if state is CandidatePair.State.SUCCEEDED:
            cast(_Route, pair.protocol).socket.validated[pair.remote_addr] = self

    def respond_error(
        self, request: Message, addr: Address, protocol: StunProtocol, error_code: tuple[int, str]
    ) -> None:
        """Strangers are not answered; roles are sorted out."""
        if error_code[0] == 487:
            super().respond_error(request, addr, protocol, error_code)

    def data_received(self, data: bytes, component: int) -> None:
        if self._queue.qsize() < MAX_WAITING:
            super().data_received(data, component)

    def send_now(self, data: bytes) -> None:
        """Send a datagram on the pair that was agreed on, if there is one."""
        pair = self._nominated.get(1)
        if pair is None:
            return
        # Of datagrams, too, transports have such a size, though their base class does not say so.
        transport: Any = pair.protocol.transport
        if transport.get_write_buffer_size() < UNSENT_BYTES:
            transport.sendto(data, pair.remote_addr)

    async def close(self) -> None:
        """Forget the call's addresses. Legal twice."""
        self._calls.pop(self.local_username, None)
        for route in self._protocols:
            validated = cast(_Route, route).socket.validated
            for address in [address for address, call in validated.items() if call is self]:
                del validated[address]
        await super().close()


class _Route(StunProtocol):
    """One of the shared sockets, as one call uses it."""

    def __init__(self, call: IceConnection, where: _Socket, index: int) -> None:
        super().__init__(call)
        self.socket = where
        self.transport = where.transport
        self.transactions = where.transactions
        self.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", where.told),
            component=1,
            transport="udp",
            priority=candidate_priority(1, "host", 65_535 - index),
            host=where.told,
            port=where.port,
            type="host",
        )

    async def close(self) -> None:
        """The socket is the other calls' too."""


def _called(data: bytes) -> str:
    """Our name in a check (RFC 8445, 7.1.1), which stands among the first attributes; empty if it does not."""
    at = 20
    for _ in range(MAX_ATTRIBUTES):
        kind, length = int.from_bytes(data[at : at + 2]), int.from_bytes(data[at + 2 : at + 4])
        if kind == _USERNAME:
            return data[at + 4 : at + 4 + length].partition(b":")[0].decode("latin-1")
        at += 4 + length + -length % 4
    return ""


def _host_addresses() -> list[str]:
    """All of this machine but link-local ones, loopback last: a browser on this machine may have no other."""
    found = [
        address
        for address in get_host_addresses(use_ipv4=True, use_ipv6=True)
        if not ipaddress.ip_address(address).is_link_local
    ]
    return [*found, "127.0.0.1"]
