"""A factor of a spec as papers write it: `× √d` for d ** 0.5, `÷ 2` for 1 / 2."""

from __future__ import annotations

from tfspec.graph.look import Knob
from tfspec.spec.tree import Name, Negative, Number, Operation, Tree
from tfspec.symbolic import sym

_SUM, _PRODUCT, _POWER, _WHOLE = range(4)
"""How tightly what is written holds together."""
_SIGNS = {"*": "·", "/": "/", "//": " // ", "%": " % "}
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def factor(tree: Tree) -> Knob:
    """What is done to a value that is multiplied by it."""
    match tree:
        case Operation("/", Number(1), divisor):
            return ("÷ ", *_within(divisor, _POWER))
        case Operation("**", base, Number(exponent)) if exponent < 0:
            return ("÷ ", *_bracketed(*_power(base, -exponent), _POWER))
        case _:
            return ("× ", *_within(tree, _PRODUCT))


def _within(tree: Tree, least: int) -> Knob:
    """In brackets where it does not hold together as tightly as it must."""
    return _bracketed(*_written(tree), least)


def _bracketed(knob: Knob, level: int, least: int) -> Knob:
    return knob if level >= least else ("(", *knob, ")")


def _written(tree: Tree) -> tuple[Knob, int]:
    match tree:
        case Number(value):
            return (repr(value).replace("-", "−"),), _SUM if value < 0 else _WHOLE
        case Name("width" | "i" | "n" as name):
            return (name,), _WHOLE
        case Name(name):
            return (sym(name),), _WHOLE
        case Negative(value):
            return ("−", *_within(value, _PRODUCT)), _SUM
        case Operation("**", base, Number(exponent)) if exponent > 0:
            return _power(base, exponent)
        case Operation("**", base, exponent):
            return (*_within(base, _WHOLE), "^", *_within(exponent, _WHOLE)), _POWER
        case Operation("+" | "-" as sign, left, right):
            sign = "+" if sign == "+" else "−"
            return (*_within(left, _SUM), f" {sign} ", *_within(right, _PRODUCT)), _SUM
        case Operation(sign, left, right):
            return (*_within(left, _PRODUCT), _SIGNS[sign], *_within(right, _POWER)), _PRODUCT


def _power(base: Tree, exponent: float) -> tuple[Knob, int]:
    if exponent == 1:
        return _written(base)
    if exponent == 0.5:
        return ("√", *_within(base, _WHOLE)), _POWER
    if isinstance(exponent, int):
        return (*_within(base, _WHOLE), str(exponent).translate(_RAISED)), _POWER
    return (*_within(base, _WHOLE), f"^{exponent!r}"), _POWER
