"""Rearranging tokens: learned tokens, concatenation, choice, pooling, and rows of raw inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from tfspec.graph.look import Knob, Look, chip, plain
from tfspec.graph.scope import WeightSpec
from tfspec.graph.space import Part, Space
from tfspec.graph.tensor import Tensor, features, over
from tfspec.graph.trace import Node, Op, Reach
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.value import Value, side_by_side
from tfspec.symbolic import Dim


class Rearrangement(Op):
    """Tokens move; nothing is multiplied."""

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        return {}  # a rearrangement

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a rearrangement


@dataclass(frozen=True)
class Learn(Op):
    """Learned tokens, the same in every batch: -> [tokens, width], or [width] for one."""

    part: Part
    width: Dim

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(Space((), (self.part,)), features(self.width))

    def weights(self, *inputs: Tensor) -> dict[str, WeightSpec]:
        rows = (self.part.length,) if self.part.axes else ()
        return {"": WeightSpec((*rows, self.width), "embedding")}

    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        return Dim.of(0)  # a parameter as it is

    def label(self) -> str:
        return self.part.name

    def look(self, *inputs: Tensor) -> Look:
        return Look(self.part.name, "embed", (("learned",),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        return low.parameter(node)


@dataclass(frozen=True)
class Concat(Rearrangement):
    """Parts one after the other: [n], [m], ... -> [n + m + ...]. Batch axes are filled in.

    With `widths`, one a part, they stay tensors of their own, side by side. Where the last part is
    the text, new tokens of it are all that decoding has: what stands before them is in caches.
    """

    reach: ClassVar[Reach] = "part"

    space: Space
    widths: tuple[Dim, ...] = ()

    def infer(self, *inputs: Tensor) -> Tensor:
        if self.widths:
            return replace(over(self.space), widths=self.widths)
        return over(self.space, features(inputs[0].width))

    def moved(self, *inputs: Tensor) -> tuple[tuple[int, int], ...]:
        if not self.widths:
            return ()
        each = (range(len(x.space.parts)) if x.widths else [0] * len(x.space.parts) for x in inputs)
        return tuple((of, part) for of, parts in enumerate(each) for part in parts)

    def label(self) -> str:
        return "side by side" if self.widths else "concat"

    def look(self, *inputs: Tensor) -> Look:
        """Learned tokens have no batch: they are what is new, before the others or behind them."""
        parts, learned = iter(self.space.parts), [not x.space.batch for x in inputs]
        names = [[next(parts).name for _ in x.space.parts] for x in inputs]
        new = ", ".join(
            name for own, is_new in zip(names, learned, strict=True) if is_new for name in own
        )
        if self.space.batch and new and learned == sorted(learned):
            return Look(f"Append {new}", "embed")
        if self.space.batch and new and learned == sorted(learned, reverse=True):
            return Look(f"Prepend {new}", "embed")
        title = "Side by side" if self.widths else "Concat"
        return Look(title, "other", ((" + ".join(part.name for part in self.space.parts),),))

    def undecoded(self) -> tuple[str, ...]:
        return (
            f"a text beside other tokens in one value, `{self.space}`,",
            "a text that is decoded stands alone, or last behind tokens of its width that are made "
            "without it; it may read others by `attend: {to: ...}`",
            "ask for a forward, which has every token of all parts",
        )

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        if low.mode == "decode":
            return inputs[-1]
        axis = len(self.space.batch)
        rows = [self._rows(low, x, t) for x, t in zip(inputs, node.inputs, strict=True)]
        if self.widths:
            pairs = zip(rows, node.inputs, strict=True)
            pieces = [piece for x, t in pairs for piece in self._pieces(low, x, t)]
            return side_by_side(pieces, node.outputs[0].shape)
        tokens = sum((x.shape[axis] for x in rows), Dim.of(0))
        shape = (*(a.size for a in self.space.batch), tokens, inputs[0].shape[-1])
        return low.cat(rows, str(axis), shape)

    def _pieces(self, low: Lowering, x: Value, tensor: Tensor) -> Iterator[Value]:
        """The operand's parts, each by itself."""
        space = tensor.space
        for part in space.parts if len(space.parts) > 1 else ():
            alone = replace(space, batch=self.space.batch, parts=(part,))
            yield Take(alone, space.offset(part.name), (f"take {part.name}",)).cut(low, tensor, x)
        if len(space.parts) == 1:
            yield x

    def _rows(self, low: Lowering, x: Value, tensor: Tensor) -> Value:
        """The operand with every batch axis, and a token axis where it becomes one with others."""
        length, width = tensor.space.length, x.shape[-1]
        alone = tensor.space.single and bool(self.widths)
        if tensor.space.batch == self.space.batch:
            grows = tensor.space.single and not alone
            return x.new_axes("k" * (len(x.shape) - 1) + "1k") if grows else x
        batch = [(low.number(axis.size, "batch"), axis.size) for axis in self.space.batch]
        rows = [] if alone else [(ex.Name("1" if tensor.space.single else "-1"), length)]
        return x.expand([*batch, *rows, (ex.Name("-1"), width)])


@dataclass(frozen=True)
class Take(Rearrangement):
    """Some parts, or one index of an axis: tokens from `start` on; one token drops the axis.

    `words` are how the spec says it: `take cls`, or `drop cls` for what is left without it.
    """

    reach: ClassVar[Reach] = "part"

    space: Space
    start: Dim
    words: Knob = field(compare=False)

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        if x.widths:
            first, *others = (x.widths[at] for at in self._places(x))
            if others:
                return replace(over(self.space), widths=(first, *others))
            return over(self.space, features(first))
        return over(self.space, x.axes[-1])

    def moved(self, *inputs: Tensor) -> tuple[tuple[int, int], ...]:
        return tuple((0, at) for at in self._places(inputs[0])) if inputs[0].widths else ()

    def _places(self, x: Tensor) -> list[int]:
        """Which of the value's parts these are."""
        names = [part.name for part in x.space.parts]
        return [names.index(part.name) for part in self.space.parts]

    def label(self) -> str:
        return plain(self.words)

    def look(self, *inputs: Tensor) -> Look:
        return Look(self.words, form="chip")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        if low.mode == "decode":
            return inputs[0]
        if inputs[0].pieces:
            return self._piece(low, node, inputs[0])
        alike = [each for each in low.readers(node.inputs[0]) if each.op == self]
        if len(alike) < 2:
            return self.cut(low, node.inputs[0], inputs[0])
        key = "take", inputs[0], self
        name = "_".join(part.name for part in self.space.parts)
        return low.local(key, name, lambda: self.cut(low, node.inputs[0], inputs[0]))

    def _piece(self, low: Lowering, node: Node, x: Value) -> Value:
        """Of parts that lie in tensors of their own: those as they are, or one token of one."""
        tensor = node.inputs[0]
        first, *others = self._places(tensor)
        if others:
            return side_by_side([x.pieces[at] for at in (first, *others)], node.outputs[0].shape)
        part = tensor.space.parts[first]
        if not self.space.single or not part.axes:
            return x.pieces[first]
        index = low.number(self.start - tensor.space.offset(part.name), "index")
        return x.pieces[first].select(len(tensor.space.batch), index)

    def cut(self, low: Lowering, tensor: Tensor, x: Value) -> Value:
        """The tokens of a value x, which is the tensor's."""
        axis = len(self.space.batch)
        start = low.fixed(self.start)
        if self.space.single:
            return x.select(axis, self._index(low, tensor.space.length))
        stop = self.start + self.space.length
        last = stop == tensor.space.length
        begin = None if start == 0 else low.number(self.start, "index")
        end = None if last else low.number(stop, "index")
        length = x.shape[axis] - self.start if last else self.space.length
        return x.narrow(axis, ex.Slice(begin, end), length)

    def _index(self, low: Lowering, length: Dim) -> ex.Expr:
        """One index, counted from the end where that is a number and the front is not."""
        from_end = (length - self.start).constant
        if low.fixed(self.start) is None and from_end is not None:
            return ex.Number(-from_end, "index")
        return low.number(self.start, "index")


@dataclass(frozen=True)
class Pool(Rearrangement):
    """One token for all of them: their mean, or their largest, feature by feature."""

    space: Space
    how: Literal["mean", "max"]

    @property
    def looks_ahead(self) -> bool:
        return True

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.space, inputs[0].axes[-1])

    @property
    def function(self) -> Literal["mean", "amax"]:
        """What torch calls it."""
        return "mean" if self.how == "mean" else "amax"

    @property
    def what(self) -> str:
        """What goes."""
        return "over tokens"

    def label(self) -> str:
        return f"{self.how} {self.what}"

    @property
    def called(self) -> str:
        return f"`pool: {self.how}`"

    def look(self, *inputs: Tensor) -> Look:
        return chip(self.how, self.what)

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        return inputs[0].reduce(self.function, len(node.inputs[0].space.batch))


@dataclass(frozen=True)
class Rows(Rearrangement):
    """A raw input as rows: [B, 3, H, W] -> [B, H·W, 3]; ids and flags lose their grid."""

    reach: ClassVar[Reach] = "place"

    space: Space
    feature: int | None
    order: tuple[int, ...]

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        ends = () if self.feature is None else (features(x.axes[self.feature].size),)
        if x.kind == "float" and self.feature is None:
            ends = (features(1),)
        axes = (*self.space.batch, *self.space.token_axes, *ends)
        return Tensor(axes, self.space, x.kind, vocabulary=x.vocabulary)

    def label(self) -> str:
        return "rows"

    @property
    def called(self) -> str:
        return "a text on several axes"

    def look(self, *inputs: Tensor) -> Look:
        return Look("rows", form="quiet")

    def undecoded(self) -> tuple[str, ...]:
        return (
            f"a text on a grid, `{self.space}`,",
            "a text that is decoded has an axis for its places, the first: `ids(V) B T`",
            "ask for a forward, which has every token",
        )

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        if low.partial and low.graph.on_grid:
            return inputs[0]
        x = inputs[0].permute(self.order)
        batch = len(self.space.batch)
        tokens = len(x.shape) - batch - (self.feature is not None)
        if tokens > 1:
            x = x.flatten(batch, batch + tokens - 1)
        if node.inputs[0].kind == "float" and self.feature is None:
            x = x.new_axes("k" * len(x.shape) + "1")
        return x


@dataclass(frozen=True)
class AsTokens(Rearrangement):
    """Batch axes as the first axes of every part: [B, M, n + m, d] -> [B, M·n + M·m, d]."""

    space: Space

    def infer(self, *inputs: Tensor) -> Tensor:
        return over(self.space, inputs[0].axes[-1])

    def label(self) -> str:
        return "as tokens"

    @property
    def called(self) -> str:
        return "a vector as a token"

    def look(self, *inputs: Tensor) -> Look:
        return Look("as tokens", form="quiet")

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        (x,) = inputs
        first, parts = len(self.space.batch), node.inputs[0].space.parts
        if len(parts) == 1:
            return _flat(x, first)
        pieces = [_flat(self._cut(low, node, x, part), first) for part in parts]
        return low.cat(pieces, str(first), tuple(axis.size for axis in node.outputs[0].axes))

    def _cut(self, low: Lowering, node: Node, x: Value, part: Part) -> Value:
        """One part of each: [B, M, n, d], or [B, M, d]."""
        given = node.inputs[0].space
        axis, start = len(given.batch), given.offset(part.name)
        if not part.axes:
            return x.select(axis, low.number(start, "index"))
        stop = start + part.length
        begin = None if low.fixed(start) == 0 else low.number(start, "index")
        end = None if stop == given.length else low.number(stop, "index")
        return x.narrow(axis, ex.Slice(begin, end), part.length)


def _flat(x: Value, first: int) -> Value:
    """All axes from a first to the features as one."""
    last = len(x.shape) - 2
    return x.flatten(first, last) if last > first else x


@dataclass(frozen=True)
class Join(Rearrangement):
    """Features side by side: [..., a], [..., b], ... -> [..., a + b + ...]."""

    def infer(self, *inputs: Tensor) -> Tensor:
        width = sum((x.width for x in inputs), Dim.of(0))
        return over(inputs[0].space, features(width))

    def label(self) -> str:
        return "join"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Join", "other", (("features side by side",),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        width = sum((x.shape[-1] for x in inputs), Dim.of(0))
        return low.cat(inputs, "-1", (*inputs[0].shape[:-1], width))
