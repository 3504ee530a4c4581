"""Rows of a table for the tokens of a space, by the place of each token on its axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfspec.graph.space import Part
from tfspec.graph.tensor import Tensor
from tfspec.program import expr as ex
from tfspec.program.coordinates import in_part
from tfspec.program.kernels import JOIN
from tfspec.program.lowering import Lowering
from tfspec.program.refusal import NotYet
from tfspec.program.saves import LINEAR, NO_GRADIENT
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product


@dataclass(frozen=True)
class Term:
    """A summand of a table's space: axes, their largest sizes, and its first row in the table.

    Without axes it is one token.
    """

    axes: tuple[str, ...]
    extents: tuple[Dim | None, ...]
    start: Dim


Terms = tuple[Term | None, ...]
"""For each part of a value the term that it is in; None for a part that gets nothing."""


@dataclass(frozen=True)
class Stretch:
    """Rows that stand side by side in a table."""

    start: Dim
    length: Dim

    @property
    def stop(self) -> Dim:
        return self.start + self.length


def rows(low: Lowering, table: Value, of: Tensor, terms: Terms) -> Value:
    """The row of each token of a value, and zeros where a part has none: [rows, d] -> [N, d].

    A place's row is the same at every allowed size: the table is laid out at the largest.
    """
    space = of.space
    if is_new(low, of):
        return _decoded(low, table, of, terms[-1])
    found: list[Stretch | Value | Part] = []
    for part, term in zip(space.parts, terms, strict=True):
        piece = part if term is None else _stretch(low, part, term)
        last = found[-1] if found else None
        if isinstance(piece, Stretch) and isinstance(last, Stretch) and last.stop == piece.start:
            piece = Stretch(last.start, last.length + piece.length)
            found.pop()
        found.append(piece or _gathered(low, table, part, term))
    return joined(low, [_cut(low, table, x) if isinstance(x, Stretch) else x for x in found])


def rows_of(low: Lowering, table: Value, of: Tensor, part: Part, term: Term) -> Value:
    """The rows of the tokens of one part of a value: [n, d]."""
    if is_new(low, of):
        return _decoded(low, table, of, term)
    stretch = _stretch(low, part, term)
    return _cut(low, table, stretch) if stretch else _gathered(low, table, part, term)


def is_new(low: Lowering, of: Tensor) -> bool:
    """Whether a value is of new tokens, while decoding: a memory is as it was."""
    return low.mode == "decode" and of in low.graph.follows


def joined(low: Lowering, pieces: Sequence[Value | Part]) -> Value:
    """Rows of all parts, one after the other; a part stands for its zeros."""
    like = next(piece for piece in pieces if isinstance(piece, Value))
    whole = [_zeros(low, like, p) if isinstance(p, Part) else p for p in pieces]
    if len(whole) == 1:
        return like
    together = ex.Tuple(tuple(piece.ref for piece in whole))
    shape = (sum((piece.shape[0] for piece in whole), Dim.of(0)), like.shape[-1])
    return low.torch("torch.cat", together, shape=shape, saves=LINEAR, kernel=JOIN)


def _zeros(low: Lowering, like: Value, part: Part) -> Value:
    """Nothing for each token of a part: [n, d]."""
    shape = (low.length(part), like.shape[-1])
    sizes = tuple(low.number(size, "width") for size in shape)
    return like.fresh(ex.Call(ex.Attribute(like.ref, "new_zeros"), sizes), shape, NO_GRADIENT)


def _decoded(low: Lowering, table: Value, of: Tensor, term: Term | None) -> Value:
    """The rows at the positions of new tokens."""
    check_led(low, of)
    if term is None:
        raise others(low)
    return table.gather_rows(_index(low, of.space.parts[-1], term, new=True))


def others(low: Lowering) -> NotYet:
    """What is raised for positions of tokens that are not the text's."""
    message = "positions of other tokens are not supported yet in decoding"
    return NotYet.of(message, low.place, "ask for no decoding")


def check_led(low: Lowering, of: Tensor) -> None:
    """Raises NotYet for tokens whose places do not follow from where the text has come to."""
    if not low.graph.led(of.space):
        message = "positions on several axes are not supported yet in decoding"
        raise NotYet.of(message, low.place, "ask for no decoding")


def _gathered(low: Lowering, table: Value, part: Part, term: Term | None) -> Value:
    assert term is not None
    return table.gather_rows(_index(low, part, term))


def _stretch(low: Lowering, part: Part, term: Term) -> Stretch | None:
    """A part's rows, where they stand in its own order: only the first axis may be shorter."""
    inner = zip(part.axes[1:], term.extents[1:], strict=False)
    whole = all(extent == axis.size or _equal(low, extent, axis.size) for axis, extent in inner)
    in_order = term.axes == tuple(axis.name for axis in part.axes)
    return Stretch(term.start, low.length(part)) if in_order and whole else None


def _equal(low: Lowering, a: Dim | None, b: Dim) -> bool:
    return a is not None and low.fixed(a) is not None and low.fixed(a) == low.fixed(b)


def _index(low: Lowering, part: Part, term: Term, *, new: bool = False) -> Value:
    """The row of each token of a part, or of the new ones while decoding: [n] int64."""
    total: Value | None = None
    for at, axis in enumerate(term.axes):
        step = product(extent for extent in term.extents[at + 1 :] if extent is not None)
        index = in_part(low, part, axis, new=new)
        if low.fixed(step) != 1:
            index = index.times(low.number(step, "rows"))
        total = index if total is None else total + index
    assert total is not None
    if low.fixed(term.start) != 0:
        total = _moved(low, total, term)
    return total


def _moved(low: Lowering, index: Value, term: Term) -> Value:
    """By the term's first row."""
    expr = ex.Binary("+", index.ref, low.number(term.start, "row"))
    return index.pointwise(expr, NO_GRADIENT)


def _cut(low: Lowering, table: Value, stretch: Stretch) -> Value:
    """The rows of a stretch, or the table itself where it is all of it."""
    first, last = low.fixed(stretch.start), low.fixed(stretch.stop)
    if first == 0 and last is not None and last == low.fixed(table.shape[0]):
        return table
    start = None if first == 0 else low.number(stretch.start, "row")
    stop = low.number(stretch.stop, "tokens")
    return table.narrow(0, ex.Slice(start, stop), stretch.length)
