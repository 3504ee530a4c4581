"""How an attention splits its width into heads: the sizes, and that they divide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfspec.diagnostics import Label, Rule
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor
    from tfspec.layers.attend import Attend
    from tfspec.spec.expression import SizeExpr

UNEVEN_HEADS = Rule(
    "TS201",
    "heads that do not divide the width",
    "An attention without `head_dim` splits its width evenly among its heads, and the number of "
    "heads does not divide the width.",
    "Each head works on as many features: head_dim = width / heads (Vaswani et al. 2017).",
    "dims: {d: 768, h: 10}  # attend: {heads: h}, and 768 = 10 × 76 + 8",
    "Take one of the numbers of heads that the message lists, change the width, or give "
    "`head_dim`: the maps then go from the width to heads · head_dim and back.",
)
UNEVEN_GROUPS = Rule(
    "TS226",
    "key heads that do not divide the query heads",
    "`kv_heads` says how many heads of keys and values there are, and it does not divide `heads`.",
    "Each of them serves equally many query heads (Ainslie et al. 2023).",
    "attend: {heads: 8, kv_heads: 3}",
    "Take one of the numbers that the message lists.",
)

_MOST_LISTED = 16
_LARGEST = 1 << 20  # a number whose divisors are worth looking for


@dataclass(frozen=True)
class Heads:
    """The sizes of an attention: h query heads and g key heads, k and w features of each."""

    heads: Dim
    groups: Dim
    head_dim: Dim
    v_head_dim: Dim

    def adjective(self, text: str) -> str:
        return text if self.heads == self.groups else text.replace("Multi-head", "Grouped-query")


def split(g: Builder, layer: Attend, x: Tensor) -> Heads:
    """The heads of an attention over x, each size proved to divide, or the spec is refused."""
    width = g.fixed(x.width, layer.name_span)
    heads = g.fixed_size(layer.heads, x)
    groups = heads if layer.kv_heads is None else g.fixed_size(layer.kv_heads, x)
    _check_groups(g, layer, groups, heads)
    if layer.head_dim is None:
        _check_heads(g, layer, heads, width)
        head_dim = width.exact_div(heads)
    else:
        head_dim = g.fixed_size(layer.head_dim, x)
    values = head_dim if layer.v_head_dim is None else g.fixed_size(layer.v_head_dim, x)
    return Heads(heads, groups, g.head(head_dim), g.head(values))


def _check_heads(g: Builder, layer: Attend, heads: Dim, width: Dim) -> None:
    size, count = g.facts.value(width), g.facts.value(heads)
    assert size is not None
    assert count is not None
    if size % count == 0:
        return
    raise g.refuse(
        UNEVEN_HEADS,
        f"width {size} cannot be split into {count} heads",
        Label(layer.span_of("heads"), named(layer.heads, count) + remainder(size, count)),
        came=g.declared(*sorted(width.symbols), what="the width"),
        help=[
            *_fitting("heads", size, least=8),
            "or give head_dim, and the projections need not divide",
        ],
    )


def _check_groups(g: Builder, layer: Attend, groups: Dim, heads: Dim) -> None:
    count, shared = g.facts.value(heads), g.facts.value(groups)
    assert count is not None
    assert shared is not None
    if layer.kv_heads is None or count % shared == 0:
        return
    raise g.refuse(
        UNEVEN_GROUPS,
        f"{count} query heads cannot share {shared} key heads evenly",
        Label(layer.kv_heads.span, named(layer.kv_heads, shared) + remainder(count, shared)),
        came=[Label(layer.span_of("heads"), "the query heads")],
        help=_fitting("kv_heads", count),
    )


def named(size: SizeExpr, value: int) -> str:
    """What an expression comes to, before more is said of it: `h = 10, and `."""
    return "" if size.constant is not None else f"{size.text} = {value}, and "


def remainder(number: int, divisor: int) -> str:
    """Why it does not divide: `768 = 10 × 76 + 8`."""
    whole, rest = divmod(number, divisor)
    return f"{number} = {divisor} × {whole} + {rest}"


def _fitting(what: str, number: int, least: int = 1) -> list[str]:
    """The divisors of a number, in a sentence; of a large one those that leave enough to each."""
    from tfspec.symbolic.mending import divisors

    if number > _LARGEST:
        return []
    enough = [n for n in divisors(number) if number < 64 or number // n >= least]
    listed = ", ".join(map(str, enough[:_MOST_LISTED]))
    return [f"{what} that divide {number}: {listed}"]
