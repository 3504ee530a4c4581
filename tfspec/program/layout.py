"""Lines of the emitted file: flat where they fit, else broken as ruff's formatter breaks them."""

from __future__ import annotations

from tfspec.program import expr as ex

WIDTH = 88


def flat(head: str, text: str, comment: str, indent: int) -> str | None:
    """One line, if it fits with its comment."""
    line = f"{head}{text}{note(comment)}"
    return line if indent + len(line) <= WIDTH else None


def note(comment: str) -> str:
    return f"  # {comment}" if comment else ""


def lines(head: str, expr: ex.Expr, names: ex.Names, comment: str, indent: int) -> list[str]:
    """A statement's lines, without the indent. `head` is what stands before the expression."""
    text = expr.text(names)[0]
    one = flat(head, text, comment, indent)
    if one is not None:
        return [one]
    if flat(head, text, "", indent) is not None:
        return [f"# {comment}", f"{head}{text}"]
    if isinstance(expr, ex.Index):
        return broken_index(head, expr, names, comment, indent)
    call = broken_call(head, expr, names, comment, indent)
    return call or parenthesised(head, text, comment, indent)


def broken_call(
    head: str, expr: ex.Expr, names: ex.Names, comment: str, indent: int
) -> list[str] | None:
    """f(args) with its arguments on a line of their own, or on a line each."""
    if not isinstance(expr, ex.Call | ex.Invoke):
        return None
    func = expr.func if isinstance(expr, ex.Call) else expr.receiver
    name = func.at(names, ex.ATOM)
    arguments = expr.arguments(names)
    if "(" in name or not arguments:
        return None
    joined = ", ".join(arguments)
    only = expr.args[0] if isinstance(expr, ex.Call) and len(expr.args) == 1 else None
    if indent + 4 + len(joined) <= WIDTH:
        inner = [f"    {joined}"]
    elif isinstance(only, ex.Split) and len(arguments) == 1:
        inner = [f"    {piece}" for piece in only.pieces]
    elif only is not None and len(arguments) == 1 and indent + 5 + len(joined) > WIDTH:
        inner = [f"    {line}" for line in lines("", only, names, "", indent + 4)]
        inner[-1] += ","
    else:
        inner = [f"    {argument}," for argument in arguments]
    return enclosed(f"{head}{name}(", inner, ")", comment, indent)


def broken_index(
    head: str, expr: ex.Index, names: ex.Names, comment: str, indent: int
) -> list[str]:
    """x[items] with its items on a line of their own, or on a line each."""
    items = [item.text(names)[0] for item in expr.items]
    joined = ", ".join(items)
    if len(items) == 1 or indent + 4 + len(joined) <= WIDTH:
        inner = [f"    {joined}"]
    else:
        inner = [f"    {item}," for item in items]
    return enclosed(f"{head}{expr.base.at(names, ex.ATOM)}[", inner, "]", comment, indent)


def enclosed(first: str, inner: list[str], last: str, comment: str, indent: int) -> list[str]:
    """Broken lines with the comment after the last one, or above where that is too long."""
    tail = flat("", last, comment, indent)
    above = [] if tail else [f"# {comment}"]
    return [*above, first, *inner, tail or last]


def parenthesised(head: str, text: str, comment: str, indent: int) -> list[str]:
    return enclosed(f"{head}(", [f"    {text}"], ")", comment, indent)


def chained(head: str, base: str, calls: list[str], indent: int) -> list[str]:
    """base.f().g().h(): on one line, or with every call from the second on a line of its own."""
    one = flat(head, base + "".join(calls), "", indent)
    if one is not None:
        return [one]
    first, *rest = calls
    return [f"{head}(", f"    {base}{first}", *(f"    {call}" for call in rest), ")"]


def signature(name: str, parameters: list[str], indent: int) -> list[str]:
    """def name(parameters): on one line, on three, or with a parameter a line."""
    joined = ", ".join(parameters)
    if indent + len(f"def {name}({joined}):") <= WIDTH:
        return [f"def {name}({joined}):"]
    if indent + 4 + len(joined) <= WIDTH:
        return [f"def {name}(", f"    {joined}", "):"]
    return [f"def {name}(", *(f"    {parameter}," for parameter in parameters), "):"]


def fits(head: str, expr: ex.Expr, names: ex.Names, comment: str, indent: int) -> bool:
    """Whether the statement fits on its line, comment and all."""
    return flat(head, expr.text(names)[0], comment, indent) is not None
