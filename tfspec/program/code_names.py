"""Names in the emitted file: what Python or the file itself already use is given another one."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfspec.graph.scope import Scope
    from tfspec.program.classes import ModuleClass

RESERVED = frozenset(
    {
        *keyword.kwlist,
        *keyword.softkwlist,
        *dir(builtins),
        "F",
        "nn",
        "torch",
        "math",
        "self",
        "time",
    }
    | {"block", "kv", "i", "Timer", "device"}
    | {
        "biased",
        "capped",
        "visible",
        "flex_attention",
        "create_block_mask",
        "AuxRequest",
        "attend_with_sinks",
        "Cache",
        "drop_path",
        "grouped_linear",
        "expert_linear",
        "best_groups",
        "flags",
        "rotary_table",
        "rotate",
        "sinusoids",
        "init_weights",
        "build",
        "example_inputs",
        "generate",
    }
)


def safe(name: str) -> str:
    """The name, with an underscore behind it where it is taken: `lambda_`, `F_`, `input_`."""
    return f"{name}_" if name in RESERVED else name


def unique(names: Sequence[str]) -> list[str]:
    """The names, safe and each once: those that are equal then are numbered."""
    found: list[str] = []
    for name in map(safe, names):
        choices = (name if n == 1 else f"{name}{n}" for n in range(1, len(names) + 1))
        found.append(next(choice for choice in choices if choice not in found))
    return found


def name_classes(
    classes: Sequence[ModuleClass], by_scope: Mapping[Scope, ModuleClass], helpers: Iterable[str]
) -> None:
    """Classes are named after their kinds, the model first; two that clash, after one around them.

    That is the nearest class that all instances of the one are in, and none of the other's.
    """
    around = {module: [_around(scope, by_scope) for scope in module.scopes] for module in classes}
    taken = set(helpers) | RESERVED
    for module in (classes[-1], *classes[:-1]):
        rivals = [each for each in classes if each.kind == module.kind and each is not module]
        theirs = {kind for rival in rivals for kinds in around[rival] for kind in kinds}
        first, *rest = around[module] if rivals else [[]]
        own = (kind for kind in first if all(kind in kinds for kinds in rest))
        name = next((kind for kind in own if kind not in theirs), "") + module.kind
        choices = (name if n == 1 else f"{name}{n}" for n in count(1))
        module.name = next(choice for choice in choices if choice not in taken)
        taken.add(module.name)


def _around(scope: Scope, by_scope: Mapping[Scope, ModuleClass]) -> list[str]:
    """Kinds of the classes around, nearest first; the root tells nothing.

    The class of a scope counts, not its own kind: a shifted window that covers its axis is plain.
    """
    found: list[str] = []
    parent = scope.parent
    while parent is not None and parent.parent is not None:
        if parent in by_scope:
            found.append(by_scope[parent].kind)
        parent = parent.parent
    return found
