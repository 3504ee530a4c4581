"""Sines and cosines: of where a token stands, added to it, and of a number, as its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from tfspec.graph.look import Look
from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Part
from tfspec.graph.tensor import Tensor, like
from tfspec.graph.trace import Node, Op, Reach
from tfspec.ops.tables import Term, Terms, check_led, is_new, joined, others, rows_of
from tfspec.program import expr as ex
from tfspec.program.coordinates import in_part
from tfspec.program.kernels import Kernel
from tfspec.program.lowering import Lowering
from tfspec.program.refusal import NotYet
from tfspec.program.saves import NO_GRADIENT, Made, saves
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product

SINUSOIDS = '''def sinusoids(length, width, base={base}):
    """Sines and cosines of every position, {layout}: [length, width]."""
    rates = base ** (-torch.arange(0, width, 2).float() / width)
    angles = torch.arange(length).float()[:, None] * rates
    return {join}
'''
SINUSOID = '''def sinusoid(x, width, base={base}):
    """Sines and cosines of a number at every rate, {layout}: [..., 1] -> [..., width]."""
    rates = base ** (-torch.arange(0, width, 2, device=x.device).float() / width)
    angles = x.float() * rates
    return {join}.to(x.dtype)
'''
Layout = Literal["interleaved", "halves", "cosines_first"]
LAYOUTS: dict[Layout, tuple[str, str]] = {
    "interleaved": ("in turn", "torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)"),
    "halves": ("sines first", "torch.cat((angles.sin(), angles.cos()), dim=-1)"),
    "cosines_first": ("cosines first", "torch.cat((angles.cos(), angles.sin()), dim=-1)"),
}


def written(low: Lowering, name: str, template: str, base: float, layout: Layout) -> ex.Name:
    """The emitted function with this base and layout."""
    words, join = LAYOUTS[layout]
    return low.helper(name, template.format(base=ex.written(base), layout=words, join=join))


@dataclass(frozen=True)
class AddSinusoids(Op):
    """x + table[place]; table[p, 2j] = sin(p · base^(-2j/d)), table[p, 2j + 1] its cosine.

    Over several axes the features are cut evenly among them, in the order of the term, and each
    section is the table of one coordinate in the section's width. The layout `halves` (of
    tensor2tensor and Marian) puts all sines of a section before its cosines, `cosines_first` (of
    diffusion models) all cosines before its sines. Nothing here is a parameter: tables are
    constants, computed in each forward where an axis has no longest length.

    Source: Vaswani et al. 2017, section 3.5; over rows and columns as by Wang and Liu 2019.
    """

    reach: ClassVar[Reach] = "text"

    base: float
    layout: Layout
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
        (x,), (of,) = inputs, node.inputs
        pairs = list(zip(of.space.parts, self.terms, strict=True))
        if is_new(low, of):
            pairs = pairs[-1:]
            if self.terms[-1] is None:
                raise others(low)
        made = [
            part if term is None else self._rows(low, x, of, part, term) for part, term in pairs
        ]
        return x + joined(low, made)

    def _rows(self, low: Lowering, x: Value, of: Tensor, part: Part, term: Term) -> Value:
        """What each token of a part gets: [n, d]."""
        if len(term.axes) == 1:
            (table,) = self._tables(low, x, part, term)
            return rows_of(low, table, of, part, term)
        if None in term.extents or low.method is low.top:
            return self._sections(low, x, of, part, term)
        key = ("sinusoids", self.base, self.layout, x.shape[-1], term, part.axes)
        return low.hoist(key, "places", lambda: self._sections(low, x, of, part, term))

    def _sections(self, low: Lowering, x: Value, of: Tensor, part: Part, term: Term) -> Value:
        """The features of each axis side by side: [n, d]."""
        new = is_new(low, of)
        if new:
            check_led(low, of)
        pairs = zip(self._tables(low, x, part, term), term.axes, strict=True)
        sections = [table.gather_rows(in_part(low, part, axis, new=new)) for table, axis in pairs]
        together = ex.Tuple(tuple(section.ref for section in sections))
        shape = (low.length(part), x.shape[-1])
        return low.torch("torch.cat", together, dim="1", shape=shape, saves=NO_GRADIENT)

    def _tables(self, low: Lowering, x: Value, part: Part, term: Term) -> list[Value]:
        """For each axis a table with a row for each coordinate: one buffer serves them all.

        Where an axis has no longest length, each forward computes what it needs.
        """
        function = written(low, "sinusoids", SINUSOIDS, self.base, self.layout)
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
            way = f"declare its longest length, as `{length}: 1..1024`, or ask for no decoding"
            raise NotYet.of(what, low.place, way)
        sizes = (low.number(length, "length"), low.number(width, "width"))
        made = ex.Call(ex.Attribute(ex.Call(function, sizes), "to"), (x.ref,))
        return low.method.emit(made, (length, width), "float", NO_GRADIENT)


@dataclass(frozen=True)
class Sinusoid(Op):
    """[..., 1] -> [..., width]: sin(x · base^(-2j/width)) and the cosine of the same, for each j.

    Angles are in fp32, whatever the model's numbers are: a time step of 999 has no bf16. Source:
    Vaswani et al. 2017, section 3.5; of a number that is no position as by Ho et al. 2020.
    """

    reach: ClassVar[Reach] = "token"

    width: Dim
    base: float
    layout: Layout

    def infer(self, *inputs: Tensor) -> Tensor:
        return like(inputs[0], self.width)

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # its rates are constants

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # each angle is one product of an element

    def label(self) -> str:
        return "sinusoid"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Sinusoids", "embed", ((self.width, " features"),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        function = written(low, "sinusoid", SINUSOID, self.base, self.layout)
        shape = (*x.shape[:-1], self.width)
        half = self.width.exact_div(2)
        angles = Made("angles", product(shape[:-1]) * half, "float32", (x,))
        kept = saves(angles, Made("rates", half, "float32", (x,)))
        call = ex.Call(function, (x.ref, low.number(self.width, "width")))
        hidden = 7 * product(shape[:-1]) * half + 9 * half  # angles, sines, cosines; rates
        return x.fresh(call, shape, kept, kernel=Kernel("pointwise", hidden, launches=9))
