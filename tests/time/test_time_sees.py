"""A rule that is broken is seen: each of these mistakes makes a count by hand wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.time.counted import wrong
from tfspec.ops import embed, linear
from tfspec.passes.time import jobs, order, traffic
from tfspec.passes.time.backward import Backward
from tfspec.passes.time.order import Order
from tfspec.passes.time.regions import Held, Region, Run
from tfspec.passes.time.traffic import ZERO, Traffic
from tfspec.program.kernels import POINTWISE, Kernel
from tfspec.program.sdpa import Attention
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product


def nothing(*_: object, **__: object) -> Dim:
    return ZERO


def once(loop: Any) -> list[tuple[Dim, int]]:
    return [(Dim.of(1), 0)]


def all_alike(loop: Any) -> list[tuple[Dim, int]]:
    return [(loop.layers, 0)]


def one_kernel(runs: Any) -> dict[Run, Run]:
    pointwise = [run for run in runs if run.kernel.kind == "pointwise"]
    return {run: pointwise[0] if run in pointwise else run for run in runs}


def no_kernel_of_several(runs: Any) -> dict[Run, Run]:
    return {run: run for run in runs}


def whole_storage(self: Order, value: Value, block: Any, dtype: Any = "float") -> Any:
    assert value.dtype != "state"
    return Region(
        block, value.storage.elements, value.storage.elements, value.dtype, len(value.shape)
    )


def three_matrices(self: Order, method: Any, step: Any) -> Iterator[Held]:
    for held in _held(self, method, step):
        yield from (Held((weight,)) for weight in held.weights)


_held = Order._held  # pyright: ignore[reportPrivateUsage]


def scores_written(self: Attention) -> Kernel:
    return Kernel("attention", hidden=2 * product(self.q.shape[:-1]) * self.k.shape[-2])


def only_the_input(self: Backward, run: Run) -> Iterator[Region]:
    return iter(run.reads[:1])


Broken = tuple[object, str, object]
MISTAKES: dict[str, Broken] = {
    "weights are not read": (Traffic, "weights", nothing),
    "a look-up reads its table": (embed, "GATHER", POINTWISE),
    "a matrix is read row by row": (linear, "PRODUCT", Kernel("gather")),
    "layers run once": (order, "_turns", once),
    "a layer has no neighbours": (order, "_turns", all_alike),
    "pointwise steps fuse across products": (traffic, "_leaders", one_kernel),
    "pointwise steps never fuse": (traffic, "_leaders", no_kernel_of_several),
    "what stays in a kernel is written": (Traffic, "stays", lambda *_: True),
    "a part of a value is all of it": (Order, "_of", whole_storage),
    "maps that run as one are three": (Order, "_held", three_matrices),
    "attention writes its scores": (Attention, "runs", property(scores_written)),
    "nothing is kept": (Order, "_keeps", lambda *_: None),
    "gradients in pieces stay so": (Backward, "_put_together", nothing),
    "products have no backward": (Backward, "_product", nothing),
    "operands need no gradient": (Backward, "_gradients", nothing),
    "only the first operand learns": (Backward, "_learning", only_the_input),
    "the optimizer moves nothing": (jobs, "optimizer", nothing),
    "a line is one number": (Traffic, "bytes", lambda self, region: region.elements),
}


def test_without_a_mistake_all_is_right() -> None:
    assert wrong() == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, broken = MISTAKES[mistake]
    monkeypatch.setattr(where, name, broken)
    assert wrong() != []
