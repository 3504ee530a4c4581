"""What ops ask of lowering: visible values, hoisted ones, calls of torch, and sizes in code."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import count

from tfspec.diagnostics import Label
from tfspec.graph.rates import Rate, every
from tfspec.graph.space import Part
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Trace
from tfspec.program import expr as ex
from tfspec.program.kernels import JOIN, POINTWISE, Kernel
from tfspec.program.lengths import loose, readable, solved
from tfspec.program.method import Method
from tfspec.program.program import Mode, Program
from tfspec.program.refusal import NotYet
from tfspec.program.saves import LINEAR, NO_GRADIENT, Saves
from tfspec.program.slots import Slots
from tfspec.program.value import Dtype, Storage, Value, in_order, side_by_side
from tfspec.symbolic import Dim, product


class Scene:
    """The running method among its callers, and the values that are visible in it."""

    method: Method
    top: Method
    nodes: tuple[Node, ...] = ()
    trace: Trace | None = None
    turn: int = 0

    def __init__(self, program: Program, mode: Mode, modes: tuple[Mode, ...]) -> None:
        self.program, self.mode, self.modes = program, mode, modes
        self.graph, self.target, self.style = program.graph, program.target, program.style
        self.facts = self.graph.known
        self.hoisted: dict[object, Value] = {}
        self.locals: dict[object, Value] = {}
        self.values: dict[Tensor, Value] = {}
        self.asked: list[tuple[float, ...]] = []
        self.caches = "decode" in modes

    @contextmanager
    def inside(self, method: Method) -> Generator[None]:
        outer, self.method = self.method, method
        try:
            yield
        finally:
            self.method = outer

    @property
    def place(self) -> Label | None:
        """The step of the spec that runs here."""
        span = next((node.span for node in self.nodes if node.span is not None), None)
        return None if span is None else Label(span)

    @property
    def partial(self) -> bool:
        """Whether there are fewer tokens of the text than its axes say: new ones, or as many of a
        grid as a prompt has."""
        return self.mode == "decode" or (self.mode == "prefill" and self.graph.on_grid)

    @property
    def before(self) -> Dim:
        """How many tokens stand before the text in what the running step reads."""
        given = self.nodes[0].inputs if self.nodes else ()
        return self.graph.before(given[0].space) if given else Dim.of(0)

    def length(self, part: Part) -> Dim:
        """How many tokens of a part there are: of a text on a grid those that are given."""
        flat = self.partial and self.graph.on_grid and part.axes == self.graph.text_axes
        return self.graph.token_axis.size if flat else part.length

    def value(self, tensor: Tensor) -> Value:
        """The value of a graph tensor, visible in the running method."""
        return self.localize(self.values[tensor])

    def readers(self, tensor: Tensor) -> list[Node]:
        """What reads it in the running trace; nothing is known of what leaves that."""
        trace = self.trace
        if trace is None or tensor in trace.results:
            return []
        return [node for node in trace.body if tensor in node.inputs]

    def roots_of(self, tensors: Sequence[Tensor]) -> list[Value]:
        """Inputs as the root has them: for what is hoisted there, and not passed down."""
        return [self.values[tensor] for tensor in tensors]

    def localize(self, value: Value) -> Value:
        if value.pieces:
            return side_by_side([*map(self.method.localize, value.pieces)], value.shape)
        return self.method.localize(value)

    def helper(self, name: str, source: str) -> ex.Name:
        """A function or class that the file defines once, before its own classes.

        Another source under the same name gets a number.
        """
        helpers, own = self.program.helpers, name
        for number in count(2):
            renamed = re.sub(rf"^(def|class) {name}\b", rf"\1 {own}", source, count=1)
            if helpers.setdefault(own, renamed) == renamed:
                break
            own = f"{name}{number}"
        return ex.Name(own)

    def hoist(self, key: object, hint: str, build: Callable[[], Value]) -> Value:
        """A value that many modules need: made once a forward at the root, and passed down."""
        key = (self.partial, key)  # what only a prompt has is not read while decoding
        if key not in self.hoisted:
            with self.inside(self.top):
                value = build()
                self.hoisted[key] = value if value.hint else value.named(hint)
        return self.localize(self.hoisted[key])

    def local(self, key: object, hint: str, build: Callable[[], Value]) -> Value:
        """A value that several steps of the running method need: made once in it."""
        if (self.method, key) not in self.locals:
            self.locals[self.method, key] = build().named(hint)
        return self.locals[self.method, key]

    def extra(
        self, hint: str, shape: Sequence[Dim], dtype: Dtype, *, absent: bool = False,
        optional: bool = False,
    ) -> Value:  # fmt: skip
        """A parameter of the root that no input of the spec gives (position, cache, maps).

        An absent one stands for what other modes pass: the parameter is there, and keeps its None.
        """
        if ("extra", hint) not in self.hoisted:
            storage = Storage(product(shape), dtype, "input")
            value = Value(self.top, tuple(shape), dtype, storage, in_order(shape), hint)
            value.absent, value.defaults = absent, optional or absent
            if not absent:
                self.top.params.append(value)
                self.top.inputs += 1
            self.hoisted["extra", hint] = value
        return self.localize(self.hoisted["extra", hint])

    def range(self, size: Dim, hint: str = "positions") -> Value:
        """0, 1, ..., size - 1, made once a forward: [size] int64."""

        def build() -> Value:
            device = ("device", self.device())
            call = ex.Call(ex.Name("torch.arange"), (self.number(size, "length"),), (device,))
            return self.method.emit(call, (size,), "int64", NO_GRADIENT)

        return self.hoist(("range", size), hint, build)

    def device(self) -> ex.Expr:
        """Where the root's first input lives."""
        given = next((param for param in self.top.params if not param.defaults), None)
        if given is None:
            weights = ex.Call(ex.Name("self.parameters"))
            return ex.Attribute(ex.Call(ex.Name("next"), (weights,)), "device")
        return ex.Attribute(given.ref, "device")

    def torch(
        self, function: str, *args: Value | ex.Expr, shape: Sequence[Dim], saves: Saves,
        dtype: Dtype = "float", strides: Sequence[Dim] | None = None, kernel: Kernel = POINTWISE,
        **keywords: ex.Expr | str,
    ) -> Value:  # fmt: skip
        """A call of a torch function by its dotted name: `F.gelu`, `torch.cat`."""
        plain = tuple(arg.ref if isinstance(arg, Value) else arg for arg in args)
        named = tuple(
            (key, ex.Name(value) if isinstance(value, str) else value)
            for key, value in keywords.items()
        )
        expr = ex.Call(ex.Name(function), plain, named)
        laid = tuple(strides) if strides else None
        return self.method.emit(expr, shape, dtype, saves, strides=laid, kernel=kernel)

    def cat(self, parts: Sequence[Value], dim: str, shape: Sequence[Dim]) -> Value:
        """torch.cat: in order, but four axes that all lie as channels last stay so."""
        last = [0, 2, 3, 1]
        stay = all(len(x.shape) == 4 and self.memory_order(x) == last for x in parts)
        strides = in_order(shape, last if stay else None)
        together = ex.Tuple(tuple(x.ref for x in parts))
        return self.torch(
            "torch.cat", together, dim=dim, shape=shape, saves=LINEAR, strides=strides, kernel=JOIN
        )

    def number(self, dim: Dim | int, role: str) -> ex.Expr:
        """A size in code: a number where the spec fixes it, else read from the inputs."""
        dim = Dim.of(dim)
        fixed = self.facts.value(dim)
        if fixed is not None:
            return ex.Number(fixed, role)
        if self.mode == "decode" and self.method is self.top and self._of_cache(dim):
            return self._slots_of_cache(dim)
        if self.mode == "decode" and self.method is self.top and self._of_memory(dim):
            return self._by_memory(dim)
        if readable(self.method.params, dim, self.facts):
            return ex.Length(dim)
        if self.method is self.top:
            message = f"the size {dim}, which no input shows, is not supported yet"
            raise NotYet.of(message, self.place, "give an input an axis of it, or fix its dims")
        return self.hoist(("length", dim), "length", lambda: self._length(dim)).ref

    def _of_cache(self, dim: Dim) -> bool:
        """Whether it is how many slots a cache has that grows with the text."""
        return self.graph.slots_name in dim.symbols

    def _slots_of_cache(self, dim: Dim) -> Slots:
        """So many slots for each place of the text, and those of what stands before it."""
        before = dim.subs({self.graph.slots_name: 0})
        times = self.fixed((dim - before).exact_div(self.graph.slots)) or 1
        cache = self.extra("cache", (), "state")
        return Slots(cache.ref, times=times, before=self.fixed(before) or 0)

    def _of_memory(self, dim: Dim) -> bool:
        """Whether a prompt's inputs alone have this size: while decoding their caches have it."""
        sure = [self.values[self.graph.text]]
        others = [param for param in self.top.params if param not in sure]
        alone = not readable(sure, dim, self.facts) and readable(others, dim, self.facts)
        return alone and self._sole(dim) is not None

    def _by_memory(self, dim: Dim) -> ex.Expr:
        """The size by a dim that a memory's cache has by its length."""
        name = self._sole(dim)
        assert name is not None
        cache = self.extra("cache", (), "state")

        def build() -> Value:
            return self.method.emit(Slots(cache.ref, name), (), "state", NO_GRADIENT)

        return self._linear(dim, name, self.hoist(("memory", name), name, build).ref)

    def _sole(self, dim: Dim) -> str | None:
        """The dim that varies of which a size is a whole multiple, and maybe some more."""
        names = loose(dim, self.facts)
        found = solved(dim, names[0], self.facts) if len(names) == 1 else None
        return names[0] if found and found.times == 1 else None

    def _linear(self, dim: Dim, name: str, value: ex.Expr) -> ex.Expr:
        """A size by the dim of which it is a multiple, as code."""
        found = solved(dim, name, self.facts)
        assert found is not None
        size = value
        if found.by > 1:
            size = ex.Binary("*", self.number(found.by, "times"), size)
        if found.offset:
            more = self.number(abs(found.offset), "more")
            size = ex.Binary("+" if found.offset > 0 else "-", size, more)
        return size

    def _length(self, dim: Dim) -> Value:
        return self.method.emit(self.number(dim, "length"), (), "state", NO_GRADIENT)

    def fixed(self, dim: Dim) -> int | None:
        return self.facts.value(dim)

    @property
    def half(self) -> bool:
        """Whether the model's numbers are of two bytes."""
        return self.program.dtype != "fp32"

    def drops(self, rate: Rate) -> bool:
        """Whether a rate of dropout is not 0: in some layer, or in the running one for memory."""
        if self.program.sizes is None:
            return bool(rate)
        rates = every(rate)
        self.asked += [rates] if len(rates) > 1 else []
        return rates[self.turn % len(rates)] != 0

    def same(self, a: Dim, b: Dim) -> bool:
        """Whether two sizes are equal: always, or at the sizes that the program is for."""
        sizes, asked = self.program.sizes, self.program.asked
        if sizes is None:
            return a == b or None is not self.fixed(a) == self.fixed(b)
        if a == b:
            return True
        if (a, b) not in asked:
            asked[a, b] = a.value(sizes) == b.value(sizes)
        return asked[a, b]

    def alike(self, a: Sequence[Dim], b: Sequence[Dim]) -> bool:
        """Whether two shapes are equal."""
        return len(a) == len(b) and all(map(self.same, a, b))

    def is_one(self, dim: Dim) -> bool:
        return self.same(dim, Dim.of(1))

    def laid_alike(self, a: Value, b: Value) -> bool:
        """Whether two values of one shape lie in memory in one way."""
        return all(map(self._laid_alike, a.flat, b.flat))

    def _laid_alike(self, a: Value, b: Value) -> bool:
        each = zip(a.shape, a.strides, b.strides, strict=True)
        return all(self.same(x, y) for size, x, y in each if not self.is_one(size))

    def memory_order(self, value: Value) -> list[int]:
        """A value's axes from slowest to fastest, at sample sizes; unit axes keep their place, and
        so does one along which it is repeated."""
        steps = [stride.value(self.graph.sample) for stride in value.strides]
        steps = [step or max(steps[axis:]) for axis, step in enumerate(steps)]
        return sorted(range(len(steps)), key=lambda axis: (-steps[axis], axis))
