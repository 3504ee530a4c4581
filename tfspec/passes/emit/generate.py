"""What `--with generate` adds: room for keys and values, and a greedy continuation."""

from __future__ import annotations

from tfspec.program import expr as ex
from tfspec.program import layout
from tfspec.program.classes import Book, ModuleClass
from tfspec.program.method import Kept, Method
from tfspec.program.printer import MethodPrinter
from tfspec.program.program import Program
from tfspec.program.refusal import NotYet

GENERATE = '''@torch.inference_mode()
def generate(tokens, steps, cache, prefill, decode):
    """Greedy continuation: [B, T] -> [B, T + steps]. `prefill` and `decode` are the
    model's, compiled or not; a cache may be used again for the next prompt.
    """
    if tokens.shape[1] + steps > cache[0].slots:
        raise ValueError(f"the cache has room for {cache[0].slots} tokens")
    position = torch.tensor([tokens.shape[1]], device=tokens.device)
    token = prefill(tokens, cache).argmax(-1)  # [B, 1]
    out = [tokens, token]
    for _ in range(steps - 1):
        token = decode(token, position, cache).argmax(-1)  # [B, 1]
        position = position + 1
        out.append(token)
    return torch.cat(out, dim=1)
'''


def cache_method(
    book: Book, module: ModuleClass, method: Method, names: MethodPrinter
) -> list[str]:
    """cache(batch, length) of a class that keeps something, in the order in which it is kept."""
    if not method.kept:
        return []
    items = [_item(method, kept) for kept in method.kept]
    doc = "Room for the keys and values of `length` tokens."
    if module.scopes[0] is book.root:
        doc = "Room for `length` tokens of `batch` texts: what prefill and decode keep."
    head = ["", "    def cache(self, batch, length):", f'        """{doc}"""']
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
        return _of_shared(method, kept.children[0])
    if not kept.stacked:
        return ex.Call(ex.Name(f"self.{child.name}.cache"), _SIZES)
    assert child.parent is not None
    if not all(c.kept for c in kept.children):
        raise NotYet.of(_MIXED, None)
    return ex.Name(f"[block.cache(batch, length) for block in self.{child.parent.name}]")


def _of_shared(method: Method, child: Method) -> ex.Expr:
    """The cache of an attention whose module is passed in: made like a weight that is here."""
    if not isinstance(child.room, ex.Call):
        raise NotYet.of(_DEEP, None)
    members = method.low.program.members[method.scope].values()
    held = next((member.name for member in members if "weight" in member.holds), None)
    if held is None:
        raise NotYet.of(_DEEP, None)
    like = ex.Attribute(ex.Member(held), "weight")
    return ex.Call(child.room.func, (*child.room.args[:-1], like))


_DEEP = "a cache of a block whose weights are shared between modules is not supported yet"
_MIXED = "a stack of layers with and without attention is not supported yet with a cache"
_SIZES = (ex.Name("batch"), ex.Name("length"))


def generate(program: Program) -> str:
    """The helper that continues a prompt."""
    return GENERATE.replace(
        "cache[0].slots", f"cache{ex.path_to_cache(program.roots['decode'])}.slots"
    )
