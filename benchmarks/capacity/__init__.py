"""How many calls a core holds: what is said, the providers on the wire, and the levels of load."""
