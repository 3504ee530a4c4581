"""What an optimizer's step allocates, beyond weights, gradients and its states."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

KNOWN = ("adamw", "sgd", "momentum")


def optimizer_bytes(
    parameters: Sequence[int], optimizer: str, *, foreach: bool = False
) -> int | None:
    """Bytes of a step's temporary tensors, for parameters of so many bytes each, in their order.

    The states are there already. SGD works in place. AdamW makes the root of the second moments,
    for one parameter after another, and a quotient of it, which stays until the next one's; or for
    all at once (`foreach=True`, which torch takes on a GPU). None for what torch.optim has not
    (Lion): its step is not known.
    """
    if optimizer not in KNOWN:
        return None
    if optimizer != "adamw":
        return 0
    if foreach:
        return sum(parameters)
    return max((before + 2 * each for before, each in pairwise((0, *parameters))), default=0)
