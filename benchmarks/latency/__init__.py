"""Telephone calls to a running server, with simulated cloud providers behind it, measured at the caller's ear."""
