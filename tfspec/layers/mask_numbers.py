"""Numbers of a mask: coordinates looked up, sizes computed."""

from __future__ import annotations

from tfspec.construct.rules import NOT_POSITIVE
from tfspec.diagnostics import Label
from tfspec.graph import mask_tree as mt
from tfspec.graph.mask_bounds import combined
from tfspec.layers.mask_names import MaskNames
from tfspec.spec import predicate as sp
from tfspec.spec.expression import LARGEST, OUT_OF_RANGE
from tfspec.spec.expression_reader import TOO_COMPLEX
from tfspec.symbolic import Dim
from tfspec.symbolic.claims import Proved, Refuted
from tfspec.symbolic.errors import TooComplex


def number(names: MaskNames, value: sp.Value) -> mt.Number:
    """A number of a predicate; what sizes alone say is one size."""
    match value:
        case sp.Number(plain):
            return mt.Size(Dim.of(plain))
        case sp.Coordinate(_, name) if names.is_size(value):
            return mt.Size(names.size(name))
        case sp.Coordinate():
            return names.coordinate(value)
        case sp.Absolute(inner):
            found = number(names, inner)
            if not isinstance(found, mt.Size):
                return mt.Absolute(found)
            return mt.Size(Dim.maximum(found.size, -found.size))
        case sp.Arithmetic(sign, left, right):
            operands = number(names, left), number(names, right)
            if sign in ("//", "%"):
                _check_divisor(names, operands[1], value)
            return _arithmetic(names, sign, *operands, value)


def _arithmetic(
    names: MaskNames, sign: str, left: mt.Number, right: mt.Number, written: sp.Arithmetic
) -> mt.Number:
    if not (isinstance(left, mt.Size) and isinstance(right, mt.Size)):
        return mt.Arithmetic(sign, left, right)
    try:
        size = combined(sign, left.size, right.size)
    except TooComplex:
        message = f"{written} expands to too many terms or too large numbers"
        raise names.g.refuse(TOO_COMPLEX, message, written.span) from None
    value = names.g.facts.value(size)
    if value is not None and abs(value) > LARGEST:
        message = f"a number in a mask is at most 2**53, and {written} is {value}"
        raise names.g.refuse(OUT_OF_RANGE, message, written.span)
    return mt.Size(size)


def _check_divisor(names: MaskNames, divisor: mt.Number, written: sp.Arithmetic) -> None:
    """Whatever `//` and `%` divide by is 1 or more for every allowed size."""
    g = names.g
    if not isinstance(divisor, mt.Size):
        raise g.not_yet(f"`{written}`, which divides by a coordinate,", written.span)
    answer = g.facts.positive(divisor.size)
    if isinstance(answer, Refuted):
        value = g.value_at(divisor.size, answer)
        plain = written.right == sp.Number(value)
        shown = f"`{written}` divides by {value}" if plain else f"{written.right} can be {value}"
        message = f"`//` and `%` divide by 1 or more, and {shown}"
        came = g.declared(*sorted(divisor.size.symbols))
        help = [f"declare `{answer.mend}`"] if answer.mend else []
        label = Label(written.span, g.example(answer))
        raise g.refuse(NOT_POSITIVE, message, label, came=came, help=help)
    if not isinstance(answer, Proved):
        raise g.not_yet(f"`{written}`, where {written.right} may be 0,", written.span)
