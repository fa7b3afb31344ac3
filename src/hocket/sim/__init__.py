"""Calls without callers: a loop whose time is virtual, scripted people, stages with drawn delays."""
