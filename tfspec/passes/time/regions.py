"""What a kernel reads, makes and keeps: parts of allocations, and who else reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tfspec.graph.scope import Weight
from tfspec.program.kernels import Kernel, Kind
from tfspec.program.method import Assign, When
from tfspec.program.saves import SavedDtype
from tfspec.program.value import Value
from tfspec.symbolic import Dim

Dtype = SavedDtype | Literal["lower"]
"""What a number in memory is. "float" is the weights' dtype, "lower" what autocast casts to."""
FLOATS: tuple[Dtype, ...] = ("float", "lower", "float32")
COMPUTING: tuple[Kind, ...] = ("product", "convolution", "attention")


@dataclass(eq=False, repr=False)
class Block:
    """One allocation, its size in the symbols of the graph's sizes. `pieces` are the readers of
    each part of it, in order, and `results` the parts that leave the model."""

    maker: Run | None
    elements: Dim
    pieces: list[tuple[Run, Region]] = field(default_factory=list["tuple[Run, Region]"])
    results: list[Region] = field(default_factory=list["Region"])
    weights: tuple[Weight, ...] = ()
    """Those of the graph that it is, where it is a tensor of a module."""

    @property
    def result(self) -> bool:
        return bool(self.results)


@dataclass(eq=False, repr=False)
class Region:
    """What a value is in memory: so many different elements of an allocation.

    `plain`: the same, by which parts are compared: with numbers for sizes that the spec fixes, and
    without letters for numbers of tokens, since one size has several formulas.
    """

    block: Block
    elements: Dim
    plain: Dim
    dtype: Dtype
    rank: int
    needs: bool = False
    """Whether a gradient flows to it."""
    cut: Assign | None = None
    """The step that cut it out of its allocation, maybe with other parts; none if it is all."""
    whole: bool = True
    """Whether it is all of its allocation."""


@dataclass(frozen=True)
class Held:
    """A tensor of a module, or the copy of it that is read: several of the graph's weights where
    maps run as one."""

    weights: tuple[Weight, ...]
    dtype: Dtype = "float"

    @property
    def elements(self) -> Dim:
        return sum((weight.elements for weight in self.weights), Dim.of(0))

    @property
    def rank(self) -> int:
        return len(self.weights[0].shape)

    @property
    def trained(self) -> bool:
        """Whether it gets a gradient. (Maps that run as one are all trained, or all frozen.)"""
        return self.weights[0].trained

    @property
    def trains(self) -> bool:
        """Whether its own gradient is made here, not a copy's."""
        return self.trained and self.dtype == "float"


@dataclass(frozen=True)
class Given:
    """What a step reads: its operands, its module's weights, and which copies these are.

    `dtype` is that of the floats that it makes. `kernel`: what runs, where not what runs elsewhere.
    """

    known: Mapping[Value, Region]
    weights: list[Held]
    copies: Sequence[Region] = ()
    dtype: Dtype = "float"
    kernel: Kernel | None = None


@dataclass(frozen=True)
class Layer:
    """Which layer of which stack, by their numbers, and which layer of another stack that is in."""

    stack: int
    number: int
    around: Layer | None = None

    @property
    def outermost(self) -> Layer:
        return self if self.around is None else self.around.outermost


@dataclass(eq=False)
class Cast(Assign):
    """What a step reads in another dtype, made by autocast before it."""


@dataclass(eq=False, repr=False)
class Run:
    """One kernel, or one step's few. `times` counts the layers that it stands for; `layer` is none
    outside of stacks. `weights` are those that its module holds; `step` is what its layers share.

    `again`: elements of weights that an earlier run has too, so that gradients are added.
    `repeated`: what it joins several times over, and how much of the result that is.
    `needs`: a gradient flows through it. For that it keeps operands or its result, `kept`, and what
    it makes beside its result, `left`.
    """

    step: Assign | When
    kernel: Kernel
    times: Dim
    layer: Layer | None
    reads: list[Region]
    makes: list[Region]
    weights: list[Held]
    needs: bool = False
    kept: list[Region] = field(default_factory=list[Region])
    left: list[Region] = field(default_factory=list[Region])
    again: list[Dim] = field(default_factory=list[Dim])
    repeated: dict[Region, Dim] = field(default_factory=dict["Region", Dim])

    @property
    def saves(self) -> bool:
        """Whether it keeps anything for its backward, be it weights, which are there anyway."""
        weighs = self.needs and isinstance(self.step, Assign) and self.step.saves.weighs
        return bool(self.kept or self.left or weighs)

    @property
    def saves_made(self) -> bool:
        """Whether some of that is there only once it has run."""
        return bool(self.left) or any(region.block.maker is self for region in self.kept)
