"""How building a graph goes on after a mistake: the step stops, its value becomes unknown."""

from __future__ import annotations


class Stop(Exception):
    """Raised after a diagnostic was added; caught where a step's value is needed."""
