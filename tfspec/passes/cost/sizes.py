"""Memory that sizes alone tell: weights, gradients, optimizer states, caches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfspec.graph.graph import Graph
from tfspec.program.lowering import lower
from tfspec.program.method import Method, When
from tfspec.program.value import Value
from tfspec.shadow.dtypes import Kept
from tfspec.symbolic import Dim
from tfspec.targets import Target, find


@dataclass(frozen=True)
class Precision:
    """Bytes of one weight and of one number of an optimizer's state; what activations are kept in.

    torch's optimizers keep their states at the weights' precision. `mixed` is torch.autocast with
    bfloat16: weights, gradients and states stay in fp32.
    """

    name: str
    weight: int
    activations: Kept

    @property
    def about(self) -> str:
        """What a reader is told: what the name means, where that is no dtype."""
        if self.name == "mixed":
            return "mixed precision (torch.autocast: weights, gradients and states in fp32)"
        return self.name

    @property
    def state(self) -> int:
        return self.weight


PRECISIONS: Mapping[str, Precision] = {
    each.name: each
    for each in (
        Precision("fp32", 4, "fp32"),
        Precision("bf16", 2, "bf16"),
        Precision("fp16", 2, "fp16"),
        Precision("mixed", 4, "mixed"),
    )
}
OPTIMIZERS: Mapping[str, int] = {"adamw": 2, "sgd": 0, "momentum": 1, "lion": 1}
"""States for each parameter (Rajbhandari et al. 2019, section 3.1, for Adam)."""


@dataclass(frozen=True)
class Cached:
    """Numbers in the caches of keys and values: `held` for S slots; `needed` are those of tokens
    that a later query may still see, fewer where a window hides what is older."""

    held: Dim
    needed: Dim


def cached(graph: Graph) -> Cached | None:
    """What caches hold; None for a model that reads no text.

    Read off the program for decoding: each attention keeps [B, g, S, k] and [B, g, S, w], or what
    it makes these of, [B, S, c]. Raises NotYet for a model whose attention cannot be cached yet:
    its cache is not free, but unknown.
    """
    target = find("cpu")
    assert isinstance(target, Target)
    if not graph.texts:
        return None
    program = lower(graph, target, ("decode",), "explicit")
    kept = [
        (value.storage.elements * scope.instances, value.shape[-2], window)
        for scope, methods in program.methods.items()
        for value, window in _held(methods[0])
    ]
    needed = (_latest(*each) for each in kept)
    return Cached(sum((elements for elements, *_ in kept), Dim.of(0)), sum(needed, Dim.of(0)))


def _latest(elements: Dim, slots: Dim, window: Dim | None) -> Dim:
    """Of a cache of so many slots those that are ever asked for again."""
    if window is None:
        return elements
    return elements.exact_div(slots) * Dim.minimum(slots, window)


def _held(method: Method) -> list[tuple[Value, Dim | None]]:
    """The buffers that a method's cache gives back, and how many of their tokens are seen."""
    steps = (step for step in method.steps if isinstance(step, When))
    growing = [
        (value, step.window)
        for step in steps
        for value in step.outputs
        if value.storage.holds == "buffer"
    ]
    return [*growing, *method.held.items()]
