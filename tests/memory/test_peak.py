"""The peak of a training step, told without torch, is what torch allocates: tensor by tensor, in
its order, and to the byte, for every bundled spec, with checkpointing and without."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product
from random import Random
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import tfspec
from tests.bundled import NAMES, small
from tests.fuzz import running
from tests.fuzz.specs import make, written
from tests.memory.live import (
    Live,
    against,
    allocated,
    curve,
    differences,
    drawn,
    inferred,
    labels,
    lived,
    small_sizes,
    unequal,
)
from tests.memory.measure import DTYPES, STYLES, cast, with_dropout
from tests.memory.routed import balanced
from tests.memory.test_saved import fake_model
from tests.parity.running import run_file
from tfspec.api import Architecture
from tfspec.passes.memory.checkpointing import CHECKPOINTS, Checkpoint, checkpointed
from tfspec.passes.memory.loss import STEP
from tfspec.passes.memory.optimizer import optimizer_bytes
from tfspec.passes.memory.peak import peak
from tfspec.passes.memory.saved import saved
from tfspec.program.program import Precision, Style
from tfspec.shadow import run as stand_in
from tfspec.shadow.dtypes import FLOAT32
from tfspec.shadow.machine import MOST, Machine, Unpriced
from tfspec.spec.load import load_text

pytestmark = pytest.mark.filterwarnings("default")
KINDS = ("bert-base", "gpt2", "llama-3-8b", "llama-3.1-405b", "transformer-base", "vit-b16")
EXPERTS = "mixtral-8x7b"
ALL = list(product(DTYPES, (False, True), CHECKPOINTS))
FEW: list[tuple[Precision, bool, Checkpoint]] = [
    ("fp32", False, "none"),
    ("bf16", True, "none"),
    ("fp32", True, "block"),
    ("bf16", False, "full"),
]


@cache
def step_of(name: str, *, dropout: bool) -> Architecture:
    spec = small(name, 1)
    return with_dropout(name, spec.sets) if dropout else spec


@pytest.mark.parametrize(("dtype", "dropout", "checkpoint"), FEW)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", [*KINDS, EXPERTS])
def test_a_step(
    name: str, style: Style, dtype: Precision, dropout: bool, checkpoint: Checkpoint
) -> None:
    assert differences(step_of(name, dropout=dropout), style, dtype, None, checkpoint) == []


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "dropout", "checkpoint"), ALL)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", NAMES)
def test_every_bundled_spec(
    name: str, style: Style, dtype: Precision, dropout: bool, checkpoint: Checkpoint
) -> None:
    assert differences(step_of(name, dropout=dropout), style, dtype, None, checkpoint) == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", [*KINDS, EXPERTS, pytest.param("swin-t", marks=pytest.mark.slow)])
def test_a_forward_without_gradients(name: str, style: Style) -> None:
    spec, sizes = small(name, 1), small_sizes(small(name, 1))
    for dtype, live in DTYPES.items():
        source = spec.emit(style=style)
        with balanced():
            seen = inferred(run_file(source).build(dtype=live), drawn(spec, sizes, live))
        machine = Machine(dispatch=True)
        stand_in.infer(stand_in.ready(spec.semantics, source, sizes, dtype, machine))
        how = {"dtype": dtype, "style": style, "sizes": sizes}
        told = peak(spec.semantics, mode="forward", **how, dispatch=True)
        assert against(seen, machine) + unequal("peak", seen.peak, told.bytes) == []


@pytest.mark.parametrize("name", ["gpt2", "llama-3-8b", "bert-base"])
def test_what_the_allocator_hands_out(name: str) -> None:
    """Without a mode, gradients are added in place; in fp32 these take no scratch beside."""
    sets = dict.fromkeys(("d", "f", "V"), 32) | {"L": 2, "h": 4}
    spec = tfspec.load(name, sets | ({"g": 2} if name == "llama-3-8b" else {}))
    sizes = {**spec.semantics.bindings(), "B": 4, "T": 48}
    model, names = run_file(spec.emit()).build().train(), dict[str, Any]()
    given, targets = drawn(spec, sizes, torch.float32), labels(spec, sizes)
    exec(STEP, names)

    def step() -> None:
        loss = names["loss_of"](model, given, targets)
        loss.backward()

    step()
    model.zero_grad(set_to_none=True)
    assert allocated(step) == peak(spec.semantics, sizes=sizes).bytes


GRID = """
tfspec: 1
name: grid
dims: {B: batch, H: multiple(4), W: multiple(4), C: 6, d: 16, h: 2}
inputs: {features: float B H W (C)}
streams: {grid: [features, {linear: d}, STEPS]}
outputs: {seen: grid}
"""
COMPUTED = {
    "added": "{pos: {sinusoidal: H*W}}, {attend: {heads: h}}",
    "added to queries": "{attend: {heads: h, pos: {query: {sinusoidal: H*W}}}}",
    "in windows": "{pos: {sinusoidal: H*W}}, {attend: {heads: h, window: {H: 2, W: 2}}}",
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("steps", COMPUTED)
def test_a_table_that_each_forward_computes(steps: str, style: Style, dtype: Precision) -> None:
    """A grid without a largest one: its table is no buffer, and has the model's dtype."""
    spec = Architecture(load_text(GRID.replace("STEPS", COMPUTED[steps])))
    for sizes in ({"B": 2, "H": 4, "W": 8}, {"B": 3, "H": 8, "W": 4}):
        at = {**spec.semantics.bindings(), **sizes}
        assert differences(spec, style, dtype, at, "none") == []


# ---- random specs: all that a file may hold
def random_spec(seed: int) -> Architecture:
    spec = Architecture(load_text(written(make(Random(seed)))))
    if not spec.check().ok:
        pytest.skip("a knob that is not built yet")
    try:
        assert all(spec.emit(style=style) for style in STYLES)
    except tfspec.SpecError as refusal:
        if "TS901" not in str(refusal):
            raise
        pytest.skip("what one of the styles does not do yet")
    return spec


@pytest.mark.parametrize("seed", range(40))
def test_what_random_specs_keep(seed: int) -> None:
    """The formula of what is kept, and the stand-in, which runs the file."""
    spec = random_spec(seed)
    for style, dtype in product(STYLES, DTYPES):
        source = spec.emit(style=style)
        for at in running.small(spec.semantics, seed):
            sizes = {**spec.semantics.bindings(), **at}
            run = stand_in.ready(spec.semantics, source, sizes, dtype, Machine())
            records = stand_in.saved(stand_in.graph_of(stand_in.forward(run)))
            told = saved(spec.semantics, dtype=dtype, style=style, sizes=sizes)
            assert told.bytes == sum(record.bytes for record in records), (style, dtype, sizes)


def learns(spec: Architecture, given: list[torch.Tensor], dtype: torch.dtype) -> bool:
    found = run_file(spec.emit()).build(dtype=dtype)(*given)
    return any(out.requires_grad for out in (found if isinstance(found, tuple) else (found,)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [48, 64, *range(70, 100)])
@pytest.mark.parametrize("style", STYLES)
def test_steps_of_random_specs(seed: int, style: Style) -> None:
    spec = random_spec(seed)
    sizes = {**spec.semantics.bindings(), **running.small(spec.semantics, seed)[1]}
    order = sorted(spec.semantics.inputs, key=lambda tensor: tensor.kind == "bool")
    for dtype, live in DTYPES.items():
        given = cast(running.inputs(spec.semantics, sizes, seed), live)
        inputs = [given[tensor.role or ""] for tensor in order]
        if not learns(spec, inputs, live):
            pytest.skip("no output depends on a weight")
        assert differences(spec, style, dtype, sizes, given=inputs) == []


# ---- full size
LESS = 32 * 4096 * 2 * (4096 + 4096 + 1024)
"""Llama's heads are turned inside of tokens: memory.md's were turned after the transpose."""
FULL: dict[str, tuple[Precision, Mapping[str, int], Checkpoint, int, int]] = {
    # Beside the sums that memory.md has, the caller there held the logits: 8·1024·50257·4 bytes.
    "gpt2": ("fp32", {"B": 8, "T": 1024}, "none", 6_535_348_228, 11_475_812_360 - 1_646_821_376),
    # and 4096·128256·2
    "llama-3-8b": (
        "bf16", {"B": 1, "T": 4096}, "none", 32_106_364_930 - LESS,
        35_258_384_388 - 1_050_673_152 - LESS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FULL)
def test_full_size(name: str) -> None:
    """On fake tensors. What is kept is there with the loss, a number of the model's dtype."""
    dtype, sets, checkpoint, kept, most = FULL[name]
    spec = tfspec.load(name, sets)
    sizes, live = spec.semantics.bindings(), DTYPES[dtype]
    told = peak(spec.semantics, dtype=dtype, checkpoint=checkpoint, dispatch=True)
    assert (told.saved, told.bytes) == (kept + live.itemsize, most)
    with FakeTensorMode():
        model = fake_model(checkpointed(spec.emit(), checkpoint), live)
        kinds = {"float": live, "ids": torch.int64, "bool": torch.bool}
        given = [
            torch.zeros([size.value(sizes) for size in each.shape], dtype=kinds[each.kind])
            for each in spec.semantics.inputs
        ]
        seen = lived(model, given, labels(spec, sizes))
    assert (seen.between, seen.peak) == (told.saved, told.bytes)


def test_llama_405b() -> None:
    """A number to keep: 126 layers, and one of them runs again."""
    graph = tfspec.load("llama-3.1-405b", {"B": 1, "T": 8192}).semantics
    plain, again = (peak(graph, dtype="bf16", checkpoint=how) for how in ("none", "block"))
    assert str(plain.where) == "in the backward of `blocks.125.mlp.gate_up`, mm_to_input"
    assert again.saved < plain.saved / 20
    assert str(again.total_where) == "in the optimizer's step, temporary tensors"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", [*KINDS, "swin-t", EXPERTS])
def test_a_gpu_keeps_what_the_formula_says(name: str, style: Style) -> None:
    """Two ways to one number; no GPU has proved either. FlexAttention has no rule."""
    spec = tfspec.load(name)
    sizes = {
        **spec.semantics.bindings(),
        **{dim: 16 for dim in "ST" if dim in spec.semantics.facts.domains},
    }
    sizes["B"] = 2
    how: dict[str, Any] = {"target": "h100", "dtype": "bf16", "style": style, "sizes": sizes}
    source = spec.emit(target="h100", style=style)
    machine = Machine("cuda")
    if "flex_attention" in source:
        with pytest.raises(Unpriced, match=r"^nn\.attention has no memory rule$"):
            peak(spec.semantics, **how)
        return
    outputs = stand_in.forward(stand_in.ready(spec.semantics, source, sizes, "bf16", machine))
    kept = sum(record.bytes for record in stand_in.saved(stand_in.graph_of(outputs)))
    assert kept == saved(spec.semantics, **how).bytes


# ---- what is said
def test_where_and_of_what() -> None:
    told = peak(tfspec.load("gpt2", {"B": 8, "T": 1024}).semantics, optimizer="lion")
    assert str(told.where) == "in the backward, log_softmax_backward"
    logits = 8 * 1024 * 50257 * 4
    assert told.kinds["loss"] == 3 * logits + 8  # log-probabilities, and two gradients of logits
    assert told.kinds["kept"] == told.bytes - 3 * logits - 8
    assert told.without == ("the optimizer's step",)
    weights = 4 * 124_439_808
    assert told.total == told.bytes + 2 * weights


def test_the_end_can_be_the_fullest() -> None:
    """A short text: all gradients, AdamW's two tensors of the largest, and one of `pos` before."""
    told = peak(tfspec.load("bert-base", {"B": 1, "T": 8}).semantics)
    weights, largest, before = 4 * 109_482_240, 4 * 30522 * 768, 4 * 512 * 768
    assert told.total == 4 * weights + 2 * largest + before
    assert str(told.total_where) == "in the optimizer's step, temporary tensors"


def test_blocks_of_an_allocator() -> None:
    spec, sizes = small("gpt2", 1), small_sizes(small("gpt2", 1))
    model = run_file(spec.emit()).build()
    seen = lived(model, drawn(spec, sizes, torch.float32), labels(spec, sizes), block=512)
    told = peak(spec.semantics, sizes=sizes, block=512, dispatch=True)
    assert (told.bytes, told.bytes % 512, told.saved) == (seen.peak, 0, seen.between)
    assert told.bytes > peak(spec.semantics, sizes=sizes, dispatch=True).bytes


def test_what_is_not_known_is_refused_by_name() -> None:
    def build(line: str) -> None:
        source = f"import torch\nimport torch.nn.functional as F\ndef build(dtype):\n    {line}\n"
        stand_in.build(source, Machine(), FLOAT32)

    for line, name in {
        "torch.fft(1)": "torch.fft",
        "F.mish(torch.zeros(2))": "F.mish",
        "torch.zeros(2).cumprod(0)": "Tensor.cumprod",
        "torch.nn.Bilinear(2, 3, 4)": "nn.Bilinear",
    }.items():
        with pytest.raises(Unpriced) as refusal:
            build(line)
        assert str(refusal.value) == f"{name} has no memory rule"


def test_a_constant_that_comes_to_learn_is_refused() -> None:
    source = "import torch\ndef build(dtype):\n    torch.nn.Parameter(torch.zeros(2)).log()\n"
    with pytest.raises(Unpriced, match=r"^log has no memory rule in backward$"):
        stand_in.build(source, Machine(), FLOAT32)


def test_a_very_deep_model_is_refused() -> None:
    graph = tfspec.load("gpt2", {"L": 10_000, "B": 1, "T": 1}).semantics
    with pytest.raises(Unpriced, match=f"^a step of more than {MOST:,} tensors is not followed$"):
        peak(graph)


# ---- the optimizer
OPTIMIZERS = {
    "adamw": lambda weights, foreach: torch.optim.AdamW(weights, foreach=foreach),
    "sgd": lambda weights, foreach: torch.optim.SGD(weights, lr=0.1, foreach=foreach),
    "momentum": lambda weights, foreach: torch.optim.SGD(
        weights, lr=0.1, momentum=0.9, foreach=foreach
    ),
}


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizers_step(name: str, foreach: bool) -> None:
    weights = [torch.nn.Parameter(torch.zeros(size)) for size in (300, 700, 500)]
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    optimizer = OPTIMIZERS[name](weights, foreach)
    optimizer.step()
    states = [x for state in optimizer.state.values() for x in state.values()]
    known = [x for x in states if isinstance(x, torch.Tensor)]
    with Live([*weights, *(w.grad for w in weights if w.grad is not None), *known]) as live:
        optimizer.step()
    told = optimizer_bytes([4 * weight.numel() for weight in weights], name, foreach=foreach)
    assert live.peak == told


def test_the_curve_ends_with_the_gradients() -> None:
    spec = small("gpt2", 1)
    machine = Machine()
    run = stand_in.ready(spec.semantics, spec.emit(), small_sizes(spec), "fp32", machine)
    stand_in.train(run)
    assert machine.now == 4 * sum(p.storage.record.elements for p in run.model.parameters())
    assert max(now for _, _, now in curve(machine)) == machine.peak
