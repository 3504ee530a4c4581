"""Layers that work on two parts of a value side by side, and read each other's: two columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node, Trace, inner_traces
from tfspec.passes.draw.branches import wanted
from tfspec.passes.draw.parts import Box, Fan, Series, boxes, made_by
from tfspec.passes.draw.walks import free

Operands = Callable[[Node], Sequence[Tensor]]
Sides = dict[Tensor, int]
"""Which of the two parts each value of a layer is of, 0 or 1."""


def exchanges(trace: Trace) -> bool:
    """Whether a layer works on two parts side by side, and one of them reads the other."""
    result = trace.results[0].original
    return read_across(trace.body, sides(trace.inputs[0], result, trace.body, _given), _given)


def _given(node: Node) -> list[Tensor]:
    return list(dict.fromkeys(tensor.original for tensor in node.inputs))


def sides(entry: Tensor, result: Tensor, steps: Sequence[Node], operands: Operands) -> Sides:
    """The sides of a layer's values; none unless every step works for one part, and in the end the
    two are put together again."""
    parts = [part.axes for part in entry.space.parts]
    if len(parts) != 2 or parts[0] == parts[1]:
        return {}
    found: Sides = {}
    for node in steps:
        given = operands(node)
        of = [found.get(each) for each in given]
        if node.outputs[0] is result:
            return found if sorted(map(str, of)) == ["0", "1"] else {}
        side = _side(node.outputs[0], parts)
        if side is None or _reads_outside(node) or not (given == [entry] or side in of):
            return {}
        if given != [entry] and None in of:
            return {}
        found[node.outputs[0]] = side
    return {}


def _side(made: Tensor, parts: Sequence[object]) -> int | None:
    axes = [part.axes for part in made.space.parts]
    return parts.index(axes[0]) if len(axes) == 1 and axes[0] in parts else None


def _reads_outside(node: Node) -> bool:
    return any(True for trace in inner_traces(node.op) for _ in free(trace))


def read_across(steps: Iterable[Node], found: Sides, operands: Operands) -> bool:
    """Whether one side reads the other."""
    return any(
        found.get(each, found[node.outputs[0]]) != found[node.outputs[0]]
        for node in steps
        if node.outputs[0] in found
        for each in operands(node)
    )


def first_of_equal(steps: Iterable[Node], operands: Operands) -> dict[Node, Node]:
    """Choices of tokens that are made again, and the same choice before them."""
    seen: list[Node] = []
    found: dict[Node, Node] = {}
    for node in steps:
        if node.op.look(*node.inputs).form != "chip" or node.group is not None:
            continue
        same = (s for s in seen if s.op == node.op and operands(s) == operands(node))
        first = next(same, None)
        if first is None:
            seen.append(node)
        else:
            found[node] = first
    return found


def in_columns(body: Series) -> bool:
    """Whether lines from one branch to the other have nothing on their way: they lead from a trunk
    to boxes on the other one."""
    fan = body.items[0] if len(body.items) == 1 else None
    if not isinstance(fan, Fan) or len(fan.branches) != 2 or not fan.split:
        return False
    ways = fan.branches, fan.branches[::-1]
    return not wanted(body) and all(_is_open(one, other) for one, other in ways)


def _is_open(one: Series, other: Series) -> bool:
    """Whether one column's lines to the other are free."""
    made = {made_by(item) for item in other.items}
    reading = {box for box in boxes(one) if box.across}
    sources = {tensor for box in reading for tensor in box.across}
    return sources <= made and reading <= set(_on_trunk(one))


def _on_trunk(series: Series) -> Iterator[Box]:
    """Boxes in the middle of a column, those beside a residual too."""
    for item in series.items:
        if isinstance(item, Box):
            yield item
        elif isinstance(item, Fan) and item.split and item.join is not None:
            full = [branch for branch in item.branches if branch.items]
            yield from _on_trunk(full[0]) if len(full) == 1 else ()
