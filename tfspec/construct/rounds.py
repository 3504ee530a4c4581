"""Layers of a stack that share weights: some layers in turn, round after round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tfspec.construct.homes import numbers
from tfspec.construct.layer_index import Layers
from tfspec.diagnostics import Label
from tfspec.layers.base import NOT_YET
from tfspec.layers.stack import UNEVEN_DEPTH
from tfspec.spec.expression import Name, Operation, SizeExpr
from tfspec.spec.pipeline import Ref
from tfspec.spec.schema import BlockDecl
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.spec.parts import Share

_SHOWN = 8


def share_of(g: Builder, layer: Sequence[Ref]) -> Share | None:
    """The share of a layer that is one block."""
    block = g.spec.blocks[layer[0].name]
    return block.share if len(layer) == 1 and isinstance(block, BlockDecl) else None


def in_rounds(g: Builder, layer: Sequence[Ref], layers: Layers, depth: Dim) -> tuple[Layers, Dim]:
    """These layers with how many of them have weights of their own, and that number as it is said.

    All `depth` of them, but where every block of a layer is shared: by an index that comes back
    after so many layers, or without one, which is one layer run `depth` times.
    """
    blocks = [g.spec.blocks[ref.name] for ref in layer]
    shares = [block.share for block in blocks if isinstance(block, BlockDecl) and block.share]
    if len(shares) < len(blocks):
        return layers, depth
    if g.layers is not None:
        raise g.not_yet("a stack inside a layer, of layers that share weights,", shares[0].span)
    if len(shares) == 1 and shares[0].index is None:
        return replace(layers, copies=1), Dim.of(1)
    with g.using(layers=layers):
        copies = {_round(g, share, depth) for share in shares if share.index is not None}
    if len(copies) > 1 or any(share.index is None for share in shares):
        return layers, depth  # what comes back in one of its blocks alone is refused there
    (count,) = copies
    if count == len(layers.indices):
        return layers, depth
    return replace(layers, copies=count), _said(g, shares[0].index, count)


def _round(g: Builder, share: Share, depth: Dim) -> int:
    """After how many layers an index comes back, each time in one order; or it is refused."""
    assert share.index is not None
    found = numbers(g, share.index)
    count = len(set(found))
    if any(number != found[at % count] for at, number in enumerate(found)):
        first = ", ".join(map(str, found[:_SHOWN])) + (", ..." if len(found) > _SHOWN else "")
        message = f"`{share.name}` shared by layers in another order than in rounds"
        raise g.refuse(
            NOT_YET,
            f"{message} is not supported yet",
            Label(share.span, f"the layers' indices are {first}"),
            help=[f"`{share.name}(i % 2)` runs two layers in turn, round after round"],
        )
    if len(found) % count:
        whole, rest = divmod(len(found), count)
        raise g.refuse(
            UNEVEN_DEPTH,
            f"a round of {count} layers does not divide a depth of {len(found)}",
            Label(share.span, f"{len(found)} = {count} × {whole} + {rest}"),
            came=g.declared(*sorted(depth.symbols)),
            help=[f"give a depth that is a multiple of {count}"],
        )
    return count


def _said(g: Builder, index: SizeExpr | None, count: int) -> Dim:
    """The number of layers of a round: m, where the index is `i % m`."""
    match index.tree if index is not None else None:
        case Operation("%", Name("i"), Name(m)) if (
            m in g.dims and g.facts.value(g.dims[m]) == count
        ):
            return g.dims[m]
        case _:
            return Dim.of(count)
