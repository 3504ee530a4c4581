"""The graph of a whole model: one trace, its inputs and outputs, and what is known of its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, count

from tfspec.graph.names import SizeNames, written
from tfspec.graph.scope import Scope
from tfspec.graph.space import Axis, Space
from tfspec.graph.structure import Stack
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Trace, following
from tfspec.spec.schema import Spec
from tfspec.symbolic import Dim, sym
from tfspec.symbolic.domain import Range
from tfspec.symbolic.errors import Indivisible
from tfspec.symbolic.facts import Facts


@dataclass(eq=False)
class Graph:
    """A checked model. From the node `outputs_at` of the trace on, nodes are the outputs' own.

    `digest` tells one spec's content from another's. `dims` maps the spec's dims to sizes;
    `names` abbreviates long sizes.
    """

    spec: Spec
    trace: Trace
    dims: Mapping[str, Dim]
    facts: Facts
    names: SizeNames
    outputs: dict[str, Tensor]
    bound: Mapping[str, int] = field(default_factory=dict[str, int])
    digest: str = ""
    outputs_at: int = 0
    streams: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def scope(self) -> Scope:
        return self.trace.scope

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return self.trace.inputs

    @cached_property
    def sample(self) -> dict[str, int]:
        """Small allowed sizes, different from each other, for what depends on order alone."""
        return self.bindings(small=True)

    def bindings(self, small: bool = False) -> dict[str, int]:
        """A value for every dim: as bound; else ranges at 16 (or their ends), batches at 2."""
        values: dict[str, int] = {}
        for name, domain in self.facts.domains.items():
            wanted = 2 if domain.high is None and domain.step == 1 else 16
            near = domain.low + max(0, (wanted - domain.low) // domain.step) * domain.step
            values[name] = min(near, domain.high) if domain.high is not None else near
        values[self.slots_name] = 32
        if self.on_grid:
            values[self.token_axis.name] = self.text.space.length.value(values)
        return values | (dict(self.bound) if not small else {})

    @cached_property
    def slots_name(self) -> str:
        """A free letter for the slots of a key-value cache."""
        return self._free("S", "C", "slots")

    def _free(self, *letters: str) -> str:
        """The first of some letters that stands for nothing yet, or the last with a number."""
        taken = {*self.dims, *self.names.letters}
        names = chain(letters, (f"{letters[-1]}{n}" for n in count(2)))
        return next(name for name in names if name not in taken)

    @property
    def slots(self) -> Dim:
        return sym(self.slots_name)

    @cached_property
    def texts(self) -> list[Tensor]:
        """The ids of tokens among the inputs: those of a class, `ids(K) B`, are no text, and
        positions are none."""
        ids = (each for each in self.inputs if each.kind == "ids" and not each.space.single)
        return [each for each in ids if not self._only_places(each)]

    def _only_places(self, ids: Tensor) -> bool:
        """Whether ids are read, and for nothing but where other tokens stand."""
        reads = [
            (node, at)
            for node in self.trace.nodes()
            for at, x in enumerate(node.inputs)
            if x is ids
        ]
        return bool(reads) and all(
            node.op.says_where == at
            or (node.outputs[0].kind == "ids" and self._only_places(node.outputs[0]))
            for node, at in reads
        )

    @cached_property
    def continued(self) -> str:
        """The output that prefill and decode give: the first that lies along a text, or the first
        of all."""
        along = (name for name, output in self.outputs.items() if self._texts_of(output))
        return next(along, next(iter(self.outputs)))

    def asked(self, mode: str) -> Mapping[str, Tensor]:
        """The outputs that a mode gives: a text is continued by one."""
        if mode not in ("prefill", "decode"):
            return self.outputs
        return {self.continued: self.outputs[self.continued]}

    @cached_property
    def text(self) -> Tensor:
        """The ids that generation continues: those along whose tokens the output lies."""
        return next(iter(self._texts_of(self.outputs[self.continued])), self.texts[0])

    def _texts_of(self, output: Tensor) -> list[Tensor]:
        """The texts along whose tokens an output lies: those that it ends in come first."""
        leading = [each for each in self.texts if _leads(each, output.space)]
        last = sorted(leading, key=lambda each: -len(each.space.parts[0].axes))
        return [*last, *(each for each in self.texts if _along(output, each.axes[-1]))]

    @cached_property
    def text_axes(self) -> tuple[Axis, ...]:
        """The axes that the text's tokens lie on; several of a grid, which is read row by row."""
        return self.text.space.parts[0].axes

    @cached_property
    def on_grid(self) -> bool:
        """Whether the text lies on a grid: its new tokens, and a prompt's, come flat, [B, n]."""
        return bool(self.texts) and len(self.text_axes) > 1

    @cached_property
    def token_axis(self) -> Axis:
        """The token axis of the text: what grows while decoding."""
        if not self.on_grid:
            return self.text.axes[-1]
        name = self._free("n", "m", "count")
        return Axis(name, sym(name))

    @cached_property
    def known(self) -> Facts:
        """What is known of sizes in any mode: of a grid also how many of its tokens there are."""
        most = self.facts.maximum(self.text.space.length) if self.on_grid else None
        if most is None:
            return self.facts
        return self.facts.changed({self.token_axis.name: Range(1, most)})

    @cached_property
    def grown(self) -> tuple[Tensor, ...]:
        """The inputs that grow with the text: its ids, and what else each of its places has."""
        every = (each for each in self.inputs if each.kind != "bool")
        return tuple(each for each in every if each is self.text or self._grows(each.space))

    def _grows(self, space: Space) -> bool:
        return any(axis in part.axes for part in space.parts for axis in self.text_axes)

    @cached_property
    def follows(self) -> frozenset[Tensor]:
        """What is made of the text, and so anew for every token; the rest is made once."""
        return following(self.trace, self.grown)

    def led(self, space: Space) -> bool:
        """Whether tokens are those of one place of the text after the other, so many a place, maybe
        behind parts that do not grow with it."""
        if not self.texts or not space.parts:
            return False
        *first, last = space.parts
        if self.on_grid and last.axes != self.text_axes:
            return False
        return _leads(self.text, space) and not self._grows(space.with_parts(*first))

    def before(self, space: Space) -> Dim:
        """How many tokens stand before the text among those of a space that it leads."""
        return space.with_parts(*space.parts[:-1]).length if self.led(space) else Dim.of(0)

    def a_place(self, tokens: Dim, of: Dim | None = None) -> Dim | None:
        """How many of so many tokens in all stand at each place of the text, `of` so many; None
        where they are not as many at each."""
        try:
            return tokens.exact_div(of or self.token_axis.size)
        except Indivisible:
            return None

    @cached_property
    def layers(self) -> int:
        """How many layers all stacks run together."""
        runs = (node.op.runs for node in self.trace.body if isinstance(node.op, Stack))
        return sum(self.facts.value(layers) or 0 for layers in runs) or 1

    @cached_property
    def params(self) -> Dim:
        return self.scope.params

    @cached_property
    def trained(self) -> Dim:
        """Parameters that are trained: all, but for those of frozen streams."""
        return self.scope.trained

    @property
    def freezes(self) -> bool:
        """Whether some are not trained."""
        return self.trained != self.params

    @cached_property
    def active(self) -> Dim:
        """Parameters that one token uses: all, but for experts that it does not go to."""
        return self.scope.active

    def show(self, *shapes: tuple[Dim, ...]) -> str:
        """A value's `shapes` in symbols: [B, N, d]."""
        return written(shapes, self.names.show)

    def signature_line(self) -> str:
        """What the model takes and gives: tokens [B, T] -> logits [B, T, V]."""
        given = ", ".join(f"{t.role} {self.show(*t.shapes)}" for t in self.inputs)
        made = ", ".join(f"{name} {self.show(*t.shapes)}" for name, t in self.outputs.items())
        return f"{given} -> {made}"


def _leads(text: Tensor, space: Space) -> bool:
    """Whether the last part of a space lies along all of a text's axes, before any other."""
    axes = text.space.parts[0].axes
    return any(part.axes[: len(axes)] == axes for part in space.parts[-1:])


def _along(output: Tensor, axis: Axis) -> bool:
    """Whether an output has an axis: as one of its own, or of the grid that its tokens are."""
    return axis in output.axes or any(axis in part.axes for part in output.space.parts)
