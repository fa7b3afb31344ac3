"""A caller's line that carries noise, echo and other people, and a call over it."""
