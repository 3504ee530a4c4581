"""Targets: one data sheet a file."""

from tfspec.targets.auto import AUTO, Chosen, chosen
from tfspec.targets.by_name import find, names, sheet_of, sheets
from tfspec.targets.target import Target

__all__ = ["AUTO", "Chosen", "Target", "chosen", "find", "names", "sheet_of", "sheets"]
