"""A spec as steps with their effective knobs: what two specs are compared by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from tfspec.diagnostics import Span
from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor
from tfspec.layers.base import Layer
from tfspec.layers.combine import Operand
from tfspec.layers.norm import NormKnobs
from tfspec.layers.residual import ResidualKnobs
from tfspec.layers.stack import Pattern
from tfspec.passes.diff.knobs import Knob, Leaf, Reader, Sizes, summary, word
from tfspec.spec.located import Located
from tfspec.spec.pipeline import Pipeline, Ref, Series, items
from tfspec.spec.schema import BlockDecl, StreamDecl

Kind = Literal["source", "step", "block", "branch"]


@dataclass(frozen=True)
class Step:
    """A step, a source, a residual block or a branch: its knobs, and the steps inside."""

    kind: Kind
    name: str
    knobs: Mapping[str, Knob] = field(default_factory=dict[str, Knob])
    inner: tuple[Step, ...] = ()
    text: str = ""
    """As a spec might write it: `embed: d = 768`."""


@dataclass
class Steps:
    """Describes the pipelines of a spec, in the order in which its graph was built."""

    graph: Graph
    streams: dict[str, list[Step]] = field(default_factory=dict[str, "list[Step]"])
    outputs: dict[str, list[Step]] = field(default_factory=dict[str, "list[Step]"])
    called: dict[Span, str] = field(default_factory=dict[Span, str])
    """The step that stands at a place of the spec, which is where its weights come from."""

    def __post_init__(self) -> None:
        self.spec, self.reader = self.graph.spec, Reader(self.graph, self._operand)
        self.widths = _widths(self.graph)
        for name in self.spec.streams:
            self._stream(name)
        for name, pipeline in self.spec.outputs.items():
            self.outputs[name] = self._pipeline(pipeline)

    def _stream(self, name: str) -> None:
        """A stream, once, before what reads it: as the graph was built."""
        if name in self.streams:
            return
        declared: StreamDecl = self.spec.streams[name]
        self.streams[name] = []
        steps = self._pipeline(declared.do)
        knobs = self.reader.knobs(declared, {}, leave=["do"])
        self.streams[name] = [Step("step", "stream", knobs), *steps]

    def _pipeline(self, pipeline: Pipeline, block: BlockDecl | None = None) -> list[Step]:
        return [step for item in items(pipeline) for step in self._item(item, block)]

    def _item(self, item: Pipeline, block: BlockDecl | None) -> list[Step]:
        match item:
            case Series():
                return self._pipeline(item, block)
            case Ref():
                return self._ref(item, block)
            case _:
                return [self._step(item, block)]

    def _ref(self, ref: Ref, block: BlockDecl | None) -> list[Step]:
        named = self.spec.blocks.get(ref.name)
        if isinstance(named, BlockDecl):
            return [self._block(ref.name, named)]
        if named is not None:
            return self._pipeline(named, block)
        if ref.stream in self.spec.streams:
            self._stream(ref.stream)
        return [Step("source", ref.name, text=f"reads {ref.name}")]

    def _block(self, name: str, block: BlockDecl) -> Step:
        knobs = self.reader.knobs(block, {}, leave=["extends", "do", "norm", "residual", "bias"])
        branches = tuple(self._branch(branch, block) for branch in block.do)
        names = ", ".join(branch.name for branch in branches)
        return Step("block", name, knobs, branches, f"block {name}: {names}")

    def _branch(self, branch: Pipeline, block: BlockDecl) -> Step:
        """A branch with the norm and the residual rule that it has, its own or the block's."""
        first = items(branch)[0]
        own = first if isinstance(first, Layer) and first.branch_knobs else None
        norm = getattr(own, "norm", None) or block.norm
        residual = getattr(own, "residual", None) or block.residual or ResidualKnobs.read({})
        steps = self._pipeline(branch, block)
        knobs: dict[str, Knob] = {"residual": self._knob(residual, {})}
        if isinstance(norm, NormKnobs) and norm.at:
            knobs = {"norm": self._knob(norm, {}), **knobs}
        return Step("branch", steps[0].name, knobs, tuple(steps), "; ".join(s.text for s in steps))

    def _step(self, layer: Layer, block: BlockDecl | None) -> Step:
        self.called[layer.span] = layer.step
        sizes = self._sizes(layer)
        bias = block is None or block.bias is not False
        inner = [
            (name, found)
            for name in type(layer).model_fields
            if (found := self._inside(layer, getattr(layer, name), block)) is not None
        ]
        leave = {*layer.branch_knobs, *(name for name, _ in inner)}
        knobs = self.reader.knobs(layer, sizes, bias, leave)
        steps = tuple(step for _, found in inner for step in found)
        return Step("step", layer.step, knobs, steps, _text(layer, knobs, steps))

    def _operand(self, pipeline: Pipeline) -> Leaf:
        """A pipeline as one knob: equal where all that it comes to is equal."""
        if isinstance(pipeline, Ref) and pipeline.name not in self.spec.blocks:
            return word(pipeline.name)
        steps = self._pipeline(pipeline)
        return Leaf(f"[{', '.join(step.text for step in steps)}]", tuple(map(_key, steps)))

    def _inside(
        self, layer: Layer, value: object, block: BlockDecl | None
    ) -> tuple[Step, ...] | None:
        """The steps inside a knob that holds several pipelines, or the blocks of a pattern."""
        if isinstance(value, Pattern):
            return tuple(step for ref in value.blocks() for step in self._layer(ref))
        pipelines = _pipelines(value)
        if pipelines is None:
            return None
        if layer.step == "par" and block is not None:
            return tuple(self._branch(each, block) for _, each in pipelines)
        return tuple(self._term(name, each, block) for name, each in pipelines)

    def _layer(self, ref: Ref) -> list[Step]:
        steps = self._ref(ref, None)
        named = self.spec.blocks[ref.name]
        if isinstance(named, BlockDecl):
            return steps
        return [Step("block", ref.name, {}, tuple(steps), f"block {ref.name}")]

    def _term(self, name: str | None, pipeline: Pipeline, block: BlockDecl | None) -> Step:
        steps = self._pipeline(pipeline, block)
        knobs: dict[str, Knob] = {} if name is None else {"called": word(name)}
        text = ", ".join(step.text for step in steps)
        return Step("branch", steps[0].name, knobs, tuple(steps), f"[{text}]")

    def _knob(self, model: Located, sizes: Sizes) -> Knob:
        return self.reader.knob(model, sizes)

    def _sizes(self, layer: Layer) -> dict[str, float]:
        """The width of what enters the step here, where it is one number."""
        uses = self.widths[layer.span]
        tensor = uses.pop(0) if len(uses) > 1 else uses[0] if uses else None
        if tensor is None or tensor.kind != "float" or not tensor.axes or tensor.widths:
            return {}
        width = self.graph.facts.value(tensor.width)
        return {} if width is None else {"width": float(width)}


def _widths(graph: Graph) -> defaultdict[Span | None, list[Tensor]]:
    """What enters each step of the spec, by its place; several values, where it is used again."""
    found: defaultdict[Span | None, list[Tensor]] = defaultdict(list)
    before: Span | None = None
    for node in graph.trace.nodes():
        if node.span != before and node.inputs:
            found[node.span].append(node.inputs[0])
        before = node.span
    return found


def _pipelines(value: object) -> list[tuple[str | None, Pipeline]] | None:
    """Pipelines, each with the name that it gives, if a knob holds several; else None."""
    if isinstance(value, dict):
        named = cast("dict[str, object]", value).items()
        inner = [(name, _pipelines(each)) for name, each in named]
        if inner and all(each is not None for _, each in inner):
            return [(name or key, p) for key, each in inner for name, p in each or ()]
        if inner and all(isinstance(each, Ref | Series | Layer) for _, each in named):
            return [(name, cast("Pipeline", each)) for name, each in named]
        return None
    if not isinstance(value, tuple) or not value:
        return None
    listed = cast("tuple[object, ...]", value)
    if all(isinstance(each, Operand) for each in listed):
        return [(each.name, each.of) for each in listed if isinstance(each, Operand)]
    if all(isinstance(each, Ref | Series | Layer) for each in listed):
        return [(None, cast("Pipeline", each)) for each in listed]
    return None


def _key(step: Step) -> object:
    """What a step comes to, however it is written."""
    knobs = frozenset((name, _value(knob)) for name, knob in step.knobs.items())
    return step.kind, step.name, knobs, tuple(map(_key, step.inner))


def _value(knob: Knob) -> object:
    if isinstance(knob, Leaf):
        return knob.written if knob.value is None else knob.value
    return frozenset((name, _value(each)) for name, each in knob.knobs.items())


def _text(layer: Layer, knobs: Mapping[str, Knob], inner: Iterable[Step]) -> str:
    below = ", ".join(step.text or step.name for step in inner)
    said = summary(layer, knobs)
    if below:
        return f"{layer.step}: {below}" if said == "{}" else f"{layer.step} {said}: {below}"
    return layer.step if said == "{}" else f"{layer.step}: {said}"
