"""Targets by name: every module of this package that holds a sheet."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from tfspec.diagnostics import Diagnostic, Rule, nearest
from tfspec.diagnostics.escape import quoted
from tfspec.targets.auto import AUTO, chosen
from tfspec.targets.target import Target

UNKNOWN_TARGET = Rule(
    "TS450",
    "an unknown target",
    "`--target` names no target that tfspec knows.",
    "A target decides kernels and compile settings, so it cannot be guessed.",
    "tfspec build gpt2 --target cpuu",
    "Name a known target: `tfspec list --targets` has them.",
)


FILES = (".yaml", ".yml")
"""What names of files end in."""


@cache
def sheets() -> dict[str, Target]:
    """Every data sheet by name: the CPU, then from the fastest GPU on."""
    import tfspec.targets as package

    modules = (
        importlib.import_module(f"tfspec.targets.{found.name}")
        for found in pkgutil.iter_modules(package.__path__)
    )
    every: list[Target] = [module.SHEET for module in modules if hasattr(module, "SHEET")]
    order = sorted(every, key=lambda sheet: (sheet.kind != "cpu", *_slowness(sheet)))
    return {sheet.name: sheet for sheet in order}


def _slowness(sheet: Target) -> tuple[float, float]:
    return -sheet.tflops.get("bf16", 0), -(sheet.bandwidth_gb_per_s or 0)


def names() -> list[str]:
    """What `--target` takes."""
    return [*sheets(), AUTO]


def find(name: str) -> Target | Diagnostic:
    """A target by name or of a file, or what to say of a name that is none.

    Raises SheetError for what is wrong with the file.
    """
    if name == AUTO:
        return chosen(sheets()).target
    if name in sheets():
        return sheets()[name]
    if name.lower().endswith(FILES):
        from tfspec.targets.custom import read

        return read(name)
    near = nearest(name, names())
    known = f"known targets: {', '.join(names())}, or a file: `mine.yaml`"
    help = (*([f"did you mean `{near}`?"] if near else []), known)
    return Diagnostic(UNKNOWN_TARGET, f"there is no target {quoted(name)}", None, help=help)


def sheet_of(target: str | Target) -> Target:
    """The data sheet of a target that the caller has checked, by name or by itself."""
    found = find(target) if isinstance(target, str) else target
    assert isinstance(found, Target), f"the caller checks targets, and {target} is none"
    return found
