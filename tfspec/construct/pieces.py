"""Parts of a block's value, which are not cut out of what was just put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tfspec.graph.space import Part
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Trace, current
from tfspec.ops.tokens import Concat, Take

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder


def cut(g: Builder, x: Tensor, parts: Sequence[Part]) -> Tensor:
    """Parts that stand side by side in a value: the piece that was put there, or a cut of it."""
    if len(parts) == len(x.space.parts):
        return x
    space = g.tokens(x.space.with_parts(*parts))
    piece = _joined(x, parts)
    if piece is not None:
        return replace(piece, space=space, of=piece.original)
    start = x.space.offset(parts[0].name)
    return Take(space, start, (f"take {' + '.join(part.name for part in parts)}",))(x)


def _joined(x: Tensor, parts: Sequence[Part]) -> Tensor | None:
    """What a value was put together of, if that is these parts and nothing else."""
    maker = next((node for node in current().body if x.original in node.outputs), None)
    if maker is None or not isinstance(maker.op, Concat):
        return None
    at = x.space.parts.index(parts[0])
    for piece in maker.inputs:
        if at == 0:
            alike = len(piece.space.parts) == len(parts) and piece.space.batch == x.space.batch
            return piece if alike else None
        at -= len(piece.space.parts)
    return None


def drop_unread(trace: Trace, first: int, result: Tensor) -> None:
    """Leave out cuts and joins, from the node `first` on, that nothing reads in the end."""
    read = {result.original}
    kept: list[Node] = []
    for node in reversed(trace.body[first:]):
        if not isinstance(node.op, Concat | Take) or not read.isdisjoint(node.outputs):
            read.update(node.inputs)
            kept.append(node)
    trace.body[first:] = kept[::-1]
