"""Turn-taking, sans I/O: events in, commands out, deadlines with reasons.

No clock is read and nothing is awaited here. `engine.TurnEngine` dispatches; one reducer a phase and pure
policies stand beside it. Everything that can race with something else is decided in this room.
"""
