"""From a graph to a figure's parts: series, branches, residuals, cards and cross edges."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import groupby

from tfspec.diagnostics.escape import escape
from tfspec.graph.graph import Graph
from tfspec.graph.look import Look
from tfspec.graph.structure import Stack
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Trace, inner_traces
from tfspec.passes.draw.branches import flat, forked, met
from tfspec.passes.draw.drawn import Drawn
from tfspec.passes.draw.parted import Sides, first_of_equal, in_columns, read_across, sides
from tfspec.passes.draw.parts import (
    Box,
    Card,
    End,
    Fan,
    Figure,
    Item,
    Jump,
    Series,
    Start,
    jumps,
    made_by,
)
from tfspec.passes.draw.route import sources
from tfspec.passes.draw.titles import pattern
from tfspec.passes.draw.walks import alike, free, primitives, signature
from tfspec.passes.draw.words import Words

FROZEN = "frozen"


def read(graph: Graph, words: Words, opened: Collection[Trace], ops: bool = False) -> Figure:
    """The figure of a whole model, these blocks and modules drawn open."""
    reader = _Reader(words, opened, ops)
    reader.enter(graph.trace, graph.inputs)
    return Figure(graph.name, reader.columns(graph), reader.unseen(graph.inputs), graph.params)


def read_one(graph: Graph, trace: Trace, words: Words) -> Figure:
    """The figure of one block or module, every step of it."""
    reader = _Reader(words, list(_below(trace)), ops=True)
    reader.enter(trace, trace.inputs)
    name = escape(trace.title or trace.scope.base)
    series = reader.series(trace.results[0], None)
    columns = reader.with_sources(Series((*series.items, End("out"))))
    unseen = reader.unseen(trace.inputs)
    part = "module" if trace.look is not None else "block"
    params, count = trace.scope.params_each, alike(graph, trace)
    return Figure(f"{graph.name}: {name}", columns, unseen, params, part, count)


def _below(trace: Trace) -> Iterator[Trace]:
    for node in trace.nodes():
        yield from inner_traces(node.op)


class _Reader(Drawn):
    """Walks from results back to where they come from; each value is drawn once."""

    def __init__(self, words: Words, opened: Collection[Trace], ops: bool) -> None:
        super().__init__(words, opened, ops)
        self.placed: set[Tensor] = set()
        self.frozen_around = False
        """Whether the open card around says that all of it is frozen."""

    # ---- columns
    def columns(self, graph: Graph) -> list[Series]:
        """The outputs' column with, at its left, those that it reads; then what else there is."""
        tree = self.dominators[graph.trace]
        ends = {escape(name): self._known(tensor) for name, tensor in graph.outputs.items()}
        origin = tree.common(list(ends.values()))
        found: list[Series] = []
        if len(ends) > 1 and origin is not None:
            heads = tuple(self._head(name, tensor, origin) for name, tensor in ends.items())
            fan = Fan(heads, None, split=True)
            trunk = self.series(origin, None)
            return self.with_sources(Series((*trunk.items, fan)))
        for name, tensor in ends.items():
            head = self._head(name, tensor, None)
            if not self._put_on(found, head):
                found += self.with_sources(head)
        return found

    def _head(self, name: str, tensor: Tensor, origin: Tensor | None) -> Series:
        return Series((*self.series(tensor, origin).items, End(name)))

    def _put_on(self, columns: list[Series], head: Series) -> bool:
        """Whether an output goes on where a column ends: it is drawn on top of that."""
        first = head.items[0]
        for at, column in enumerate(columns):
            made = [made_by(item) for item in column.items]
            if isinstance(first, Jump) and first.source in made:
                columns[at] = forked(column, made.index(first.source) + 1, head.items[1:])
                return True
        return False

    def with_sources(self, column: Series) -> list[Series]:
        """A column behind those of the values that its steps read from elsewhere."""
        found: list[Series] = []
        order = {tensor: at for at, tensor in enumerate(self.maker)}
        for tensor in sorted(sources(column), key=lambda each: -order.get(each, 0)):
            if tensor not in self.placed:  # the last made first: others may lie on its way
                found += self.with_sources(self.series(tensor, None))
        return [*found, column]

    def unseen(self, inputs: Iterable[Tensor]) -> tuple[Tensor, ...]:
        """Inputs that no line leads to: flags, which masks read."""
        return tuple(tensor for tensor in inputs if tensor not in self.placed)

    # ---- series
    def series(self, tensor: Tensor, stop: Tensor | None) -> Series:
        """The steps from `stop`, or from inputs, to a value."""
        found: list[Item] = []
        value: Tensor | None = self._known(tensor)
        trace = self.inside.get(value)
        while value is not None and value is not stop:
            own = self.inside.get(value) is trace
            item, value = self._step(value, stop) if own else (Jump(value), None)
            found.append(item)
        return Series(tuple(found[::-1]))

    def _step(self, value: Tensor, stop: Tensor | None) -> tuple[Item, Tensor | None]:
        """What makes a value, and the value before it."""
        if value in self.placed:
            return Jump(value), None
        self.placed.add(value)
        node = self.maker.get(value)
        if node is None:
            return Start(self._begins(value), self.words.shape(value), value), None
        trunk = self._trunk(node)
        if len(trunk) < 2:
            return self._item(node), next(iter(trunk), None)
        tree = self.dominators[self.inside[value]]
        origin = tree.origin(trunk, self.uses)
        if self._opens(node) and self._known(node.inputs[0]) in trunk:
            return self._joined(node, trunk, origin)
        if origin is not None and not self.ops:  # what comes from elsewhere does so from the left
            trunk = sorted(trunk, key=lambda each: each not in tree.aside)
        branches = [self.series(each, origin) for each in trunk]
        full = [branch for branch in branches if branch.items]
        others = [jump.source for branch in full for jump in _alone(branch)]
        jumped = not self.ops and origin is not stop and origin in self.placed
        if jumped and len(others) == len(full) < len(branches):  # all of it comes from elsewhere
            box = self._box(node)
            return replace(box, reads=(*box.reads, *others)), origin
        if not self.ops and any(map(_has_lane, full)):  # at the right, where lines from it cross it
            branches.sort(key=lambda branch: not isinstance(next(iter(branch.items), None), Jump))
        if origin is None and not self.ops:
            branches.sort(key=lambda branch: self.placed.issuperset(sources(branch)))
        fan = flat(Fan(tuple(branches), self._box(node), origin is not None), self.uses)
        return fan if self.ops else met(fan, self.uses), origin

    def _joined(
        self, node: Node, trunk: Sequence[Tensor], origin: Tensor | None
    ) -> tuple[Item, Tensor | None]:
        """A card of several operands; those made for it stand beside the one that enters it."""
        entry, card = self._known(node.inputs[0]), self._item(node)
        assert isinstance(card, Card)
        aside = [each for each in trunk if each not in (entry, origin)]
        if self.placed.issuperset(aside):
            return card, entry
        first = self.series(entry, origin)  # others may be made on its way
        others = [self.series(each, origin) for each in aside]
        made = [each for each in others if not isinstance(each.items[-1], Jump)]
        return Fan((first, *made), card, origin is not None), origin

    def _begins(self, value: Tensor) -> str:
        """The name of a value that no step here makes, or of that which quiet steps make it of."""
        name = self.starts.get(value, escape(value.role or ""))
        nodes = self.words.graph.trace.nodes() if not name else ()
        made = next((node for node in nodes if node.outputs[0] is value), None)
        if made is None or made.op.look(*made.inputs).form != "quiet":
            return name
        return self._begins(made.inputs[0].original)

    def _item(self, node: Node) -> Item:
        """One step: a card where it is to be open, else a box."""
        if not self._opens(node):
            return self._box(node)
        box, outer = self._box(node), self.frozen_around
        self.frozen_around = outer or FROZEN in box.knobs
        card = self._card(node, box)
        if self.frozen_around and not outer:
            card.title = f"{card.title}, {FROZEN}"
        self.frozen_around = outer
        return card

    def _card(self, node: Node, box: Box) -> Card:
        traces, made = inner_traces(node.op), node.outputs[0]
        entry = traces[0].inputs[0]
        if not isinstance(node.op, Stack):
            body = self._layer(traces[0], node.inputs)
            label = "" if body.label else self._label(node)  # it is said once, in the card
            return Card(box.title, 1, body, entry, made, label, box)
        count = self.words.count(node.op.count)
        one = len(traces) == 1
        body = self._layer(traces[0]) if one else Series(tuple(self._pattern(traces)))
        return Card(box.title, count, body, entry, made, "", box)

    def _layer(self, trace: Trace, given: Sequence[Tensor] = ()) -> Series:
        """What is in a card; a module's further inputs are the values that it is given."""
        if len(trace.inputs) == 1 and not self.ops:
            simpler = self._columns(trace) or self._simpler(trace)
            if simpler is not None:
                return simpler
        for inner, outer in zip(trace.inputs[1:], given[1:], strict=True):
            self.alias[inner] = self._known(outer)
        self.enter(trace)
        return self._body(trace)

    def _columns(self, trace: Trace) -> Series | None:
        """A layer of two parts that read each other as columns; None where it is no such layer."""
        steps, result = list(self._steps(trace.body)), self._known(trace.results[0])
        found = sides(trace.inputs[0], result, steps, self._operands)
        if not read_across(steps, found, self._operands):
            return None
        body = self._tried(trace, found, in_columns)
        fans = (item for item in body.items if isinstance(item, Fan)) if body is not None else ()
        return Series([replace(fan, columns=True) for fan in fans]) if body is not None else None

    def _simpler(self, trace: Trace) -> Series | None:
        """A layer that chooses the same tokens again, with each choice once: where this makes a
        residual of them. None where it would be read elsewhere."""
        if not first_of_equal(self._steps(trace.body), self._operands):
            return None
        return self._tried(trace, {}, lambda body: not any(True for _ in jumps(body)))

    def _tried(self, trace: Trace, found: Sides, good: Callable[[Series], bool]) -> Series | None:
        """A layer with equal choices drawn once, if that is good; else nothing has been read."""
        trial = self._copy()
        trial.sides.update(found)
        trial.enter(trace, once=True)
        body = trial._body(trace)
        if not good(body):
            return None
        vars(self).update(vars(trial))
        return body

    def _copy(self) -> _Reader:
        """Another that knows the same, and whose findings may be dropped."""
        other = copy(self)
        vars(other).update({name: copy(value) for name, value in vars(self).items()})
        other.words, other.opened = self.words, self.opened
        return other

    def _body(self, trace: Trace) -> Series:
        entry = trace.inputs[0]
        self.placed.add(entry)
        return self.series(trace.results[0], entry)

    def _pattern(self, traces: Sequence[Trace]) -> Iterator[Item]:
        """The layers of a pattern; equal neighbours once, with how many there are."""
        for _, equal in groupby(traces, key=lambda trace: (trace.scope.kind, signature(trace))):
            group = list(equal)
            first, made = group[0], group[-1].results[0]
            closed = self._closed(escape(first.title), len(group), group, made)
            if first in self.opened:
                for other in group[1:]:
                    self.twins += zip(primitives(first.body), primitives(other.body), strict=True)
                body = self._layer(first)
                yield Card(closed.title, len(group), body, first.inputs[0], made, "", closed)
            else:
                yield closed

    # ---- boxes
    def _box(self, node: Node) -> Box:
        traces = inner_traces(node.op)
        if isinstance(node.op, Stack):
            title, shared = escape(pattern(traces)), self.words.shared(node.op)
            title = f"{title} ({shared})" if shared else title
            return self._closed(title, self.words.count(node.op.count), traces, node.outputs[0])
        if traces and traces[0].look is None:  # a block that stands alone
            closed = self._closed(escape(traces[0].title), 1, traces, node.outputs[0])
            return replace(closed, label=self._label(node))
        look = node.op.look(*node.inputs)
        brought = [
            self.maker[each] for each in self._operands(node) if self._is_brought(node, each)
        ]
        nodes = self._stands_for([*brought, node])
        form, title = "chip" if look.form == "quiet" else look.form, self._named(node, look)
        told = _biases(brought)
        if form == "chip" and told:
            title, told = f"+ {', '.join(told)}", []
        knobs = (*map(self.words.knob, look.knobs), *told, *self._frozen(nodes))
        return Box(
            title, look.kind, form,
            knobs, node.outputs[0], nodes, self._reads(node), self._label(node),
            across=self._across(node), alone=not self._trunk(node),
        )  # fmt: skip

    def _frozen(self, nodes: Iterable[Node]) -> tuple[str, ...]:
        """A word for steps whose weights are not trained, where no card around says it."""
        learned = [x for x in nodes if x.group and any(w.learned for w in x.group.weights.values())]
        trained = any(node.group.trained for node in learned if node.group)
        return (FROZEN,) if learned and not trained and not self.frozen_around else ()

    def _stands_for(self, nodes: Sequence[Node]) -> tuple[Node, ...]:
        """The primitive steps below, and those of equal layers and columns that they show too."""
        found = list(primitives(nodes))
        for node in found:  # those that are added have twins too
            found += [twin for first, twin in self.twins if first is node]
        return tuple(found)

    def _is_brought(self, node: Node, tensor: Tensor) -> bool:
        """What a module is given may go to several of its steps."""
        beside = self.inside.get(tensor) is self.inside[node.outputs[0]]
        return beside and self._brought(tensor) and tensor not in self._trunk(node)

    def _named(self, node: Node, look: Look) -> str:
        """Maps of a module go by their names: q, up, out."""
        group = node.group
        if group is None or group.parent is None or group.parent.parent is None:
            return self.words.title(look)
        if look.kind == "linear" and group.base != "linear":
            return escape(group.name)
        return self.words.title(look)

    def _closed(self, title: str, count: int, traces: Sequence[Trace], made: Tensor) -> Box:
        """Layers that are not open: what modules they have is said below their name."""
        looks = [node.op.look(*node.inputs) for trace in traces for node in trace.body]
        modules = (look for look in looks if look.kind in ("attention", "mlp"))
        seen = dict.fromkeys(map(self.words.title, modules))
        nodes = self._stands_for([node for trace in traces for node in trace.body])
        knobs = (*seen, *self._frozen(nodes))
        reads = tuple(dict.fromkeys(t for trace in traces for t in map(self._known, free(trace))))
        inside = {made for trace in traces for made in (*trace.inputs, *trace.results)}
        return Box(
            title, "other", "box", knobs, made, nodes,
            tuple(each for each in reads if each not in inside), "", count, block=True,
        )  # fmt: skip

    def _reads(self, node: Node) -> tuple[Tensor, ...]:
        trace = self.inside[node.outputs[0]]
        begins = self._trunk(node)
        outer = [
            each
            for each in self._operands(node)
            if self.inside.get(each) is not trace and each not in begins
        ]
        for each in self._operands(node):
            outer += self._operands(self.maker[each]) if self._is_brought(node, each) else []
        inner = [self._known(t) for below in inner_traces(node.op) for t in free(below)]
        return tuple(
            dict.fromkeys(
                each for each in (*outer, *inner) if each not in node.inputs or each in outer
            )
        )

    def _label(self, node: Node) -> str:
        trunk = self._trunk(node)
        made = node.outputs[0]
        changed = not trunk or any(each.shapes != made.shapes for each in trunk)
        return self.words.shape(made) if changed else ""


def _alone(branch: Series) -> Iterable[Jump]:
    """The jump that is all of a branch."""
    return jumps(branch) if len(branch.items) == 1 and isinstance(branch.items[0], Jump) else ()


def _has_lane(branch: Series) -> bool:
    fans = (item for item in branch.every if isinstance(item, Fan))
    return not all(inner.items for fan in fans for inner in fan.branches)


def _biases(brought: Iterable[Node]) -> list[str]:
    """What scores are changed by, of the steps that a box shows too."""
    looks = (node.op.look() for node in brought if not node.inputs)
    return [escape(str(look.title)) for look in looks if look.kind == "attention"]
