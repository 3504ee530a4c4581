"""Expressions that are too long for a line: where ruff's formatter breaks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tfspec.program import expr as ex

WIDTH = 88

Item = tuple[str, ex.Expr]
"""What stands between two commas: `dim=` or nothing, and an expression."""


def broken(head: str, expr: ex.Expr, names: ex.Names, indent: int, tail: str = "") -> list[str]:
    """Lines of an expression inside brackets, with what stands before and behind it."""
    text = f"{head}{expr.text(names)[0]}{tail}"
    if indent + len(text) <= WIDTH:
        return [text]
    found = bracketed(head, expr, names, indent) or list(_split(head, expr, names, indent))
    return [*found[:-1], f"{found[-1]}{tail}"]


def bracketed(head: str, expr: ex.Expr, names: ex.Names, indent: int) -> list[str] | None:
    """What ends in brackets of its own, broken inside them; None of what does not."""
    match expr:
        case ex.Call() | ex.Invoke():
            func = expr.func.at(names, ex.ATOM) if isinstance(expr, ex.Call) else expr.called(names)
            inner = _listed(_given(expr, names), names, indent + 4)
            chain = "(" in func or not inner
            return None if chain else [f"{head}{func}(", *indented(inner), ")"]
        case ex.Index(base, items):
            inner = _listed([("", item) for item in items], names, indent + 4, alone="")
            return [f"{head}{base.at(names, ex.ATOM)}[", *indented(inner), "]"]
        case ex.Tuple(items) | ex.Bare(items):
            inner = _each([("", item) for item in items], names, indent + 4)
            return [f"{head}(", *indented(inner), ")"]
        case _:
            return None


def led_by_group(head: str, expr: ex.Expr, names: ex.Names, indent: int) -> list[str] | None:
    """(a + b) * c broken inside its own parentheses, where only one operator comes last."""
    match expr:
        case ex.Binary(left=left) if len(list(_chain(expr))) == 2:
            group = _leftmost(left, names, ex.BINDING[expr.op])
        case _:
            return None
    if group is None:
        return None
    inner = group.text(names)[0]
    rest = expr.text(names)[0].removeprefix(f"({inner})")
    if indent + len(f"){rest}") > WIDTH:
        return None
    return [f"{head}(", *indented(broken("", group, names, indent + 4)), f"){rest}"]


def _leftmost(expr: ex.Expr, names: ex.Names, binding: int) -> ex.Expr | None:
    """What stands in parentheses at the very left, beside an operator of this priority."""
    if expr.text(names)[1] < binding:
        return expr
    return _leftmost(expr.left, names, ex.BINDING[expr.op]) if isinstance(expr, ex.Binary) else None


def indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def _given(call: ex.Call | ex.Invoke, names: ex.Names) -> list[Item]:
    """A call's arguments."""
    if isinstance(call, ex.Invoke):
        return [("", ex.Name(text)) for text in call.arguments(names)]
    plain = [("", arg) for arg in call.args]
    return plain + [(f"{key}=", value) for key, value in call.keywords]


def _listed(items: Sequence[Item], names: ex.Names, indent: int, alone: str = ",") -> list[str]:
    """Items on one line where they fit, else on a line each; `alone` follows one that is broken."""
    joined = ", ".join(f"{head}{expr.text(names)[0]}" for head, expr in items)
    if indent + len(joined) <= WIDTH:
        return [joined] if joined else []
    if len(items) > 1:
        return _each(items, names, indent)
    ((head, only),) = items
    return (
        list(only.pieces)
        if isinstance(only, ex.Split)
        else broken(head, only, names, indent, alone)
    )


def _each(items: Sequence[Item], names: ex.Names, indent: int) -> list[str]:
    return [line for head, expr in items for line in broken(head, expr, names, indent, ",")]


def _split(head: str, expr: ex.Expr, names: ex.Names, indent: int) -> Iterator[str]:
    """Broken before its operators of least priority, or not at all."""
    match expr:
        case ex.Binary():
            pieces = list(_chain(expr))
            binding = ex.BINDING[expr.op]
        case ex.Choice(then, test, otherwise):
            pieces = [("", then), ("if ", test), ("else ", otherwise)]
            binding = ex.TEST
        case _:
            pieces, binding = [("", expr)], 0
    if len(pieces) == 1:
        yield f"{head}{expr.text(names)[0]}"
        return
    for at, (sign, piece) in enumerate(pieces):
        before = f"{sign}" if at else head
        if piece.text(names)[1] < binding + (at > 0):
            yield from _grouped(before, piece, names, indent)
        else:
            yield from broken(before, piece, names, indent)


def _grouped(head: str, expr: ex.Expr, names: ex.Names, indent: int) -> list[str]:
    """The expression in parentheses, which its operators ask for."""
    text = f"{head}({expr.text(names)[0]})"
    if indent + len(text) <= WIDTH:
        return [text]
    return [f"{head}(", *indented(broken("", expr, names, indent + 4)), ")"]


def _chain(expr: ex.Binary) -> Iterator[Item]:
    """a + b - c as a, + b, - c: operators of one priority."""
    left = expr.left
    if isinstance(left, ex.Binary) and ex.BINDING[left.op] == ex.BINDING[expr.op]:
        yield from _chain(left)
    else:
        yield "", left
    yield f"{expr.op} ", expr.right
