"""What a step under torch.autocast keeps and takes: fp32 weights, whose bf16 copies stay as long as
the region does, and longer where backward needs them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import tfspec
from tests.bundled import NAMES, small
from tests.memory.cuda import autocast as cuda_autocast
from tests.memory.cuda import fake_cuda
from tests.memory.live import (
    Sizes,
    against,
    drawn,
    inferred,
    labels,
    lived,
    small_sizes,
    unequal,
)
from tests.memory.measure import STYLES, measured, with_dropout
from tests.memory.routed import balanced
from tests.memory.test_peak import EXPERTS, FEW, KINDS, step_of
from tests.memory.test_saved import fake_model
from tests.parity.running import run_file
from tfspec.api import Architecture
from tfspec.passes.memory.checkpointing import CHECKPOINTS, Checkpoint, checkpointed
from tfspec.passes.memory.peak import peak
from tfspec.program.program import Style
from tfspec.shadow import autocast, norms
from tfspec.shadow import run as stand_in
from tfspec.shadow.dtypes import BFLOAT16, FLOAT32, Dtype
from tfspec.shadow.joining import put
from tfspec.shadow.machine import Machine, Unpriced
from tfspec.shadow.products import grouped_mm
from tfspec.shadow.tensor import Tensor, fresh, place

pytestmark = pytest.mark.filterwarnings("default")
HOW = [(dropout, checkpoint) for dtype, dropout, checkpoint in FEW]


def differences(
    spec: Architecture, style: Style, checkpoint: Checkpoint = "none", sizes: Sizes | None = None
) -> list[str]:
    """Where the stand-in's step is not torch's: tensor by tensor, and in the sums that are told."""
    sizes = small_sizes(spec) if sizes is None else sizes
    source = checkpointed(spec.emit(style=style), checkpoint)
    model = run_file(source).build()
    given = drawn(spec, sizes, torch.float32)
    with balanced():
        live = lived(model, given, labels(spec, sizes), autocast=True)
    machine = Machine(dispatch=True)
    run = stand_in.ready(spec.semantics, source, sizes, "mixed", machine)
    between = stand_in.train(run)
    how = {"dtype": "mixed", "style": style, "sizes": sizes, "checkpoint": checkpoint}
    told = peak(spec.semantics, **how, dispatch=True)
    found = against(live, machine) + unequal("between", live.between, between)
    found += unequal("saved", between, told.saved) + unequal("peak", live.peak, told.bytes)
    if checkpoint == "none":
        found += unequal("kept", saved_by(model, spec, given), kept(spec, style, sizes))
    return found


def saved_by(model: nn.Module, spec: Architecture, given: Sequence[torch.Tensor]) -> int:
    names = model.forward.__code__.co_varnames[1:]
    with torch.autocast("cpu", torch.bfloat16), balanced():
        return measured(model, dict(zip(names, given, strict=False)))


def kept(spec: Architecture, style: Style, sizes: Sizes) -> int:
    run = stand_in.ready(spec.semantics, spec.emit(style=style), sizes, "mixed", Machine())
    nodes = stand_in.graph_of(stand_in.forward(run))
    return sum(record.bytes for record in stand_in.saved(nodes))


@pytest.mark.parametrize(("dropout", "checkpoint"), HOW)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["gpt2", "llama-3-8b", "vit-b16"])
def test_a_step(name: str, style: Style, dropout: bool, checkpoint: Checkpoint) -> None:
    assert differences(step_of(name, dropout=dropout), style, checkpoint) == []


@pytest.mark.parametrize(("dropout", "checkpoint"), HOW)
@pytest.mark.parametrize("style", STYLES)
def test_a_step_of_experts(style: Style, dropout: bool, checkpoint: Checkpoint) -> None:
    assert differences(step_of(EXPERTS, dropout=dropout), style, checkpoint) == []


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", NAMES)
def test_every_bundled_spec(name: str, style: Style, dropout: bool, checkpoint: Checkpoint) -> None:
    assert differences(step_of(name, dropout=dropout), style, checkpoint) == []


def test_what_torch_refuses() -> None:
    """Rows and values of two dtypes, which no list of autocast mends."""
    x, y = (place(Machine(), "input", (8, 8), dtype) for dtype in (FLOAT32, BFLOAT16))
    with pytest.raises(Unpriced, match=r"^an assignment to rows of another dtype fails in torch$"):
        put(x, x, y)
    with pytest.raises(Unpriced, match=r"^grouped_mm of two dtypes fails in torch$"):
        grouped_mm(x, y, offs=x)


@pytest.mark.parametrize("name", KINDS)
def test_a_forward_without_gradients(name: str) -> None:
    """Copies of weights stay until the region ends, here too."""
    spec = small(name, 1)
    sizes = small_sizes(spec)
    model = run_file(spec.emit()).build()
    seen = inferred(model, drawn(spec, sizes, torch.float32), autocast=True)
    machine = Machine(dispatch=True)
    stand_in.infer(stand_in.ready(spec.semantics, spec.emit(), sizes, "mixed", machine))
    told = peak(spec.semantics, mode="forward", dtype="mixed", sizes=sizes, dispatch=True)
    assert against(seen, machine) + unequal("peak", seen.peak, told.bytes) == []


def test_full_size() -> None:
    """GPT-2 on fake tensors, and what the report says of it."""
    spec = tfspec.load("gpt2", {"B": 8, "T": 1024})
    sizes = spec.semantics.bindings()
    told = peak(spec.semantics, dtype="mixed", dispatch=True)
    with FakeTensorMode():
        model = fake_model(spec.emit(), torch.float32)
        given = [torch.zeros([8, 1024], dtype=torch.int64)]
        seen = lived(model, given, labels(spec, sizes), autocast=True)
    assert (seen.between, seen.peak) == (told.saved, told.bytes)
    sums = {each.name: each.value for each in spec.cost("train", dtype="mixed").quantities}
    assert sums["loss"] == 4 * 8 * 1024 * 50257 + 8
    assert sums["activations"] + sums["loss"] == told.saved


# ---- a GPU
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["gpt2", "vit-b16", "llama-3-8b"])
def test_what_a_gpu_keeps(name: str, style: Style) -> None:
    """On fake CUDA tensors, whose autocast has other lists than a CPU's."""
    spec = with_dropout(name, {"B": 2, "L": 2})
    sizes = spec.semantics.bindings()
    source = spec.emit(target="h100", style=style)
    run = stand_in.ready(spec.semantics, source, sizes, "mixed", Machine("cuda"))
    told = stand_in.saved(stand_in.graph_of(stand_in.forward(run)))
    kinds = {"float": torch.float32, "ids": torch.int64, "bool": torch.bool}
    with fake_cuda(), cuda_autocast():
        model = fake_model(source, torch.float32, "cuda")
        shapes = {t: [size.value(sizes) for size in t.shape] for t in spec.semantics.inputs}
        given = {t.role or "": torch.zeros(s, dtype=kinds[t.kind]) for t, s in shapes.items()}
        assert measured(model, given) == sum(record.bytes for record in told)


def test_a_gpu_has_a_peak_of_experts() -> None:
    """fp32 weights do without the grouped kernel."""
    graph = tfspec.load(EXPERTS, {"B": 1, "T": 8, "L": 1}).semantics
    assert peak(graph, dtype="mixed", target="h100").routed


# ---- mistakes
def no_copies(x: Tensor, dtype: object) -> object:
    return autocast.to(x, dtype) if isinstance(x, Tensor) and autocast._casts(x) else x


@contextmanager
def forgotten(machine: Machine, dtype: Dtype | None) -> Generator[None]:
    """Copies that stay when the region has ended."""
    machine.autocast = dtype
    yield
    machine.autocast = None


def in_lower(op: str, of: Sequence[Tensor], *how: Any, **options: Any) -> Tensor:
    """Gradients of a norm's weights in the dtype of what comes in."""
    weight = op == "layer_norm_to_weight"
    return fresh(op, of, *how[:1], **options) if weight else fresh(op, of, *how, **options)


MISTAKES: dict[str, tuple[object, str, object]] = {
    "a copy at every use": (autocast, "_cast", no_copies),
    "copies that stay": (stand_in, "region", forgotten),
    "a norm's gradients in bf16": (norms, "fresh", in_lower),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, broken = MISTAKES[mistake]
    monkeypatch.setattr(owner, name, broken)
    assert differences(small("swin-t" if owner is norms else "gpt2", 1), "fast") != []


def test_the_lower_precision_is_bfloat16() -> None:
    spec = small("gpt2", 1)
    run = stand_in.ready(spec.semantics, spec.emit(), small_sizes(spec), "mixed", Machine())
    (logits,) = stand_in.forward(run)
    assert logits.dtype is BFLOAT16
