"""Targets: one data sheet a file."""

from tfspec.targets.target import Target, find, names

__all__ = ["Target", "find", "names"]
