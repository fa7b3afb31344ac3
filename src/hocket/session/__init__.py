"""One call, running. The only room with tasks: it carries out what the engine decides, and decides nothing."""
