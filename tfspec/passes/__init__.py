"""Passes: each reads the graph or the program, names no op, and answers one question."""
