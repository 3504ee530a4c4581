"""What an optimizer's step allocates, beyond weights, gradients and its states."""

from __future__ import annotations

from collections.abc import Sequence

SINGLE = {"adamw": 2, "sgd": 0, "momentum": 0}
"""Tensors of a parameter's size that torch.optim makes for one parameter at a time: AdamW the root
of the second moments, and that divided by its correction. SGD works in place."""
TOGETHER = {"adamw": 1, "sgd": 0, "momentum": 0}
"""The same for all parameters at once (`foreach=True`, which torch takes on a GPU)."""


def optimizer_bytes(
    parameters: Sequence[int], optimizer: str, *, foreach: bool = False
) -> int | None:
    """Bytes of a step's temporary tensors, for parameters of so many bytes each.

    The states are there already. None for what torch.optim has not (Lion): its step is not known.
    """
    if optimizer not in SINGLE:
        return None
    if foreach:
        return TOGETHER[optimizer] * sum(parameters)
    return SINGLE[optimizer] * max(parameters, default=0)
