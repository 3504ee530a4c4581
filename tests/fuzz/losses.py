"""What `build --loss` adds to a file, held against the loss's own definition."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from tests.fuzz import running
from tests.fuzz.broken import require
from tests.fuzz.reference.losses import LOSSES, PADDING, value
from tfspec.graph.graph import Graph
from tfspec.passes.emit.emit import program_of
from tfspec.passes.emit.file import file_text
from tfspec.program.refusal import NotYet

NEAR = 1e-6
ROWS = 4000


@dataclass(frozen=True)
class Told:
    """A loss of an output, and the labels that it was given."""

    kind: str
    output: str


def check_one(graph: Graph, built: running.Built, rng: Random) -> Told | None:
    """A loss that some output is said to fit: the file with it gives that number. None: none fits."""
    kinds = list(LOSSES)
    rng.shuffle(kinds)
    for kind in kinds:
        output = rng.choice(list(graph.outputs))
        try:
            program = program_of(graph, loss=f"{kind}:{output}")
        except NotYet:
            continue
        space = running.executed(program, file_text(program))
        model = space["build"](dtype=torch.float64).eval()
        running.load(model, program, built.weights)
        _compare(graph, space, model, built.sizes[-1], Told(kind, output), rng)
        return Told(kind, output)
    return None


def _compare(
    graph: Graph, space: running.Space, model: torch.nn.Module, at: running.Bindings, told: Told,
    rng: Random,
) -> None:  # fmt: skip
    given = running.inputs(graph, at, rng.randrange(1000))
    outputs = running.call(model, graph, given)
    out = outputs[list(graph.outputs).index(told.output)]
    if out.numel() > ROWS or not (out.abs() < 1e6).all():
        return
    labels = _labels(told.kind, out, rng)
    wanted = value(told.kind, out, labels)
    values = running.ordered(graph, given)
    with torch.no_grad():
        found = space["training_loss"](model, values, *([] if labels is None else [labels])).item()
    gap = abs(found - wanted) / max(abs(wanted), 1.0)
    same = math.isnan(wanted) and math.isnan(found)
    require(same or gap < NEAR, f"the loss {told} at {at} is {found}, and by definition {wanted}")


def _labels(kind: str, out: Tensor, rng: Random) -> Tensor | None:
    """Some numbers, or classes of which some are not to be told; pairs need none."""
    if kind in ("contrastive", "sigmoid"):
        return None
    made = torch.Generator().manual_seed(rng.randrange(1000))
    if kind == "regression":
        return torch.randn(out.shape, generator=made, dtype=torch.float64)
    labels = torch.randint(out.shape[-1], out.shape[:-1], generator=made)
    ignored = torch.rand(labels.shape, generator=made) < 0.2
    return labels.masked_fill(ignored, PADDING)
