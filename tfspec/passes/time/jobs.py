"""What a model does in one mode as jobs: FLOPs executed, bytes moved and kernels started, by step.

Executed FLOPs differ from those of the formulas: attention in one kernel leaves out what a causal
mask hides, and its backward makes the scores anew: 5 products for the forward's 2 (Dao 2023,
section 4.1). Under checkpointing the layers' forward runs once more (Chen et al. 2016), up to the
last value that is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tfspec.graph.graph import Graph
from tfspec.graph.trace import Node
from tfspec.passes.cost.names import Counts
from tfspec.passes.cost.work import Work
from tfspec.passes.memory.checkpointing import Checkpoint
from tfspec.passes.time.again import again
from tfspec.passes.time.backward import Backward, optimizer
from tfspec.passes.time.order import Order, ShapeOf
from tfspec.passes.time.regions import COMPUTING, Cast, Run
from tfspec.passes.time.traffic import MIXED, ZERO, Traffic
from tfspec.program.kernels import Kernel, Kind
from tfspec.program.lowering import lower
from tfspec.program.method import Assign, When
from tfspec.program.program import Mode, Precision, Program, Style
from tfspec.shadow.dtypes import Kept
from tfspec.symbolic import Dim
from tfspec.targets import Target

Phase = Literal["forward", "backward", "again", "optimizer"]
Step = Assign | When


@dataclass(frozen=True)
class Job:
    """One step's kernels in one phase, in all layers: what they compute, move, and how many.

    `nodes` are the graph's primitive steps that it is for. `unfused`: torch takes products of
    matrices for an attention that is asked for as one kernel.
    """

    phase: Phase
    kind: Kind
    nodes: tuple[Node, ...]
    flops: Dim
    bytes: Dim
    launches: Dim
    unfused: bool = False


@dataclass(frozen=True)
class Setting:
    """What is asked: how the model runs, and where."""

    target: Target
    dtype: Kept
    mode: str
    compiled: bool = True
    checkpoint: Checkpoint = "none"
    states: int = 2
    style: Style = "fast"

    @property
    def train(self) -> bool:
        return self.mode == "train"

    @property
    def computes(self) -> Precision:
        """What products are in."""
        return MIXED[1] if self.dtype == "mixed" else self.dtype


def jobs(graph: Graph, done: Mapping[Node, Work], setting: Setting) -> list[Job]:
    """The jobs of a mode. `done` is the work of each primitive step. Raises NotYet as lowering."""
    return list(_Jobs(_runs(graph, setting), done, setting).all(graph.trained))


def recomputed(graph: Graph, done: Mapping[Node, Work], setting: Setting) -> Dim:
    """FLOPs that checkpointing does again, attention dense. Raises NotYet as lowering."""
    return _Jobs(_runs(graph, setting), done, setting).recomputed


def _runs(graph: Graph, setting: Setting) -> list[Run]:
    cached = setting.mode in ("prefill", "decode")
    modes: tuple[Mode, ...] = ("prefill", "decode") if cached else ("forward",)
    program = lower(
        graph, setting.target, modes, setting.style, dtype=setting.computes, learns=setting.train
    )
    root = program.roots["decode" if setting.mode == "decode" else modes[0]]
    return _order(program, Counts(graph).lettered, setting).root(root)


def _order(program: Program, lettered: ShapeOf, setting: Setting) -> Order:
    if setting.dtype != "mixed":
        return Order(program, lettered)
    from tfspec.passes.time.casting import Casting  # it asks the stand-in for torch, which is much

    return Casting(program, lettered, compiled=setting.compiled)


class _Jobs:
    """The runs of each step, and which of the graph's work is done by it."""

    def __init__(self, runs: Sequence[Run], done: Mapping[Node, Work], setting: Setting) -> None:
        self.setting = setting
        self.traffic = Traffic(runs, setting.dtype, setting.compiled, setting.train)
        self.backward = Backward(self.traffic)
        self.steps: dict[Step, list[Run]] = {}
        for run in runs:
            self.steps.setdefault(run.step, []).append(run)
        self.decoding = setting.mode == "decode"
        self.work = _shared_out(list(self.steps), done, self.decoding)
        self.again: dict[Step, list[Run]] = {}
        for run in again(runs, setting.checkpoint):
            self.again.setdefault(run.step, []).append(run)

    def all(self, weights: Dim) -> Iterator[Job]:
        yield from map(self._forward, self.steps)
        if not self.setting.train:
            return
        yield from map(self._again, self.again)
        learning = (step for step, runs in self.steps.items() if any(run.needs for run in runs))
        yield from map(self._backward, learning)
        moved = optimizer(weights, self.traffic.each["float"], self.setting.states)
        yield Job("optimizer", "pointwise", (), ZERO, moved, Dim.of(1))

    @property
    def recomputed(self) -> Dim:
        each = ((step, self.work[step].forward, runs) for step, runs in self.again.items())
        return sum((self._part(*one) for one in each), ZERO)

    def _forward(self, step: Step) -> Job:
        flops = _executed(self.steps[step][0].kernel, self.work[step])
        return self._job("forward", step, flops, self.steps[step])

    def _again(self, step: Step) -> Job:
        flops = _executed(self.steps[step][0].kernel, self.work[step])
        runs = self.again[step]
        return self._job("again", step, self._part(step, flops, runs), runs)

    def _part(self, step: Step, flops: Dim, runs: Sequence[Run]) -> Dim:
        """Of a step's FLOPs in all layers, those of some of its runs."""
        every, some = _times(self.steps[step]), _times(runs)
        return flops if every == some else (flops * some).exact_div(every)

    def _backward(self, step: Step) -> Job:
        work, kernel = self.work[step], self.steps[step][0].kernel
        flops = work.backward
        if kernel.recomputes and flops.terms:
            reached = [run for run in self.steps[step] if run.needs]
            flops = 5 * self._part(step, _executed(kernel, work), reached).exact_div(2)
        return self._job("backward", step, flops, self.steps[step])

    def _job(self, phase: Phase, step: Step, flops: Dim, runs: Sequence[Run]) -> Job:
        turned = phase == "backward"
        moved = self.backward.bytes if turned else self.traffic.forward
        launches = self.backward.launches if turned else self.traffic.launches
        moves = sum((moved(run) * run.times for run in runs), ZERO)
        starts = sum((launches(run) * run.times for run in runs), ZERO)
        kind = runs[0].kernel.kind
        if flops.terms and kind not in COMPUTING:
            kind = "product"
        nodes = tuple(leaf for node in step.nodes for leaf in leaves(node, self.decoding))
        unfused = kind == "attention" and not runs[0].kernel.recomputes
        return Job(phase, kind, nodes, flops, moves, starts, unfused)


def _times(runs: Sequence[Run]) -> Dim:
    """In how many layers they run."""
    return sum((run.times for run in runs), ZERO)


def leaves(node: Node, decoding: bool) -> Iterator[Node]:
    """The primitive steps that a node is made of."""
    definition = node.definition(decoding=decoding)
    if definition is None:
        yield node
        return
    for step in definition.body:
        yield from leaves(step, decoding)


def _computes(step: Step) -> bool:
    return isinstance(step, Assign) and step.kernel.kind in COMPUTING


def _executed(kernel: Kernel, work: Work) -> Dim:
    return work.needed if kernel.skips else work.forward


def _shared_out(
    steps: Sequence[Step], done: Mapping[Node, Work], decoding: bool
) -> dict[Step, Work]:
    """The work that each step does: that of its nodes goes to the one which computes, once.

    Where an op says of none of its steps that it computes, its first step does.
    """
    left = dict(done)
    found: dict[Step, Work] = {}
    for step in (*filter(_computes, steps), *steps):
        nodes = () if isinstance(step, Cast) else step.nodes
        mine = [leaf for node in nodes for leaf in leaves(node, decoding)]
        work = sum((left.pop(leaf, Work()) for leaf in mine), Work())
        found[step] = found.get(step, Work()) + work
    return found
