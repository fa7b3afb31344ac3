"""A call as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from hocket.errors import AudioError, InputError, MissingError, TraceError
from hocket.observe import report_html
from hocket.observe.colours import COLOURS
from hocket.observe.envelope import Envelope, envelope
from hocket.trace.barge_ins import BargeIn, barge_ins
from hocket.trace.latency import TurnTrace, turns
from hocket.trace.percentiles import summary
from hocket.trace.records import Entry, Opened
from hocket.trace.spans import ROWS
from hocket.turn.events import SpeechStarted, SpeechStopped

_SECOND = 1e9
_MS = 1e6


def write_report(entries: Sequence[Entry], path: Path, recording: Path | None = None, note: str = "") -> None:
    """Write the page to `path`: percentiles, every turn on one time axis with both waveforms, what was heard.

    `recording` is stereo, caller left and agent right, its first sample at the trace's media epoch; the page says so if
    it cannot be used. `note` is shown at the top. Raises `MissingError` without plotly, `TraceError` if the trace has
    no head, `InputError` if the page cannot be written.
    """
    page = _page(entries, recording, note)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"The report cannot be written to {path} ({error.strerror}); give another place.") from None


def _page(entries: Sequence[Entry], recording: Path | None, note: str) -> str:
    head = next((entry.record for entry in entries if isinstance(entry.record, Opened)), None)
    if head is None:
        raise TraceError("The trace has no first line that says which call it is; it cannot be reported on.")
    measured = turns(entries)
    found = barge_ins(entries)
    notes = [note] if note else []
    wave = _wave(recording, notes)
    data = {
        "colours": COLOURS,
        "rows": ["speech", *ROWS, "barge-in"],
        "turns": [_turn(turn, head.media_epoch) for turn in measured],
        "speech": _speech(entries, head.media_epoch),
        "bargeIns": [_barge_in(barge_in, head.media_epoch) for barge_in in found],
        "wave": wave,
        "percentiles": {name: _ms(getattr(summary(measured).response_latency, name)) for name in ("p50", "p95")},
    }
    values = {
        "title": escape(f"{head.agent}, call {head.call}"),
        "style": _asset("report.css"),
        "header": report_html.header(head, notes),
        "tiles": report_html.tiles(measured),
        "transcript": report_html.transcript(entries, head.media_epoch),
        "turn_table": report_html.turn_table(measured),
        "barge_ins": report_html.barge_in_table(found, head.media_epoch),
        "speculation": report_html.speculation(measured),
        "providers": report_html.providers(measured),
        "foot": report_html.foot(entries),
        "data": _json(data),
        "plotly": _plotly(),
        "script": _asset("report.js"),
    }
    # In one pass, so that words of a caller cannot name a place.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: values[place[1]], _asset("report.html"))


def _asset(name: str) -> str:
    return resources.files("hocket.observe").joinpath("page", name).read_text(encoding="utf-8")


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise MissingError("The report page needs plotly: install hocket[report].") from None
    script: str = get_plotlyjs()
    return script


def _json(data: object) -> str:
    # Words of a caller must not be able to end the script element.
    return msgspec.json.encode(data).decode().replace("<", "\\u003c")


def _ms(duration: float | None) -> float | None:
    return None if duration is None else round(duration / _MS, 3)


def _turn(turn: TurnTrace, epoch: int) -> dict[str, Any]:
    def seconds(now: int | None) -> float | None:
        return None if now is None else round((now - epoch) / _SECOND, 6)

    return {
        "turn": turn.turn,
        "text": turn.text,
        "latency": _ms(turn.response_latency),
        "unmeasured": turn.unmeasured,
        "lastSpeech": seconds(turn.times.last_speech),
        "commit": seconds(turn.times.commit),
        "audible": seconds(turn.times.first_audible),
        "parts": [[part.name, _ms(part.duration)] for part in turn.parts],
        "spans": [
            [span.row, seconds(span.start), seconds(span.first), seconds(span.end), span.how, span.detail]
            for span in turn.spans
        ],
    }


def _barge_in(barge_in: BargeIn, epoch: int) -> list[Any]:
    end = barge_in.silent if barge_in.silent is not None else barge_in.detected
    return [(barge_in.onset - epoch) / _SECOND, (end - epoch) / _SECOND, barge_in.outcome]


def _speech(entries: Sequence[Entry], epoch: int) -> list[list[float]]:
    """From onset to last speech sample, for every stretch that voice activity saw."""
    found: list[list[float]] = []
    onset: int | None = None
    for entry in entries:
        match entry.record:
            case SpeechStarted(onset=at):
                onset = at
            case SpeechStopped(last_speech=last) if onset is not None:
                found.append([(onset - epoch) / _SECOND, (last - epoch) / _SECOND])
                onset = None
            case _:
                pass
    return found


def _wave(recording: Path | None, notes: list[str]) -> dict[str, Any] | None:
    if recording is None:
        notes.append("There is no recording beside this trace, so no waveforms are shown.")
        return None
    try:
        outline: Envelope = envelope(recording)
    except AudioError as error:
        notes.append(f"No waveforms are shown: {error}")
        return None
    caller, agent = (base64.b64encode(side.tobytes()).decode() for side in (outline.caller, outline.agent))
    return {"bucket": outline.bucket_s, "caller": caller, "agent": agent}
