"""Statements of the emitted file: flat where they fit, else broken as ruff's formatter does."""

from __future__ import annotations

from tfspec.program import expr as ex
from tfspec.program.breaking import WIDTH, bracketed, broken, indented, led_by_group


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
    if ", " in head and indent + len(head) + 1 > WIDTH:
        return _many_targets(head, expr, names, comment, indent)
    own = bracketed(head, expr, names, indent) or led_by_group(head, expr, names, indent)
    if own is None or indent + len(own[0]) > WIDTH:  # a long name before the bracket
        own = [f"{head}(", *indented(broken("", expr, names, indent + 4)), ")"]
    first, *inner, last = own
    return enclosed(first, inner, last, comment, indent)


def _many_targets(
    head: str, expr: ex.Expr, names: ex.Names, comment: str, indent: int
) -> list[str]:
    """A target a line, where all of them are too long for one."""
    targets = [f"    {name}," for name in head.removesuffix(" = ").split(", ")]
    last = flat(") = ", expr.text(names)[0], comment, indent)
    if last is not None:
        return ["(", *targets, last]
    return [f"# {comment}", "(", *targets, *lines(") = ", expr, names, "", indent)]


def header(head: str, expr: ex.Expr, names: ex.Names, indent: int) -> list[str]:
    """The line of a loop or a condition: `head` and the expression, then a colon."""
    return broken(head, expr, names, indent, ":")


def enclosed(first: str, inner: list[str], last: str, comment: str, indent: int) -> list[str]:
    """Broken lines with the comment after the last one, or above where that is too long."""
    tail = flat("", last, comment, indent)
    above = [] if tail else [f"# {comment}"]
    return [*above, first, *inner, tail or last]


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
