"""hocket: voice agents that answer as fast as people do."""
