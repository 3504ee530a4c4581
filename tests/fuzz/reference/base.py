"""The frame of the reference: names, sizes, streams and pipelines of a spec at given sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tests.fuzz.reference import numbers
from tests.fuzz.reference.value import Val, layout
from tests.fuzz.reference.weights import Frame, Shapes

SHARE = re.compile(r"(\w+)(?:\((.*)\))?(.*)")


class Reading:
    """One computation of a spec at given sizes."""

    def __init__(self, tree: Mapping[str, Any], sizes: dict[str, int], given: Mapping[str, Tensor],
                 frame: Frame) -> None:  # fmt: skip
        self.tree, self.frame, self.given = tree, frame, given
        self.top = frame
        self.home = frame
        """The layer around, which has the weights of shares with an index."""
        self.sizes = self._dims(sizes)
        self.values: dict[str, Val] = {}
        self.stream = ""
        self.defaults: dict[str, Any] = {}
        self.whole: Val | None = None
        self.inner: frozenset[str] = frozenset()
        """The axes of `per` of the running stream."""
        self.labels: dict[str, list[str]] = {}
        """What the places on an axis are called."""
        self.depth = 0
        """How many layers of the stream there were so far."""
        self.layer: dict[str, int] = {}
        """i and n, inside of a layer."""
        self.masks: set[tuple[Any, bool]] = set()
        """Each attention's mask, by its knobs and the parts there, and whether a key is seen."""
        """Predicates asked so far, and whether any query saw any key."""
        self.limit: float | None = None
        """What no number may reach, where numbers are to be compared."""

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
        batches = [a for a in axes if self.tree["dims"].get(a) == "batch" or a in self.inner]
        tokens = [a for a in axes if a not in batches and not a.startswith("(")]
        feature = [a for a in axes if a.startswith("(")]
        data = tensor.permute([axes.index(a) for a in (*batches, *tokens, *feature)])
        data = data.reshape(
            *data.shape[: len(batches)], -1, *data.shape[len(axes) - len(feature) :]
        )
        if kind == "float" and not feature:
            data = data.unsqueeze(-1)
        names = [axis.partition("/")[0].strip() for axis in tokens]
        grid = tuple((name, tensor.shape[axes.index(axis)])
                     for name, axis in zip(names, tokens, strict=True))  # fmt: skip
        return Val(data, tuple(batches), ((name, grid),), raw=tensor)

    def _stream(self, name: str) -> None:
        if name in self.values:
            return
        fresh: dict[str, Any] = {"defaults": {}, "frame": self.top, "whole": None, "layer": {}}
        fresh["inner"] = frozenset()
        with self._using(stream=name, depth=0, **fresh):
            declared = self.tree["streams"][name]
            inner = isinstance(declared, dict) and "per" in declared
            self.values[name] = self.per(declared) if inner else self.run(declared, None)

    @contextmanager
    def _using(self, **changes: Any):
        before = {name: getattr(self, name) for name in changes}
        for name, value in changes.items():
            setattr(self, name, value)
        yield
        for name, value in before.items():
            setattr(self, name, value)

    def per(self, declared: Mapping[str, Any]) -> Val:
        raise NotImplementedError

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
        if self.limit and made.data.is_floating_point():
            numbers.bounded(made.data, self.limit)
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
        names = self.sizes | self.layer | ({"width": x.width} if x is not None else {})
        return numbers.rate(text, names)

    def length_at_most(self, axis: str, length: int) -> int:
        """The length of an axis where every range is at its end; it is its dim's size, or that
        cut into tiles or put together of them."""
        tops = {name: top for name, declared in self.tree["dims"].items()
                if (top := numbers.largest(str(declared)))}  # fmt: skip
        fixed = {n: d for n, d in self.tree["dims"].items() if isinstance(d, int)}
        most = Reading(self.tree, fixed | tops, {}, self.top).sizes
        now, then = self.sizes.get(axis, length), most.get(axis, length)
        return length if now == then else then * length // now

    @contextmanager
    def next_layer(self, ahead: int | None = None):
        """i and n for what is inside; a layer inside of a layer is the same one. `ahead`: those of
        a layer so much later, which has not come yet."""
        if self.layer:
            yield
            return
        count = self._layers(self.tree["streams"].get(self.stream, []))
        with self._using(layer={"i": self.depth + (ahead or 0), "n": count}):
            yield
        self.depth += ahead is None

    def _layers(self, pipeline: Any) -> int:
        """Layers of all stacks, and blocks that stand alone."""
        if isinstance(pipeline, list):
            return sum(self._layers(item) for item in pipeline)
        if isinstance(pipeline, dict) and "stack" in pipeline:
            return self.size(pipeline["stack"]["depth"])
        if isinstance(pipeline, dict) and "do" in pipeline:
            return self._layers(pipeline["do"])
        block = self.tree.get("blocks", {}).get(pipeline) if isinstance(pipeline, str) else None
        return int(isinstance(block, dict))

    def linear(self, x: Tensor, rows: int, bias: bool, frame: Frame | None = None) -> Tensor:
        shapes = {"weight": (rows, x.shape[-1])} | ({"bias": (rows,)} if bias else {})
        held = (frame or self.frame).group(shapes)
        y = torch.einsum("...i,oi->...o", x, held["weight"])
        return y + held["bias"] if bias else y

    def _child(self, knobs: Mapping[str, Any]) -> Frame:
        if "share" not in knobs:
            return self.frame.child()
        name, number = self._share(knobs["share"])
        return self.frame.shared_child(name, None if number is None else (number, self.home))

    def shared(self, share: str, shapes: Shapes) -> dict[str, Tensor]:
        """The weights of a share, which may have an index."""
        name, number = self._share(share)
        return self.frame.shared(name, shapes, None if number is None else (number, self.home))

    def _share(self, text: str) -> tuple[str, int | None]:
        """`words` or `words(i)`; of a norm, `words pre` or `words(i) pre`."""
        name, index, place = SHARE.fullmatch(text).groups()  # type: ignore[union-attr]
        return name + place, None if index is None else int(self.rate(index))
