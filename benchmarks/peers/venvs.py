"""The rivals' virtual environments: `python -m benchmarks.peers.venvs` makes `.peers/livekit` and `.peers/pipecat`.

Each holds exactly what `livekit.txt` or `pipecat.txt` lists, and is left alone while that list has not changed. Models
that the servers use come in the wheels, so that a run needs no network.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ENVIRONMENTS: Final = HERE.parent.parent / ".peers"
PEERS: Final = ("livekit", "pipecat")


def interpreter(peer: str) -> Path:
    """The Python that runs a rival's server, `server(peer)`; made first where it is missing or out of date.

    Raises `subprocess.CalledProcessError` where pip cannot install the list.
    """
    wanted = (HERE / f"{peer}.txt").read_text()
    home = ENVIRONMENTS / peer
    python, installed = home / "bin" / "python", home / "installed.txt"
    if not installed.is_file() or installed.read_text() != wanted:
        print(f"Making .peers/{peer} (about a minute) ...", flush=True)
        venv.create(home, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(HERE / f"{peer}.txt")], check=True)
        installed.write_text(wanted)
    return python


def server(peer: str) -> str:
    """The module that `interpreter(peer)` runs, from the repository's root."""
    return f"benchmarks.peers.{peer}_server"


def main() -> None:
    for peer in sys.argv[1:] or PEERS:
        print(interpreter(peer))


if __name__ == "__main__":
    main()
