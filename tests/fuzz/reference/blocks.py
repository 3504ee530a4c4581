"""Blocks and stacks: layers, branches, residual rules."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from tests.fuzz.reference.base import Reading
from tests.fuzz.reference.numbers import Fails
from tests.fuzz.reference.value import Val, together


class Blocks(Reading):
    def step_stack(self, knobs: Any, x: Val) -> Val:
        pattern = knobs["of"] if isinstance(knobs["of"], list) else [knobs["of"]]
        rounds, rest = divmod(self.size(knobs["depth"], x), len(pattern))
        if rest:
            raise Fails("the pattern does not divide the depth")
        numbers = self._owners(pattern, len(pattern) * rounds)
        for at in range(len(pattern)):
            if rounds % len(set(numbers[at :: len(pattern)])):
                raise Fails("layers that share weights are run through in whole rounds")
        for at, frame in enumerate(self.frame.layers(len(pattern), numbers)):
            layer = pattern[at % len(pattern)]
            with self._using(frame=frame, home=frame), self.next_layer():
                if isinstance(layer, str) and isinstance(self.tree["blocks"][layer], dict):
                    y = self._residual_block(self._whole_block(layer), x)
                else:
                    y = self.run(layer, x)
            if y.data.shape != x.data.shape:
                raise Fails("a layer changes the shape")
            x = y
        return x

    def _owners(self, pattern: list[Any], depth: int) -> list[int]:
        """The layer whose weights each layer has: the first of its share and index, or itself."""
        found: dict[Any, int] = {}
        numbers: list[int] = []
        for at in range(depth):
            layer, key = pattern[at % len(pattern)], at
            block = self._whole_block(layer) if isinstance(layer, str) else []
            if isinstance(block, dict) and "share" in block:
                with self.next_layer(at):
                    key = self._share(block["share"])
            numbers.append(found.setdefault(key, at))
        return numbers

    # ---- blocks
    def _block(self, name: str, x: Val) -> Val:
        block = self._whole_block(name)
        if isinstance(block, list):
            return self.run(block, x)
        frame = self._child(block)
        with self._using(frame=frame, home=self.home if self.layer else frame), self.next_layer():
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
                for knob in [
                    knob for knob, value in block.get(step, {}).items() if value == "none"
                ]:
                    del knobs[knob]
        if merged.get("bias") == "none":
            del merged["bias"]
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
        gate = rule.get("gate")
        if gate == "tanh":
            data = data * torch.tanh(self.frame.group({"": ()})[""])
        elif gate is not None:
            data = data * self.told(self.run(gate["from"], f.of(data)), f)
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
