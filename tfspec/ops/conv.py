"""Convolutions along axes of a grid of tokens; the other axes are passed over, as a batch is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfspec.graph.look import Knob, Look, between
from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Axis, Space
from tfspec.graph.tensor import Tensor, features, over
from tfspec.graph.trace import Node, Op
from tfspec.program import expr as ex
from tfspec.program.kernels import CONVOLUTION
from tfspec.program.lowering import Lowering
from tfspec.program.program import Member
from tfspec.program.saves import Keep, saves
from tfspec.program.value import Value, in_order
from tfspec.symbolic import Dim, product


@dataclass(frozen=True)
class Conv(Op):
    """A linear map of each window: [..., L, c] -> [..., (L + 2·pad - size) // stride + 1, width].

    `space` is what comes out. Its last axes, one for each of `sizes`, are those along which windows
    move; they may be of an input as it comes, with its channels before its grid.
    """

    space: Space
    sizes: tuple[Dim, ...]
    strides: tuple[Dim, ...]
    pads: tuple[Dim, ...]
    width: Dim
    bias: bool

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.space, features(self.width))

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        specs = {"weight": WeightSpec((self.width, channels(inputs[0]), *self.sizes), "linear")}
        return specs | ({"bias": WeightSpec((self.width,), "bias")} if self.bias else {})

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        """With the products with padding, which kernels compute as the others."""
        return 2 * outputs[0].elements * channels(inputs[0]) * product(self.sizes)

    @property
    def looks_ahead(self) -> bool:
        return True

    def label(self) -> str:
        return "conv"

    def look(self, *inputs: Tensor) -> Look:
        knobs: list[Knob] = [("kernel ", *between(" × ", self.sizes))]
        if any(step.constant != 1 for step in self.strides):
            knobs.append(("stride ", *between(" × ", self.strides)))
        return Look("Convolution", "embed", tuple(knobs))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        assert node.group is not None
        x = self._channels_first(low, node.inputs[0], inputs[0])
        make = ex.Call(
            ex.Name(f"nn.Conv{len(self.sizes)}d"), self._sizes(low, x), self._options(low)
        )
        holds = {name: (weight,) for name, weight in node.group.weights.items()}
        module = low.own(node.group, lambda name: Member(name, make, holds))
        assert module is not None
        shape = (*x.shape[:1], self.width, *(axis.size for axis in self._moving))
        copied = _copied(low, x)
        y = low.method.emit(
            ex.Call(module, (x.ref,)),
            shape,
            "float",
            saves(Keep(x), learns=node.group.trained),
            strides=in_order(shape, _order(low, x)),
            kernel=CONVOLUTION.after([product(x.shape)]) if copied else CONVOLUTION,
        )
        return self._rows(low, y)

    @property
    def _moving(self) -> tuple[Axis, ...]:
        """The axes along which windows move."""
        return self.space.parts[0].axes[-len(self.sizes) :]

    @property
    def _passed(self) -> tuple[Axis, ...]:
        """The axes that are passed over: batch axes, and the first ones of the grid."""
        return (*self.space.batch, *self.space.parts[0].axes[: -len(self.sizes)])

    def _channels_first(self, low: Lowering, tensor: Tensor, x: Value) -> Value:
        """As torch's convolutions take it: [n, channels, grid]."""
        passed, grid = len(self._passed), len(self.sizes)
        if tensor.raw:
            x = _in_order(tensor, x, [axis.name for axis in self._passed])
        elif passed + grid > len(self.space.batch) + 1:
            axes = tensor.space.parts[0].axes
            sizes = [(_size(low, axis.size, at), axis.size) for at, axis in enumerate(axes)]
            x = x.unflatten(len(self.space.batch), sizes)
        if not tensor.raw and grid == 1:
            x = x.transpose(passed, passed + 1)
        elif not tensor.raw:
            x = x.permute([*range(passed), passed + grid, *range(passed, passed + grid)])
        return x.flatten(0, passed - 1) if passed > 1 else x

    def _rows(self, low: Lowering, y: Value) -> Value:
        """[n, width, grid] as one feature vector a token."""
        y = (y.flatten(2) if len(self.sizes) > 1 else y).transpose(1, 2)
        if len(self._passed) == 1:
            return y
        sizes = [(_size(low, a.size, at), a.size) for at, a in enumerate(self._passed)]
        y = y.unflatten(0, sizes)
        batch = len(self.space.batch)
        return y.flatten(batch, len(self._passed)) if len(self._passed) > batch else y

    def _sizes(self, low: Lowering, x: Value) -> tuple[ex.Expr, ...]:
        return (
            low.number(x.shape[1], "channels"),
            low.number(self.width, "width"),
            _each(low, self.sizes, "size"),
        )

    def _options(self, low: Lowering) -> tuple[tuple[str, ex.Expr], ...]:
        found: list[tuple[str, ex.Expr]] = []
        if any(low.fixed(step) != 1 for step in self.strides):
            role = "size" if self.strides == self.sizes else "stride"
            found.append(("stride", _each(low, self.strides, role)))
        if any(low.fixed(pad) != 0 for pad in self.pads):
            found.append(("padding", _each(low, self.pads, "padding")))
        return tuple(found) if self.bias else (*found, ("bias", ex.FALSE))


def channels(x: Tensor) -> Dim:
    """The features of a token; of an input without any, its one number."""
    return next((axis.size for axis in x.axes if axis.name == "width"), Dim.of(1))


def _in_order(tensor: Tensor, x: Value, passed: Sequence[str]) -> Value:
    """An input's axes: those passed over, its channels, and its grid."""
    at = {axis.name: at for at, axis in enumerate(tensor.axes)}
    channel = [at.pop("width")] if "width" in at else []
    grid = [place for name, place in at.items() if name not in passed]
    x = x.permute([*(at[name] for name in passed), *channel, *grid])
    return x if channel else x.new_axes("k" * len(passed) + "1")


def _copied(low: Lowering, x: Value) -> bool:
    """Whether torch copies it first: along one axis it takes channels first alone."""
    axes = zip(x.shape, x.strides, in_order(x.shape), strict=True)
    in_place = all(low.is_one(size) or low.same(a, b) for size, a, b in axes)
    return len(x.shape) == 3 and not in_place


def _order(low: Lowering, x: Value) -> Sequence[int] | None:
    """How the result lies in memory: on a grid as what comes in, with channels first or last."""
    last = x.strides[1].constant == 1 and not low.is_one(x.shape[1])
    return (0, *range(2, len(x.shape)), 1) if last and len(x.shape) > 3 else None


def _each(low: Lowering, sizes: Sequence[Dim], role: str) -> ex.Expr:
    """A number for every axis, or one for all."""
    numbers = [low.number(size, role) for size in sizes]
    same = len({low.fixed(size) for size in sizes}) == 1
    return numbers[0] if same else ex.Tuple(tuple(numbers))


def _size(low: Lowering, size: Dim, at: int) -> ex.Expr:
    """The text of one of several sizes; torch finds the first by itself."""
    return ex.Name("-1") if at == 0 else low.number(size, "tokens")
