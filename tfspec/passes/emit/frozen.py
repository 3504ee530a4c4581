"""The end of the model's __init__ where a stream is frozen: its modules need no gradients."""

from __future__ import annotations

from collections.abc import Iterator

from tfspec.graph.scope import Weight
from tfspec.program import expr as ex
from tfspec.program import layout
from tfspec.program.classes import Book
from tfspec.program.program import Member

NO_GRADIENT = ".requires_grad_(False)"


def frozen(book: Book, names: ex.Names) -> list[str]:
    """The statements; none where every weight is trained."""
    members = {member: list(_learned(member)) for member in book.members(book.root)}
    held = [member for member, weights in members.items() if weights]
    found = [member for member in held if not any(weight.trained for weight in members[member])]
    assert all(weight.trained for m in held if m not in found for weight in members[m]), (
        "a module of the model belongs to one stream, or to streams that are alike"
    )
    if found and len(found) == len(held):
        return [f"self{NO_GRADIENT}"]
    if len(found) == 1:
        return [f"self.{found[0].name}{NO_GRADIENT}"]
    listed = ex.Tuple(tuple(ex.Member(member.name) for member in found))
    head = layout.header("for frozen in ", listed, names, 8) if found else []
    return [*head, f"    frozen{NO_GRADIENT}"] if found else []


def _learned(member: Member) -> Iterator[Weight]:
    """The weights that it holds, those of children too."""
    for weights in member.holds.values():
        yield from (weight for weight in weights if weight.learned)
    for scope in member.children:
        yield from (weight for weight, _ in scope.walk())
