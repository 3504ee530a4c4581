"""A live model called in every mode that its file has, at sizes that tell the modes apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from tfspec.graph.graph import Graph
from tfspec.passes.emit.generate import passed
from tfspec.program.classes import parameter_names
from tfspec.program.code_names import safe
from tfspec.program.program import Mode
from tfspec.runtime.draws import inputs
from tfspec.runtime.watch import Watch


@dataclass
class Runs:
    """The model called in every mode that the file has, each at sizes of its own."""

    watch: Watch
    module: ModuleType
    model: Any
    device: str

    @property
    def graph(self) -> Graph:
        return self.watch.program.graph

    def all(self, sizes: Mapping[str, int]) -> None:
        """forward with every input, and without those that may be left out; then generation."""
        given = inputs(self.graph, sizes, self.device)
        optional = {safe(t.role or "x") for t in self.graph.inputs if t.kind == "bool"}
        self.watch.start("forward", sizes)
        self._call("forward", given)
        if optional:
            self._call("forward", {n: v for n, v in given.items() if n not in optional})
        if self.watch.program.generates:
            self._generate(sizes)

    def _generate(self, sizes: Mapping[str, int]) -> None:
        """A prompt, then new tokens by a cache that is longer than both, then the whole loop."""
        if self.graph.on_grid:  # a prompt is not the whole of it
            sizes = self._with_length(sizes, max(1, self.graph.text.space.length.value(sizes) - 3))
        prompt = self.graph.token_axis.size.value(sizes)
        slots = min(prompt + 3, self._longest or prompt)
        sizes = {**sizes, self.graph.slots_name: slots}
        memories = [sizes[name] for name in self.watch.program.roots["decode"].memories]
        cache = self.model.cache(self.graph.text.shape[0].value(sizes), slots, *memories)
        self._step("prefill", sizes, cache=cache)
        new = self._with_length(sizes, 2)
        count = self.graph.token_axis.size.value(new)
        position = torch.arange(slots - count, slots, device=self.device)
        self._step("decode", new, cache=cache, position=position)
        if slots > 2 and self.watch.program.continues:
            self._loop(cache, self._with_length(sizes, 1))

    def _step(self, mode: Mode, sizes: Mapping[str, int], **more: Any) -> None:
        self.watch.start(mode, sizes)
        given = self._drawn(sizes)
        if mode == "decode":
            given |= self._of_all_slots(sizes)
        self._call(mode, given, **more)

    def _call(self, mode: Mode, given: Mapping[str, Any], **more: Any) -> None:
        """A method with those of the values that it takes; and a list for attention maps where it
        takes one. An input may be called as they are: then they have other names."""
        root = self.watch.program.roots[mode]
        inputs = {root.low.values[tensor]: safe(tensor.role or "x") for tensor in self.graph.inputs}
        more["maps"] = []
        values: dict[str, Any] = {}
        for param, name in zip(root.params, parameter_names(root.params), strict=True):
            source, hint = (given, inputs[param]) if param in inputs else (more, param.hint or "")
            if hint in source:
                values[name] = source[hint]
        getattr(self.model, mode)(**values)

    def _drawn(self, sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """Inputs of prefill and decode: of a text on a grid those tokens that there are, flat."""
        given, text = inputs(self.graph, sizes, self.device), self.graph.text
        if self.graph.on_grid:
            name = safe(text.role or "x")
            flat = given[name].reshape(*(axis.size.value(sizes) for axis in text.space.batch), -1)
            given[name] = flat[..., : self.graph.token_axis.size.value(sizes)]
        return given

    def _of_all_slots(self, sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """Flags of the text's tokens, which decoding takes for every slot of the cache."""
        text = self.graph.token_axis
        slots = {**sizes, str(text.size): sizes[self.graph.slots_name]}
        along = [x for x in self.graph.inputs if x.kind == "bool" and text in x.axes]
        drawn = inputs(self.graph, slots, self.device)
        return {name: drawn[name] for name in (safe(x.role or "x") for x in along)}

    def _loop(self, cache: Any, sizes: Mapping[str, int]) -> None:
        """generate(), for a prompt of one token and two new ones, if such a length is allowed."""
        if self.graph.token_axis.size.value(sizes) != 1:
            return
        drawn = self._drawn(sizes)
        given = {passed(self.graph, t): drawn[safe(t.role or "x")] for t in self.graph.inputs}
        self.watch.start("generate", sizes)
        steps = {"prefill": self.model.prefill, "decode": self.model.decode}
        self.module.generate(**given, steps=2, cache=cache, **steps)

    # ---- the length of the text
    @property
    def _longest(self) -> int | None:
        """The largest length, if it is a dim of its own that may vary."""
        domain = self.graph.known.domains.get(str(self.graph.token_axis.size))
        return None if domain is None else domain.high

    def _with_length(self, sizes: Mapping[str, int], length: int) -> dict[str, int]:
        """The sizes with another length, where the spec allows that one."""
        name = str(self.graph.token_axis.size)
        domain = self.graph.known.domains.get(name)
        allowed = domain is not None and domain.contains(length)
        return {**sizes, **({name: length} if allowed else {})}
