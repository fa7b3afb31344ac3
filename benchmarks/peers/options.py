"""What the rivals' servers are told on their command lines. Needs only Python: each runs in a rival's environment."""

from __future__ import annotations

import argparse


def parser() -> argparse.ArgumentParser:
    """The options that all of them have."""
    made = argparse.ArgumentParser()
    made.add_argument("--port", type=int, default=0)
    made.add_argument("--deepgram", default="http://127.0.0.1:1")
    made.add_argument("--openai", default="http://127.0.0.1:1")
    made.add_argument("--cartesia", default="http://127.0.0.1:1")
    made.add_argument("--version", action="store_true", help="print the versions as JSON and leave")
    manner = made.add_mutually_exclusive_group()
    manner.add_argument("--tuned", action="store_true", help="for speed: this is what is done anyway")
    manner.add_argument("--patient", action="store_true", help="650 ms of silence before a turn ends")
    manner.add_argument("--defaults", action="store_true", help="as the library comes")
    return made
