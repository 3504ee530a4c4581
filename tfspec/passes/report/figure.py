"""From a figure's parts, everything open, to the steps of a page, each with its details."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tfspec.diagnostics.escape import escape, shorten
from tfspec.graph.graph import Graph
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Trace, inner_traces
from tfspec.passes.draw.opened import main_blocks
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
    label_of,
    made_by,
)
from tfspec.passes.draw.read import read
from tfspec.passes.draw.words import Words
from tfspec.passes.report.amounts import Amounts
from tfspec.passes.report.details import Details, titled
from tfspec.passes.report.steps import Branches, Edge, Name, Piece, Source, Step

LONGEST = 48
"""Characters of a name on the page; the rest is cut."""


def whole(graph: Graph, words: Words) -> Figure:
    """The figure of a model with every block and module open, down to its primitive steps."""
    return read(graph, words, list(_traces(graph.trace)), ops=True)


def _traces(trace: Trace) -> Iterator[Trace]:
    for node in trace.body:
        for inner in inner_traces(node.op):
            yield inner
            yield from _traces(inner)


class Page:
    """The columns of a figure as pieces, and what is said of each step, by its number."""

    def __init__(self, figure: Figure, amounts: Amounts, words: Words) -> None:
        graph = amounts.cost.graph
        self.details = Details(amounts, figure, words)
        self.opened = {each.inputs[0] for block in main_blocks(graph) for each in block}
        self.names = {tensor.original: escape(name) for name, tensor in graph.streams.items()}
        self.numbers: dict[Start | Box | Card, int] = {}
        self.makers: dict[Tensor, tuple[int, str]] = {}
        self.same = {  # what quiet steps, of which a reader of blocks sees none, make of a value
            box.made: box.nodes[0].inputs[0].original
            for box in figure.boxes()
            if box.form == "chip" and len(box.nodes) == 1 and _is_quiet(box.nodes[0])
        }
        for column in figure.columns:
            self._number(column)
        self.columns = [self._column(column) for column in figure.columns]

    # ---- numbers, in order of execution
    def _number(self, series: Series) -> None:
        for item in series.items:
            if isinstance(item, Start | Box | Card):
                self._give(item, item.text if isinstance(item, Start) else item.title)
            if isinstance(item, Card):
                self.makers[item.entry] = self.makers[item.made]
                self._number(item.body)
            if isinstance(item, Fan):
                for branch in item.branches:
                    self._number(branch)
                if item.join is not None:
                    self._number(Series((item.join,)))

    def _give(self, item: Start | Box | Card, title: str) -> None:
        number = self.numbers[item] = len(self.numbers)
        self.makers.setdefault(item.made, (number, title))

    # ---- pieces
    def _column(self, column: Series) -> tuple[Piece, ...]:
        """A column; one that ends in no output ends in the name of what another column reads."""
        pieces, made = self._series(column, None), made_by(column.items[-1])
        if made is None:
            return pieces
        name = _cut(self.names.get(made, ""))
        return (*pieces, Edge(column.label), Name(name, leaves=True)) if name else pieces

    def _series(self, series: Series, entry: Tensor | None) -> tuple[Piece, ...]:
        """Items with the lines between them; `entry` is what a card around them is given."""
        found: list[Piece] = []
        for at, item in enumerate(series.items):
            pieces = self._item(item, entry)
            if at:
                arrow = not isinstance(pieces[0], Branches)
                found.append(Edge(label_of(series.items[at - 1]), arrow))
            found += pieces
        return tuple(found)

    def _item(self, item: Item, entry: Tensor | None) -> Sequence[Piece]:
        match item:
            case Start():
                return [Name(_cut(item.text), self.numbers[item])]
            case End():
                return [Name(_cut(item.text))]
            case Jump():
                return [] if item.source is entry else [self._source(item.source)]
            case Box():
                return [self._box(item)]
            case Card():
                return [self._card(item)]
            case Fan():
                return self._fan(item, entry)

    def _source(self, tensor: Tensor) -> Source:
        at, title = self.makers[tensor]
        while tensor not in self.names and tensor in self.same:
            tensor = self.same[tensor]
        return Source(_cut(self.names.get(tensor) or title), at)

    def _box(self, box: Box, *sources: Tensor) -> Step:
        number = self.numbers[box]
        reads = dict.fromkeys((*box.reads, *sources))
        return Step(
            number, _cut(box.title), _knobs(box), box.kind, box.form,
            self.details.of_box(number, box), tuple(map(self._source, reads)), box.count,
        )  # fmt: skip

    def _card(self, card: Card) -> Step:
        closed = card.closed
        assert closed is not None, "what is open was read as closed too"
        number = self.numbers[card]
        inner = self._series(card.body, card.entry)
        body = (*_into(inner), *inner, Edge(card.body.label, arrow=False))
        return Step(
            number, _cut(titled(card)), _knobs(closed), closed.kind, "box",
            self.details.of_card(number, card), tuple(map(self._source, closed.reads)),
            card.count, body, closed.block, card.entry in self.opened,
        )  # fmt: skip

    def _fan(self, fan: Fan, entry: Tensor | None) -> Sequence[Piece]:
        """Branches, and where they meet. A branch that is no more than a value made elsewhere is
        a source of what they meet in."""
        jumps = [branch.items[0] for branch in fan.branches if len(branch.items) == 1]
        sources = [each.source for each in jumps if isinstance(each, Jump)]
        full = [branch for branch in fan.branches if branch.items and not _only_jumps(branch)]
        lanes = sum(1 for branch in fan.branches if not branch.items)
        join = self._join(fan, sources)
        if join is not None and (not full or (len(full) == 1 and not lanes)):
            before = [*self._series(full[0], entry), Edge(full[0].label)] if full else []
            return [*before, join]
        apart = [branch for branch in full if fan.split and _begins_elsewhere(branch)]
        branches, beside = (
            tuple(self._branch(branch, fan, entry) for branch in several)
            for several in ([each for each in full if each not in apart], apart)
        )
        return [Branches(branches, join, fan.split, lanes, beside)]

    def _join(self, fan: Fan, sources: Iterable[Tensor]) -> Step | None:
        if isinstance(fan.join, Card):
            return self._card(fan.join)
        return None if fan.join is None else self._box(fan.join, *sources)

    def _branch(self, branch: Series, fan: Fan, entry: Tensor | None) -> tuple[Piece, ...]:
        """A branch with the line that leads into it, where one does, and the one that leaves."""
        pieces = self._series(branch, entry)
        led = fan.split and not _begins_elsewhere(branch)
        first, rest = _into(pieces) if led else (), pieces
        if led and not first:  # it parts where the fan itself does
            assert isinstance(pieces[0], Branches)
            rest = (replace(pieces[0], stem=False), *pieces[1:])
        last = () if fan.join is None else (Edge(branch.label, arrow=False),)
        return (*first, *rest, *last)


def _is_quiet(node: Node) -> bool:
    return node.op.look(*node.inputs).form == "quiet"


def _into(pieces: Sequence[Piece]) -> tuple[Edge, ...]:
    """The line into pieces: an arrow to a step, none where they part at once, or begin apart."""
    first = pieces[0]
    if isinstance(first, Branches):
        return (Edge(arrow=False),) if first.lanes else ()
    return () if isinstance(first, Edge) else (Edge(),)


def _only_jumps(branch: Series) -> bool:
    return all(isinstance(item, Jump) for item in branch.items)


def _begins_elsewhere(branch: Series) -> bool:
    """Whether nothing leads into a branch."""
    return branch.begins_elsewhere or isinstance(branch.items[0], Start)


def _cut(text: str) -> str:
    return shorten(text, LONGEST)


def _knobs(box: Box) -> str:
    return shorten(", ".join(box.knobs), 2 * LONGEST)
