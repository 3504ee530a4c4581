"""Sizes bound from outside: a value for a dim that the spec leaves open, and leaves as declared."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tfspec.diagnostics import Diagnostic, Label, Rule
from tfspec.diagnostics.escape import quoted
from tfspec.spec.declare import DimDecl
from tfspec.spec.expression import LARGEST as LARGEST_SIZE
from tfspec.spec.schema import Spec

OUTSIDE = Rule(
    "TS306",
    "a size outside its declaration",
    "A dim that is a range, a multiple or a batch is set to a size that it may not have.",
    "The spec promises the allowed sizes only: a table of positions, for example, ends there.",
    "tfspec check gpt2 --set T=1025",
    "Use an allowed size, or declare the dim anew: `--set T=1..2048`.",
)


_POWER = "[0-9]{1,18}([.][0-9]{1,18})?[eE][+]?[0-9]{1,3}"
LARGEST = "max"
"""A size that stands for the largest that the dim may have."""


def bind(
    spec: Spec, values: Mapping[str, int | str]
) -> tuple[dict[str, int], dict[str, int | str], list[Diagnostic]]:
    """Values that only bind an open dim, those that override a declaration, and what is wrong.

    `T=128` binds a `T: 1..1024`: weights and `expect` stay; `T=1..128` and `d=64` override.
    `T=max` binds it to 1024.
    """
    bound: dict[str, int] = {}
    other: dict[str, int | str] = {}
    found: list[Diagnostic] = []
    for name, value in values.items():
        declared = spec.dims.get(name)
        number = _number(value)
        if value == LARGEST and declared is not None and LARGEST not in spec.dims:
            number = declared.domain.high if declared.domain is not None else None
            if number is None or declared.kind == "size":
                found.append(_endless(name, declared))
                continue
        if declared is None or declared.kind == "size" or number is None:
            other[name] = value if number is None else number
        elif declared.domain is not None and declared.domain.contains(number):
            bound[name] = number
        else:
            found.append(_outside(name, number, declared))
    return bound, other, found


def _number(value: object) -> int | None:
    """A whole number, which may be written as 1e3; None for what is none, or is too large."""
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch("-?[0-9]{1,18}", text):
            return int(text)
        value = float(text) if re.fullmatch(_POWER, text) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= LARGEST_SIZE else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _endless(name: str, declared: DimDecl) -> Diagnostic:
    kind = "one size" if declared.kind == "size" else "no largest size"
    message = f"{quoted(name)} is declared as {declared}, and has {kind}"
    label = Label(declared.span, "declared here")
    return Diagnostic(OUTSIDE, message, label, help=(f"set a size: `--set {name}=8`",))


def _outside(name: str, number: int, declared: DimDecl) -> Diagnostic:
    message = f"{quoted(name)} is declared as {declared}, and {number} is none of its sizes"
    least = declared.domain.low if declared.domain is not None else 1
    helps: tuple[str, ...] = (f"the least is `--set {name}={least}`",) if number < least else ()
    if declared.kind == "range" and number > 0:
        low, high = min(declared.low, number), max(declared.high or number, number)
        helps = (f"`--set {name}={low}..{high}` declares a longer one: tables of positions grow",)
    if declared.kind == "multiple":
        near = max(1, -(number // -declared.of)) * declared.of
        near = min(near, (declared.high or near) // declared.of * declared.of)
        helps = (f"`--set {name}={near}` is allowed",)
    return Diagnostic(OUTSIDE, message, Label(declared.span, "declared here"), help=helps)
