"""Showing what a call did: in the terminal, as a page."""
