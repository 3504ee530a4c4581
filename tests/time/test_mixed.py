"""A step under torch.autocast: bytes and kernels, held against torch line by line, and by hand where
it is compiled."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tfspec
from tests.bundled import small
from tests.memory.cuda import autocast as cuda_autocast
from tests.memory.cuda import fake_cuda
from tests.memory.test_saved import fake_model
from tests.time import counted, measured
from tests.time.counted import DOWN, IDS, UP, WIDE, X, model
from tests.time.test_measured import EXACTLY, TURNED_BACK
from tfspec.api import Architecture
from tfspec.passes.cost.cost import cost
from tfspec.passes.time import casting
from tfspec.passes.time.backward import Backward
from tfspec.passes.time.casting import Casting
from tfspec.passes.time.listed import Listed
from tfspec.spec.load import load_text
from tfspec.symbolic import Dim

APART = {"perceiver-io"}
"""A CPU takes its attention apart, and computes it in fp32: counted as if in half precision."""
NAMES = [name for name in EXACTLY if name not in APART]


@pytest.mark.parametrize("name", NAMES)
def test_a_forward_to_the_byte(name: str) -> None:
    graph, given = small(name).semantics, measured.given_to(small(name).semantics)
    moves = measured.forward(tfspec.build(small(name)), given, autocast=True)
    ours = measured.counted(graph, "forward", "forward", dtype="mixed")
    assert moves.total(*measured.OF_A_CPU) == ours


@pytest.mark.parametrize("name", NAMES)
def test_a_backward_to_the_byte(name: str) -> None:
    graph, given = small(name).semantics, measured.given_to(small(name).semantics)
    moves = measured.backward(tfspec.build(small(name)), given, autocast=True)
    ours = measured.counted(graph, "train", "backward", TURNED_BACK.get(name), dtype="mixed")
    assert moves.total("aten.clone.") == ours


@pytest.mark.parametrize("name", ["gpt2", "vit-b16", "whisper-base"])
def test_a_forward_on_a_gpu(name: str) -> None:
    """Its lists are others: norms run in fp32. Each kernel is started once."""
    architecture = small(name)
    graph, sizes = architecture.semantics, measured.sizes_of(architecture.semantics)
    kinds = {"float": torch.float32, "ids": torch.int64, "bool": torch.bool}
    with fake_cuda():
        there = fake_model(architecture.emit(target="h100"), torch.float32, "cuda")
        shapes = {t: [size.value(sizes) for size in t.shape] for t in graph.inputs}
        given = {t.role or "": torch.zeros(s, dtype=kinds[t.kind]) for t, s in shapes.items()}
        with torch.no_grad(), measured.Moves() as moves, cuda_autocast():
            there.eval()(**given)
    found = measured.jobs_of(graph, "forward", "mixed", "h100")
    values = cost(graph, bound=sizes).values
    assert moves.total() == sum(job.bytes.value(values) for job in found)
    assert sum(moves.count.values()) == sum(job.launches.value(values) for job in found)


DROPPING = """
tfspec: 1
name: dropping
dims: {B: batch, T: 1..8, d: 8}
inputs: {x: float B T (d)}
blocks:
  layer: {norm: {at: pre}, do: [{ffn: {hidden: 16, act: gelu, dropout: 0.1}}]}
streams: {s: [x, {linear: d}, {stack: {of: layer, depth: 3}}]}
outputs: {y: [s, {linear: 4}]}
"""


def test_dropout_is_in_what_it_gets() -> None:
    """Whether a model trains is no number, and widens nothing."""
    moved(DROPPING)


@pytest.mark.parametrize("depth", [1, 2, 3, 6, 9])
def test_each_layer_has_a_gradient_for_the_copy_that_all_share(depth: int) -> None:
    text = DROPPING.replace(", dropout: 0.1", "").replace("depth: 3", f"depth: {depth}")
    moved(text.replace("layer: {", "layer: {share: one, "))


def moved(text: str) -> None:
    """A backward to the byte."""
    architecture = Architecture(load_text(text))
    graph = architecture.semantics
    moves = measured.backward(tfspec.build(architecture), measured.given_to(graph), autocast=True)
    ours = measured.counted(graph, "train", "backward", dtype="mixed")
    assert moves.total("aten.clone.") == ours


def test_a_compiled_step_by_hand() -> None:
    """A cast of what another kernel wrote, and one of each weight; gradients go the same way back."""
    x, wide, up, down = (size // 2 for size in (X, WIDE, UP, DOWN))
    timing = model("mlp").cost("train", dtype="mixed", target="h200").timing
    assert timing is not None
    found = [
        (job.phase, counted.label(job), model("mlp").cost().number(job.bytes))
        for job in timing.jobs
    ]
    assert found == [
        ("forward", "embed", IDS + X + X),
        ("forward", "linear", X + x),
        ("forward", "linear", UP + up),
        ("forward", "linear", 4 * 32 + 2 * 32),
        ("forward", "linear", x + up + 2 * 32 + wide),
        ("forward", "relu", wide + wide),
        ("forward", "linear", DOWN + down),
        ("forward", "linear", 4 * 8 + 2 * 8),
        ("forward", "linear", wide + down + 2 * 8 + x),
        ("backward", "embed", IDS + X + 4 * 11 * 8),
        ("backward", "linear", x + X),
        ("backward", "linear", up + UP),
        ("backward", "linear", 2 * 32 + 4 * 32),
        ("backward", "linear", (wide + up + x) + (wide + x + up) + (wide + 2 * 32)),
        ("backward", "relu", wide + wide + wide),
        ("backward", "linear", down + DOWN),
        ("backward", "linear", 2 * 8 + 4 * 8),
        ("backward", "linear", (x + down + wide) + (x + wide + down) + (x + 2 * 8)),
        ("optimizer", "", 7 * 4 * (11 * 8 + 2 * 8 * 32 + 32 + 8)),
    ]


def test_products_run_at_the_rate_of_half_precision() -> None:
    single, mixed, half = (
        tfspec.load("gpt2", {"B": 8, "L": 2}).cost("train", dtype=dtype, target="h200")
        for dtype in ("fp32", "mixed", "bf16")
    )
    assert half.timing is not None
    assert mixed.timing is not None
    assert mixed.timing.rates.flops("product") == half.timing.rates.flops("product")
    assert half.time is not None
    assert mixed.time is not None
    assert single.time is not None
    assert half.time.typical < mixed.time.typical < single.time.typical / 5


def test_weights_are_cast_again_where_layers_run_again() -> None:
    """What runs again has no copies from the forward."""
    found = tfspec.load("gpt2", {"L": 2}).cost(
        "train", dtype="mixed", target="h200", checkpoint="block"
    )  # fmt: skip
    assert found.timing is not None
    forward, again = (
        [found.number(job.bytes) for job in found.timing.jobs if job.phase == phase]
        for phase in ("forward", "again")
    )
    square = 2 * (4 + 2) * 768 * 768
    for size in (3 * square, square, 4 * square, 4 * square):  # q, k and v; out; up; down
        forward.remove(size)
        again.remove(size)


# ---- mistakes
def no_bytes(*_: object) -> Dim:
    return Dim.of(0)


def no_casts(self: Listed, args: Any, dtype: Any) -> Any:
    return dtype


def every_time(self: Casting, key: object, wanted: Any) -> Any:
    return self._made(wanted)


def nothing_else(self: Listed, args: Any) -> Any:
    return "lower"


MISTAKES = {
    "nothing is cast": ("gpt2", Listed, "_cast", no_casts),
    "shared weights are cast again": ("lxmert", Casting, "_once", every_time),
    "sums stay in half precision": ("gpt2", Listed, "_widest", nothing_else),
    "single numbers widen": ("clip-vit-b32", Listed, "_single", lambda *_: False),
    "gradients are made in their own dtype": ("clip-vit-b32", Backward, "_recast", no_bytes),
    "a part is copied beside its cast": ("lxmert", casting, "ORDERED", {}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, owner, attribute, replacement = MISTAKES[mistake]
    right = both(name)
    assert hasattr(owner, attribute)
    monkeypatch.setattr(owner, attribute, replacement)
    assert both(name) != right


def both(name: str) -> tuple[int, int]:
    graph = small(name).semantics
    forward = measured.counted(graph, "forward", "forward", dtype="mixed")
    return forward, measured.counted(graph, "train", "backward", dtype="mixed")
