"""What a user declares: an agent, its tools, and the context and record of one call.

Everything a call can do is reached through `call.Line`, which the session implements.
"""
