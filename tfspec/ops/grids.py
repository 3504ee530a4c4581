"""Values over several axes: one more axis, one axis less, and sums along a missing one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import ClassVar

from tfspec.graph.look import Knob, Look, plain
from tfspec.graph.space import Axis, Part, Space
from tfspec.graph.tensor import Tensor, over
from tfspec.graph.trace import Node, Reach
from tfspec.ops.pointwise import Add
from tfspec.ops.tokens import Pool, Rearrangement
from tfspec.program import expr as ex
from tfspec.program.kernels import JOIN
from tfspec.program.lowering import Lowering
from tfspec.program.refusal import NotYet
from tfspec.program.saves import LINEAR
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product


@dataclass(frozen=True)
class TakeIndex(Rearrangement):
    """One index of an axis of a grid, the axis `at` of its part: [..., H·W, d] -> [..., H, d]."""

    reach: ClassVar[Reach] = "place"

    space: Space
    at: int
    index: Dim
    words: Knob = field(compare=False)

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.space, inputs[0].axes[-1])

    def label(self) -> str:
        return plain(self.words)

    def look(self, *inputs: Tensor) -> Look:
        return Look(self.words, form="chip")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        lead, (part,) = len(self.space.batch), node.inputs[0].space.parts
        if low.is_one(part.axes[self.at].size):  # all that a merge or a patch has left of it
            return inputs[0]
        x = inputs[0].unflatten(lead, grid_sizes(low, part, inputs[0].shape[lead]))
        x = x.select(lead + self.at, low.number(self.index, "index"))
        last = len(x.shape) - 2
        return x.flatten(lead, last) if last > lead else x


@dataclass(frozen=True)
class PoolAxes(Pool):
    """The mean or the largest over some axes of a grid, `gone`: [..., F·H·W, d] -> [..., F, d]."""

    reach: ClassVar[Reach] = "place"

    gone: tuple[Axis, ...]

    @property
    def what(self) -> str:
        return f"over {', '.join(axis.name for axis in self.gone)}"

    @property
    def called(self) -> str:
        return f"`pool` {self.what}"

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        """Neighbours that go are one axis, and go at once."""
        lead, (part,) = len(self.space.batch), node.inputs[0].space.parts
        runs = [[*run] for _, run in groupby(part.axes, lambda axis: axis in self.gone)]
        joined = [Axis(run[0].name, product(axis.size for axis in run)) for run in runs]
        sizes = grid_sizes(low, replace(part, axes=tuple(joined)), inputs[0].shape[lead])
        gone = [lead + at for at, run in enumerate(runs) if run[0] in self.gone]
        x = inputs[0].unflatten(lead, sizes).reduce(self.function, *gone)
        last = len(x.shape) - 2
        return x.flatten(lead, last) if last > lead else x


@dataclass(frozen=True)
class Interleave(Rearrangement):
    """Equal spaces interleaved: n values [..., N, d] -> [..., N·n, d], the values' axis last."""

    reach: ClassVar[Reach] = "place"

    space: Space
    labels: tuple[str, ...]

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.space, inputs[0].axes[-1])

    def label(self) -> str:
        return "zip"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Interleave", "other", ((", ".join(self.labels),),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        axis = len(self.space.batch)
        at = axis if node.inputs[0].space.single else axis + 1
        first = inputs[0].shape
        shape = (*first[:at], Dim.of(len(inputs)), *first[at:])
        together = ex.Tuple(tuple(x.ref for x in inputs))
        x = low.torch("torch.stack", together, dim=str(at), shape=shape, saves=LINEAR, kernel=JOIN)
        return x.flatten(axis, at) if at > axis else x


@dataclass(frozen=True)
class AddAlong(Add):
    """a + b, where b lacks axes of a and is repeated along them: [..., T·n, d] + [..., T, d]."""

    space: Space

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        if low.partial and low.graph.on_grid:
            message = "a sum along an axis of a text on a grid is not supported yet in decoding"
            raise NotYet.of(message, low.place, "ask for a forward, which has the whole grid")
        lead = len(self.space.batch)
        (part,), (narrow,) = (tensor.space.parts for tensor in node.inputs)
        a, b = (_on_grid(low, x, y.space) for x, y in zip(inputs, node.inputs, strict=True))
        b = b.new_axes("k" * lead + "".join("k" if a.name in narrow else "1" for a in part.axes))
        total = a + b
        return total.flatten(lead, lead + len(part.axes) - 1) if len(part.axes) > 1 else total


def _on_grid(low: Lowering, x: Value, space: Space) -> Value:
    """The tokens of the one part as its axes."""
    (part,) = space.parts
    at = len(space.batch)
    return x.unflatten(at, grid_sizes(low, part, x.shape[at])) if len(part.axes) > 1 else x


def grid_sizes(low: Lowering, part: Part, tokens: Dim) -> list[tuple[ex.Expr, Dim]]:
    """The sizes of a part's axes, as `unflatten` takes them; torch finds the first by itself.

    Of all `tokens` that there are: those of a text's last place are fewer than the part's.
    """
    rest = [axis.size for axis in part.axes[1:]]
    first = tokens.exact_div(product(rest))
    return [(ex.Name("-1"), first), *((low.number(size, "tokens"), size) for size in rest)]
