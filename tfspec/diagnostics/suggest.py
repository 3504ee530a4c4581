"""Did you mean: the known name that is nearest to an unknown one."""

from __future__ import annotations

from collections.abc import Iterable

from tfspec.diagnostics.elsewhere import called_here

_LONGEST = 64  # difflib's work grows with the product of the lengths


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where none is near. Case matters little."""
    from difflib import get_close_matches

    by_lower = {each.lower(): each for each in sorted(known, reverse=True)}
    for ours in called_here(name):
        if ours in by_lower:
            return by_lower[ours]
    if len(name) > _LONGEST:
        return None
    found = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None
