"""Which blocks and modules a figure draws open: those that are named, or the main stacks' own."""

from __future__ import annotations

from collections.abc import Iterator

from tfspec.graph.class_names import class_name
from tfspec.graph.graph import Graph
from tfspec.graph.structure import Stack
from tfspec.graph.trace import Node, Trace, inner_traces
from tfspec.passes.draw.parted import exchanges
from tfspec.passes.draw.walks import free, signature


def main_blocks(graph: Graph) -> list[list[Trace]]:
    """The first block of the deepest stack between each two joins: one in which parts of a value
    read each other before all, for that says most of a model, then the deepest.

    Of one that is made of blocks the one in it in which they do so belongs to it; or the one that
    reads another stream, for the others say what blocks of other models do. A block that
    several stacks have is opened in the deepest of them, of equal ones in the last.
    """
    stacks = [node for node in graph.trace.body if _layers(graph, node)]
    chosen: dict[object, Node] = {}
    for node in stacks:
        key = _line(graph, node)
        if key not in chosen or _layers(graph, node) > _layers(graph, chosen[key]):
            chosen[key] = node
    order = sorted(chosen.values(), key=lambda node: (not _exchanges(node), -_layers(graph, node)))
    if not order:
        calls = [node for node in graph.trace.body if inner_traces(node.op)]
        return [[inner_traces(calls[0].op)[0]]] if calls else []
    once: dict[object, Node] = {}
    for node in order:
        block = inner_traces(node.op)[0]
        first = once.setdefault((block.scope.kind, signature(block)), node)
        if _layers(graph, node) == _layers(graph, first):
            once[block.scope.kind, signature(block)] = node
    blocks = [inner_traces(node.op)[0] for node in order if node in once.values()]
    return [_exchanging(block) or [block, *_reading(block)] for block in blocks]


def _exchanges(node: Node) -> bool:
    """Whether parts of a value read each other in its first block."""
    return bool(_exchanging(inner_traces(node.op)[0]))


def _exchanging(block: Trace) -> list[Trace]:
    """A block in which parts read each other; or one of blocks, and the first such in it."""
    if exchanges(block):
        return [block]
    inner = [trace for node in block.body for trace in inner_traces(node.op)]
    found = [trace for trace in inner if exchanges(trace)][:1]
    return [block, *found] if found else []


def _reading(block: Trace) -> list[Trace]:
    """Of one that is made of blocks the first that reads another stream."""
    inner = [trace for node in block.body for trace in inner_traces(node.op) if trace.title]
    return [trace for trace in inner if any(True for _ in free(trace))][:1]


def _layers(graph: Graph, node: Node) -> int:
    return graph.facts.value(node.op.runs) or 0 if isinstance(node.op, Stack) else 0


def _line(graph: Graph, node: Node) -> object:
    """The inputs that a step comes from: what tells one column of a figure from another."""
    wanted = set(node.inputs)
    for step in reversed(graph.trace.body):
        if wanted.intersection(step.outputs):
            wanted.update(step.inputs)
    return tuple(tensor.role for tensor in graph.inputs if tensor in wanted)


def by_name(graph: Graph) -> dict[str, list[Trace]]:
    """What can be opened, by each name that it goes by, with what must be open around it.

    A block is named as the spec does; a module as its kind, which is the first of several, or as in
    the emitted file: `attention`, `attention2`.
    """
    found: dict[str, list[Trace]] = {}
    classes = {class_name(name, "Block"): str(name) for name in graph.spec.blocks}
    deepest = sorted(graph.trace.body, key=lambda node: -_layers(graph, node))
    for node in deepest:
        for trace in inner_traces(node.op):
            name = classes.get(trace.scope.kind, trace.scope.name)
            found.setdefault(name, [trace])
    for outer in [chain[0] for chain in found.values()]:
        paths = list(_modules(outer))
        for path in paths:
            found.setdefault(path[-1].scope.base, path)
        for path in paths:
            found.setdefault(path[-1].scope.name, path)
    return found


def _modules(trace: Trace) -> Iterator[list[Trace]]:
    """Every module below, with the traces that lead to it."""
    for node in trace.body:
        for inner in inner_traces(node.op):
            yield [trace, inner]
            yield from ([trace, *path] for path in _modules(inner))
