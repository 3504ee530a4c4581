"""Our model beside the public one, on equal weights and inputs: what differs, as text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from tests.parity.references import Reference
from tests.parity.running import gradients, place, randomise, relative

OUTPUTS, GRADIENTS = 1e-5, 1e-4


@dataclass(frozen=True)
class Answer:
    """What the public model says: weights and gradients by our names, logits, attention maps."""

    weights: dict[str, Tensor]
    inputs: dict[str, Tensor]
    logits: Tensor
    gradients: dict[str, Tensor]
    maps: list[Tensor]


@cache
@torch.enable_grad()
def answer(reference: Reference, quiet: bool = False) -> Answer:
    """The public model on random weights; `quiet`: some norm sees a variance near its eps."""
    torch.set_num_threads(1)
    model = reference.make().eval()
    learned = {n: p for n, p in model.named_parameters() if "embed_positions" not in n}
    randomise(learned, seed=5)
    if quiet:
        for name in reference.quiet:
            learned[name].data *= 0.01
    inputs = reference.ours()
    output = model(**reference.theirs(inputs), output_attentions=True)
    logits = shown(reference, inputs, output.logits)
    functional(logits).backward()
    graded = {name: p.grad for name, p in learned.items() if p.grad is not None}
    assert graded.keys() == learned.keys()
    with torch.no_grad():
        weights = {name: t.clone() for name, t in reference.names(learned).items()}
    maps = [each.detach() for each in reference.maps(output)]
    return Answer(weights, inputs, logits.detach(), reference.names(graded), maps)


def shown(reference: Reference, inputs: dict[str, Tensor], logits: Tensor) -> Tensor:
    """The logits that mean something: those of tokens that are no padding."""
    return logits if reference.seen is None else logits[reference.seen(inputs, logits.shape[1])]


def shown_map(reference: Reference, inputs: dict[str, Tensor], weights: Tensor) -> Tensor:
    """A map [B, h, N, M] at the queries that are no padding."""
    if reference.seen is None:
        return weights
    return weights.transpose(1, 2)[reference.seen(inputs, weights.shape[2])]


def functional(logits: Tensor) -> Tensor:
    """A random linear loss: every logit counts, each by another weight."""
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(6))
    return (logits * weights).sum()


def disagreements(
    reference: Reference,
    model: nn.Module,
    *,
    quiet: bool = False,
    without: tuple[str, ...] = (),
    zeroed: tuple[str, ...] = (),
) -> list[str]:
    """Where the model differs from the public one; empty when they agree.

    `without`: weights that the model does not have; `zeroed`: weights that it has as zeros.
    """
    expected = answer(reference, quiet)
    weights = {
        name: torch.zeros_like(tensor) if name in zeroed else tensor
        for name, tensor in expected.weights.items()
        if name not in without
    }
    place(model, weights)
    model.zero_grad()
    logits = shown(reference, expected.inputs, model(**expected.inputs))
    functional(logits).backward()
    found = _worse("logits", relative(logits, expected.logits), OUTPUTS)
    for name, gradient in gradients(model, weights).items():
        found += _gradient(name, gradient, expected.gradients)
    return found


def _gradient(name: str, gradient: Tensor, expected: dict[str, Tensor]) -> list[str]:
    if name.endswith(".k.bias"):
        # it moves all scores of a query alike, which softmax does not see: both gradients are
        # rounding around 0, and are held against that of the queries' bias
        near = expected[name.replace(".k.", ".q.")].norm()
        sizes = (gradient.norm() / near, expected[name].norm() / near)
        return _worse(f"gradient of {name}", max(map(float, sizes)), GRADIENTS)
    return _worse(f"gradient of {name}", relative(gradient, expected[name]), GRADIENTS)


def _worse(what: str, error: float, bound: float) -> list[str]:
    return [] if error <= bound else [f"{what} differs by {error:.1e}, more than {bound:.0e}"]
