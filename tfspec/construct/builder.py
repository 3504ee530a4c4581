"""The builder: what a layer is given. It runs pipelines, blocks and streams into a graph."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from tfspec.construct.holders import Defaults, Holders
from tfspec.construct.layer_index import Depth, count_layers
from tfspec.construct.per import as_seen, check_axes
from tfspec.construct.rules import KINDS, NO_VALUE, WAYS_OUT, WRONG_KIND
from tfspec.construct.stop import Stop
from tfspec.diagnostics import Label, Span
from tfspec.graph.scope import Owner
from tfspec.graph.tensor import UNKNOWN, Tensor
from tfspec.graph.trace import owned, placed, tracing
from tfspec.layers.base import Layer
from tfspec.ops.tokens import Rows
from tfspec.spec.pipeline import Pipeline, Ref, Series, last_place

if TYPE_CHECKING:
    from tfspec.graph.mask import Mask
    from tfspec.graph.mask_pairs import Pairs
    from tfspec.spec.predicate import Predicate


@dataclass(eq=False)
class Builder(Holders):
    """The state of building one graph. Layers call it `g`."""

    masks: dict[tuple[Pairs, Predicate, Span], Mask | None] = field(
        init=False, default_factory=dict["tuple[Pairs, Predicate, Span]", "Mask | None"]
    )
    """Masks by their tokens, their predicates and their places."""

    def run(self, pipeline: Pipeline, x: Tensor | None) -> Tensor:
        """The value that a pipeline makes, starting from the value at its place."""
        match pipeline:
            case Series():
                value = x
                for item in pipeline:
                    value = self.run(item, value)
                return value if value is not None else UNKNOWN
            case Ref():
                return self.source(pipeline, x)
            case _:
                return self.apply(pipeline, x)

    def read(self, pipeline: Pipeline, x: Tensor | None) -> Tensor:
        """A pipeline's value as rows: an operand. An unknown one stops the step that reads it."""
        value = self.rows(self.run(pipeline, x))
        if value.unknown:
            raise Stop
        self.one_width(value, "what a step reads", last_place(pipeline))
        return value

    def apply(self, layer: Layer, x: Tensor | None) -> Tensor:
        """One step. After a mistake in it, later steps work on what it should have made.

        Where that cannot be told, it is unknown, and they are silent.
        """
        if x is not None and x.unknown:
            return UNKNOWN
        try:
            for knob in sorted(layer.branch_knobs & layer.model_fields_set):
                if layer is not self.branch:
                    what = f"`{knob}` on an `{layer.step}` that begins no branch of a block"
                    raise self.not_yet(what, layer.key_span(knob))
            with placed(layer.span):
                value = x
                if layer.reads == "value":
                    self._check_input(layer, x)
                    value = x if x is None or layer.takes_raw else self.rows(x)
                return self._titled(layer.forward(self, value), value)
        except Stop:
            self.stopped()
            kept = x is not None and layer.keeps_shape and not x.space.single and not x.widths
            return self.rows(x) if x is not None and kept and x.kind == "float" else UNKNOWN

    def _check_input(self, layer: Layer, x: Tensor | None) -> None:
        if x is None:
            message = f"`{layer.step}` works on a value, and there is none yet"
            help = ["begin the pipeline with an input, a stream, or `learn`"]
            raise self.refuse(NO_VALUE, message, layer.name_span, help=help)
        if layer.takes is not None and x.kind != layer.takes:
            found, wanted = KINDS[x.kind], KINDS[layer.takes]
            message = f"`{layer.step}` works on {wanted}, and the value here is {found}"
            raise self.refuse(WRONG_KIND, message, layer.name_span, help=[WAYS_OUT[x.kind]])

        if not layer.takes_unequal:
            self.one_width(x, f"`{layer.step}`", layer.name_span)

    def _titled(self, value: Tensor, x: Tensor | None) -> Tensor:
        """A value with one part bears its stream's name; what others read keeps its own there."""
        parts = value.space.parts
        if not self.stream or len(parts) != 1 or not parts[0].axes or value.unknown:
            return value
        if parts[0].name == self.stream:
            return value
        if value is x or any(value is known for known in self.values.values()):
            return value.renamed(self.stream)
        value.space = value.space.with_parts(replace(parts[0], name=self.stream))
        return value

    def rows(self, x: Tensor) -> Tensor:
        """A value as one feature vector a token; only inputs come in another order."""
        if x.unknown or not x.raw:
            return x
        feature = next((i for i, axis in enumerate(x.axes) if axis.name == "width"), None)
        named = [axis for axis in range(len(x.axes)) if axis != feature]
        batch = x.space.batch
        place = {axis: batch.index(x.axes[axis]) for axis in named if x.axes[axis] in batch}
        order = sorted(named, key=lambda axis: place.get(axis, len(batch)))
        if feature is not None:
            order.append(feature)
        self.tokens(x.space)
        return Rows(x.space, feature, tuple(order))(x)

    def source(self, ref: Ref, x: Tensor | None = None) -> Tensor:
        """An input, a stream or a mark by name; a block's name runs the block here."""
        if ref.name in self.spec.blocks:
            return self.run_block(ref, x)
        if ref.stream in self.spec.streams and ref.stream not in self.values:
            self.build_stream(ref.stream)
        value = self.values.get(ref.name) or self._marked(ref)
        if value.unknown and self.diagnostics.ok:  # then it is not known yet: it is being made
            message = f"`{ref.name}` is read while it is made"
            help = [f"the value here has no part `{ref.name}`; read a mark, or another stream"]
            self.refuse(NO_VALUE, message, ref.span, help=help)
        return self._titled(as_seen(self, value, ref), None)

    def _marked(self, ref: Ref) -> Tensor:
        """A mark's value by its bare name: this stream's if it has passed one, else another's."""
        from tfspec.spec.names import collect

        marks = collect(self.spec)[0].marks
        name = ref.mark or ref.name
        owners = sorted((s for s in marks if name in marks[s]), key=lambda s: s != self.stream)
        owners = [ref.stream] if ref.mark else owners
        for stream in owners:
            if stream not in self.values:
                self.build_stream(stream)
            if f"{stream}.{name}" in self.values:
                return self.values[f"{stream}.{name}"]
        if self.diagnostics.ok and not owners:
            message, help = self._no_value(ref.name)
            self.refuse(NO_VALUE, message, ref.span, help=[help])
        elif self.diagnostics.ok:  # else the stream that has it stopped at a mistake
            message = f"`{ref.name}` is read before it is made"
            came = [Label(marks[each][name], "it is made here") for each in owners[:1]]
            self.refuse(NO_VALUE, message, ref.span, came=came, help=["read it after its mark"])
        return UNKNOWN

    def _no_value(self, name: str) -> tuple[str, str]:
        """What a known name is that has no value here, and the way to one: an output, or a part."""
        if name in self.spec.outputs:
            message = f"`{name}` is an output, which nothing reads"
            return message, "let a stream make what both the output and this read"
        message = f"`{name}` is a part of other values, and no value by itself"
        return message, f"read a stream that has it, and take it: `[STREAM, {{take: {name}}}]`"

    def no_layers_yet(self, pipeline: Pipeline) -> dict[str, object]:
        """The context in which a stream or an output begins: its layers are counted from 0."""
        count = partial(count_layers, self.spec, self.dims, self.facts, pipeline)
        return {"depth": Depth(count), "layers": None}

    def stopped(self) -> None:
        """A step that stopped has said why; one that has not would be left out in silence."""
        assert not self.diagnostics.ok, "a step stopped, and no message says why"

    def run_block(self, ref: Ref, x: Tensor | None) -> Tensor:
        from tfspec.construct.blocks import one_block

        if x is None:
            message = f"block `{ref.name}` works on a value, and there is none yet"
            raise self.refuse(NO_VALUE, message, ref.span)
        x = self.rows(x)
        return UNKNOWN if x.unknown else self._titled(one_block(self, ref, x), x)

    def build_stream(self, name: str) -> None:
        """A stream's value, recorded at the root, before whoever asked goes on."""
        self.values[name] = UNKNOWN
        decl = self.spec.streams[name]
        owner = Owner(name, frozen=decl.freeze is True)
        per = tuple(map(str, decl.per or ()))
        prefix = f"{name}_" if len(self.spec.streams) > 1 else ""
        fresh = {
            "defaults": Defaults(),
            "prefix": prefix,
            "output": None,
            "stream": name,
            "places": frozenset((name,)),
            "per": per,
        }
        with tracing(self.top), owned(owner), self.using(**fresh, **self.no_layers_yet(decl.do)):
            value = self.rows(self.run(decl.do, None))
        check_axes(self, decl, value)
        self.values[name] = value
        if not value.unknown:
            value.role = value.role or name
