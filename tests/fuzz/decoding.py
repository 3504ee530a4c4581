"""What must hold of a model that is decoded: a prompt and new tokens come to what a forward does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from tests.fuzz import running
from tests.fuzz.against import explodes
from tests.fuzz.broken import Broken, distance, require
from tests.fuzz.oracle import STYLES, Seen, bounded, codes
from tests.fuzz.running import Bindings, Weights
from tfspec.graph.graph import Graph
from tfspec.passes.check import check
from tfspec.passes.emit.emit import program_of
from tfspec.passes.emit.file import file_text
from tfspec.program.program import Program
from tfspec.program.refusal import NotYet
from tfspec.spec.load import load_text

SECONDS = 20
CLOSE = 1e-8
MORE = 2
"""Slots of a cache that no token comes to."""
Tree = dict[str, Any]
Values = dict[str, Tensor]

ONE_STYLE = {
    "with other steps for a prompt than for a forward": "a prompt on a grid comes flat, so that it "
    "takes other steps than a forward where these speak of the grid; one method has both",
    "shared by layers that do not run alike": "the same, where layers share the method",
}
"""What one style alone may refuse, of a text on a grid, and why."""


def decoded(text: str, seed: int = 0, tree: Tree | None = None) -> Seen:
    """Check, emit for decoding in both styles, and compare. Raises Broken, or whatever tfspec
    wrongly raises; of what is refused, `codes` has the messages.

    By the `tree` of the text the reference can tell that numbers grow until nothing can be compared.
    """
    with bounded(SECONDS):
        checked = check(load_text(text, "fuzz.yaml"), {})
        if not checked.ok:
            return Seen("error", codes(checked.diagnostics))
        assert checked.graph is not None
        return _compared(checked.graph, seed, tree)


def _compared(graph: Graph, seed: int, tree: Tree | None) -> Seen:
    programs, refusals = _programs(graph)
    if len(refusals) == len(STYLES):
        return Seen("not yet", (*refusals.values(),), graph)
    for style, message in refusals.items():
        known = graph.on_grid and any(words in message for words in ONE_STYLE)
        require(known, f"{style} alone refuses: {message}")
    at = max(running.bindings(graph, Random(seed), 3), key=lambda each: length(graph, each))
    weights = running.weights(next(iter(programs.values())), seed)
    try:
        _equal(programs, weights, at, seed)
    except Broken:
        if not explodes(tree, graph, weights, at, seed):
            raise
        return Seen("ok", graph=graph)
    return Seen("ok", graph=graph, runs=len(programs), agreed=True)


def _equal(programs: dict[str, Program], weights: Weights, at: Bindings, seed: int) -> None:
    """Each style's text in pieces is that of its forward, and the styles' are one."""
    wholes: list[Tensor] = []
    for style, program in programs.items():
        model = running.model(program, file_text(program))
        running.load(model, program, weights)
        wholes.append(Run(style, program, model, at).all(running.inputs(program.graph, at, seed)))
    gap = distance(wholes[0], wholes[-1])
    require(gap < CLOSE, f"at {at}: forward differs by {gap:.2g} between the styles")


def _programs(graph: Graph) -> tuple[dict[str, Program], dict[str, str]]:
    """Of each style its program, or what it refuses."""
    made: dict[str, Program] = {}
    refusals: dict[str, str] = {}
    for style in STYLES:
        try:
            program = program_of(graph, style=style, parts=("decode",))
            file_text(program)
            made[style] = program
        except NotYet as refusal:
            refusals[style] = refusal.diagnostic.message
    return made, refusals


def length(graph: Graph, at: Bindings) -> int:
    """How many places the text has."""
    size = graph.text.space.length if graph.on_grid else graph.token_axis.size
    return size.value(at)


@dataclass(frozen=True)
class Run:
    """A model in one style, at some sizes."""

    style: str
    program: Program
    model: nn.Module
    at: Bindings

    @property
    def graph(self) -> Graph:
        return self.program.graph

    @property
    def places(self) -> int:
        return length(self.graph, self.at)

    @property
    def told(self) -> int:
        """Which output tells of the text."""
        (name,) = self.graph.asked("decode")
        return [*self.graph.outputs].index(name)

    def all(self, given: Values) -> Tensor:
        """The text's output of the forward, which a text that is cut in several ways must come to."""
        last = self.places
        bare = {t.role: given[t.role] for t in self.graph.inputs if t.kind != "bool" and t.role}
        whole = running.call(self.model, self.graph, given)[self.told]
        self.compare(given, whole, range(1, last + 1))
        self.compare(given, whole, sorted({max(last // 2, 1), max(last - 1, 1), last}))
        if bare.keys() != given.keys():
            whole_bare = running.call(self.model, self.graph, bare)[self.told]
            self.compare(bare, whole_bare, sorted({1, last}))
        return whole

    def compare(self, given: Values, whole: Tensor, cuts: Sequence[int]) -> None:
        """A prompt up to cuts[0], and chunks up to the others, against the end of the whole."""
        with torch.no_grad():
            found = self.stepped(given, cuts)
        output = [*self.graph.outputs.values()][self.told]
        lead = len(output.space.batch)
        before = self.graph.before(output.space).value(self.at)
        a_place = (whole.shape[lead] - before) // self.places
        count = a_place * (self.places - cuts[0] + 1)
        wanted = whole.narrow(lead, whole.shape[lead] - count, count)
        got = torch.cat(found, dim=lead)
        gap = distance(got, wanted)
        where = f"{self.style} at {self.at}, cut at {[*cuts]}"
        require(got.shape == wanted.shape, f"{where}: {[*got.shape]} for {[*wanted.shape]}")
        require(gap < CLOSE, f"{where}: decoding differs by {gap:.2g} from the forward")

    def stepped(self, given: Values, cuts: Sequence[int]) -> list[Tensor]:
        memories = [self.at[name] for name in self.program.roots["decode"].memories]
        batch = self.graph.text.shape[0].value(self.at)
        cache = self.model.cache(batch, self.slots, *memories)
        for buffer in _buffers(cache):
            buffer.normal_()  # what an earlier text left behind is not to be seen
        found = [self._call("prefill", given, 0, cuts[0], cache=cache)]
        for start, end in pairwise(cuts):
            position = torch.arange(start, end)
            found.append(self._call("decode", given, start, end, position=position, cache=cache))
        return found

    @property
    def slots(self) -> int:
        """Some more than the text has places, where it may be longer."""
        domain = self.graph.facts.domains.get(str(self.graph.token_axis.size))
        longest = self.places if domain is None else domain.high or self.places + MORE
        return min(self.places + MORE, longest)

    def _call(self, mode: str, given: Values, start: int, end: int, **more: Any) -> Tensor:
        """A method with what it takes, in its order: an input may be called as anything is."""
        root = self.program.roots[mode]
        values = self.part(mode, given, start, end)
        taken = {root.low.values[t]: values.get(t.role or "") for t in self.graph.inputs}
        params = sorted(root.params, key=lambda param: param.defaults)
        last = [param for param in params if param in taken or param.hint != "maps"]
        return getattr(self.model, mode)(
            *(taken[param] if param in taken else more[param.hint or ""] for param in last)
        )

    def part(self, mode: str, given: Values, start: int, end: int) -> Values:
        """Inputs of the text's places from start to end; of a decoded text's flags all slots."""
        found = dict(given)
        for tensor in self.graph.inputs:
            value = given.get(tensor.role or "")
            if value is None:
                continue
            if self.graph.on_grid and tensor is self.graph.text:
                flat = value.flatten(len(tensor.space.batch))
                found[tensor.role or ""] = flat[..., start:end]
            elif self.graph.token_axis in tensor.axes:
                axis = tensor.axes.index(self.graph.token_axis)
                if tensor.kind == "bool" and mode == "decode":
                    found[tensor.role or ""] = self._of_all_slots(value, axis)
                else:
                    found[tensor.role or ""] = value.narrow(axis, start, end - start)
        return found

    def _of_all_slots(self, flags: Tensor, axis: int) -> Tensor:
        shape = list(flags.shape)
        shape[axis] = self.slots - self.places
        return torch.cat([flags, flags.new_ones(shape)], axis)


def _buffers(cache: Any) -> list[Tensor]:
    """The tensors of a cache, which is a module or a list of such."""
    if isinstance(cache, nn.Module):
        return [*cache.buffers()]
    return [buffer for each in cache for buffer in _buffers(each)]
