"""From a declared agent to a running session: the one way for the command line, the gateway and tests."""

from hocket.assembly.assembly import Assembly, assemble

__all__ = ["Assembly", "assemble"]
