"""Our model beside the public one, on equal weights and inputs: what differs, as text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from tests.parity.reference import Reference
from tests.parity.running import gradients, learned_of, place, randomise, relative

OUTPUTS, GRADIENTS = 1e-5, 1e-4


@dataclass(frozen=True)
class Answer:
    """What the public model says: weights and gradients by our names, outputs, attention maps."""

    weights: dict[str, Tensor]
    inputs: dict[str, Tensor]
    outputs: tuple[Tensor, ...]
    gradients: dict[str, Tensor]
    maps: list[Tensor]


@cache
@torch.enable_grad()
def answer(reference: Reference, quiet: bool = False) -> Answer:
    """The public model on random weights; `quiet`: some norm sees a variance near its eps."""
    torch.set_num_threads(1)
    model = reference.make().eval()
    learned = learned_of(model)
    randomise(learned, seed=5)
    if quiet:
        for name in reference.quiet:
            learned[name].data *= 0.01
    inputs = reference.ours()
    output = model(**reference.theirs(inputs), output_attentions=True)
    outputs = shown(reference, inputs, reference.results(output))
    functional(outputs).backward()
    graded = {name: p.grad for name, p in learned.items() if p.grad is not None}
    assert graded.keys() == learned.keys()
    with torch.no_grad():
        weights = {name: t.clone() for name, t in reference.names(learned).items()}
    maps = [each.detach() for each in reference.maps(output)]
    detached = tuple(each.detach() for each in outputs)
    return Answer(weights, inputs, detached, reference.names(graded), maps)


def shown(
    reference: Reference, inputs: dict[str, Tensor], outputs: Tensor | tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """The outputs that mean something: of those of tokens, the ones that are no padding."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    if reference.seen is None:
        return outputs
    return tuple(
        each[reference.seen(inputs, each.shape[1])] if each.dim() == 3 else each for each in outputs
    )


def shown_map(reference: Reference, inputs: dict[str, Tensor], weights: Tensor) -> Tensor:
    """A map [B, h, N, M] at the queries that are no padding."""
    if reference.seen is None:
        return weights
    return weights.transpose(1, 2)[reference.seen(inputs, weights.shape[2])]


def functional(outputs: tuple[Tensor, ...]) -> Tensor:
    """A random linear loss: every number counts, each by another weight."""
    rng = torch.Generator().manual_seed(6)
    return torch.stack([(x * torch.randn(x.shape, generator=rng)).sum() for x in outputs]).sum()


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
    outputs = shown(reference, expected.inputs, model(**expected.inputs))
    functional(outputs).backward()
    found: list[str] = []
    for ours, theirs in zip(outputs, expected.outputs, strict=True):
        found += _worse("an output", relative(ours, theirs), OUTPUTS)
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
