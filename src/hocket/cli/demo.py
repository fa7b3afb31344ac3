"""`hocket demo`: one call between the example agent and recorded people, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import typer

from hocket.agent.loader import load_agent
from hocket.cli.calling import hold
from hocket.errors import MissingError
from hocket.transports.script import Line, When, after_agent, during_agent

SCRIPT: Final[tuple[tuple[str, When], ...]] = (
    ("agent_query/azure_whatstheweatherlike.wav", after_agent(300)),
    # "Mm-hm" under the answer: the agent must go on.
    ("backchannel_candidate/aws_autorepairs_40_a_caller_0002.16.wav", during_agent(1500)),
    ("short_reply/speechcommands_yes.wav", after_agent(300)),
    ("short_reply/commonvoice_22058267.wav", after_agent(300)),
    ("short_reply/dograh_billing_department.wav", after_agent(300)),
    # Talking over the answer: the agent must stop.
    ("short_reply/dograh_nope.wav", during_agent(1000)),
    # A sentence with a pause of half a second in it, which must not be cut, and which no kayak hire can answer.
    ("internal_pause/librispeech_1088_first_sentence.wav", after_agent(300)),
    ("short_reply/dograh_nope.wav", after_agent(300)),
)
"""Clip -> when the caller says it."""


def demo(
    out: Path = typer.Option(Path("build/demo"), help="Folder for the recording, the trace and the report."),
    fast: bool = typer.Option(False, help="In virtual time: the stages' processor time counts, waiting does not."),
) -> None:
    """Hold one real-time call with recorded human callers; no key, no network."""
    root = _root()
    agent = load_agent(str(root / "examples" / "harbour_kayaks" / "agent.py"))
    clips = root / "tests" / "data"
    hold(agent, [Line(clips / clip, when) for clip, when in SCRIPT], out, fast=fast)


def _root() -> Path:
    """Where the example and the recordings are: in a checkout, or in the installed package."""
    for root in (Path(__file__).parents[3], Path(__file__).parent / "demo_data"):
        if (root / "examples" / "harbour_kayaks").is_dir():
            return root
    raise MissingError("The demo's recordings are not part of this installation: run it in a checkout of hocket.")
