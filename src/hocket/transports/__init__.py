"""The caller's end of the line: one way to reach a caller a module (see `hocket.stages.transport`)."""
