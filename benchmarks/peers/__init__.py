"""Other frameworks, answering the same calls."""
