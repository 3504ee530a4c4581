"""Steps that move over, interleave, choose and replace tokens, and streams that run per axis."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tests.fuzz.reference import numbers
from tests.fuzz.reference.attend import Attention
from tests.fuzz.reference.masks import WORDS
from tests.fuzz.reference.numbers import Fails
from tests.fuzz.reference.steps import Steps
from tests.fuzz.reference.value import AxisSizes, Val, closing, together
from tests.fuzz.reference.weights import Frame

BARE = re.compile(r"\b[A-Za-z_]\w*")
CHOICE = re.compile(r"(first|last)\((.*)\)")


class Gathers(Steps, Attention):
    def step_conv(self, knobs: Any, x: Val) -> Val:
        """A linear map of the numbers under a kernel, wherever it stands whole."""
        (name, axes), shape = self._grid(x)
        data = x.data.reshape(*shape, *(length for _, length in axes), x.width)
        made: list[tuple[str, int]] = []
        kernel: list[int] = []
        for at, (axis, _) in enumerate(axes, start=len(shape)):
            if axis in knobs["size"]:
                size = self.size(knobs["size"][axis], x)
                stride = self.size(knobs.get("stride", {}).get(axis, 1), x)
                data = self._padded(data, at, self._amount(knobs.get("pad", {}).get(axis, 0), x))
                if data.shape[at] < size:
                    raise Fails("a kernel longer than its axis")
                data = data.unfold(at, size, stride)
                kernel.append(size)
            made.append((axis, data.shape[at]))
        rows, bias = self.size(knobs["width"], x), knobs.get("bias", True)
        shapes: dict[str, tuple[int, ...]] = {"weight": (rows, x.width, *kernel)}
        held = self.frame.group(shapes | ({"bias": (rows,)} if bias else {}))
        y = data.flatten(len(shape) + len(axes)) @ held["weight"].reshape(rows, -1).T
        y = (y + held["bias"] if bias else y).reshape(*shape, -1, rows)
        return Val(y, x.batch, ((name, tuple(made)),))

    def _amount(self, text: Any, x: Val) -> int:
        """A size that may be nothing."""
        return numbers.amount(text, self.sizes | {"width": x.width})

    @staticmethod
    def _padded(data: Tensor, at: int, pad: int) -> Tensor:
        ends = torch.zeros_like(data.narrow(at, 0, 1)).repeat_interleave(pad, at)
        return torch.cat([ends, data, ends], at)

    def step_zip(self, knobs: Any, x: Val | None) -> Val:
        ((axis, slots),) = knobs.items()
        first, *rest = [self.run(pipeline, x) for pipeline in slots.values()]
        for value in rest:
            first.fits(value)
        if len({value.width for value in (first, *rest)}) > 1:
            raise Fails("different widths")
        data = torch.stack([value.data for value in (first, *rest)], -2).flatten(-3, -2)
        parts = tuple((name, (*axes, (axis, len(slots)))) for name, axes in first.parts)
        self.labels[axis] = list(slots)
        return Val(data, first.batch, parts)

    def step_take(self, knobs: Any, x: Val) -> Val:
        if isinstance(knobs, str) and knobs in self.tree["inputs"] and knobs not in dict(x.parts):
            return self._at_positions(x, knobs)
        if not isinstance(knobs, dict):
            return super().step_take(knobs, x)
        for axis, place in knobs.items():
            choice = CHOICE.fullmatch(str(place))
            x = self._found(x, *choice.groups()) if choice else self._at(x, axis, place)
        return x

    def _at_positions(self, x: Val, name: str) -> Val:
        """Row by row, of each batch that either has, the tokens at the positions of an input."""
        text, places = self.tree["inputs"][name], self.source(name)
        if self.size(text[text.index("(") + 1 : closing(text)]) > x.data.shape[-2]:
            raise Fails("a position without a token")
        sizes = dict(zip(x.batch, x.data.shape, strict=False))
        sizes |= dict(zip(places.batch, places.data.shape, strict=False))
        batch = max(x.batch, places.batch, key=len)
        found: list[Tensor] = []
        for at in itertools.product(*(range(sizes[axis]) for axis in batch)):
            here = dict(zip(batch, at, strict=True))
            row, index = (
                value.data[tuple(here[axis] for axis in value.batch)] for value in (x, places)
            )
            found += [row[place] for place in index.tolist()]
        data = torch.stack(found).reshape(*(sizes[axis] for axis in batch), -1, x.width)
        return Val(data, batch, ((name, places.parts[0][1]),))

    def _at(self, x: Val, axis: str, place: Any) -> Val:
        """Of each part with the axis what stands at one place on it."""
        kept: list[Val] = []
        for name, axes in x.parts:
            names = [each for each, _ in axes]
            if axis in names:
                kept.append(self._of_part(x.cut(name), names.index(axis), axis, place))
        if not kept:
            raise Fails("no such axis")
        return together(kept)

    def _of_part(self, x: Val, at: int, axis: str, place: Any) -> Val:
        (name, axes), shape = self._grid(x)
        index = self.labels[axis].index(place) if place in self.labels.get(axis, ()) else place
        index = index if index >= 0 else axes[at][1] + index
        if not 0 <= index < axes[at][1]:
            raise Fails("an index outside its axis")
        data = x.data.reshape(*shape, *(length for _, length in axes), x.width)
        data = data.select(len(shape) + at, index).reshape(*shape, -1, x.width)
        return Val(data, x.batch, ((name, (*axes[:at], *axes[at + 1 :])),))

    def _found(self, x: Val, which: str, condition: str) -> Val:
        """In every row the first or last token of which it is true, else the first of all."""
        true = self._true(condition, x).reshape(-1, x.data.shape[-2])
        rows = x.data.reshape(-1, *x.data.shape[-2:])
        found: list[Tensor] = []
        for row, flags in zip(rows, true, strict=True):
            places = [at for at, flag in enumerate(flags.tolist()) if flag] or [0]
            found.append(row[places[0] if which == "first" else places[-1]])
        data = torch.stack(found).reshape(*x.data.shape[:-2], 1, x.width)
        return Val(data, x.batch, ((x.parts[0][0], ()),))

    def _true(self, condition: str, x: Val) -> Tensor:
        """Whether it is true of each token: [batch..., tokens]."""
        own = BARE.sub(lambda m: m[0] if m[0] in WORDS else f"query.{m[0]}", condition)
        shape, tokens = x.data.shape[: len(x.batch)], x.data.shape[-2]
        true = self._predicate(own, x, x).allowed()
        return true.expand(math.prod(shape), tokens, true.shape[-1])[..., 0].reshape(*shape, tokens)

    def step_splice(self, knobs: Any, x: Val) -> Val:
        new = self.run(knobs["from"], x)
        true = self._true(knobs["at"], x)
        if new.width != x.width:
            raise Fails("different widths")
        if new.single:
            return x.of(torch.where(true[..., None], new.data, x.data))
        data = x.data.clone()
        for at in itertools.product(*(range(size) for size in x.data.shape[:-2])):
            fresh = iter(new.data[at])
            for token in range(data.shape[-2]):
                if true[(*at, token)]:
                    data[(*at, token)] = next(fresh, data[(*at, token)])
        return x.of(data)

    def step_similarity(self, knobs: Any, x: Val) -> Val:
        rows = self.run(knobs["to"], x).data.flatten(0, -2)
        y = torch.einsum("...c,rc->...r", x.data, rows)
        if "scale" in knobs:
            y = y * self.frame.group({"": ()})[""].exp()
        return x.of(y + self.frame.group({"": ()})[""] if "bias" in knobs else y)

    def step_sum(self, knobs: Any, x: Val | None) -> Val:
        values = [self.run(pipeline, x) for pipeline in knobs]
        most = max(values, key=lambda value: len(value.parts[0][1]))
        if len(most.parts) > 1 or len({value.width for value in values}) > 1:
            return self._summed(values)
        return self._summed([self._repeated(value, most) for value in values])

    def _repeated(self, x: Val, most: Val) -> Val:
        """Along the axes of the other that it lacks."""
        axes, wanted = dict(x.parts[0][1]), most.parts[0][1]
        order = [axis for axis, _ in wanted if axis in axes]
        if len(x.parts) > 1 or order != list(axes) or len(order) == len(wanted):
            return x
        shape = x.data.shape[: len(x.batch)]
        grid = x.data.reshape(*shape, *(axes.get(axis, 1) for axis, _ in wanted), x.width)
        whole = grid.expand(*shape, *(length for _, length in wanted), x.width)
        return Val(whole.reshape(*shape, -1, x.width), x.batch, most.parts)

    def _attention(
        self, knobs: Any, x: Val, source: Val, asks: Val, answers: Val, frame: Frame
    ) -> Val:
        """Tokens that differ in an axis outside of `over` do not meet."""
        names = dict.fromkeys(axis for _, axes in x.parts for axis, _ in axes)
        moved = [axis for axis in names if axis not in knobs.get("over", names)]
        if not moved:
            return super()._attention(knobs, x, source, asks, answers, frame)
        sizes = {axis: n for _, axes in x.parts for axis, n in axes if axis in moved}
        own = {key: value for key, value in knobs.items() if key != "over"}

        def apart(value: Val) -> Val:
            return _joined([_divided(value.cut(name), sizes) for name, _ in x.parts])

        one = apart(x)
        met = super()._attention(own, one, one, apart(asks), apart(answers), frame)
        parts = [_undivided(met.cut(name), x.cut(name), sizes) for name, _ in x.parts]
        return x.of(together(parts).data)

    # ---- streams that run per axis
    def per(self, declared: Mapping[str, Any]) -> Val:
        """The value of such a stream as others see it: its axes first in every part."""
        names = [declared["per"]] if isinstance(declared["per"], str) else declared["per"]
        with self._using(inner=frozenset(names)):
            x = self.run(declared["do"], None)
        own = [axis for axis in x.batch if axis in names]
        rest = [axis for axis in x.batch if axis not in names]
        order = [x.batch.index(axis) for axis in (*rest, *own)]
        data = x.data.permute(*order, -2, -1)
        x = Val(data, (*rest, *own), x.parts)
        sizes: AxisSizes = tuple(zip(own, data.shape[len(rest) : len(order)], strict=True))
        shape = data.shape[: len(rest)]
        rows = [x.cut(name).data.reshape(*shape, -1, x.width) for name, _ in x.parts]
        parts = tuple((name, (*sizes, *axes)) for name, axes in x.parts)
        return Val(torch.cat(rows, -2), tuple(rest), parts)

    def source(self, name: str) -> Val:
        if self.inner and name in self.tree.get("inputs", {}):
            return self._input(name, self.tree["inputs"][name])
        return super().source(name)


def _divided(x: Val, sizes: Mapping[str, int]) -> Val:
    """One part with these axes among its batch axes; repeated along those that it lacks."""
    ((name, axes),) = x.parts
    first = len(x.batch)
    data = x.data.reshape(*x.data.shape[:first], *(n for _, n in axes), x.width)
    names = [axis for axis, _ in axes]
    for at, (axis, size) in enumerate(sizes.items()):
        if axis in names:
            data = data.movedim(first + at + names.index(axis), first + at)
            names.remove(axis)
        else:
            data = data.unsqueeze(first + at)
            data = data.expand(*data.shape[: first + at], size, *data.shape[first + at + 1 :])
    left = tuple((axis, n) for axis, n in axes if axis not in sizes)
    lead = data.shape[: first + len(sizes)]
    return Val(data.reshape(*lead, -1, x.width), (*x.batch, *sizes), ((name, left),))


def _joined(parts: list[Val]) -> Val:
    return replace(together(parts), batch=parts[0].batch)


def _undivided(x: Val, was: Val, sizes: Mapping[str, int]) -> Val:
    """The part in its own order again; its mean over axes that it lacks."""
    ((_, axes),) = was.parts
    first = len(was.batch)
    data = x.data.reshape(
        *x.data.shape[: first + len(sizes)], *(n for a, n in axes if a not in sizes), x.width
    )
    now = [*sizes, *(axis for axis, _ in axes if axis not in sizes)]
    for axis in [axis for axis in sizes if axis not in dict(axes)]:
        data = data.mean(first + now.index(axis))
        now.remove(axis)
    order = [first + now.index(axis) for axis, _ in axes]
    data = data.permute(*range(first), *order, data.dim() - 1)
    return was.of(data.reshape(*was.data.shape))
