"""A whole training run: steps, GPU-hours, days and energy, of one step's time.

Every GPU runs the step that the cost is of, on other samples (data parallelism), so that the
batch of all is so many times larger. What GPUs tell each other is not counted, nor restarts.

Model FLOPs utilisation (MFU; Chowdhery et al. 2022, appendix B): a step's FLOPs, forward and
backward with dense attention and without recomputation, over those that the peak rate of the dtype
does in the step's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tfspec.diagnostics import Diagnostic, Rule
from tfspec.program.refusal import NotYet

if TYPE_CHECKING:
    from tfspec.graph.tensor import Tensor
    from tfspec.passes.cost.report import Cost
    from tfspec.symbolic import Dim

ASSUMED_MFU = 0.4
"""Without measurements. An assumption: the runs in Chowdhery et al. 2022, table 3, reach 21 to
46 %."""
NO_TEXT = Rule(
    "TS483",
    "a run that cannot be counted so",
    "`--tokens` is asked of a model without one text, or `--samples` of one without a batch.",
    "It is not known how much of it a step does.",
    "tfspec cost vit-b16 --mode train --target h200 --tokens 300e9",
    "Count images by `--samples`.",
)
Unit = Literal["tokens", "samples"]


@dataclass(frozen=True)
class Amount:
    """What a run trains on, and on how many GPUs."""

    unit: Unit
    count: int
    gpus: int = 1


@dataclass(frozen=True)
class Training:
    """A run. `step_seconds` is one step's time, `kwh` None where the target's power is unknown."""

    amount: Amount
    each_step: int
    step_seconds: float
    mfu: float
    assumed: bool
    watts: float | None

    @property
    def steps(self) -> int:
        return -(-self.amount.count // (self.each_step * self.amount.gpus))

    @property
    def wall_seconds(self) -> float:
        return self.steps * self.step_seconds

    @property
    def gpu_hours(self) -> float:
        return self.wall_seconds * self.amount.gpus / 3600

    @property
    def kwh(self) -> float | None:
        """Of the GPUs at the power of their sheet: no hosts, no cooling."""
        return None if self.watts is None else self.gpu_hours * self.watts / 1000


def training(cost: Cost, amount: Amount) -> Training:
    """The run of a training step's cost on a target. Raises NotYet for what it is not counted in.

    By the measured time of a step where the target's efficiencies are known, else at 40 % MFU.
    """
    assert cost.timing is not None, "a run is asked of a target"
    assert cost.time is not None
    rates = cost.timing.rates
    flops = cost.number(cost.flops)
    least = flops / rates.flops("product")
    assumed = cost.timing.kind == "roofline"
    step = least / ASSUMED_MFU if assumed else cost.time.typical
    watts = cost.timing.how.target.power_watts
    return Training(amount, _each_step(cost, amount.unit), step, least / step, assumed, watts)


def _each_step(cost: Cost, unit: Unit) -> int:
    """Tokens of the one text, or samples, of one step on one GPU."""
    name = cost.graph.name
    if unit == "tokens":
        texts = cost.graph.texts
        if len(texts) != 1:
            count = f"{len(texts)} texts" if texts else "no text"
            message = f"{name} reads {count}, and a run is counted in one text's tokens"
            raise NotYet(Diagnostic(NO_TEXT, message, None, help=("count `--samples`",)))
        return texts[0].elements.value(cost.values)
    batch = [size for tensor in cost.graph.inputs for size in _batch(tensor)]
    if not batch:
        message = f"{name} has no batch, and a run is counted in samples"
        raise NotYet(Diagnostic(NO_TEXT, message, None, help=("count `--tokens`",)))
    return batch[0].value(cost.values)


def _batch(tensor: Tensor) -> list[Dim]:
    return [axis.size for axis in tensor.space.batch]
