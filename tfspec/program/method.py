"""Methods: the lowered body of one scope in one mode, as steps over values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tfspec.diagnostics import Label
from tfspec.graph.scope import Scope
from tfspec.program import expr as ex
from tfspec.program.code_names import safe
from tfspec.program.kernels import POINTWISE, Kernel
from tfspec.program.lengths import ITSELF, Solved
from tfspec.program.saves import CALL, VIEW, Saves
from tfspec.program.slots import path_to_cache
from tfspec.program.value import Dtype, Shape, Storage, Value, in_order
from tfspec.symbolic import Dim, product

if TYPE_CHECKING:
    from tfspec.graph.trace import Node
    from tfspec.program.lowering import Lowering


@dataclass(eq=False)
class Assign:
    """outputs = expr. `nodes` are what of the graph it is for: several that run as one."""

    outputs: tuple[Value, ...]
    expr: ex.Expr
    saves: Saves
    nodes: tuple[Node, ...]
    kernel: Kernel = POINTWISE

    @property
    def node(self) -> Node | None:
        return self.nodes[0] if self.nodes else None

    @property
    def inputs(self) -> list[Value]:
        return [leaf.to for leaf in self.expr.leaves() if isinstance(leaf, ex.Ref)]

    def needs_gradient(self, needs: Callable[[Value], bool]) -> bool:
        """Whether its outputs do, by what its inputs need."""
        if self.saves.stops:
            return False
        return self.saves.learns or any(needs(value) for value in self.inputs)


@dataclass(eq=False)
class When:
    """if test is not None: outputs = expr. Without it each output is its twin in `before`.

    `window`: how many of the latest tokens are ever asked for again, where not all are.
    """

    test: Value
    outputs: tuple[Value, ...]
    before: tuple[Value, ...]
    expr: ex.Expr
    nodes: tuple[Node, ...]
    window: Dim | None = None

    @property
    def inputs(self) -> list[Value]:
        refs = [leaf.to for leaf in self.expr.leaves() if isinstance(leaf, ex.Ref)]
        return [self.test, *self.before, *refs]


@dataclass(eq=False)
class Place:
    """One entry of a loop's pattern: the method that runs, and what it gets beside the carry."""

    child: Method
    given: tuple[tuple[Value, ex.Expr], ...]


@dataclass(eq=False)
class Loop:
    """The layers of a stack, run in order: carry = block(carry, ...), of one value or several.

    `turns` are all turns through its pattern, but where memory is asked (`Lowering._apart`);
    `ends`: the last of these is the last of all. `layers` is the number of all turns in the spec's
    sizes, and `own` how many have weights of their own, which the rest have again, in rounds.
    """

    name: str
    turns: range
    places: tuple[Place, ...]
    carry: tuple[Value, ...]
    outputs: tuple[Value, ...]
    layers: Dim
    own: int
    ends: bool = True
    states: dict[Value, ex.Item] = field(default_factory=dict["Value", "ex.Item"])

    @property
    def rounds(self) -> int:
        """How often its list of layers is run through."""
        return -(-len(self.turns) // self.own)

    @property
    def inputs(self) -> list[Value]:
        given = [value for place in self.places for _, value in place.given]
        refs = [leaf.to for expr in given for leaf in expr.leaves() if isinstance(leaf, ex.Ref)]
        return [*self.carry, *refs]


@dataclass(eq=False)
class Kept:
    """One item of a method's cache: its own attention's, a child's, or a stack's by layer.

    `place`: the step that keeps it. `whole`: of an attention to what a prompt has made once, as a
    memory's keys and values.
    """

    place: Label | None = None
    children: tuple[Method, ...] = ()
    stacked: bool = False
    whole: bool = False


Step = Assign | When | Loop


@dataclass(eq=False)
class Method:
    """A forward over one scope. Outer values it uses become parameters, in order of first use.

    `kept` lists what its cache holds; `room` makes the cache of an attention, and `keeps` says what
    that has. Of one to a memory, `memory` is the dim by which it is long, and `by_memory` finds
    that from its slots. `held` is what is read of a cache while decoding beside what branches give,
    and how many of its latest tokens are ever asked for, if not all.
    `decoding`: it runs anew for every token. `a_place`: how many slots its cache has for each place
    of the text, and `before` those of the tokens that stand before it.
    """

    low: Lowering
    scope: Scope
    parent: Method | None
    doc: str = ""
    params: list[Value] = field(default_factory=list[Value])
    steps: list[Step] = field(default_factory=list[Step])
    results: tuple[Value, ...] = ()
    inputs: int = 0
    kept: list[Kept] = field(default_factory=list[Kept])
    room: ex.Expr | None = None
    memory: str | None = None
    by_memory: Solved = ITSELF
    decoding: bool = False
    a_place: int = 1
    before: int = 0
    keeps: str = "keys and values"
    held: dict[Value, Dim | None] = field(default_factory=dict[Value, "Dim | None"])

    def __repr__(self) -> str:
        return f"<method of {self.scope.path or 'the root'}: {len(self.steps)} steps>"

    @property
    def grows(self) -> bool:
        """Whether its cache has anything that grows with the text."""
        return path_to_cache(self) is not None

    @property
    def cache_sizes(self) -> tuple[str, ...]:
        """What must be known to make its cache: the batch, and how long texts and memories are."""
        return ("batch", *(("length",) if self.grows else ()), *map(safe, self.memories))

    @property
    def memories(self) -> dict[str, None]:
        """The dims by which what its cache keeps of memories is long, in order."""
        found = {} if self.memory is None else {self.memory: None}
        for kept in self.kept:
            for child in kept.children:
                found |= child.memories
        return found

    def emit(
        self,
        expr: ex.Expr,
        shape: Sequence[Dim],
        dtype: Dtype,
        saves: Saves,
        *,
        strides: Shape | None = None,
        storage: Storage | None = None,
        hint: str | None = None,
        kernel: Kernel = POINTWISE,
    ) -> Value:
        """Record outputs = expr. Without a storage the result has one of its own."""
        here = self.low.method
        storage = storage or Storage(product(shape), dtype)
        value = Value(here, tuple(shape), dtype, storage, strides or in_order(shape), hint)
        step = Assign((value,), expr, saves, self.low.nodes, kernel)
        value.learned = dtype == "float" and step.needs_gradient(lambda given: given.learned)
        here.steps.append(step)
        return value

    def emit_many(
        self, expr: ex.Expr, base: Value, shapes: Sequence[Shape], hints: Sequence[str]
    ) -> tuple[Value, ...]:
        """Several views of one value, named."""
        here = self.low.method
        values = tuple(
            Value(here, tuple(shape), base.dtype, base.storage, base.strides, hint)
            for shape, hint in zip(shapes, hints, strict=True)
        )
        for value in values:
            value.learned = base.learned
        here.steps.append(Assign(values, expr, VIEW, self.low.nodes))
        return values

    def emit_call(self, expr: ex.Expr, results: Sequence[Value]) -> tuple[Value, ...]:
        """What a child module makes, in memory of its own here."""
        here = self.low.method
        values = tuple(
            Value(here, r.shape, r.dtype, Storage(product(r.shape), r.dtype), r.strides)
            for r in results
        )
        for value, result in zip(values, results, strict=True):
            value.learned = result.learned
        here.steps.append(Assign(values, expr, CALL, self.low.nodes))
        return values

    def param(self, like: Value, hint: str | None = None) -> Value:
        """A parameter that stands for a value of the caller."""
        value = Value(self, like.shape, like.dtype, like.storage, like.strides, source=like)
        value.hint = hint or like.hint or like.role
        value.absent, value.optional, value.defaults = like.absent, like.optional, like.defaults
        value.learned = like.learned
        self.params.append(value)
        return value

    def localize(self, value: Value) -> Value:
        """The value as this method sees it; asks the callers for it when it lives outside."""
        if value.method is self:
            return value
        for param in self.params[self.inputs :]:
            if param.source is not None and origin(param) is origin(value):
                return param
        assert self.parent is not None, f"{value.hint} is not visible here"
        return self.param(self.parent.localize(value))

    def drop_unread(self, *, calls: bool = True, views: bool = False) -> None:
        """Leave out steps whose outputs nothing reads: a stream that reaches no output.

        Without `calls` only what is computed here: calls and branches may fill a cache, which later
        calls of the model read. `views`: only views, which no other mode has a use for either.
        """
        read = {*self.results}
        kept: list[Step] = []
        for step in reversed(self.steps):
            here = isinstance(step, Assign) and not isinstance(step.expr, ex.Invoke)
            view = isinstance(step, Assign) and step.saves is VIEW
            may = (calls or here) and (view or not views)
            if may and step.outputs and read.isdisjoint(step.outputs):
                continue
            read.update(step.inputs)
            kept.append(step)
        self.steps = kept[::-1]

    def drop_unread_inputs(self, values: Sequence[Value]) -> None:
        """Leave out those of some inputs that nothing reads: a memory, once its keys are kept."""
        read = {*self.results, *(value for step in self.steps for value in step.inputs)}
        for value in values:
            if value not in read:
                self.params.remove(value)
                self.inputs -= 1

    def pass_by(self) -> None:
        """Leave out results that are parameters as they came: the caller has them."""
        made = tuple(value for value in self.results if value not in self.params)
        if made:
            passed, self.results = [v for v in self.results if v in self.params], made
            self.drop_unread_inputs(passed)
            if self.inputs == 1:
                self.params[0].hint = "x"  # as in a block that knows of no other part

    def drop_unread_params(self) -> None:
        """Leave out what was asked of the callers, and went into something made further out."""
        read = {*self.results, *(value for step in self.steps for value in step.inputs)}
        own, asked = self.params[: self.inputs], self.params[self.inputs :]
        self.params = own + [param for param in asked if param in read]


def origin(value: Value) -> Value:
    """The value that a chain of parameters stands for."""
    while value.source is not None:
        value = value.source
    return value
