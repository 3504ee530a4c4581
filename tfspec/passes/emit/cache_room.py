"""Room for what prefill and decode keep: the method `cache` of each class."""

from __future__ import annotations

from tfspec.program import expr as ex
from tfspec.program import layout
from tfspec.program.classes import Book, ModuleClass
from tfspec.program.method import Kept, Method
from tfspec.program.printer import MethodPrinter
from tfspec.program.refusal import NotYet


def cache_method(
    book: Book, module: ModuleClass, method: Method, names: MethodPrinter
) -> list[str]:
    """cache(batch, length) of a class that keeps something, in the order in which it is kept."""
    if not method.kept:
        return []
    items = [_item(method, kept) for kept in method.kept]
    _, *sizes = method.cache_sizes
    tokens = " and ".join(f"`{size}`" for size in sizes) or "all"
    counted = method.low.program.counted
    doc = f"Room for the {_what(method)} of {tokens} {counted}."
    if module.scopes[0] is book.root:
        also = "".join(f", and `{size}` of what they read" for size in sizes[1:])
        doc = f"Room for `length` {counted} of `batch` texts{also}: what prefill and decode keep."
    head = ["", f"    def cache(self, {_listed(method)}):", f'        """{doc}"""']
    return [*head, *(f"        {line}" for line in _returned(items, names))]


def _returned(items: list[ex.Expr], names: MethodPrinter) -> list[str]:
    if len(items) == 1:
        return layout.lines("return ", items[0], names, "", 8)
    texts = [item.text(names)[0] for item in items]
    joined = f"return {', '.join(texts)}"
    if len(joined) + 8 <= layout.WIDTH:
        return [joined]
    return ["return (", *(f"    {text}," for text in texts), ")"]


def _item(method: Method, kept: Kept) -> ex.Expr:
    if not kept.children:
        assert method.room is not None
        return method.room
    child = kept.children[0].scope
    if not kept.stacked and child.parent is not method.scope:
        return _of_shared(method, kept)
    if not kept.stacked:
        return ex.Name(f"self.{child.name}.cache({_listed(kept.children[0])})")
    assert child.parent is not None
    if not all(c.kept for c in kept.children):
        raise NotYet.of(_MIXED, kept.place, _WAY)
    sizes = {_listed(each) for each in kept.children}
    if len(sizes) > 1:
        raise NotYet.of(_UNLIKE, kept.place, _WAY)
    return ex.Name(f"[block.cache({sizes.pop()}) for block in self.{child.parent.name}]")


def _what(method: Method) -> str:
    """What its attentions keep: one word for all."""
    inside = {_what(child): None for kept in method.kept for child in kept.children}
    own = {method.keeps: None} if any(not kept.children for kept in method.kept) else {}
    return " and ".join(own | inside)


def _listed(method: Method) -> str:
    return ", ".join(method.cache_sizes)


def _of_shared(method: Method, kept: Kept) -> ex.Expr:
    """The cache of an attention whose module is passed in: made like a weight that is here."""
    room = kept.children[0].room
    members = method.low.program.members.get(method.scope, {}).values()
    held = next((member.name for member in members if "weight" in member.holds), None)
    if held is None or not isinstance(room, ex.Call):
        raise NotYet.of(_DEEP, kept.place, _OWN)
    like = ex.Attribute(ex.Member(held), "weight")
    return ex.Call(room.func, (*room.args[:-1], like))


_DEEP = "attention whose weights are shared is not supported yet with a cache here"
_OWN = "leave `share` out, or ask for no decoding"
_MIXED = "a stack of layers with and without attention is not supported yet with a cache"
_UNLIKE = "a stack of layers of which only some read a memory is not supported yet with a cache"
_WAY = "give each kind of layer a stack of its own, or ask for no decoding"
