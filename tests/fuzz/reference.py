"""A second reading of the language: a spec's tree computed directly, step by step, without a graph.

It is written from the definition of the language alone, for what the generator writes. It raises
Fails, or torch's own errors, where a spec has no meaning at some sizes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from tests.fuzz import reference_math as numbers
from tests.fuzz.reference_math import Fails
from tests.fuzz.reference_weights import Frame

AxisSizes = tuple[tuple[str, int], ...]
ATTEND_BIAS = ("q", "k", "v", "out")


@dataclass(frozen=True)
class Val:
    """`data` [batch..., tokens, width], also where there is one token; ids have no width."""

    data: Tensor
    batch: tuple[str, ...]
    parts: tuple[tuple[str, AxisSizes], ...]
    raw: Tensor | None = None

    @property
    def single(self) -> bool:
        return len(self.parts) == 1 and not self.parts[0][1]

    @property
    def width(self) -> int:
        return self.data.shape[-1]

    def lengths(self) -> list[int]:
        return [int(torch.tensor([n for _, n in axes]).prod()) for _, axes in self.parts]

    def cut(self, name: str) -> Val:
        """One part."""
        names = [part for part, _ in self.parts]
        if name not in names:
            raise Fails(f"no part {name}")
        at = names.index(name)
        lengths = self.lengths()
        start = sum(lengths[:at])
        axis = len(self.batch)
        return Val(self.data.narrow(axis, start, lengths[at]), self.batch, (self.parts[at],))

    def of(self, data: Tensor) -> Val:
        return Val(data, self.batch, self.parts)

    def fits(self, other: Val) -> None:
        """Both have the same tokens."""
        axes, others = ([a for _, a in value.parts] for value in (self, other))
        alike = self.batch == other.batch and axes == others
        if not alike and self.data.shape[:-1] != other.data.shape[:-1]:
            raise Fails("different tokens")


def together(values: list[Val]) -> Val:
    """Parts one after the other; values without batch axes are repeated along them."""
    most = max(values, key=lambda value: len(value.batch))
    shape = most.data.shape[: len(most.batch)]
    rows = [v.data if v.batch else v.data.expand(*shape, *v.data.shape) for v in values]
    if len({row.shape[-1] for row in rows}) > 1:
        raise Fails("different widths")
    return Val(torch.cat(rows, len(most.batch)), most.batch, sum((v.parts for v in values), ()))


class Reference:
    """One computation of a spec at given sizes."""

    def __init__(self, tree: Mapping[str, Any], sizes: dict[str, int], given: Mapping[str, Tensor],
                 frame: Frame) -> None:  # fmt: skip
        self.tree, self.frame, self.given = tree, frame, given
        self.top = frame
        self.sizes = self._dims(sizes)
        self.values: dict[str, Val] = {}
        self.stream = ""
        self.defaults: dict[str, Any] = {}
        self.whole: Val | None = None
        self.longest: dict[str, int] = {}

    def _dims(self, sizes: dict[str, int]) -> dict[str, int]:
        """Those given, and the expressions over them."""
        found, todo = dict(sizes), dict(self.tree.get("dims", {}))
        for _ in range(len(todo) + 1):
            for name, text in todo.items():
                if name in found or ".." in str(text) or "multiple" in str(text):
                    continue
                try:
                    found[name] = numbers.size(text, found)
                except KeyError:  # a batch, or a dim that comes later
                    continue
        return found

    def outputs(self) -> dict[str, Val]:
        for name, text in self.tree.get("inputs", {}).items():
            if not text.startswith("bool"):
                self.values[name] = self._input(name, text)
        for name in self.tree.get("streams", {}):
            self._stream(name)
        found: dict[str, Val] = {}
        for name, pipeline in self.tree["outputs"].items():
            self.stream = ""
            found[name] = self.run(pipeline, None)
        return found

    def _input(self, name: str, text: str) -> Val:
        kind, axes = layout(text)
        tensor = self.given[name]
        batches = [a for a in axes if self.tree["dims"].get(a) == "batch"]
        tokens = [a for a in axes if a not in batches and not a.startswith("(")]
        feature = [a for a in axes if a.startswith("(")]
        data = tensor.permute([axes.index(a) for a in (*batches, *tokens, *feature)])
        data = data.reshape(
            *data.shape[: len(batches)], -1, *data.shape[len(axes) - len(feature) :]
        )
        if kind == "float" and not feature:
            data = data.unsqueeze(-1)
        grid = tuple((a, self.sizes[a]) for a in tokens)
        return Val(data, tuple(batches), ((name, grid),), raw=tensor)

    def _stream(self, name: str) -> None:
        if name in self.values:
            return
        with self._using(stream=name, defaults={}, frame=self.top, whole=None):
            self.values[name] = self.run(self.tree["streams"][name], None)

    @contextmanager
    def _using(self, **changes: Any):
        before = {name: getattr(self, name) for name in changes}
        for name, value in changes.items():
            setattr(self, name, value)
        yield
        for name, value in before.items():
            setattr(self, name, value)

    # ---- pipelines
    def run(self, pipeline: Any, x: Val | None) -> Val:
        if isinstance(pipeline, list):
            for item in pipeline:
                x = self.run(item, x)
            assert x is not None
            return x
        step, knobs = (
            next(iter(pipeline.items())) if isinstance(pipeline, dict) else (pipeline, None)
        )
        made = self._step(step, knobs, x)
        if self.stream and len(made.parts) == 1 and made.parts[0][1]:
            made = replace(made, parts=((self.stream, made.parts[0][1]),))
        return made

    def _step(self, step: str, knobs: Any, x: Val | None) -> Val:
        if step in self.tree.get("blocks", {}):
            assert x is not None
            return self._block(step, x)
        method = getattr(self, f"step_{step}", None)
        if method is not None:
            return method(knobs, x)
        if step in numbers.ACTS:
            assert x is not None
            return x.of(numbers.ACTS[step](x.data))
        return self.source(step)

    def source(self, name: str) -> Val:
        if name not in self.values:
            self._stream(name.partition(".")[0])
        return self.values[name]

    def size(self, text: Any, x: Val | None = None) -> int:
        return numbers.size(text, self.sizes | ({"width": x.width} if x is not None else {}))

    def rate(self, text: Any, x: Val | None = None) -> float:
        return numbers.rate(text, self.sizes | ({"width": x.width} if x is not None else {}))

    def linear(self, x: Tensor, rows: int, bias: bool, frame: Frame | None = None) -> Tensor:
        shapes = {"weight": (rows, x.shape[-1])} | ({"bias": (rows,)} if bias else {})
        held = (frame or self.frame).group(shapes)
        y = torch.einsum("...i,oi->...o", x, held["weight"])
        return y + held["bias"] if bias else y

    # ---- steps
    def step_embed(self, knobs: Any, x: Val) -> Val:
        knobs = knobs if isinstance(knobs, dict) else {"width": knobs}
        shape = {"weight": (self._vocabulary(x), self.size(knobs["width"]))}
        share = knobs.get("share")
        held = self.frame.shared(share, shape) if share else self.frame.group(shape)
        return Val(held["weight"][x.data], x.batch, x.parts)

    def _vocabulary(self, x: Val) -> int:
        text = next(t for n, t in self.tree["inputs"].items() if self.given[n] is x.raw)
        return self.size(text[text.index("(") + 1 : _closing(text)])

    def step_linear(self, knobs: Any, x: Val) -> Val:
        knobs = knobs if isinstance(knobs, dict) else {"width": knobs}
        rows = self.size(knobs["width"], x)
        bias = knobs.get("bias", self.defaults.get("bias", True))
        if "share" not in knobs:
            return x.of(self.linear(x.data, rows, bias))
        held = self.frame.shared(knobs["share"], {"weight": (rows, x.width)})
        y = torch.einsum("...i,oi->...o", x.data, held["weight"])
        return x.of(y + self.frame.group({"": (rows,)})[""] if bias else y)

    def step_norm(self, knobs: Any, x: Val) -> Val:
        return self._norm(knobs or {}, x)

    def _norm(self, knobs: Mapping[str, Any], x: Val, share: str | None = None) -> Val:
        return x.of(self._normed(knobs, x.data, share))

    def _normed(self, knobs: Mapping[str, Any], x: Tensor, share: str | None = None) -> Tensor:
        kind = knobs.get("kind", "layer")
        eps = {"layer": 1e-5, "rms": 1e-6, "l2": 1e-12}[kind]
        eps = self.rate(knobs["eps"]) if "eps" in knobs else eps
        affine = kind != "l2" and knobs.get("affine", True)
        offset = self.rate(knobs.get("offset", 0))
        width = x.shape[-1]
        shapes = {("" if offset else "weight"): (width,)} if affine else {}
        if affine and kind == "layer" and knobs.get("bias", True):
            shapes["bias"] = (width,)
        shared = share and shapes
        held = self.frame.shared(share, shapes) if shared and share else self.frame.group(shapes)
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

    def step_pos(self, knobs: Any, x: Val) -> Val:
        length = sum(x.lengths())
        knobs = {knobs: ""} if isinstance(knobs, str) else knobs
        if "learned" in knobs:
            places = self._places(x)
            rows = sum(most for _, most in places)
            table = self.frame.group({"": (rows, x.width)})[""]
            found, start = [], 0
            for index, most in places:
                found += [start + at for at in index]
                start += most
            return x.of(x.data + table[found])
        base, layout = self.rate(knobs.get("base", 10000)), knobs.get("layout", "interleaved")
        if x.width % 2:
            raise Fails("sinusoids of an odd width")
        return x.of(x.data + numbers.sinusoids(length, x.width, base, layout))

    def _places(self, x: Val) -> list[tuple[list[int], int]]:
        """For each part its tokens' places, counted at the largest sizes, and how many there are."""
        tops = {
            n: int(str(d).split("..")[1]) for n, d in self.tree["dims"].items() if ".." in str(d)
        }
        most = Reference(self.tree, self._fixed() | tops, {}, self.top).sizes
        found: list[tuple[list[int], int]] = []
        for _, axes in x.parts:
            places, count = [0], 1
            for name, size in axes:
                now, then = self.sizes.get(name, size), most.get(name, size)
                # an axis is its dim's size, or that cut into tiles
                longest = size if now == then else then * size // now
                places = [place * longest + at for place in places for at in range(size)]
                count *= longest
            found.append((places, count))
        return found

    def _fixed(self) -> dict[str, int]:
        return {n: d for n, d in self.tree["dims"].items() if isinstance(d, int)}

    def step_prepend(self, knobs: Any, x: Val) -> Val:
        new: list[Val] = []
        for token in knobs if isinstance(knobs, list) else [knobs]:
            name, count = next(iter(token.items())) if isinstance(token, dict) else (token, None)
            rows = None if count is None else self.size(count)
            held = self.frame.group({"": (x.width,) if rows is None else (rows, x.width)})[""]
            axes = () if rows is None else ((name, rows),)
            new.append(Val(held.reshape(-1, x.width), (), ((name, axes),)))
        return together([*new, x])

    def step_learn(self, knobs: Any, x: Val | None) -> Val:
        width = self.size(knobs["width"])
        axes = tuple((name, self.size(size)) for name, size in knobs.get("axes", {}).items())
        rows = [n for _, n in axes]
        shape = (int(torch.tensor(rows).prod()), width) if axes else (width,)
        held = self.frame.group({"": shape})[""]
        return Val(held.reshape(-1, width), (), ((self.stream or "learned", axes),))

    def step_take(self, knobs: Any, x: Val) -> Val:
        if isinstance(knobs, dict):
            ((_, index),) = knobs.items()
            length = sum(x.lengths())
            at = index if index >= 0 else length + index
            if not 0 <= at < length:
                raise Fails("an index outside its axis")
            data = x.data.narrow(len(x.batch), at, 1)
            return Val(data, x.batch, ((x.parts[0][0], ()),))
        return together([x.cut(name) for name in (knobs if isinstance(knobs, list) else [knobs])])

    def step_drop(self, knobs: Any, x: Val) -> Val:
        gone = knobs if isinstance(knobs, list) else [knobs]
        return together([x.cut(name) for name, _ in x.parts if name not in gone])

    def step_pool(self, knobs: Any, x: Val) -> Val:
        axis = len(x.batch)
        data = x.data.mean(axis, True) if knobs == "mean" else x.data.amax(axis, True)
        return Val(data, x.batch, ((self.stream or "pooled", ()),))

    def step_sum(self, knobs: Any, x: Val | None) -> Val:
        total, *rest = [self.run(pipeline, x) for pipeline in knobs]
        for term in rest:
            total.fits(term)
            if term.width != total.width:
                raise Fails("different widths")
            total = total.of(total.data + term.data)
        return total

    def step_join(self, knobs: Any, x: Val | None) -> Val:
        values = [self.run(pipeline, x) for pipeline in knobs]
        for value in values:
            values[0].fits(value)
        return values[0].of(torch.cat([value.data for value in values], -1))

    def step_concat(self, knobs: Any, x: Val | None) -> Val:
        named = knobs.items() if isinstance(knobs, dict) else ((None, p) for p in knobs)
        values: list[Val] = []
        for name, pipeline in named:
            value = self.run(pipeline, x)
            if name and len(value.parts) == 1:
                value = replace(value, parts=((name, value.parts[0][1]),))
            values.append(value)
        return together(values)

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

    def _child(self, knobs: Mapping[str, Any]) -> Frame:
        return self.frame.shared_child(knobs["share"]) if "share" in knobs else self.frame.child()

    def step_ffn(self, knobs: Any, x: Val) -> Val:
        frame = self._child(knobs)
        hidden, act = self.size(knobs["hidden"], x), knobs["act"]
        bias = knobs.get("bias", self.defaults.get("bias", True))
        if act in numbers.GATED or knobs.get("gated"):
            gate = numbers.ACTS[numbers.GATED.get(act, act)](
                self.linear(x.data, hidden, bias, frame)
            )
            y = gate * self.linear(x.data, hidden, bias, frame)
        else:
            y = numbers.ACTS[act](self.linear(x.data, hidden, bias, frame))
        return x.of(self.linear(y, x.width, bias, frame))

    def step_attend(self, knobs: Any, x: Val) -> Val:
        source = self._attended(knobs["to"], x) if "to" in knobs else x
        frame = self._child(knobs)
        heads = self.size(knobs["heads"], x)
        groups = self.size(knobs["kv_heads"], x) if "kv_heads" in knobs else heads
        if "head_dim" not in knobs and x.width % heads:
            raise Fails("heads do not divide the width")
        dim = self.size(knobs["head_dim"], x) if "head_dim" in knobs else x.width // heads
        wide = self.size(knobs["v_head_dim"], x) if "v_head_dim" in knobs else dim
        bias = knobs.get("bias", self.defaults.get("bias", True))
        biased = [bias] * 4 if isinstance(bias, bool) else [name in bias for name in ATTEND_BIAS]
        maps: list[Tensor] = []
        for value, count, each, has in (
            (x, heads, dim, biased[0]), (source, groups, dim, biased[1]), (source, groups, wide, biased[2])
        ):  # fmt: skip
            y = self.linear(value.data, count * each, has, frame)
            maps.append(y.reshape(*y.shape[:-1], count, each).transpose(-2, -3))
        if "qk_norm" in knobs:
            rule = self._qk_norm(knobs["qk_norm"])
            with self._using(frame=frame):
                maps[:2] = [self._normed(rule, y) for y in maps[:2]]
        scale = self.rate(knobs["scale"], x) if "scale" in knobs else dim**-0.5
        cap = self.rate(knobs["softcap"], x) if "softcap" in knobs else None
        seen = self._mask(knobs["mask"], x, source) if "mask" in knobs else None
        y = numbers.attention(*maps, scale, cap, seen).transpose(-2, -3).flatten(-2)
        return x.of(self.linear(y, x.width, biased[3], frame))

    def _qk_norm(self, knobs: Any) -> dict[str, Any]:
        """Its kind, and with it its eps, are the block's where it has none of its own."""
        given = {} if knobs == "head" else dict(knobs)
        block = self.defaults.get("norm", {})
        block = {} if block == "none" else block
        if "kind" not in given:
            given["kind"] = block.get("kind", "layer")
            if "eps" not in given and "eps" in block:
                given["eps"] = block["eps"]
        return given

    def _attended(self, to: Any, x: Val) -> Val:
        first, *steps = to if isinstance(to, list) else [to]
        current = self.whole or x
        if isinstance(first, str) and first in [name for name, _ in current.parts]:
            value = current.cut(first)
        else:
            value = self.source(first)
        return self.run(steps, value) if steps else value

    def _mask(self, mask: str, x: Val, source: Val) -> Tensor:
        declared = self.tree.get("inputs", {})
        flags = {n: self.given.get(n) for n, t in declared.items() if t.startswith("bool")}
        used = {n: f for n, f in flags.items() if f"query.{n}" in mask or f"key.{n}" in mask}
        batch = tuple(x.data.shape[: len(x.batch)])
        shape = sum(x.lengths()), sum(source.lengths())
        return numbers.allowed(mask, *shape, used, batch, self.sizes)

    def step_stack(self, knobs: Any, x: Val) -> Val:
        pattern = knobs["of"] if isinstance(knobs["of"], list) else [knobs["of"]]
        rounds, rest = divmod(self.size(knobs["depth"], x), len(pattern))
        if rest:
            raise Fails("the pattern does not divide the depth")
        for at, frame in enumerate(self.frame.layers(len(pattern), rounds)):
            layer = pattern[at % len(pattern)]
            with self._using(frame=frame):
                if isinstance(layer, str) and isinstance(self.tree["blocks"][layer], dict):
                    y = self._residual_block(self._whole_block(layer), x)
                else:
                    y = self.run(layer, x)
            if y.data.shape != x.data.shape:
                raise Fails("a layer changes the shape")
            x = y
        return x

    # ---- blocks
    def _block(self, name: str, x: Val) -> Val:
        block = self._whole_block(name)
        if isinstance(block, list):
            return self.run(block, x)
        with self._using(frame=self._child(block)):
            return self._residual_block(block, x)

    def _whole_block(self, name: str) -> Any:
        """A block with what it extends: its steps' knobs merge into those of the other's `do`."""
        block = self.tree["blocks"][name]
        if isinstance(block, list) or "extends" not in block:
            return block
        own = {
            key: value for key, value in block.items() if key not in ("extends", "ffn", "attend")
        }
        merged = {**copy.deepcopy(self._whole_block(block["extends"])), **own}
        for step in ("ffn", "attend"):
            for knobs in _steps(merged["do"], step):
                knobs.update(block.get(step, {}))
        return merged

    def _residual_block(self, block: Mapping[str, Any], x: Val) -> Val:
        with self._using(defaults=block):
            branches = block["do"] if isinstance(block["do"], list) else [block["do"]]
            for branch in branches:
                entry = x
                par = branch["par"] if isinstance(branch, dict) and "par" in branch else [branch]
                for each in par:
                    x = self._branch(each, entry, x)
        return x

    def _branch(self, branch: Any, entry: Val, total: Val) -> Val:
        first = branch[0] if isinstance(branch, list) else branch
        own = first.get("attend", first.get("ffn", {})) if isinstance(first, dict) else {}
        own = own if isinstance(own, dict) else {}
        norm = own.get("norm", self.defaults.get("norm", "none"))
        norm = {"at": []} if norm == "none" else norm
        places = norm.get("at", "pre")
        places = places if isinstance(places, list) else [places]
        rule = own.get("residual", self.defaults.get("residual", {}))
        rule = {"skip": 0} if rule == "none" else rule
        only = own.get("only")
        x = entry.cut(only) if only else entry
        base = total.cut(only) if only else total
        share = own.get("share")
        norms = {place: f"{share} {place}" if share else None for place in places}
        f = self._norm(norm, x, norms["pre"]) if "pre" in places else x
        with self._using(whole=entry):
            f = self.run(branch, f)
        f = self._norm(norm, f, norms["out"]) if "out" in places else f
        y = self._added(rule, base, f)
        y = self._norm(norm, y, norms["post"]) if "post" in places else y
        if not only:
            return y
        parts = [y if name == only else total.cut(name) for name, _ in total.parts]
        return replace(together(parts), parts=total.parts)

    def _added(self, rule: Mapping[str, Any], base: Val, f: Val) -> Val:
        data = f.data * self.rate(rule["scale"], f) if "scale" in rule else f.data
        if "layerscale" in rule:
            data = data * self.frame.group({"": (f.width,)})[""]
        if rule.get("gate") == "tanh":
            data = data * torch.tanh(self.frame.group({"": ()})[""])
        skip = rule.get("skip", 1)
        if skip == 0:
            return f.of(data)
        if data.shape != base.data.shape:
            raise Fails("a branch that cannot be added")
        return base.of(base.data * self.rate(skip, base) + data)


def _steps(pipeline: Any, step: str) -> Iterator[dict[str, Any]]:
    """The knobs of every such step, wherever it stands."""
    items = pipeline if isinstance(pipeline, list) else [pipeline]
    for item in items:
        if isinstance(item, dict) and step in item:
            yield item[step]
        elif isinstance(item, dict) and "par" in item:
            yield from _steps(item["par"], step)
        elif isinstance(item, list):
            yield from _steps(item, step)


def layout(text: str) -> tuple[str, list[str]]:
    """The kind of an input and its axes: `ids((C + 2)) B T` has B and T."""
    if text.startswith("ids"):
        return "ids", _joined(text[_closing(text) + 1 :].split())
    kind, *words = text.split()
    return kind, _joined(words)


def _closing(text: str) -> int:
    """Where the first parenthesis of a text ends."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0 and char == ")":
            return at
    raise Fails("an open parenthesis")


def _joined(words: list[str]) -> list[str]:
    """Words of one parenthesis as one: `(a + b)`."""
    found: list[str] = []
    for word in words:
        if found and found[-1].count("(") > found[-1].count(")"):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found
