"""Lowering: from the semantic graph to the program, on one target, in one mode and style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from itertools import product as pairs_of
from typing import TYPE_CHECKING

from tfspec.diagnostics import Label
from tfspec.graph.scope import Scope
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Reach, Trace, inner_traces, leading_to
from tfspec.program import expr as ex
from tfspec.program.caching import Caching
from tfspec.program.method import Kept, Loop, Method, Place, origin
from tfspec.program.program import Member, Mode, Precision, Program, Style
from tfspec.program.refusal import NotYet
from tfspec.program.saves import NO_GRADIENT
from tfspec.program.value import Dtype, Shape, Storage, Value, flat, in_order, side_by_side
from tfspec.symbolic import Dim, product
from tfspec.symbolic.claims import Proved
from tfspec.targets import Target

if TYPE_CHECKING:
    from tfspec.graph.graph import Graph
    from tfspec.graph.structure import Stack

SHARED = "a stack of layers that share weights is not supported yet with a cache"
ALIKE = ("add positions by `pos`, or ask for a forward, which has every token",)
WHOLE = (
    "ask for a forward, which has the whole grid",
    "or let the text have one axis, as long as the grid",
)
DTYPES: dict[str, Dtype] = {"float": "float", "ids": "int64", "bool": "bool"}


def lower(
    graph: Graph,
    target: Target,
    modes: Sequence[Mode] = ("forward",),
    style: Style = "fast",
    sizes: Mapping[str, int] | None = None,
    dtype: Precision = "fp32",
    learns: bool = True,
) -> Program:
    """The program of a checked graph: one root method a mode, weights shared between modes.

    `sizes`, `dtype` and `learns` are what memory and time are asked at: the code is the same.
    """
    program = Program(graph, target, style, sizes, dtype, learns)
    for mode in modes:
        program.roots[mode] = Lowering(program, mode, tuple(modes)).root()
    return program


class Lowering(Caching):
    """Walks the graph in one mode. Ops get it, and values that are visible where they run.

    `whole` has what streams make, before outputs read the last token of it alone.
    """

    whole: Mapping[Tensor, Value]

    def root(self) -> Method:
        trace = self.graph.trace
        self.top = self.method = Method(self, trace.scope, None)
        self._register(self.top)
        for tensor in self._first(trace):
            self.values[tensor] = self._input(tensor)
        self.top.inputs = len(self.top.params)
        if self.mode == "decode":
            self.position()  # decode(tokens, position, cache), whichever is read first
        at = self.graph.outputs_at
        streams, outputs = (
            self._wanted(trace, nodes) for nodes in (trace.body[:at], trace.body[at:])
        )
        alone = all(map(self._by_place, outputs))
        self._run(streams, trace)
        self.whole = dict(self.values)
        if self.mode == "prefill" and alone:
            read = [tensor for node in outputs for tensor in node.inputs]
            self._last_tokens(streams, (*read, *self._asked()))
        self._run(outputs, trace)
        self.top.results = tuple(map(self.value, self._asked()))
        if self.mode == "prefill" and not alone:
            (result,) = self._asked()
            self.top.results = (self._last(self.top.results[0], result),)
        if len(self.top.results) > 1:
            for value, name in zip(self.top.results, self.graph.outputs, strict=True):
                value.hint = value.hint or name
        self.top.drop_unread()
        if self.mode == "decode":
            others = [tensor for tensor in self.graph.inputs if tensor is not self.graph.text]
            self.top.drop_unread_inputs([self.values[tensor] for tensor in others])
        return self.top

    def _asked(self) -> Sequence[Tensor]:
        """The outputs that are made."""
        return [tensor.original for tensor in self.graph.asked(self.mode).values()]

    def _wanted(self, trace: Trace, nodes: Sequence[Node]) -> Sequence[Node]:
        """Those that run."""
        if self.mode == "forward":
            return nodes
        wanted = set(leading_to(trace.body, self._asked()))
        return [node for node in nodes if node in wanted]

    def _first(self, trace: Trace) -> Sequence[Tensor]:
        """Where sizes are read from first: while decoding what grows, as the text does, and is sure
        to be there."""
        if self.mode != "decode":
            return trace.inputs
        nodes = leading_to(trace.body, self._asked())
        sure = {tensor for node in nodes for tensor in node.inputs} & {*self.graph.grown}
        return sorted(trace.inputs, key=lambda tensor: tensor not in sure)

    def _last_tokens(self, streams: Sequence[Node], read: Sequence[Tensor]) -> None:
        """A prompt is asked for what comes next: outputs read, or are, its last token alone.

        What is not made of the text, such as a vector that modulates it, has no last token.
        """
        made = {tensor for node in streams for tensor in node.outputs} & self.graph.follows
        for tensor in dict.fromkeys(tensor for tensor in read if tensor in made):
            self.values[tensor] = self._last(self.value(tensor), tensor)

    def _last(self, value: Value, tensor: Tensor) -> Value:
        """Its last token, or those of the text's last place: [..., T, d] -> [..., 1, d]."""
        axis = len(tensor.space.batch)
        own = value.shape[axis] - self.graph.before(tensor.space)
        led = self.graph.led(tensor.space)
        count = (self.graph.a_place(own) if led else None) or Dim.of(1)
        start = ex.Unary("-", self.number(count, "tokens"))
        return value.narrow(axis, ex.Slice(start, None), count)

    def _input(self, tensor: Tensor) -> Value:
        """While decoding, flags of the text's tokens are those of all slots of the cache."""
        dtype, shape = DTYPES[tensor.kind], tensor.shape
        if self.partial and self.graph.on_grid:
            shape = self._flat(tensor)
        if self.mode == "decode" and tensor.kind == "bool":
            text, slots = self.graph.token_axis, self.graph.slots
            shape = tuple(slots if axis == text else axis.size for axis in tensor.axes)
        storage = Storage(product(shape), dtype, "input")
        value = Value(self.top, shape, dtype, storage, in_order(shape), tensor.role)
        value.optional = value.defaults = tensor.kind == "bool"
        self.top.params.append(value)
        return value

    def _flat(self, tensor: Tensor) -> Shape:
        """Of a text on a grid those tokens that there are, row by row: [B, n]; else its shape.

        Raises NotYet for rows of no fixed size, and for other inputs along the grid.
        """
        text = tensor is self.graph.text
        if not text and {*tensor.axes}.isdisjoint(self.graph.text_axes):
            return tensor.shape
        span = self.graph.spec.inputs[tensor.role or ""].span
        if not text:
            message = f"the input `{tensor.role}`, along a text on a grid, is not supported yet"
            raise NotYet.of(f"{message} in decoding", Label(span), *WHOLE)
        if any(self.fixed(axis.size) is None for axis in self.graph.text_axes[1:]):
            message = f"a text on a grid with rows of any length, `{tensor.space}`,"
            raise NotYet.of(f"{message} is not supported yet in decoding", Label(span), *WHOLE)
        return (*(axis.size for axis in tensor.space.batch), self.graph.token_axis.size)

    def inline(self, trace: Trace) -> tuple[Value, ...]:
        """Lower a trace's nodes into the running method; its inputs must have values."""
        self._run(trace.body, trace)
        return self._results(trace)

    def _run(self, nodes: Sequence[Node], trace: Trace) -> None:
        done: set[Node] = set()
        for node in nodes:
            if node not in done:
                done.update(self._step(node, trace))

    def _results(self, trace: Trace) -> tuple[Value, ...]:
        return tuple(self.localize(self.values[tensor]) for tensor in trace.results)

    def _step(self, node: Node, trace: Trace) -> list[Node]:
        group = self._fused(node, trace)
        outer = self.nodes, self.trace, self.mode, self.caches
        self.nodes, self.trace = tuple(group), trace
        if self.caches and self.method is self.top and self.graph.follows.isdisjoint(node.outputs):
            self.mode, self.caches = "forward", False  # made once, and whole
        self._lower(node, group)
        self.nodes, self.trace, self.mode, self.caches = outer
        return group

    def _lower(self, node: Node, group: Sequence[Node]) -> None:
        inputs = tuple(self.value(tensor) for tensor in node.inputs)
        if len(group) > 1:
            outputs = node.op.lower_fused(self, group, *inputs)
            for member, value in zip(group, outputs, strict=True):
                self.values[member.outputs[0]] = value
            return
        value = self._lowered(node, inputs)
        value.role = value.role or node.outputs[0].role
        self.values[node.outputs[0]] = value

    def _lowered(self, node: Node, inputs: tuple[Value, ...]) -> Value:
        if self.partial:
            self._check_alone(node)
        value = node.op.lower(self, node, *inputs)
        assert isinstance(value, Value)
        return value

    def _check_alone(self, node: Node) -> None:
        """Raises NotYet where new tokens of the text do not do alone."""
        what, *ways = node.op.undecoded()
        if self._reach(node) == "token" and self._beside_whole(node):
            what, ways = f"{what} of new tokens and of whole values", [*ALIKE]
        elif self._reach(node) != "all":
            return
        raise NotYet.of(f"{what} is not supported yet in decoding", self.place, *ways)

    def _beside_whole(self, node: Node) -> bool:
        """Whether each token of the text meets one of a value that does not follow it."""
        ours = [x.space.length for x in node.inputs if x in self.graph.follows]
        others = [x.space for x in node.inputs if x not in self.graph.follows]
        pairs = pairs_of(ours, (space.length for space in others if not space.single))
        return any(isinstance(self.facts.equal(*pair), Proved) for pair in pairs)

    def _reach(self, node: Node) -> Reach:
        """What its tokens are made of: a place's, or those of the last part, where that is the
        text."""
        reach, led = node.op.reach, self.graph.led
        if reach == "place" and all(len(x.space.parts) == 1 and led(x.space) for x in _ends(node)):
            return reach
        if reach == "part" and self._last_is_text(node):
            return reach
        return "all" if reach in ("place", "part") else reach

    def _last_is_text(self, node: Node) -> bool:
        """Whether the text stands last in what an op reads last and makes, and is in no other."""
        *others, last = node.inputs
        ends = (last, *node.outputs)
        whole = all(self.graph.led(x.space) and not x.widths for x in ends)
        return whole and self.graph.follows.isdisjoint(others)

    def _by_place(self, node: Node) -> bool:
        """Whether each place's result is made of the tokens of that place alone."""
        inner = [step for trace in inner_traces(node.op) for step in trace.body]
        if inner:
            return all(map(self._by_place, inner))
        return self._reach(node) in ("token", "place")

    def expand(self, node: Node, inputs: Sequence[Value]) -> Value:
        """A composite op as its definition in this mode, op by op."""
        trace = node.definition(decoding=self.mode == "decode")
        assert trace is not None
        for tensor, value in zip(trace.inputs, inputs, strict=True):
            self.values[tensor] = value
        return self.inline(trace)[0]

    def _fused(self, node: Node, trace: Trace) -> list[Node]:
        """The nodes that are lowered together with this one: same inputs, same fusion key."""
        key = node.op.fusion(node) if self.style == "fast" else None
        if key is None:
            return [node]
        alike = (n for n in trace.body if n.inputs == node.inputs and n.op.fusion(n) == key)
        return [each for each in alike if _trained(each) == _trained(node)]

    # ---- scopes
    def call(self, trace: Trace, inputs: Sequence[Value]) -> Value:
        """A child module run once here."""
        child = self._child(trace, inputs)
        results = child.results
        if len(results) > 1:
            child.pass_by()
        receiver = self._module(trace.scope)
        if child.kept:
            self.method.kept.append(Kept(self.place, (child,)))
        expr = ex.Invoke(child, receiver, self._given(child))
        made = self.method.emit_call(expr, child.results)
        known = dict(zip(child.results, made, strict=True))
        return self._joined(trace, [known.get(each) or self._outside(each) for each in results])

    def _outside(self, param: Value) -> Value:
        """What a child's parameter stands for here."""
        assert param.source is not None
        return self.localize(param.source)

    def _joined(self, trace: Trace, values: Sequence[Value]) -> Value:
        """A trace's result, of the values that code has for it."""
        result = trace.results[0]
        return side_by_side(values, result.shape) if result.widths else values[0]

    def _module(self, scope: Scope) -> ex.Expr:
        """The child module of a scope; one that lives further out is passed in."""
        assert scope.parent is not None
        self.member(Member(scope.name, None, kind="child", children=(scope,)), scope.parent)
        if scope.parent is self.method.scope:
            return ex.Member(scope.name)
        with self.inside(self.home(scope)):
            module = self.method.emit(ex.Member(scope.name), (), "state", NO_GRADIENT)
        return self.localize(module.named(scope.name)).ref

    def loop(self, stack: Stack, carry: Value) -> Value:
        """A stack: each trace of its pattern lowered once, run so many times in turn."""
        outer, self.asked = self.asked, []
        value = self._layers(range(stack.rounds), stack, carry)
        if self.program.sizes is not None:
            value = self._apart(stack, carry, value)
        self.asked = outer
        return value

    def _apart(self, stack: Stack, carry: Value, value: Value) -> Value:
        """Where memory is asked: layers that differ, lowered apart.

        They differ in which rates are 0, and the first may get what lies in memory in another way.
        """
        asked, count = self.asked, stack.rounds
        zeros = [[rates[i % len(rates)] == 0 for rates in asked] for i in range(count)]
        runs = [[*run] for _, run in groupby(range(count), lambda i: zeros[i])]
        if len(runs) == 1 and (count == 1 or self.laid_alike(carry, value)):
            return value
        self.method.steps.pop()
        for first, *later in runs:
            carry = self._layers(range(first, first + 1), stack, carry)
            if later:
                turns = range(later[0], later[-1] + 1)
                carry = self._layers(turns, stack, carry)
        return carry

    def _layers(self, turns: range, stack: Stack, carry: Value) -> Value:
        children: list[Method] = []
        value, outer, self.turn = carry, self.turn, turns[0]
        own = self.fixed(stack.traces[0].scope.copies) or stack.rounds
        for trace in stack.traces:
            child = self._child(trace, (value,))
            children.append(child)
            value = self._joined(trace, [self._carried(result) for result in child.results])
        self.turn = outer
        if any(child.kept for child in children):
            if own < stack.rounds:
                raise NotYet.of(SHARED, self.place, "leave `share` out, or ask for no decoding")
            self.method.kept.append(Kept(self.place, tuple(children), stacked=True))
        places = [Place(child, self._given(child)[len(carry.flat) :]) for child in children]
        scopes = tuple(trace.scope for trace in stack.traces)
        blocks = scopes[0].parent
        assert blocks is not None
        listed = Member(blocks.name, None, kind="list", children=scopes, count=own)
        self.member(listed, blocks.parent)
        ends, given = turns.stop == stack.rounds, (carry.flat, value.flat)
        loop = Loop(blocks.name, turns, tuple(places), *given, stack.count, own, ends)
        loop.states = {p: e for place in places for p, e in place.given if isinstance(e, ex.Item)}
        self.method.steps.append(loop)
        return value

    def _carried(self, result: Value) -> Value:
        """What a layer makes, as the loop carries it on."""
        value = Value(self.method, result.shape, result.dtype, result.storage, result.strides)
        value.learned = result.learned
        return value

    def _child(self, trace: Trace, inputs: Sequence[Value]) -> Method:
        child = Method(self, trace.scope, self.method, trace.doc)
        self._register(child)
        for tensor, value in zip(trace.inputs, inputs, strict=True):
            self.values[tensor] = self._param(child, tensor, value)
        child.inputs = len(child.params)
        with self.inside(child):
            child.results = flat(self.inline(trace))
        child.drop_unread(views=True)
        if "decode" in self.modes:  # also what would make a memory's keys, which the cache has
            child.drop_unread(calls=False)
        if self.mode == "decode":
            made_once = [tensor for tensor in trace.inputs if tensor not in self.graph.follows]
            child.drop_unread_inputs(flat(self.values[tensor] for tensor in made_once))
        child.drop_unread_params()
        if "decode" not in self.modes:
            child.drop_unread()
        return child

    def _param(self, child: Method, tensor: Tensor, value: Value) -> Value:
        """What a child sees of a value: a parameter, or one for each part that lies apart."""
        names = [piece.role for piece in tensor.pieces] if value.pieces else [tensor.role]
        params = [child.param(v, n or "x") for v, n in zip(value.flat, names, strict=True)]
        for param in params:
            param.storage = Storage(product(param.shape), param.dtype)
        return side_by_side(params, value.shape) if value.pieces else params[0]

    def _given(self, child: Method) -> tuple[tuple[Value, ex.Expr], ...]:
        """What the running method passes for each of the child's parameters."""
        pairs: list[tuple[Value, ex.Expr]] = []
        for param in child.params:
            assert param.source is not None
            ref = self.localize(param.source).ref
            keeps = origin(param) is self.hoisted.get(("extra", "cache"))
            last = len(self.method.kept) - 1
            expr: ex.Expr = ex.Item(self.method, ref, last) if keeps else ref
            pairs.append((param, expr))
        return tuple(pairs)

    def _register(self, method: Method) -> None:
        method.decoding = self.mode == "decode"
        self.program.methods.setdefault(method.scope, []).append(method)


def _trained(node: Node) -> bool:
    """Whether it has weights that are."""
    return node.group is not None and node.group.trained


def _ends(node: Node) -> tuple[Tensor, ...]:
    return (*node.inputs, *node.outputs)
