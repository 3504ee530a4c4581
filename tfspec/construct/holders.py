"""Who holds weights while a graph is built: names, groups, shares and the scopes of modules."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tfspec.construct.homes import Home, layer_around, numbers
from tfspec.construct.rates import Rates
from tfspec.construct.rules import UNEQUAL_SHARE
from tfspec.construct.sharing import Shape, runs_alike, unequal_shapes
from tfspec.construct.stop import Stop
from tfspec.diagnostics import Label, Span
from tfspec.graph.look import Look
from tfspec.graph.scope import Group, Scope, WeightSpec
from tfspec.graph.structure import Call
from tfspec.graph.tensor import UNKNOWN, Tensor
from tfspec.graph.trace import Trace, current, tracing
from tfspec.layers.base import NOT_YET
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.layers.norm import Normalisation
    from tfspec.layers.residual import ResidualKnobs
    from tfspec.spec.parts import Share

Run = Callable[["tuple[Tensor, ...]"], Tensor]
"""A forward over a module's inputs."""


@dataclass(frozen=True)
class Defaults:
    """What a block gives to its branches: norm, residual rule, biases."""

    norm: Normalisation | None = None
    residual: ResidualKnobs | None = None
    bias: bool | None = None


@dataclass(eq=False)
class Holders(Rates):
    """Where weights live, and by which names."""

    top: Trace
    values: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    shared: dict[str, tuple[Group, Span]] = field(default_factory=dict[str, "tuple[Group, Span]"])
    shared_traces: dict[str, tuple[Trace, Span]] = field(
        default_factory=dict[str, "tuple[Trace, Span]"]
    )
    homes: dict[str, Home] = field(default_factory=dict[str, Home])
    defaults: Defaults = Defaults()
    prefix: str = ""
    output: str | None = None
    stream: str = ""
    places: frozenset[str] = frozenset()
    per: tuple[str, ...] = ()
    outside: dict[Tensor, Tensor] = field(default_factory=dict[Tensor, Tensor])
    whole: Tensor = UNKNOWN
    branch: object = None
    zeroed: set[str] = field(default_factory=set[str])
    """What of `init`'s `zeros` there is in the spec; `places`: what the running step is in, a
    stream or an output and blocks."""

    def name(self, base: str) -> str:
        """The name of a step's weights: an output's, or with the stream's if there are several."""
        if current().scope is not self.top.scope:
            return base
        if self.output is not None:
            return self.output if base == "linear" else f"{self.output}_{base}"
        return f"{self.prefix}{base}"

    def starts_at_zero(self, step: str) -> bool:
        """Whether `init`'s `zeros` names such maps, wherever they are or in a place that this is
        in."""
        init = self.spec.init
        zeros = (init.zeros if init is not None else None) or ()
        cut = {name: name.rpartition(".") for name in zeros}
        named = [n for n, (at, _, of) in cut.items() if of == step and at in {"", *self.places}]
        self.zeroed.update(named)
        return bool(named)

    def group(
        self, share: Share | None, base: str, attribute: str, shape: tuple[Dim, ...]
    ) -> Group:
        """The weights of a step: its own, or those of its share, whose shapes must be equal."""
        if share is None:
            return current().scope.group(self.name(base))
        home = self._home(share)
        if share.name in self.shared_traces:
            raise self._another_kind(share, self.shared_traces[share.name][1])
        if share.name not in self.shared:
            self.shared[share.name] = (home.group(share.name), share.span)
        group, first = self.shared[share.name]
        weight = group.weights.get(attribute)
        if weight is None and group.weights:
            raise self._another_kind(share, first)
        if weight is not None and not self._equal(weight.shape, shape):
            raise self._two_shapes(share.name, share, first, weight.shape, shape)
        return group

    def norm_group(self, share: Share, place: str, specs: Mapping[str, WeightSpec]) -> Group:
        """The weights of a norm around a shared branch: equal places are the same weights."""
        home = self._home(share)
        key = f"{share.name} {place}"
        if key not in self.shared:
            self.shared[key] = (home.group(f"{share.name}_norm"), share.span)
        group, first = self.shared[key]
        if group.weights and group.weights.keys() != specs.keys():
            raise self._another_kind(share, first)
        for attribute, weight in group.weights.items():
            if not self._equal(weight.shape, specs[attribute].shape):
                name = f"{share.name}.norm.{attribute}"
                shapes = weight.shape, specs[attribute].shape
                raise self._two_shapes(name, share, first, *shapes)
        return group

    def child(
        self,
        base: str,
        kind: str,
        doc: str,
        inputs: Sequence[Tensor],
        run: Run,
        share: Share | None = None,
        look: Look | None = None,
        title: str = "",
    ) -> Tensor:
        """Run a layer as a module of its own: inputs in, one value out."""
        trace = self.trace(self._scope(base, kind, share), doc, inputs, run)
        trace.look, trace.title = look, title
        if share is not None:
            self._shares(share, trace)
        return Call((trace,))(*inputs)

    def layer(self, share: Share | None, place: Scope, doc: str, x: Tensor, run: Run) -> Trace:
        """A layer of a stack as a trace over its place, which is where its share's weights are."""
        if share is not None:
            self._home(share, Home(place, self._numbers(share), share.span))
        trace = self.trace(place, doc, (x,), run)
        if share is not None:
            if share.name in self.shared:
                raise self._another_kind(share, self.shared[share.name][1])
            self._shares(share, trace)
        return trace

    def _scope(self, base: str, kind: str, share: Share | None) -> Scope:
        if share is None:
            return current().scope.child(base, kind)
        home = self._home(share)
        if share.name in self.shared:
            raise self._another_kind(share, self.shared[share.name][1])
        first = self.shared_traces.get(share.name)
        return home.child(share.name, kind) if first is None else first[0].scope

    def _numbers(self, share: Share) -> tuple[int, ...] | None:
        return None if share.index is None else numbers(self, share.index)

    def _home(self, share: Share, found: Home | None = None) -> Scope:
        """Who has the weights of a share: the root, or with an index the layer that it names."""
        if found is None:
            indexed = share.index is not None
            scope = layer_around(current().scope) if indexed else self.top.scope
            found = Home(scope, self._numbers(share), share.span)
        first = self.homes.setdefault(share.name, found)
        if first != found:
            raise self._of_others(share, first, found)
        if found.repeats:
            label = Label(share.span, "its index is the same in several layers")
            own = f"give each layer an index of its own: `{share.name}(i)`"
            rounds = "or stack layers that are this shared block and no more: they run in rounds"
            raise self._of_several(share, label, [], own, rounds)
        return first.scope

    def _of_others(self, share: Share, first: Home, found: Home) -> Stop:
        came, help = [Label(first.span, "the others are here")], "give one of them another name"
        if first.span == found.span:
            came, help = [], "write a block that `extends` this one, with a share of another name"
        if first.numbers is None and found.numbers is None:
            what = f"`{share.name}` shared by a stack of layers and by others"
            return self.refuse(
                NOT_YET, f"{what} is not supported yet", share.span, came=came, help=[help]
            )
        return self._of_several(share, Label(share.span), came, help)

    def _of_several(self, share: Share, label: Label, came: list[Label], *help: str) -> Stop:
        what = f"`{share.name}` shared by several layers through an index"
        return self.refuse(NOT_YET, f"{what} is not supported yet", label, came=came, help=help)

    def _shares(self, share: Share, trace: Trace) -> None:
        """Steps of one share are one forward over the same weights, whatever they run on."""
        first, place = self.shared_traces.setdefault(share.name, (trace, share.span))
        unequal = unequal_shapes(first, trace, self._equal)
        if unequal is not None:
            name, held, asked = unequal
            raise self._two_shapes(f"{share.name}.{name}", share, place, held, asked)
        if not runs_alike(first, trace):
            raise self._another_kind(share, place)

    def _another_kind(self, share: Share, first: Span) -> Stop:
        return self.refuse(
            NOT_YET,
            f"`{share.name}` shared by steps that differ is not supported yet",
            Label(share.span),
            came=[Label(first, "another step has these weights")],
            help=["give one of them another name"],
        )

    def _two_shapes(self, name: str, share: Share, first: Span, held: Shape, asked: Shape) -> Stop:
        return self.refuse(
            UNEQUAL_SHARE,
            f"weights shared as `{name}` have two shapes: "
            f"{self._shape(held)} and {self._shape(asked)}",
            Label(share.span, f"{self._shape(asked)} here"),
            came=[Label(first, f"{self._shape(held)} here")],
            help=["equal names are the same weights: give one of them another name"],
        )

    def trace(self, scope: Scope, doc: str, inputs: Sequence[Tensor], run: Run) -> Trace:
        roles = ["x", *(tensor.role or "source" for tensor in inputs[1:])]
        inner = tuple(tensor.given(role) for tensor, role in zip(inputs, roles, strict=True))
        trace = Trace(scope, inner, doc=doc)
        scope.retrace()
        with tracing(trace):
            result = run(inner)
        if result.unknown:
            raise Stop
        trace.results = (result.original,)
        return trace

    @contextmanager
    def using(self, **changes: object) -> Generator[None]:
        """Context that holds inside: defaults, prefix, output, ..."""
        before = {name: getattr(self, name) for name in changes}
        for name, value in changes.items():
            setattr(self, name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)
