"""Names in the emitted file: what Python or the file itself already use is given another one."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Sequence

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
        "Cache",
        "drop_path",
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
