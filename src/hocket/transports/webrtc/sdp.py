"""What a caller's WebRTC offers, and what it is answered (RFC 8866, RFC 8829): one Opus stream each way, telephone
keys, and a data channel, all over one transport.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, NoReturn, TypeAlias

import msgspec

from hocket.errors import InputError, MissingError

try:
    from aiortc.sdp import MediaDescription, SessionDescription
except ImportError:
    raise MissingError("Calls by WebRTC need aiortc, which is not installed: pip install hocket[webrtc]") from None

MAX_OFFER_BYTES: Final = 64 * 1024
MAX_MEDIA: Final = 8
MAX_LINES: Final = 2_000
MAX_READ_LINES: Final = 400
"""Of those that are read: a browser's offer of audio, video and data has some 150."""

MAX_LINE: Final = 1_000
"""Characters of a line that is read."""

Role: TypeAlias = Literal["client", "server"]
"""Of DTLS: who begins."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,32}")
_ICE: Final = re.compile(r"[A-Za-z0-9+/=_-]{4,256}")
_FINGERPRINT: Final = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31,63}")
_HASHES: Final = ("sha-256", "sha-384", "sha-512")
_READ: Final = re.compile(
    r"[vm]=|a=(?:fingerprint|group|ice-pwd|ice-ufrag|inactive|max-message-size|mid|recvonly|rtcp-mux|rtpmap|sctp-port"
    r"|sendonly|sendrecv|setup)(?::|\s*$)"
)
"""The lines of an offer that an answer depends on."""

_REVERSED: Final = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class Section(msgspec.Struct, frozen=True):
    """One m= line of an offer."""

    kind: str
    protocol: str
    format: str
    """The first one, which a refusal repeats."""
    mid: str
    taken: Literal["audio", "data", ""] = ""
    """What it is taken for; empty: refused."""


class Offer(msgspec.Struct, frozen=True):
    """What can be used of an offer."""

    sections: tuple[Section, ...]
    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    """Hash, value."""
    role: Role
    """Ours."""
    direction: str
    """Ours: sendrecv, sendonly, recvonly, inactive."""
    opus: int
    """Payload type."""
    keys: int | None
    """Payload type of telephone keys."""
    sctp_port: int | None
    """The caller's, if there is to be a data channel."""
    max_message: int
    """Bytes the caller takes over it at a time."""


class Local(msgspec.Struct, frozen=True):
    """Our side of a call."""

    ufrag: str
    password: str
    fingerprint: str
    """sha-256."""
    candidates: Sequence[str]
    source: int
    """SSRC of our stream."""
    name: str
    """CNAME of our stream."""
    sctp_port: int


def read_offer(text: str) -> Offer:
    """Raises `InputError` with what is wrong with it."""
    lines = text[: MAX_OFFER_BYTES + 1].splitlines()
    media = sum(line.startswith("m=") for line in lines)
    if len(text) > MAX_OFFER_BYTES or len(lines) > MAX_LINES or media > MAX_MEDIA:
        _refuse(f"is too long: {MAX_OFFER_BYTES} bytes, {MAX_LINES} lines and {MAX_MEDIA} media are the most")
    # The parser's time grows with the square of lines that nobody here reads, such as feedback for each codec.
    lines = [line for line in lines if _READ.match(line)]
    if len(lines) > MAX_READ_LINES or any(len(line) > MAX_LINE for line in lines):
        _refuse(f"is too long: {MAX_READ_LINES} lines that matter, of {MAX_LINE} characters, are the most")
    try:
        description = SessionDescription.parse("\n".join(lines))
    except (ValueError, AssertionError, LookupError, TypeError, AttributeError, StopIteration, RuntimeError):
        _refuse("cannot be read")
    return _offer(description)


def _offer(description: SessionDescription) -> Offer:
    audio = next((media for media in description.media if _opus(media) is not None and media.port), None)
    if audio is None:
        _refuse("has no audio in Opus")
    if not audio.rtcp_mux:
        _refuse("has no rtcp-mux")
    if audio.ice is None or not _fits(_ICE, audio.ice.usernameFragment) or not _fits(_ICE, audio.ice.password):
        _refuse("has no ice-ufrag and ice-pwd that could be used")
    fingerprints = tuple(
        (print_.algorithm.lower(), print_.value)
        for print_ in (audio.dtls.fingerprints if audio.dtls else ())
        if print_.algorithm.lower() in _HASHES and _fits(_FINGERPRINT, print_.value)
    )
    if not fingerprints or audio.dtls is None:
        _refuse("has no fingerprint and setup for DTLS that could be used")
    bundled = _bundled(description, audio)
    data = next(
        (
            media
            for media in bundled
            if media.kind == "application" and "webrtc-datachannel" in media.fmt and media.port
        ),
        None,
    )
    opus = _opus(audio)
    assert opus is not None
    return Offer(
        sections=tuple(_section(media, audio, data) for media in description.media),
        ufrag=str(audio.ice.usernameFragment),
        password=str(audio.ice.password),
        fingerprints=fingerprints,
        role="server" if audio.dtls.role == "client" else "client",
        direction=_REVERSED[audio.direction or "sendrecv"],
        opus=opus,
        keys=_keys(audio),
        sctp_port=(data.sctp_port or 5_000) if data else None,
        max_message=data.sctpCapabilities.maxMessageSize if data and data.sctpCapabilities else 65_536,
    )


def _bundled(description: SessionDescription, audio: MediaDescription) -> list[MediaDescription]:
    for group in description.group:
        if group.semantic == "BUNDLE" and audio.rtp.muxId in group.items:
            return [media for media in description.media if media.rtp.muxId in group.items]
    return [audio]


def _section(media: MediaDescription, audio: MediaDescription, data: MediaDescription | None) -> Section:
    mid = str(media.rtp.muxId or "")
    kind, protocol, format_ = str(media.kind), str(media.profile), str(media.fmt[0] if media.fmt else "0")
    if (mid and not _fits(_TOKEN, mid)) or not _fits(_TOKEN, kind) or not _fits(_TOKEN, format_):
        _refuse("cannot be read")
    return Section(kind, protocol, format_, mid, "audio" if media is audio else "data" if media is data else "")


def _opus(media: MediaDescription) -> int | None:
    if media.kind != "audio":
        return None
    for codec in media.rtp.codecs:
        if codec.mimeType.lower() == "audio/opus" and codec.clockRate == 48_000 and codec.payloadType in media.fmt:
            return codec.payloadType
    return None


def _keys(media: MediaDescription) -> int | None:
    for codec in media.rtp.codecs:
        if codec.mimeType.lower() == "audio/telephone-event" and codec.clockRate == 48_000:
            return codec.payloadType
    return None


def write_answer(offer: Offer, local: Local) -> str:
    """Every section in its order; only what is taken gets a port."""
    mids = " ".join(section.mid for section in offer.sections if section.taken and section.mid)
    lines = ["v=0", f"o=- {local.source} 2 IN IP4 0.0.0.0", "s=-", "t=0 0"]
    if mids:
        lines.append(f"a=group:BUNDLE {mids}")
    lines.append("a=msid-semantic: WMS *")
    for section in offer.sections:
        lines += _answered(section, offer, local)
    return "\r\n".join([*lines, ""])


def _answered(section: Section, offer: Offer, local: Local) -> list[str]:
    mid = [f"a=mid:{section.mid}"] if section.mid else []
    if not section.taken:
        return [f"m={section.kind} 0 {section.protocol} {section.format}", "c=IN IP4 0.0.0.0", "a=inactive", *mid]
    if section.taken == "data":
        return [
            f"m=application 9 {section.protocol} webrtc-datachannel",
            "c=IN IP4 0.0.0.0",
            *mid,
            *_transport(offer, local),
            f"a=sctp-port:{local.sctp_port}",
            f"a=max-message-size:{65_536}",
        ]
    formats = [str(offer.opus)] if offer.keys is None else [str(offer.opus), str(offer.keys)]
    keys = [] if offer.keys is None else [f"a=rtpmap:{offer.keys} telephone-event/48000", f"a=fmtp:{offer.keys} 0-15"]
    return [
        f"m=audio 9 {section.protocol} {' '.join(formats)}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        *mid,
        f"a={offer.direction}",
        "a=msid:hocket agent",
        "a=rtcp-mux",
        # The copy of the frame before in every packet is what a lost one is rebuilt from.
        f"a=rtpmap:{offer.opus} opus/48000/2",
        f"a=fmtp:{offer.opus} minptime=10;useinbandfec=1",
        *keys,
        "a=ptime:20",
        f"a=ssrc:{local.source} cname:{local.name}",
        *_transport(offer, local),
    ]


def _transport(offer: Offer, local: Local) -> list[str]:
    return [
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        f"a=setup:{'active' if offer.role == 'client' else 'passive'}",
        # In each section, because some clients look into the last one.
        *(f"a=candidate:{candidate}" for candidate in local.candidates),
        "a=end-of-candidates",
    ]


def _fits(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _refuse(why: str) -> NoReturn:
    raise InputError(f"The WebRTC offer {why}.")
