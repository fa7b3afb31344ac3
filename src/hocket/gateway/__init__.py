"""Calls from browsers, programs and carriers: a front process that holds none, and workers that hold them all."""
