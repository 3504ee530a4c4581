"""A failing spec made small: pieces are left out as long as it still fails in the same way."""

from __future__ import annotations

import copy
import re
import time
import traceback
from collections.abc import Callable
from typing import Any

from tests.fuzz.mutate import Path, at, paths

Tree = dict[str, Any]
SECTIONS = ("dims", "inputs", "blocks", "streams", "outputs")


def reduced(tree: Tree, examine: Callable[[Tree], object], seconds: float = 20) -> Tree:
    """The smallest tree found in that time for which `examine` raises the like."""
    wanted = outcome(tree, examine)
    end = time.monotonic() + seconds
    smaller: Tree | None = tree
    while smaller is not None:
        tree, smaller = smaller, _step(smaller, examine, wanted, end)
    return tree


def outcome(tree: Tree, examine: Callable[[Tree], object]) -> str:
    """What `examine` raises, without what differs from spec to spec; empty if nothing."""
    try:
        examine(tree)
    except Exception as error:
        frames = [
            each for each in traceback.extract_tb(error.__traceback__) if "tfspec" in each.filename
        ]
        place = f"{frames[-1].filename}:{frames[-1].name}" if frames else ""
        words = re.sub(r"at \{.*?\}|\d+|'[^']*'", "", str(error))[:40]
        return f"{type(error).__name__} {place} {words}"
    return ""


def _step(tree: Tree, examine: Callable[[Tree], object], wanted: str, end: float) -> Tree | None:
    for path in sorted(paths(tree), key=len):
        for made in (_without(tree, path), _inner(tree, path)):
            if time.monotonic() > end:
                return None
            if made is not None and outcome(made, examine) == wanted:
                return made
    return None


def _without(tree: Tree, path: Path) -> Tree:
    made = copy.deepcopy(tree)
    del at(made, path[:-1])[path[-1]]
    return made


def _inner(tree: Tree, path: Path) -> Tree | None:
    """A list as its first item, a mapping of one key as its value."""
    value = at(tree, path)
    if isinstance(value, list) and value:
        inner = value[0]
    elif isinstance(value, dict) and len(value) == 1 and path[-1] not in SECTIONS:
        inner = next(iter(value.values()))
    else:
        return None
    made = copy.deepcopy(tree)
    at(made, path[:-1])[path[-1]] = copy.deepcopy(inner)
    return made
