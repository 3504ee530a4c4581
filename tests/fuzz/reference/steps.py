"""Steps of pipelines, from their definitions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tests.fuzz.reference import numbers
from tests.fuzz.reference.experts import Experts
from tests.fuzz.reference.numbers import Fails
from tests.fuzz.reference.tokens import places
from tests.fuzz.reference.value import AxisSizes, Val, closing, together
from tests.fuzz.reference.weights import Frame

SHORT = 1e-6
TURNS = 1e4


def _place(x: Val, names: Sequence[str]) -> tuple[Tensor, int]:
    """Where each token lies on these axes, the first slowest, and how many places there are."""
    ((_, axes),) = x.parts
    sizes = dict(axes)
    if not {*names} <= sizes.keys():
        raise Fails("no such axis")
    at = torch.arange(math.prod(sizes.values())).reshape([*sizes.values()] or [1])
    place, places = torch.zeros_like(at), 1
    for name in names:
        step = math.prod([*sizes.values()][[*sizes].index(name) + 1 :])
        place, places = place * sizes[name] + at // step % sizes[name], places * sizes[name]
    return place.flatten(), places


class Steps(Experts):
    def step_embed(self, knobs: Any, x: Val) -> Val:
        knobs = knobs if isinstance(knobs, dict) else {"width": knobs}
        per = knobs.get("per", [])
        place, places = _place(x, [per] if isinstance(per, str) else per)
        count = self._vocabulary(x)
        shape = {"weight": (places * count, self.size(knobs["width"]))}
        share = knobs.get("share")
        held = self.shared(share, shape) if share else self.frame.group(shape)
        return Val(held["weight"][x.data + place * count], x.batch, x.parts)

    def _vocabulary(self, x: Val) -> int:
        text = next(t for n, t in self.tree["inputs"].items() if self.given[n] is x.raw)
        return self.size(text[text.index("(") + 1 : closing(text)])

    def step_linear(self, knobs: Any, x: Val) -> Val:
        knobs = knobs if isinstance(knobs, dict) else {"width": knobs}
        rows = self.size(knobs["width"], x)
        bias = knobs.get("bias", self.defaults.get("bias", True))
        if "share" not in knobs:
            return x.of(self.linear(x.data, rows, bias))
        held = self.shared(knobs["share"], {"weight": (rows, x.width)})
        y = torch.einsum("...i,oi->...o", x.data, held["weight"])
        return x.of(y + self.frame.group({"": (rows,)})[""] if bias else y)

    def step_norm(self, knobs: Any, x: Val) -> Val:
        return self._norm(knobs or {}, x)

    def _norm(self, knobs: Mapping[str, Any], x: Val, share: str | None = None) -> Val:
        y = x.of(self._normed(knobs, x.data, share))
        if "modulate" not in knobs:
            return y
        source = self.run(knobs["modulate"], y)
        shift, scale = self.told(source, y), self.told(source, y)
        return y.of(y.data * (1 + scale) + shift)

    def told(self, source: Val, x: Val) -> Tensor:
        """What one token says of every feature of all of x, or each token of its own."""
        if not source.single:
            x.fits(source)
        return self.linear(source.data, x.width, self.defaults.get("bias", True))

    def _normed(self, knobs: Mapping[str, Any], x: Tensor, share: str | None = None) -> Tensor:
        kind = knobs.get("kind", "layer")
        eps = {"layer": 1e-5, "rms": 1e-6, "l2": 1e-12}[kind]
        eps = self.rate(knobs["eps"]) if "eps" in knobs else eps
        affine = kind != "l2" and knobs.get("affine", True)
        offset = self.rate(knobs.get("offset", 0))
        width = x.shape[-1]
        if self.limit and kind == "l2" and eps < SHORT and (x.norm(dim=-1) < SHORT).any():
            raise numbers.Explodes  # a vector of rounding alone, made one of length 1
        shapes = {("" if offset else "weight"): (width,)} if affine else {}
        if affine and kind == "layer" and knobs.get("bias", True):
            shapes["bias"] = (width,)
        shared = share and shapes
        held = self.shared(share, shapes) if shared and share else self.frame.group(shapes)
        gain = held.get("weight", held.get(""))
        gain = None if gain is None else gain + offset
        return numbers.normed(x, kind, eps, gain, held.get("bias"))

    def step_scale(self, knobs: Any, x: Val) -> Val:
        return x.of(x.data * self.rate(knobs, x))

    def step_softcap(self, knobs: Any, x: Val) -> Val:
        cap = self.rate(knobs, x)
        return x.of(cap * torch.tanh(x.data / cap))

    def step_dropout(self, knobs: Any, x: Val) -> Val:
        return x

    def step_mark(self, knobs: Any, x: Val) -> Val:
        self.values[f"{self.stream}.{knobs}"] = x
        return x

    def step_prepend(self, knobs: Any, x: Val) -> Val:
        new: list[Val] = []
        for token in knobs if isinstance(knobs, list) else [knobs]:
            name, count = next(iter(token.items())) if isinstance(token, dict) else (token, None)
            rows = None if count is None else self.size(count)
            held = self.frame.group({"": (x.width,) if rows is None else (rows, x.width)})[""]
            axes = () if rows is None else ((name, rows),)
            new.append(Val(held.reshape(-1, x.width), (), ((name, axes),)))
        return together([*new, x])

    def step_zeros(self, knobs: Any, x: Val | None) -> Val:
        knobs = knobs if isinstance(knobs, dict) else {"like": knobs}
        if "like" in knobs:
            value = self.run(knobs["like"], None)
            return value.of(torch.zeros_like(value.data))
        axes = tuple((name, self.size(size)) for name, size in knobs.get("axes", {}).items())
        shape = int(torch.tensor([n for _, n in axes]).prod()), self.size(knobs["width"])
        data = torch.zeros(shape, dtype=torch.float64)
        return Val(data, (), ((self.stream or "zeros", axes),))

    def step_learn(self, knobs: Any, x: Val | None) -> Val:
        width = self.size(knobs["width"])
        axes = tuple((name, self.size(size)) for name, size in knobs.get("axes", {}).items())
        rows = [n for _, n in axes]
        shape = (int(torch.tensor(rows).prod()), width) if axes else (width,)
        share = knobs.get("share")
        held = (self.shared(share, {"": shape}) if share else self.frame.group({"": shape}))[""]
        return Val(held.reshape(-1, width), (), ((self.stream or "learned", axes),))

    def step_sinusoid(self, knobs: Any, x: Val) -> Val:
        """Its sine and cosine at width / 2 rates; the rounding of a large number moves them."""
        knobs = knobs if isinstance(knobs, dict) else {"width": knobs}
        width, base = self.size(knobs["width"], x), self.rate(knobs.get("base", 10000), x)
        if x.width != 1 or width % 2:
            raise Fails("sinusoids of one number, in pairs")
        if self.limit:
            numbers.bounded(x.data, TURNS)
        layout = knobs.get("layout", "interleaved")
        return x.of(
            torch.cat(
                [numbers.waves(each, width, base, layout) for each in x.data.split(1, -2)], -2
            )
        )

    def step_take(self, knobs: Any, x: Val) -> Val:
        return together([x.cut(name) for name in (knobs if isinstance(knobs, list) else [knobs])])

    def step_drop(self, knobs: Any, x: Val) -> Val:
        gone = knobs if isinstance(knobs, list) else [knobs]
        return together([x.cut(name) for name, _ in x.parts if name not in gone])

    def step_pool(self, knobs: Any, x: Val) -> Val:
        ((kind, gone),) = knobs.items() if isinstance(knobs, dict) else [(knobs, None)]
        first, (name, axes) = len(x.batch), x.parts[0]
        gone = [gone] if isinstance(gone, str) else gone
        if gone is None or set(gone) == {axis for axis, _ in axes}:
            data = x.data.mean(first, True) if kind == "mean" else x.data.amax(first, True)
            return Val(data, x.batch, ((self.stream or "pooled", ()),))
        if len(x.parts) > 1 or not {*gone} <= {axis for axis, _ in axes}:
            raise Fails("axes of one part")
        grid = x.data.reshape(*x.data.shape[:first], *(n for _, n in axes), x.width)
        over = [first + at for at, (axis, _) in enumerate(axes) if axis in gone]
        grid = grid.mean(over) if kind == "mean" else grid.amax(over)
        left = tuple((axis, n) for axis, n in axes if axis not in gone)
        return Val(grid.flatten(first, -2), x.batch, ((name, left),))

    def step_sum(self, knobs: Any, x: Val | None) -> Val:
        return self._summed([self.run(pipeline, x) for pipeline in knobs])

    def _summed(self, values: list[Val]) -> Val:
        total, *rest = values
        for term in rest:
            total.fits(term)
            if term.width != total.width:
                raise Fails("different widths")
            batch = max(total.batch, term.batch, key=len)
            total = Val(total.data + term.data, batch, total.parts)
        return total

    def step_join(self, knobs: Any, x: Val | None) -> Val:
        values = [self.run(pipeline, x) for pipeline in knobs]
        for value in values:
            values[0].fits(value)
        most = max((value.data for value in values), key=lambda data: data.dim())
        data = [value.data.expand(*most.shape[:-1], -1) for value in values]
        return Val(torch.cat(data, -1), max((v.batch for v in values), key=len), values[0].parts)

    def step_concat(self, knobs: Any, x: Val | None) -> Val:
        named = knobs.items() if isinstance(knobs, dict) else ((None, p) for p in knobs)
        values: list[Val] = []
        for name, pipeline in named:
            value = self.run(pipeline, x)
            if name and len(value.parts) == 1:
                value = replace(value, parts=((name, value.parts[0][1]),))
            values.append(value)
        made = together(values)
        if len({part for part, _ in made.parts}) < len(made.parts):
            raise Fails("two parts of one name")
        return made

    def step_patch(self, knobs: Any, x: Val) -> Val:
        """Tiles of [batch, channels, grid], row by row; each is a linear map of its numbers."""
        assert x.raw is not None
        data, (name, axes) = x.raw, x.parts[0]
        tiled: list[tuple[str, int]] = []
        kernel: list[int] = []
        for at, (axis, length) in enumerate(axes):
            by = self.size(knobs["size"][axis])
            if length % by:
                raise Fails(f"{axis} does not tile")
            kernel.append(by)
            tiled.append((axis, length // by))
            data = data.unfold(2 + at, by, by)
        count = len(axes)
        data = data.permute(0, *range(2, 2 + count), 1, *range(2 + count, 2 + 2 * count))
        data = data.reshape(data.shape[0], -1, x.raw.shape[1] * int(torch.tensor(kernel).prod()))
        rows, bias = self.size(knobs["width"]), knobs.get("bias", True)
        shapes: dict[str, tuple[int, ...]] = {"weight": (rows, x.raw.shape[1], *kernel)}
        held = self.frame.group(shapes | ({"bias": (rows,)} if bias else {}))
        y = data @ held["weight"].reshape(rows, -1).T
        return Val(y + held["bias"] if bias else y, x.batch, ((name, tuple(tiled)),))

    def step_ffn(self, knobs: Any, x: Val) -> Val:
        frame = self._child(knobs)
        hidden = self.size(knobs["hidden"], x)
        bias = knobs.get("bias", self.defaults.get("bias", True))
        if "experts" not in knobs:
            return self._dense(knobs, x, hidden, bias, frame)
        y = self.mixture(knobs, x, frame, bias)
        if not knobs.get("shared"):
            return y
        shared = self.size(knobs["shared"], x)
        return y.of(y.data + self._dense(knobs, x, hidden * shared, bias, frame.child()).data)

    def _dense(self, knobs: Any, x: Val, hidden: int, bias: bool, frame: Frame) -> Val:
        act = knobs["act"]
        if act in numbers.GATED or knobs.get("gated"):
            gate = numbers.ACTS[numbers.GATED.get(act, act)](
                self.linear(x.data, hidden, bias, frame)
            )
            y = gate * self.linear(x.data, hidden, bias, frame)
        else:
            y = numbers.ACTS[act](self.linear(x.data, hidden, bias, frame))
        return x.of(self.linear(y, x.width, bias, frame))

    def step_merge(self, knobs: Any, x: Val) -> Val:
        """Tokens into features: the first key is the slowest, what was there the fastest."""
        (name, axes), shape = self._grid(x)
        sizes = {axis: self.size(by, x) for axis, by in knobs.items()}
        cut: list[int] = []
        for axis, length in axes:
            if length % sizes.get(axis, 1):
                raise Fails(f"{axis} does not tile")
            cut += [length // sizes.get(axis, 1), sizes.get(axis, 1)]
        if not sizes.keys() <= dict(axes).keys():
            raise Fails("no such axis")
        first = len(shape)
        inner = {axis: first + 2 * at + 1 for at, (axis, _) in enumerate(axes)}
        outer = [first + 2 * at for at in range(len(axes))]
        rest = [inner[axis] for axis, _ in axes if axis not in sizes]  # of one element
        data = x.data.reshape(*shape, *cut, x.width)
        order = [*range(first), *outer, *rest, *(inner[axis] for axis in sizes), data.dim() - 1]
        made = tuple((axis, length // sizes.get(axis, 1)) for axis, length in axes)
        width = x.width * int(torch.tensor([*sizes.values()]).prod())
        return Val(data.permute(order).reshape(*shape, -1, width), x.batch, ((name, made),))

    def step_split(self, knobs: Any, x: Val) -> Val:
        """Features into tokens: what `merge` of the same sizes undoes."""
        (name, axes), shape = self._grid(x)
        sizes = {axis: self.size(by, x) for axis, by in knobs.items()}
        width, rest = divmod(x.width, int(torch.tensor([*sizes.values()]).prod()))
        if rest or not sizes.keys() <= dict(axes).keys():
            raise Fails("a width that cannot be split")
        made = tuple((axis, length * sizes.get(axis, 1)) for axis, length in axes)
        whole = Val(torch.zeros(*shape, 1), x.batch, ((name, made),))
        data = torch.zeros(*shape, sum(whole.lengths()), width, dtype=x.data.dtype)
        for token, (_, at) in enumerate(places(whole)):
            row = column = 0
            for axis, length in axes:
                row = row * length + at[axis] // sizes.get(axis, 1)
            for axis, by in sizes.items():
                column = column * by + at[axis] % by
            data[..., token, :] = x.data[..., row, column * width : (column + 1) * width]
        return Val(data, x.batch, ((name, made),))

    def _grid(self, x: Val) -> tuple[tuple[str, AxisSizes], tuple[int, ...]]:
        """The only part, and the sizes of the batch axes."""
        if len(x.parts) > 1:
            raise NotImplementedError
        return x.parts[0], tuple(x.data.shape[: len(x.batch)])
