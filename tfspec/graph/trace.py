"""Traces: what a forward pass over symbolic tensors recorded, node by node."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeVar

from tfspec.diagnostics import Span
from tfspec.graph.look import Look
from tfspec.graph.scope import OUTPUT, Group, Owner, Scope, WeightSpec
from tfspec.graph.tensor import UNKNOWN, Tensor
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering
    from tfspec.program.value import Value


T = TypeVar("T")
Reach = Literal["token", "place", "part", "text", "all"]
"""The token alone; the tokens that stand at its place of the first axis; of parts of which the text
is the last, those of its own; also where it stands and what was before it, which a cache can have;
or tokens that stand anywhere. With any but the last an op can run on new tokens alone."""


class Op(ABC):
    """A primitive of the graph: it owns its whole meaning, and no base class answers for it.

    An op is a frozen dataclass: its fields are its attributes, its operands come when it is called.
    Calling it infers the outputs, makes the weights and records a node in the running trace.
    """

    reach: ClassVar[Reach] = "all"
    """What a token's result is made of, beside vectors that are no tokens."""

    headwise: ClassVar[bool] = False
    """Whether it works on each head of each token by itself: heads may lie inside of tokens."""

    forgets: ClassVar[bool] = False
    """Whether backward does without its input, whose storage the result does not share."""

    says_where: ClassVar[int | None] = None
    """Which operand says where tokens stand, and is none of them itself."""

    shape_only: ClassVar[bool] = False
    """Whether it reads its input's shape and none of its numbers."""

    @abstractmethod
    def infer(self, *inputs: Tensor) -> Tensor:
        """The output's axes. Layers check shapes before they call: they know the spec's places."""

    @abstractmethod
    def weights(self, *inputs: Tensor) -> Mapping[str, WeightSpec]:
        """What it learns, by attribute; empty when it learns nothing."""

    @abstractmethod
    def flops(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Dim:
        """FLOPs of matrix products, 2 a multiply-add. Pointwise work is bytes: it counts 0."""

    def needed(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Inputs that ask for no more products than the result needs: fewer where a mask hides
        pairs. An op that knows no mask needs all that it computes."""
        return inputs

    @property
    def needs_exactly(self) -> bool:
        """Whether `needed` knows all that is hidden; else it is a bound from above."""
        return True

    @property
    def looks_ahead(self) -> bool:
        """Whether one of its tokens may be made of later ones: attention by its mask, an average, a
        window to both sides."""
        return False

    @abstractmethod
    def label(self) -> str:
        """What a reader calls it."""

    @property
    def called(self) -> str:
        """How a message names it: by its label, unless a spec has no such word."""
        return f"`{self.label()}`"

    def undecoded(self) -> tuple[str, ...]:
        """What of the text is not decoded where its reach is `all`, and ways out of it."""
        way = "it needs the whole text, and a new token comes alone: ask for no decoding"
        return (self.called, way)

    def look(self, *inputs: Tensor) -> Look:
        """What a figure shows of it: its label, unless an op says more."""
        del inputs
        return Look(self.label())

    def moved(self, *inputs: Tensor) -> tuple[tuple[int, int], ...]:
        """Of an op that leaves parts as they are, in tensors of their own: for each part of the
        result which operand it was in, and which of its parts it was. All others make theirs."""
        del inputs
        return ()

    @abstractmethod
    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        """The values that torch computes for it, on `low`'s target, in its mode and style."""

    def define(self, *inputs: Tensor) -> Tensor | None:
        """A composite op's meaning in smaller ops; None for a primitive."""
        del inputs
        return None

    def define_decoding(self, *inputs: Tensor) -> Tensor | None:
        """The same of a composite while decoding, by the same weights in the same order, where a
        cache lets it do less; None where nothing differs."""
        del inputs
        return None

    def fusion(self, node: Node) -> object | None:
        """Nodes of a trace with equal keys may be lowered as one, by `lower_fused`; None: never."""
        del node
        return None

    def lower_fused(
        self, low: Lowering, nodes: Sequence[Node], *inputs: Value
    ) -> tuple[Value, ...]:
        raise NotImplementedError(type(self).__name__)

    def takes_as_they_lie(self, low: Lowering, node: Node) -> bool:
        """Whether it takes heads [..., h, N, k] of any strides, without a copy in order."""
        del low, node
        return False

    def __call__(
        self, *inputs: Tensor, name: str | None = None, group: Group | None = None
    ) -> Tensor:
        """Record this op on these inputs; `name` or `group` say where its weights live."""
        return record(self, inputs, name, group)


@dataclass(eq=False, repr=False)
class Node:
    """One step of a trace. `inner` is a composite's definition, `decoded` its own for decoding."""

    op: Op
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    group: Group | None
    span: Span | None
    inner: Trace | None = None
    decoded: Trace | None = None

    def definition(self, *, decoding: bool) -> Trace | None:
        """What a composite is made of, while decoding or else."""
        return self.decoded if decoding and self.decoded is not None else self.inner


@dataclass(eq=False, repr=False)
class Trace:
    """A recorded forward pass over a scope's weights. `look` is a module's in figures, `title` what
    a block is called."""

    scope: Scope
    inputs: tuple[Tensor, ...] = ()
    body: list[Node] = field(default_factory=list[Node])
    results: tuple[Tensor, ...] = ()
    doc: str = ""
    look: Look | None = None
    title: str = ""

    def nodes(self) -> Iterator[Node]:
        """Every node, composites and calls opened, in order of execution."""
        for node in self.body:
            yield node
            if node.inner is not None:
                yield from node.inner.nodes()
            for trace in inner_traces(node.op):
                yield from trace.nodes()


def inner_traces(op: Op) -> tuple[Trace, ...]:
    """The traces that a structural op (a call, a stack) runs."""
    return getattr(op, "traces", ())


def leading_to(
    nodes: Sequence[Node], tensors: Iterable[Tensor], *, numbers: bool = False
) -> list[Node]:
    """Those of the nodes of one trace that some tensors are made by, in order of execution; with
    `numbers`, without those of which only shapes are read."""
    wanted = {tensor.original for tensor in tensors}
    found: list[Node] = []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.outputs):
            wanted.update(_reads(node, numbers))
            found.append(node)
    return found[::-1]


def _reads(node: Node, numbers: bool) -> Iterator[Tensor]:
    """What a node reads, also from outside by what is in it."""
    if numbers and node.op.shape_only:
        return
    yield from (tensor.original for tensor in node.inputs)
    traces = [*inner_traces(node.op), *([node.inner] if node.inner is not None else [])]
    for trace in traces:
        for step in trace.body:
            yield from _reads(step, numbers)


def flags(op: Op) -> tuple[Tensor, ...]:
    """The model's inputs that an op's mask or predicate reads beside its operands."""
    return getattr(op, "flags", ())


def following(trace: Trace, first: Iterable[Tensor]) -> frozenset[Tensor]:
    """Every tensor in a trace that is made of some of these, opened as `Trace.nodes` opens it."""
    found = {*first}
    _follow(trace, found)
    return frozenset(found)


def _follow(trace: Trace, found: set[Tensor]) -> None:
    for node in trace.body:
        given, traces = node.inputs, inner_traces(node.op)
        rounds = min(2, getattr(node.op, "rounds", 1))  # a second one reads what a first one made
        for each in traces * rounds:
            found.update(to for to, of in zip(each.inputs, given, strict=True) if of in found)
            _follow(each, found)
            given = tuple(tensor.original for tensor in each.results)
        for definition in (node.inner, node.decoded):
            if definition is not None:
                _follow(definition, found)
        reads = given if traces else node.inputs
        if not found.isdisjoint(reads):
            found.update(node.outputs)


_CURRENT: ContextVar[Trace] = ContextVar("trace")
_SPAN: ContextVar[Span | None] = ContextVar("span", default=None)
_OWNER: ContextVar[Owner] = ContextVar("owner", default=OUTPUT)


def current() -> Trace:
    """The trace that ops record into."""
    return _CURRENT.get()


class _Setting(Generic[T]):
    """A context variable's value inside; quicker than a generator, and used for every step."""

    def __init__(self, variable: ContextVar[T], value: T) -> None:
        self.variable, self.value = variable, value

    def __enter__(self) -> T:
        self.token = self.variable.set(self.value)
        return self.value

    def __exit__(self, *_: object) -> None:
        self.variable.reset(self.token)


def tracing(trace: Trace) -> _Setting[Trace]:
    """Ops are recorded into this trace inside."""
    return _Setting(_CURRENT, trace)


def placed(span: Span | None) -> _Setting[Span | None]:
    """Nodes recorded inside come from this place in the spec."""
    return _Setting(_SPAN, span)


def owned(owner: Owner) -> _Setting[Owner]:
    """Weights that are read inside are this owner's."""
    return _Setting(_OWNER, owner)


def record(op: Op, inputs: Sequence[Tensor], name: str | None, group: Group | None) -> Tensor:
    """Run an op: infer, make its weights, define it if it is a composite, and note the node."""
    if any(tensor.unknown for tensor in inputs):
        return UNKNOWN
    trace = current()
    output = op.infer(*inputs)
    specs = op.weights(*inputs)
    if specs and group is None:
        group = trace.scope.group(name or op.label())
    for attribute, spec in specs.items():
        assert group is not None
        group.add(attribute, spec).owners.setdefault(_OWNER.get(), _SPAN.get())
    node = Node(op, tuple(tensor.original for tensor in inputs), (output,), group, _SPAN.get())
    trace.body.append(node)
    _define(node, trace.scope)
    return output


def _define(node: Node, scope: Scope) -> None:
    if type(node.op).define is Op.define:
        return  # a primitive, as most are
    node.inner = _defined(node, scope, node.op.define)
    if node.inner is None:
        return
    groups = [step.group for step in node.inner.nodes() if step.group is not None]
    with scope.over_again(groups):
        node.decoded = _defined(node, scope, node.op.define_decoding)


def _defined(node: Node, scope: Scope, define: Callable[..., Tensor | None]) -> Trace | None:
    trace = Trace(scope, node.inputs)
    with tracing(trace):
        result = define(*node.inputs)
    if result is None:
        return None
    trace.results = (result,)
    return trace
