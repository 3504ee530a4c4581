"""A forward under torch.autocast: what a step reads is cast before it, by kernels of their own.

A weight that learns is cast once; all else at every call, or once for all who read it where the
whole is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfspec.passes.time.listed import Listed
from tfspec.passes.time.order import Order, ShapeOf
from tfspec.passes.time.regions import Block, Cast, Dtype, Given, Held, Region, Run
from tfspec.program import expr as ex
from tfspec.program.kernels import CONVOLUTION, POINTWISE, PRODUCT
from tfspec.program.method import Assign, Method
from tfspec.program.program import Program
from tfspec.program.saves import LINEAR
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class Wanted:
    """A copy in another dtype, of one operand of a step. Its elements are in letters for numbers of
    tokens, and as the spec has them."""

    step: Assign
    of: object
    region: Region
    to: Dtype
    elements: Dim
    plain: Dim


ORDERED = {"product": PRODUCT, "convolution": CONVOLUTION}
"""Kernels that need copy no operand before."""


class Casting(Order):
    """The runs of a root method under autocast; weights and inputs are in fp32."""

    def __init__(self, program: Program, shape_of: ShapeOf, *, compiled: bool) -> None:
        super().__init__(program, shape_of)
        self.compiled = compiled
        self._copies: dict[object, Region] = {}
        self._casts: dict[tuple[Assign, object], Cast] = {}

    def _read(self, method: Method, step: Assign, known: Mapping[Value, Region]) -> Given:
        members = self.program.members.get(method.scope, {})
        modules = {name: member.make for name, member in members.items()}
        listed = Listed(self.program.target.kind, modules, known)
        dtype = listed.result(step)
        cast = {value: self._cast(step, value, known[value], to) for value, to in listed.to.items()}
        held = list(self._held(method, step))
        if not listed.lowers:
            return Given({**known, **cast}, held, [], dtype)
        copies = [self._copy(step, at, each) for at, each in enumerate(held)]
        held = [Held(each.weights, "lower") for each in held]
        ordered = any(not known[value].whole for value in cast)  # a part's copy lies in order
        kernel = ORDERED.get(step.kernel.kind) if ordered else None
        return Given({**known, **cast}, held, copies, dtype, kernel)

    # ---- copies
    def _cast(self, step: Assign, value: Value, region: Region, to: Dtype) -> Region:
        """A value in another dtype; of a view, a copy of what it shows."""
        block, size = region.block, self._plain(value.shape)
        wanted = Wanted(step, value, region, to, self._size(value.shape), size)
        if block.weights and region.needs and region.whole:
            return self._once(self._key(block.weights), wanted)
        return self._often(region, wanted)

    def _copy(self, step: Assign, at: int, held: Held) -> Region:
        """A module's weight in the lower precision."""
        size = held.elements
        block = Block(None, size, weights=held.weights)
        region = Region(block, size, size, "float", held.rank, held.trained)
        wanted = Wanted(step, at, region, "lower", size, size)
        return (self._once if held.trained else self._often)(self._key(held.weights), wanted)

    def _often(self, key: object, wanted: Wanted) -> Region:
        """At every call, or once where the whole is compiled."""
        return self._once(key, wanted) if self.compiled else self._made(wanted)

    def _once(self, key: object, wanted: Wanted) -> Region:
        if (key, wanted.to) not in self._copies:
            self._copies[key, wanted.to] = self._made(wanted)
        return self._copies[key, wanted.to]

    def _made(self, wanted: Wanted) -> Region:
        """A kernel of its own; a step's is one step in all of its layers."""
        step, region = wanted.step, wanted.region
        cast = self._casts.setdefault(
            (step, wanted.of), Cast((), ex.Name("to"), LINEAR, step.nodes)
        )
        run = self._add(Run(cast, POINTWISE, self._times, self._layer, [region], [], []))
        run.needs = region.needs
        self._gets(run)
        block = Block(run, wanted.elements)
        size = wanted.elements, wanted.plain
        run.makes.append(Region(block, *size, wanted.to, region.rank, region.needs))
        return run.makes[0]
