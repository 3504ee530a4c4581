"""Fixed positions: sines and cosines of where a token stands, added to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from tfspec.graph.look import Look
from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Part
from tfspec.graph.tensor import Tensor, like
from tfspec.graph.trace import Node, Op
from tfspec.ops.tables import Term, Terms, joined, rows_of
from tfspec.program import expr as ex
from tfspec.program.coordinates import in_part
from tfspec.program.lowering import Lowering
from tfspec.program.refusal import NotYet
from tfspec.program.saves import NO_GRADIENT
from tfspec.program.value import Value
from tfspec.symbolic import Dim

SINUSOIDS = '''def sinusoids(length, width, base={base}):
    """Sines and cosines of every position, {layout}: [length, width]."""
    rates = base ** (-torch.arange(0, width, 2).float() / width)
    angles = torch.arange(length).float()[:, None] * rates
    return {join}
'''
LAYOUTS = {
    "interleaved": ("in turn", "torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)"),
    "halves": ("sines first", "torch.cat((angles.sin(), angles.cos()), dim=1)"),
}


@dataclass(frozen=True)
class AddSinusoids(Op):
    """x + table[place]; table[p, 2j] = sin(p · base^(-2j/d)), table[p, 2j + 1] its cosine.

    Over several axes the features are cut evenly among them, in the order of the term, and each
    section is the table of one coordinate in the section's width. The layout `halves` (of
    tensor2tensor and Marian) puts all sines of a section before its cosines. Nothing here is a
    parameter: tables are constants, computed in each forward where an axis has no longest length.

    Source: Vaswani et al. 2017, section 3.5; over rows and columns as by Wang and Liu 2019.
    """

    tokenwise: ClassVar[bool] = True

    base: float
    layout: Literal["interleaved", "halves"]
    terms: Terms

    def infer(self, *inputs: Tensor) -> Tensor:
        return like(inputs[0])

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # a constant table

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a look-up and a sum

    def label(self) -> str:
        return "sinusoids"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Positions", "embed", (("sinusoidal",),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        space = node.inputs[0].space
        pairs = zip(space.parts, self.terms, strict=True)
        made = [part if term is None else self._rows(low, x, part, term) for part, term in pairs]
        return x + joined(low, made, space)

    def _rows(self, low: Lowering, x: Value, part: Part, term: Term) -> Value:
        """What each token of a part gets: [n, d]."""
        tables = self._tables(low, x, part, term)
        if len(tables) == 1:
            return rows_of(low, tables[0], part, term)
        pairs = zip(tables, term.axes, strict=True)
        sections = [table.gather_rows(in_part(low, part, axis)) for table, axis in pairs]
        together = ex.Tuple(tuple(section.ref for section in sections))
        shape = (part.length, x.shape[-1])
        return low.torch("torch.cat", together, dim="1", shape=shape, saves=NO_GRADIENT)

    def _tables(self, low: Lowering, x: Value, part: Part, term: Term) -> list[Value]:
        """For each axis a table with a row for each coordinate: one buffer serves them all.

        Where an axis has no longest length, each forward computes what it needs.
        """
        words, join = LAYOUTS[self.layout]
        base = int(self.base) if self.base == int(self.base) else self.base
        function = low.helper("sinusoids", SINUSOIDS.format(base=base, layout=words, join=join))
        width = x.shape[-1].exact_div(len(term.axes))
        longest = [extent for extent in term.extents if extent is not None]
        if len(longest) == len(term.axes):
            most = max(longest, key=lambda extent: low.fixed(extent) or 0)
            sizes = (low.number(most, "width"), low.number(width, "width"))
            table = low.buffer("sinusoids", ex.Call(function, sizes), (most, width))
            return [table] * len(term.axes)
        lengths = {axis.name: axis.size for axis in part.axes}
        return [self._computed(low, x, function, lengths[axis], width) for axis in term.axes]

    def _computed(
        self, low: Lowering, x: Value, function: ex.Name, length: Dim, width: Dim
    ) -> Value:
        if low.mode == "decode":
            what = "a text without a longest length is not supported yet in decoding"
            raise NotYet.of(what, None)
        sizes = (low.number(length, "length"), low.number(width, "width"))
        made = ex.Call(ex.Attribute(ex.Call(function, sizes), "to"), (x.ref,))
        return low.method.emit(made, (length, width), "float", NO_GRADIENT)
