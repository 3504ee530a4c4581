"""The functions that FlexAttention calls for a pair of query and key, as text of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

from tfspec.program import expr as ex
from tfspec.program import layout
from tfspec.program.expr import PLAIN
from tfspec.program.value import Value

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering

SCORE = '''def {name}({captured}):
    """{doc}"""

    def change(score, batch, head, q, k):
        return {score}

    return change
'''
CAPPED = "torch.tanh(score / cap) * cap"
PART = "part"
DOC = '    """Which keys a query sees."""'


def mask_mod(
    low: Lowering, text: str, condition: ex.Expr, captured: Mapping[str, ex.Expr]
) -> ex.Expr:
    """The function that says which keys a query sees, with what it captures given."""
    doc = f'{DOC[:-4]}: {text}."""'
    doc = doc if len(doc) <= layout.WIDTH and text.isascii() else DOC
    asks = "(batch, head, q, k):"
    if not captured:
        lines = [f"def visible{asks}", doc, *_returned(condition, 4)]
        return low.helper("visible", "\n".join(lines) + "\n")
    head = layout.signature("visible", list(captured), 0)
    inner = [f"    def mask{asks}", *_returned(condition, 8)]
    source = "\n".join([*head, doc, "", *inner, "", "    return mask"]) + "\n"
    return ex.Call(low.helper("visible", source), tuple(captured.values()))


def _returned(condition: ex.Expr, indented: int) -> list[str]:
    """return CONDITION; where that is long, its longest parts are computed on lines before."""
    lines: list[str] = []
    short = _shortened(condition, indented, count(1), lines)
    lines.append(f"return {short.text(PLAIN)[0]}")
    return [" " * indented + line for line in lines]


def _shortened(expr: ex.Expr, indented: int, numbers: Iterator[int], lines: list[str]) -> ex.Expr:
    """What fits on a line, after those that it adds."""
    while not layout.fits("seen99 = ", expr, PLAIN, "", indented):
        parts = _parts(expr)
        if not parts:
            break
        longest = max(parts, key=lambda part: len(part.text(PLAIN)[0]))
        short = _shortened(longest, indented, numbers, lines)
        number = next(numbers)
        name = f"{PART}{number if number > 1 else ''}"
        lines.append(f"{name} = {short.text(PLAIN)[0]}")
        expr = parts[longest](ex.Name(name))
    return expr


def _parts(expr: ex.Expr) -> dict[ex.Expr, Callable[[ex.Expr], ex.Expr]]:
    """What an expression is made of, each with how to put another in its place."""
    match expr:
        case ex.Binary(op, left, right):
            return {
                left: lambda new: ex.Binary(op, new, right),
                right: lambda new: ex.Binary(op, left, new),
            }
        case ex.Unary(op, operand):
            return {operand: lambda new: ex.Unary(op, new)}
        case ex.Call(ex.Attribute(base, name), ()):
            return {base: lambda new: ex.Call(ex.Attribute(new, name))}
        case ex.Call(function, args):
            return {
                arg: lambda new, at=at: ex.Call(function, (*args[:at], new, *args[at + 1 :]))
                for at, arg in enumerate(args)
            }
        case _:  # a name, an index: however long
            return {}


def score_mod(low: Lowering, softcap: ex.Expr | None, biases: Sequence[Value]) -> ex.Expr:
    """The function that changes a score: bounded first, then with the biases of its pair."""
    captured = {f"bias{n}" if n > 1 else "bias": bias.ref for n, bias in enumerate(biases, 1)}
    score = " + ".join(["score", *(f"{name}[head, q, k]" for name in captured)])
    given: list[ex.Expr] = list(captured.values())
    names, name, doc = list(captured), "biased", "With what is added for a head, a query and a key."
    if softcap is not None:
        score = score.replace("score", CAPPED, 1)
        names, given = [*names, "cap"], [*given, softcap]
        name, doc = "capped", "Between -cap and cap, before anything is added."
    source = SCORE.format(name=name, captured=", ".join(names), doc=doc, score=score)
    return ex.Call(low.helper(name, source), tuple(given))
