"""The pass `peak`: the most bytes that are alive at one moment of a step, in eager mode.

The emitted file runs on the stand-in for torch (`tfspec.shadow`), which has no numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tfspec.graph.graph import Graph
from tfspec.graph.structure import Stack
from tfspec.graph.trace import Trace, inner_traces
from tfspec.passes.cost.sizes import OPTIMIZERS
from tfspec.passes.emit.emit import emit
from tfspec.passes.memory.checkpointing import Checkpoint, checkpointed
from tfspec.passes.memory.optimizer import optimizer_bytes
from tfspec.program.program import Style
from tfspec.shadow.dtypes import Kept
from tfspec.shadow.machine import Machine, Record, Unpriced, uncollected
from tfspec.shadow.run import Run, infer, ready, train
from tfspec.targets import Target, sheet_of

PeakMode = Literal["forward", "train"]
Kind = Literal["gradients", "kept", "loss", "temporary"]
SAID: Mapping[Kind, str] = {
    "gradients": "gradients", "kept": "kept for backward", "loss": "logits and loss",
    "temporary": "temporary",
}  # fmt: skip


@dataclass(frozen=True)
class Where:
    """The moment of a peak: what runs. `module` is its path in the model, "" the model itself."""

    phase: Literal["forward", "loss", "backward", "optimizer"]
    module: str
    op: str

    def __str__(self) -> str:
        place = f" of `{self.module}`" if self.module else ""
        words = {"loss": "at the loss", "optimizer": "in the optimizer's step"}
        return f"{words.get(self.phase, f'in the {self.phase}{place}')}, {self.op}"


@dataclass(frozen=True)
class Peak:
    """`bytes` are alive at the peak of forward, loss and backward, beside weights, buffers, inputs
    and labels; `kinds` says what they are: gradients of weights, what autograd keeps, logits and
    what the loss makes of them, and temporary results.

    `saved` are those alive between the loss and backward. `total` counts weights and the
    optimizer's states too, and its step, which is known but for `without`; it falls at
    `total_where`. In mode forward nothing is kept, and nothing is beside the weights. `routed`:
    data decide sizes, and every expert was taken to get an equal share of the rows.
    """

    bytes: int
    where: Where
    kinds: Mapping[Kind, int]
    saved: int
    total: int
    total_where: Where
    without: tuple[str, ...] = ()
    routed: bool = False


def peak(
    graph: Graph,
    *,
    mode: PeakMode = "train",
    dtype: Kept = "fp32",
    target: str | Target = "cpu",
    style: Style = "fast",
    sizes: Mapping[str, int] | None = None,
    checkpoint: Checkpoint = "none",
    optimizer: str = "adamw",
    block: int = 1,
    dispatch: bool = False,
) -> Peak:
    """The peak of a step of the emitted file, every input given; sizes are rounded up to `block`.

    Mode forward: one forward without gradients, after `eval()`. For a GPU the rules of its kernels
    are written down, but no run has proved them. What kernels take for themselves is not counted.
    `dispatch`: gradients of one value are added in new memory, as under a TorchDispatchMode.
    In "mixed" the forward and the loss run under torch.autocast to bfloat16, on fp32 weights.
    Raises Unpriced for a function that no memory rule is known of, for very deep models, and with
    checkpointing for stacks in layers, which run again both with these and by themselves.
    """
    if checkpoint != "none" and _nests(graph.trace):
        raise Unpriced("a stack in a layer", "has no memory rule under checkpointing")
    sheet = sheet_of(target)
    source = checkpointed(emit(graph, target=sheet, style=style), checkpoint)
    machine = Machine(sheet.kind, dispatch=dispatch, block=block)
    with uncollected():
        run = ready(graph, source, graph.bindings() if sizes is None else sizes, dtype, machine)
        saved = train(run) if mode == "train" else infer(run)
    parameters = list(run.model.parameters())
    weights = [parameter.storage.record.bytes for parameter in parameters]
    if mode == "forward":
        where = _where(run)
        total, kinds = machine.peak + sum(weights), _kinds(machine)
        return Peak(machine.peak, where, kinds, saved, total, where, routed=machine.routed)
    trained = [size for x, size in zip(parameters, weights, strict=True) if x.node is not None]
    step = optimizer_bytes(trained, optimizer, foreach=sheet.kind == "cuda")
    return _whole(run, saved, sum(weights) + OPTIMIZERS[optimizer] * sum(trained), step)


def _nests(trace: Trace, inside: bool = False) -> bool:
    """Whether a stack stands in a layer of another one."""
    for node in trace.body:
        stack = isinstance(node.op, Stack)
        inner = [*inner_traces(node.op), *([node.inner] if node.inner is not None else [])]
        if (stack and inside) or any(_nests(each, inside or stack) for each in inner):
            return True
    return False


def _whole(run: Run, saved: int, stays: int, step: int | None) -> Peak:
    """The peak with all that stays; the optimizer's step has gradients and its own tensors."""
    machine, where = run.machine, _where(run)
    last = machine.now + (step or 0)  # when backward has ended, gradients alone are alive
    at = where if machine.peak >= last else Where("optimizer", "", "temporary tensors")
    total = max(machine.peak, last) + stays
    without = () if step is not None else ("the optimizer's step",)
    return Peak(machine.peak, where, _kinds(machine), saved, total, at, without, machine.routed)


def _where(run: Run) -> Where:
    record = run.machine.records[run.machine.peak_at - 1]
    path = next((name for name, each in run.model.named_modules() if each is record.module), "")
    return Where(record.phase, path, record.op)


def _kinds(machine: Machine) -> Mapping[Kind, int]:
    found: dict[Kind, int] = dict.fromkeys(SAID, 0)
    for record in machine.alive(machine.peak_at):
        found[_kind(record, machine.peak_at)] += machine.rounded(record.bytes)
    return found


def _kind(record: Record, tick: int) -> Kind:
    if record.gradient < tick:
        return "gradients"
    if record.of_loss:
        return "loss"
    return "kept" if record.kept else "temporary"
