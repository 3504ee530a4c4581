"""When two implementations agree: against a reference in fp32, on equal weights and inputs.

The reference is transformers; for FlexAttention, it is the file that the same spec gives for a CPU.

In fp32 the bounds are fixed, but for one thing: the gradient of a ReLU jumps at 0, so a rounding
error e of its input moves gradients by about the root of e. How much, the reference says itself:
its gradients move too when every weight moves by `NUDGE`, and `KINKS` times that is allowed.

In bf16 every implementation rounds, so a fixed bound says nothing: the truth is fp32 on the rounded
weights, and an implementation may be at most `SLACK` times as far from it as the reference, eager,
is in bf16.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from gpu_inputs import Inputs
from gpu_models import Model, Variant
from gpu_weights import Weights, rounded
from torch import Tensor, nn

OUTPUTS, GRADIENTS = 1e-5, 1e-4  # relative: the norm of the difference over the norm
SLACK = {"outputs": 1.5, "gradients": 1.5, "worst gradient": 3.0}
FLOOR, HOPELESS = 1e-3, 0.5
SMALL = 1e-3  # of all gradients together: what is less is a sum that cancels, and held against that
LOST = HOPELESS / SLACK["worst gradient"]  # a weight whose gradient the reference itself loses
NUDGE, KINKS = 2.0**-22, 3.0  # what a few additions round off
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}

Outputs = tuple[Tensor, ...]
Objective = Callable[[Outputs], Tensor]


@dataclass(frozen=True)
class Answer:
    """Outputs, and gradients by the names of the weights (or inputs, if asked for); all fp32."""

    outputs: Outputs
    gradients: Weights


@dataclass(frozen=True)
class Standard:
    """The truth, and how far from it the reference is: rounded in bf16, or nudged in fp32.

    `lost` are weights whose gradients are little but rounding there: none of them is the worst.
    """

    truth: Answer
    dtype: str
    peer: Mapping[str, float]
    lost: frozenset[str] = frozenset()

    def verdicts(self, answer: Answer) -> list[dict[str, Any]]:
        """A row's figures for each thing that is compared: outputs, and gradients if there are."""
        errors, worst = differences(answer, self.truth, self.lost)
        rows = [self.verdict(what, error) for what, error in errors.items()]
        for row in rows:
            if row["what"] == "worst gradient":
                row["where"] = worst
                row["left_out"] = sorted(self.lost)
        return rows

    def verdict(self, what: str, error: float) -> dict[str, Any]:
        bound, found = self._bound(what), {}
        if what in self.peer:
            found["peer_error"] = self.peer[what]
        ok = error <= bound  # False for NaN
        return {"what": what, "error": error, "bound": bound, **found, "ok": ok}

    def _bound(self, what: str) -> float:
        if self.dtype == "fp32":
            return OUTPUTS if what == "outputs" else max(GRADIENTS, KINKS * self.peer[what])
        return min(HOPELESS, max(FLOOR, SLACK[what] * self.peer[what]))


def differences(
    answer: Answer, truth: Answer, lost: frozenset[str] = frozenset()
) -> tuple[dict[str, float], str]:
    """Relative errors of the worst output, of all gradients together, and of the worst, by name."""
    pairs = zip(answer.outputs, truth.outputs, strict=True)
    found = {"outputs": largest(relative(a, b) for a, b in pairs)}
    if not truth.gradients:
        return found, ""
    away, norms = _sizes(answer, truth)
    found["gradients"] = _together(away) / _together(norms)
    single = {name: error for name, error in by_weight(away, norms).items() if name not in lost}
    worst = max(single, key=lambda name: _nan_wins(single[name]))
    return found | {"worst gradient": single[worst]}, worst


def by_weight(away: Mapping[str, float], norms: Mapping[str, float]) -> dict[str, float]:
    """The relative error of every gradient."""
    least = SMALL * _together(norms)
    return {name: error / max(norms[_like(name)], least) for name, error in away.items()}


def lost_weights(answer: Answer, truth: Answer) -> frozenset[str]:
    """Those whose gradients differ by more than `LOST`."""
    away, norms = _sizes(answer, truth)
    return frozenset(name for name, error in by_weight(away, norms).items() if error > LOST)


def _sizes(answer: Answer, truth: Answer) -> tuple[dict[str, float], dict[str, float]]:
    """How far each gradient is from the truth, and how large it is there."""
    away = {name: _norm(answer.gradients[name] - t) for name, t in truth.gradients.items()}
    return away, {name: _norm(tensor) for name, tensor in truth.gradients.items()}


def _together(norms: Mapping[str, float]) -> float:
    return sum(norm**2 for norm in norms.values()) ** 0.5


def largest(errors: Iterable[float]) -> float:
    return max(errors, key=_nan_wins)


def _nan_wins(error: float) -> tuple[bool, float]:
    return (math.isnan(error), error)


def _like(name: str) -> str:
    """Whose size a gradient is held against.

    A bias of keys moves all scores of a query alike, which softmax does not see: its gradient is
    rounding around 0, and is held against that of the queries' bias.
    """
    return name.replace(".k.bias", ".q.bias")


def relative(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape, f"{tuple(a.shape)} is not {tuple(b.shape)}"
    return _norm(a.float() - b.float()) / _norm(b.float())


def _norm(tensor: Tensor) -> float:
    return torch.linalg.vector_norm(tensor, dtype=torch.float64).item()


# ---- answers


def outputs_of(found: Tensor | Outputs) -> Outputs:
    """What a model gives, however many it gives."""
    return (found,) if isinstance(found, Tensor) else tuple(found)


def functional(outputs: Outputs) -> Tensor:
    """A random linear loss: every number counts, each by another weight."""
    rng = torch.Generator().manual_seed(6)
    weights = [torch.randn(each.shape, generator=rng).to(each.device) for each in outputs]
    return sum((each.float() * w).sum() for each, w in zip(outputs, weights, strict=True))


def placed(variant: Variant, weights: Weights, dtype: str) -> Variant:
    """The variant with these weights, in a precision; nothing is dropped at random."""
    variant.layout.write(variant.module, weights)
    variant.module.to(DTYPES[dtype]).eval()
    return variant


def cast(inputs: Inputs, dtype: str) -> Inputs:
    """Floats in the model's precision; the rest as it is."""
    return {
        name: _leaf(tensor, dtype) if tensor.is_floating_point() else tensor
        for name, tensor in inputs.items()
    }


def _leaf(tensor: Tensor, dtype: str) -> Tensor:
    """With a gradient of its own where one is wanted."""
    return tensor.detach().to(DTYPES[dtype]).requires_grad_(tensor.requires_grad)


def answer(
    model: Model,
    variant: Variant,
    inputs: Inputs,
    objective: Objective | None = functional,
    run: nn.Module | None = None,
) -> Answer:
    """What a variant says; `run` is its compiled form. No gradients without an objective.

    Inputs that require a gradient are told theirs too.
    """
    variant.module.zero_grad(set_to_none=True)
    run = variant.module if run is None else run
    if objective is None:
        with torch.inference_mode():
            return Answer(singles(outputs_of(run(**inputs))), {})
    outputs = outputs_of(run(**inputs))
    objective(outputs).backward()
    gradients = variant.layout.read_gradients(variant.module, model.entry["weights"])
    gradients |= taken(inputs)
    found = {name: tensor.clone() for name, tensor in gradients.items()}
    variant.module.zero_grad(set_to_none=True)
    return Answer(singles(tuple(each.detach() for each in outputs)), found)


def singles(outputs: Outputs) -> Outputs:
    """In fp32."""
    return tuple(each.float() for each in outputs)


def taken(inputs: Inputs) -> Weights:
    """The gradients of inputs, which have none afterwards."""
    found: Weights = {}
    for name, tensor in inputs.items():
        if tensor.requires_grad:
            assert tensor.grad is not None, f"{name} has no gradient"
            found[name], tensor.grad = tensor.grad.float(), None
    return found


def standard(
    model: Model, inputs: Inputs, dtype: str, objective: Objective | None = functional
) -> Standard:
    """The truth for these inputs, from the reference; leaves no model behind."""
    weights = rounded(model.weights(), DTYPES[dtype])
    inputs = cast(inputs, dtype)
    variant = placed(model.reference(), weights, "fp32")
    truth = answer(model, variant, cast(inputs, "fp32"), objective)
    if dtype == "fp32":
        placed(variant, nudged(weights), dtype)
    variant.module.to(DTYPES[dtype])
    rounding = answer(model, variant, inputs, objective)
    lost = lost_weights(rounding, truth)
    peer = differences(rounding, truth, lost)[0]
    del variant, rounding
    free()
    return Standard(truth, dtype, peer, lost)


def nudged(weights: Weights) -> Weights:
    """Every weight up or down by a part of itself that fp32 rounds off anyway."""
    rng = torch.Generator().manual_seed(7)
    signs = {name: torch.randint(2, t.shape, generator=rng) * 2 - 1 for name, t in weights.items()}
    return {name: t * (1 + NUDGE * signs[name].to(t.device)) for name, t in weights.items()}


def free() -> None:
    """Give back what nothing holds."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
