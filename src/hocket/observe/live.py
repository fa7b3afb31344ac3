"""A call as it goes, for `rich.live`."""

from __future__ import annotations

from collections import deque
from typing import Literal, TypeAlias

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.panel import Panel
from rich.text import Text

from hocket.clock import MS, SECOND
from hocket.ids import NO_REPLY, ReplyId
from hocket.observe.bars import Axis, Stroke, bar, milliseconds, plain, scale
from hocket.observe.colours import COLOURS
from hocket.observe.timeline import path_bar, path_sum
from hocket.trace.latency import TurnTrace, turns
from hocket.trace.records import Entry, Mark, Opened, Record
from hocket.turn.commands import (
    CloseTurn,
    CommitTurn,
    Finalize,
    PausePlayout,
    PlayFiller,
    ResumePlayout,
    RunTool,
    ScoreTurn,
    StartReply,
    StartSay,
    StopPlayout,
)
from hocket.turn.events import (
    PlayoutFinished,
    PlayoutStarted,
    PlayoutStopped,
    SpeechStarted,
    SpeechStopped,
    ToolFinished,
    Transcribed,
)

_LABEL = 10
_WIDEST = 120
_CONVERSATION_LINES = 6
_AXIS_LEAST = 600 * MS
_RECENT = 4_000
_STREAMING = "dim"
"""The style of what comes after a first token or byte."""

_Bar: TypeAlias = Literal["endpoint", "stt", "llm", "tts", "tool"]
_BARS: tuple[_Bar, ...] = ("endpoint", "stt", "llm", "tts", "tool")

_AGENT = {
    "listening": ("○", "dim"),
    "thinking": ("◌", COLOURS["llm"]),
    "speaking": ("●", COLOURS["playout"]),
    "silenced": ("◍", COLOURS["filler"]),
}


class LiveView:
    """Who speaks, the words as they are recognised, the stages of this turn as bars, the latency of the last one.

    Fed with every record of the call. It is always equally high, so that `rich.live` redraws it without flicker, and
    drawing depends on nothing but the records and the time given to `advance`.
    """

    def __init__(self) -> None:
        self._floor = _Floor()
        self._bars = _TurnBars()
        self._last = _LastTurn()
        self._title = "call"
        self._began = 0
        self._now = 0

    def record(self, now: int, record: Record) -> None:
        """Take the next entry of the trace."""
        if isinstance(record, Opened):
            self._title, self._began = f"{plain(record.agent)} · {record.time} time", now
        self._now = max(now, self._now)
        self._floor.take(record)
        self._bars.take(now, record)
        finished = self._last.take(now, record)
        if finished is not None:
            self._floor.answered(finished)

    def advance(self, now: int) -> None:
        """Let bars that have not ended grow to `now`."""
        self._now = max(now, self._now)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, _WIDEST)
        inner = width - 4
        seconds = (self._now - self._began) // SECOND
        body = Group(
            *self._floor.lines(inner),
            Text(""),
            *self._bars.lines(inner, self._now),
            Text(""),
            *self._last.lines(inner),
        )
        title = f"{self._title} · {seconds // 60}:{seconds % 60:02d}"
        yield Panel(body, title=title, title_align="left", width=width, border_style="dim", padding=(0, 1))


class _Floor:
    """Who speaks, and what has been said."""

    def __init__(self) -> None:
        self._conversation: deque[tuple[str, str, str]] = deque(maxlen=_CONVERSATION_LINES)
        self._speaking = False
        self._words = ""
        self._agent = "listening"
        self._saying: tuple[ReplyId, str] = (NO_REPLY, "")
        """The newest reply and its words so far."""

    def take(self, record: Record) -> None:
        match record:
            case SpeechStarted() | SpeechStopped():
                self._speaking = isinstance(record, SpeechStarted)
            case Transcribed(text=text) if text:
                self._words = text
            case CommitTurn(text=text):
                self._conversation.append(("caller", text, ""))
                self._words, self._agent = "", "thinking"
            case StartSay(reply=reply, text=text):
                self._agent, self._saying = "thinking", (reply, text)
            case StartReply(reply=reply):
                self._saying = (reply, "")
            case PlayFiller(reply=reply, text=text):
                self._saying = (reply, text)
            case Mark(stage="tts", step="segment", reply=reply, detail=segment) if segment:
                self._segment(reply, segment)
            case PlayoutStarted() | ResumePlayout():
                self._agent = "speaking"
            case PausePlayout() | StopPlayout():
                self._agent = "silenced"
            case PlayoutFinished(heard=heard) | PlayoutStopped(heard=heard):
                if heard:
                    self._conversation.append(("agent", heard, "cut" if isinstance(record, PlayoutStopped) else ""))
                self._agent = "listening"
            case CloseTurn(outcome="withdrawn"):
                self._conversation.append(("", "(withdrawn: the caller went on)", ""))
                self._agent = "listening"
            case _:
                pass

    def _segment(self, reply: ReplyId, segment: str) -> None:
        saying, said = self._saying
        if reply == saying and said != segment:
            self._saying = (reply, said + segment)

    def answered(self, turn: TurnTrace) -> None:
        """Note the latency beside the caller's words."""
        for place, (who, words, note) in enumerate(self._conversation):
            if who == "caller" and not note and turn.response_latency is not None:
                self._conversation[place] = (who, words, milliseconds(turn.response_latency))

    def lines(self, width: int) -> list[Text]:
        shown = [_said(who, words, note, width) for who, words, note in self._conversation]
        shown = [Text("")] * (_CONVERSATION_LINES - len(shown)) + shown
        mark, style = ("●", "bold") if self._speaking else ("○", "dim")
        shown.append(Text(""))
        shown.append(_now_line("caller", mark, style, self._words, width))
        mark, style = _AGENT[self._agent]
        words = self._saying[1] if self._agent in ("speaking", "silenced") else ""
        shown.append(_now_line("agent", mark, style, words or self._agent, width))
        return shown


def _said(who: str, words: str, note: str, width: int) -> Text:
    style = "" if who == "caller" else COLOURS["playout"]
    line = Text(f"{who:>{_LABEL - 1}} ", style="dim", no_wrap=True)
    room = width - _LABEL - len(note) - 2
    said = Text(plain(words), style=f"not dim {style}")
    said.truncate(room, overflow="ellipsis", pad=True)
    return line.append(said).append(f"  {note}")


def _now_line(who: str, mark: str, style: str, words: str, width: int) -> Text:
    line = Text(f"{who:>{_LABEL - 1}} ", style="dim", no_wrap=True).append(f"{mark} ", f"not dim {style}")
    room = width - _LABEL - 2
    said = plain(words)
    # The newest words are the interesting ones.
    return line.append(said if len(said) <= room else "…" + said[-(room - 1) :], f"not dim {style}")


class _TurnBars:
    """The stages of the turn that is going on, from the caller's last speech sample to the first sound."""

    def __init__(self) -> None:
        self._origin: int | None = None
        self._until: int | None = None
        """The first audible sample; nothing grows after it."""
        self._strokes: dict[_Bar, list[_Growing]] = {name: [] for name in _BARS}
        self._sounding: ReplyId | None = None

    def take(self, now: int, record: Record) -> None:
        match record:
            case SpeechStarted() if self._sounding is None:
                self._begin(None)
            case SpeechStopped(last_speech=last_speech) if self._sounding is None:
                self._origin = last_speech
                self._open("endpoint", last_speech, "vad")
                self._next("endpoint", now, "silence")
            case Finalize():
                self._open("stt", now, "stt")
            case ScoreTurn():
                self._next("endpoint", now, "confirm")
            case Transcribed(finalized=True):
                self._end("stt", now)
            case CommitTurn():
                self._end("endpoint", now)
            case RunTool():
                self._open("tool", now, "tool")
            case ToolFinished():
                self._end("tool", now)
            case PlayoutStarted(reply=reply):
                self._sounding, self._until = reply, now
            case PlayoutFinished() | PlayoutStopped():
                self._sounding = None
            case Mark(stage=("llm" | "tts") as stage, step=step):
                self._mark(stage, step, now)
            case _:
                pass

    def lines(self, width: int, now: int) -> list[Text]:
        now = now if self._until is None else self._until
        origin = now if self._origin is None else self._origin
        room = width - _LABEL - 9
        axis = Axis(origin, origin + max(_AXIS_LEAST, (now - origin) * 9 // 8), room)
        drawn = [Text(" " * _LABEL).append(scale(axis, origin))]
        for name in _BARS:
            strokes = [] if self._origin is None else [growing.stroke(now) for growing in self._strokes[name]]
            waited = [stroke for stroke in strokes if not stroke.style.endswith(_STREAMING)]
            taken = sum(max(0, stroke.end - max(stroke.start, origin)) for stroke in waited)
            line = Text(f"{name:>{_LABEL - 1}} ", no_wrap=True, style="" if strokes else "dim")
            value = milliseconds(taken) if strokes else ""
            drawn.append(line.append(bar(axis, strokes)).append(f"{value:>9}", "not dim"))
        return drawn

    def _begin(self, origin: int | None) -> None:
        self._origin, self._until = origin, None
        self._strokes = {name: [] for name in _BARS}

    def _mark(self, stage: Literal["llm", "tts"], step: str, now: int) -> None:
        if step == "started":
            self._open(stage, now, stage)
        elif step == "first":
            self._next(stage, now, f"{stage} {_STREAMING}")
        elif step != "segment":
            self._end(stage, now)

    def _open(self, name: _Bar, now: int, style: str) -> None:
        self._end(name, now)
        if len(self._strokes[name]) < 50:
            self._strokes[name].append(_Growing(now, style))

    def _next(self, name: _Bar, now: int, style: str) -> None:
        if self._strokes[name] and self._strokes[name][-1].end is None:
            self._open(name, now, style)

    def _end(self, name: _Bar, now: int) -> None:
        if self._strokes[name] and self._strokes[name][-1].end is None:
            self._strokes[name][-1].end = now


class _Growing:
    def __init__(self, start: int, style: str) -> None:
        self.start = start
        self.end: int | None = None
        name, _, rest = style.partition(" ")
        self._style = f"{COLOURS[name]} {rest}".strip()

    def stroke(self, now: int) -> Stroke:
        end = now if self.end is None else min(self.end, now)
        return Stroke(self.start, max(end, self.start), self._style)


class _LastTurn:
    """The last turn that was answered: its latency and critical path."""

    def __init__(self) -> None:
        self._recent: deque[Entry] = deque(maxlen=_RECENT)
        self._turn: TurnTrace | None = None

    def take(self, now: int, record: Record) -> TurnTrace | None:
        """The turn that the record has just completed, as far as its latency is concerned."""
        self._recent.append(Entry(now, record))
        if isinstance(record, CloseTurn):
            self._recent = deque([entry for entry in self._recent if now - entry.now < 60 * SECOND], maxlen=_RECENT)
        if not isinstance(record, PlayoutStarted):
            return None
        found = [turn for turn in turns(list(self._recent)) if turn.reply == record.reply]
        if found and found[-1].response_latency is not None:
            self._turn = found[-1]
            return self._turn
        return None

    def lines(self, width: int) -> list[Text]:
        if self._turn is None or not self._turn.parts:
            return [Text("last turn ", style="dim"), Text(""), Text("")]
        latency = self._turn.response_latency
        assert latency is not None
        start = self._turn.parts[0].start
        axis = Axis(start, start + max(latency, _AXIS_LEAST), width - _LABEL - 9)
        told = path_sum(self._turn.parts)
        told.truncate(width - _LABEL, overflow="ellipsis")
        words = Text(f"“{plain(self._turn.text)}”", style="italic", no_wrap=True)
        words.truncate(width - _LABEL, overflow="ellipsis")
        return [
            Text("last turn ", no_wrap=True).append(words),
            Text(" " * _LABEL, no_wrap=True)
            .append(path_bar(self._turn.parts, axis))
            .append(f"{milliseconds(latency):>9}", "bold"),
            Text(" " * _LABEL, no_wrap=True).append(told),
        ]
