"""An emitted file, executed with the stand-in for torch: its model, and a step of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

from tfspec.graph.graph import Graph
from tfspec.passes.memory.loss import STEP
from tfspec.shadow.autocast import region
from tfspec.shadow.autograd import Node, reachable
from tfspec.shadow.dtypes import BFLOAT16, BOOL, FLOAT32, INT64, PRECISION, Dtype, Kept
from tfspec.shadow.engine import backward
from tfspec.shadow.machine import Machine, Record, Storage
from tfspec.shadow.modules import Module
from tfspec.shadow.namespace import importing
from tfspec.shadow.tensor import Tensor, place
from tfspec.symbolic import Dim


@lru_cache(64)
def _compiled(source: str) -> CodeType:
    return compile(source, "<emitted>", "exec")


def build(source: str, machine: Machine, dtype: Dtype) -> Module:
    """The model of an emitted file. Raises Unpriced for a function without a rule."""
    names: dict[str, Any] = {"__name__": "emitted", "__builtins__": importing(machine)}
    exec(_compiled(source), names)
    return names["build"](dtype=dtype)


@dataclass(eq=False)
class Run:
    """A model with what it is given: inputs in its order, and labels, one for each output."""

    machine: Machine
    model: Module
    inputs: tuple[Tensor, ...]
    labels: tuple[Tensor | None, ...]
    autocast: Dtype | None = None


def ready(
    graph: Graph, source: str, sizes: Mapping[str, int], dtype: Kept, machine: Machine
) -> Run:
    """The emitted file `source` of a graph, built, with all of its inputs. Raises Unpriced."""
    own, autocast = (FLOAT32, BFLOAT16) if dtype == "mixed" else (PRECISION[dtype], None)
    model = build(source, machine, own)
    kinds = {"float": own, "ids": INT64, "bool": BOOL}
    tensors = sorted(
        graph.inputs, key=lambda tensor: tensor.kind == "bool"
    )  # flags may be left out
    inputs = [
        place(machine, "input", _shape(tensor.shape, sizes), kinds[tensor.kind])
        for tensor in tensors
    ]
    labels = [
        place(machine, "labels", _shape(tensor.shape[:-1], sizes), INT64)
        if tensor.kind == "float"
        else None
        for tensor in graph.outputs.values()
    ]
    return Run(machine, model, tuple(inputs), tuple(labels), autocast)


def _shape(dims: Sequence[Dim], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple([dim.value(sizes) for dim in dims])


def forward(run: Run) -> tuple[Tensor, ...]:
    """The outputs of a forward in training, with their graph."""
    run.machine.building, run.machine.phase = False, "forward"
    with region(run.machine, run.autocast):
        outputs: Tensor | tuple[Tensor, ...] = run.model(*run.inputs)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def infer(run: Run) -> int:
    """One forward without gradients. The bytes of its outputs."""
    run.machine.building = False
    with run.machine.without_grad(), region(run.machine, run.autocast):
        outputs = run.model.eval()(*run.inputs)
    left = run.machine.now
    del outputs
    return left


def saved(nodes: Sequence[Node]) -> list[Record]:
    """Storages that a graph keeps for backward, each once, without those that are known."""
    found: dict[int, Record] = {}
    for node in nodes:
        for each in node.saved:
            records = [each.record] if isinstance(each, Storage) else each.records()
            found.update({id(record): record for record in records if not record.known})
    return list(found.values())


def _mark(logits: Tensor | tuple[Tensor, ...]) -> None:
    for each in logits if isinstance(logits, tuple) else (logits,):
        each.storage.record.of_loss = True


def graph_of(outputs: Sequence[Tensor]) -> list[Node]:
    """The nodes behind some outputs, the last first."""
    nodes = {node.order: node for out in outputs for node in reachable(out.node)}
    return [nodes[order] for order in sorted(nodes, reverse=True)]


def train(run: Run, at_loss: Callable[[Tensor], None] | None = None) -> int:
    """A step: forward, loss, backward. Gradients stay with the weights.

    The bytes that are alive between the loss and backward. `at_loss` gets the loss there; it must
    not hold it.
    """
    loss = loss_of(run)
    between = run.machine.now
    if at_loss is not None:
        at_loss(loss)
    run.machine.phase = "backward"
    backward(loss)
    return between


def loss_of(run: Run) -> Tensor:
    """Forward and loss of a step, with their graph."""
    machine = run.machine
    names: dict[str, Any] = {"__name__": "step", "__builtins__": importing(machine)}
    exec(_compiled(STEP), names)
    inner = names["criterion"]

    def criterion(outputs: Any, labels: Any) -> Tensor:
        machine.phase, machine.of_loss = "loss", True
        _mark(outputs)
        return inner(outputs, labels)

    names["criterion"] = criterion
    machine.building, machine.phase = False, "forward"
    with region(machine, run.autocast):
        loss: Tensor = names["loss_of"](run.model, run.inputs, run.labels)
    return loss
