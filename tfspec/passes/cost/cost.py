"""The pass `cost`: parameters, FLOPs and memory, each as a formula and as a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tfspec.diagnostics import Diagnostic, Rule
from tfspec.graph.graph import Graph
from tfspec.graph.scope import Weight
from tfspec.graph.tensor import Tensor
from tfspec.graph.trace import Node
from tfspec.passes.cost.names import Counts
from tfspec.passes.cost.report import Cost, CostMode, Row
from tfspec.passes.cost.sizes import PRECISIONS, cached
from tfspec.passes.cost.training import check_trained
from tfspec.passes.cost.work import ShapeOf, Work, work
from tfspec.passes.memory.checkpointing import Checkpoint
from tfspec.passes.memory.saved import Saves
from tfspec.passes.modes import Shape, decoding, mode_shapes
from tfspec.passes.shapes.rows import flow_rows
from tfspec.program.program import Style
from tfspec.program.refusal import NotYet
from tfspec.symbolic import Dim
from tfspec.targets import sheet_of

if TYPE_CHECKING:
    from tfspec.passes.time.timing import How

OPEN_DIM = Rule(
    "TS470",
    "a dim without a value",
    "A cost is asked for as a number, and a dim has no largest value that could be taken.",
    "A cost at a size that nobody chose would be quoted as the model's.",
    "tfspec cost mine.yaml --set 'T=multiple(8)'",
    "Give it a size: `--set H=224`.",
)


def cost(
    graph: Graph,
    mode: CostMode = "forward",
    dtype: str = "fp32",
    optimizer: str = "adamw",
    bound: Mapping[str, int] | None = None,
    how: How | None = None,
    checkpoint: Checkpoint = "none",
    style: Style = "fast",
    compiled: bool = False,
) -> Cost:
    """The costs of a checked graph. Raises NotYet for a mode that this model has not, or not yet.

    `bound` are the sizes of dims that vary, by default those that the graph was bound to. A dim
    that is not bound counts as its largest value, a batch as 1; NotYet where there is none, and for
    training that changes nothing. `how` the model runs says how long it takes; `compiled`:
    activations are those of a compiled step.
    """
    if mode == "train":
        check_trained(graph)
    counts, precision = Counts(graph), PRECISIONS[dtype]
    shape_of, results = _shapes(graph, mode, counts)  # first: it refuses what has not the mode
    values, taken = _bindings(graph, mode, graph.bound if bound is None else bound)
    done = work(graph, shape_of, mode)
    found = Cost(
        graph, mode, precision, optimizer, tuple(_rows(graph, mode, shape_of, results, done)),
        counts.values(values), counts.letters, taken, checkpoint=checkpoint, style=style,
        compiled=compiled,
    )  # fmt: skip
    if checkpoint != "none":
        found = replace(found, recomputed=_recomputed(found, done, how))
    if how is not None:
        from tfspec.passes.time.timing import timing

        found = replace(found, timing=timing(found, done, how))
    if mode in ("prefill", "decode"):
        found = replace(found, cache=cached(graph))
    return replace(found, saves=_saves(found))


def _saves(cost: Cost) -> Saves | None:
    dtype = cost.precision.activations
    if cost.mode != "train" or cost.compiled or cost.checkpoint != "none" or dtype == "mixed":
        return None
    return Saves(cost.graph, dtype, cost.target or "cpu", cost.style)


def _recomputed(cost: Cost, done: Mapping[Node, Work], how: How | None) -> Dim:
    """FLOPs that checkpointing does again, by the kernels of the target, or of a CPU."""
    from tfspec.passes.time.jobs import Setting, recomputed

    target = sheet_of("cpu") if how is None else how.target
    named = cost.precision.activations
    dtype = "fp32" if named == "mixed" else named
    setting = Setting(target, dtype, cost.mode, checkpoint=cost.checkpoint, style=cost.style)
    return recomputed(cost.graph, done, setting)


def _bindings(
    graph: Graph, mode: CostMode, bound: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """A value for every dim that varies, and which of them nobody has set."""
    domains, taken = graph.facts.domains, chosen(graph, bound)
    fixed = {name: domain.low for name, domain in domains.items() if domain.low == domain.high}
    values = {name: {**taken, **fixed, **bound}[name] for name in domains}
    if mode not in ("prefill", "decode"):
        return values, taken
    values = decoding(graph, mode, values)
    length = str(graph.token_axis.size)
    if mode == "decode" and length in taken:
        taken = {**taken, graph.slots_name: values[graph.slots_name]}
        del taken[length]
    return values, taken


def _shapes(graph: Graph, mode: CostMode, counts: Counts) -> tuple[ShapeOf, list[Shape]]:
    """The shapes of all tensors in a mode, with letters for numbers of tokens, and of outputs."""
    shapes: dict[Tensor, Shape] = {}
    results = [tensor.shape for tensor in graph.outputs.values()]
    if mode in ("prefill", "decode"):
        shapes, results = mode_shapes(graph, mode)
    return counts.shapes(lambda tensor: shapes.get(tensor, tensor.shape)), results


def _rows(
    graph: Graph,
    mode: CostMode,
    shape_of: ShapeOf,
    results: Sequence[Shape],
    done: Mapping[Node, Work],
) -> list[Row]:
    rows = flow_rows(graph, shape_of, results, mode)
    return [
        Row(
            row.depth, row.kind, row.label, row.count,
            _params(row.weights), _together(row.nodes, done), row.shared, row.nodes,
            _params([weight for weight in row.weights if weight.trained]),
        )
        for row in rows if row.kind != "input"
    ]  # fmt: skip


def chosen(graph: Graph, bound: Mapping[str, int]) -> dict[str, int]:
    """What is taken for dims that vary and are not bound: the largest size, or a batch of 1."""
    found: dict[str, int] = {}
    for name, domain in graph.facts.domains.items():
        if name in bound or domain.low == domain.high:
            continue
        if domain.high is None and domain.step != 1:
            message = f"`{name}` is declared as {domain}, and has no largest value to take"
            size = domain.step * max(1, 224 // domain.step)
            help = (f"set it: `--set {name}={size}`", f"or declare `{name}: {domain} <= {size}`")
            raise NotYet(Diagnostic(OPEN_DIM, message, None, help=help))
        found[name] = 1 if domain.high is None else domain.high
    return found


def _together(nodes: Sequence[Node], done: Mapping[Node, Work]) -> Work:
    return sum((done.get(node, Work()) for node in nodes), Work())


def _params(weights: Sequence[Weight]) -> Dim:
    return sum((w.elements * _instances(w) for w in weights), Dim.of(0))


def _instances(weight: Weight) -> Dim:
    scope = weight.group.parent
    return scope.instances if scope is not None else Dim.of(1)
