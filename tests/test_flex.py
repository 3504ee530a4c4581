"""Files for a GPU, run eagerly on a CPU: equal to those for a CPU, whatever the mask or bias."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.bundled import NAMES, batches, small
from tests.masks.spaces import SPACES
from tests.masks.spaces import inputs as mask_inputs
from tests.parity.running import place, randomise, run_file
from tests.test_emitted import ruff
from tfspec.api import Architecture
from tfspec.runtime.verify import verify
from tfspec.spec.load import load_text

WIDE = "head_dim: 16, "  # narrower heads stay with the kernel that takes them
MASKS = {
    "text": [
        "within(3)", "within(P + 1)", "causal and within(2)", "causal or key.pos < P", "key.valid",
        "not key.valid", "causal and key.valid", "key.valid and query.valid",
        "key.segments == query.segments", "key.T % 2 == query.T % 2", "2 * query.T - key.T >= T - 3",
        "1 <= key.T <= 3", "not (causal or within(2))", "abs(key.T - query.T) == P", "-key.T < -2",
        "key.segments + query.segments < 4",
    ],
    "grid": [
        "key.H == query.H", "abs(key.H - query.H) <= 1 and abs(key.W - query.W) <= 1", "key.lit",
        "query.rows and key.lit", "key.kinds == query.kinds", "key.H * W + key.W <= query.pos",
    ],
    "both": [
        "causal and (key.text or key.W == query.W)", "query.grid", "key.lit and key.valid",
        "causal and (key.text or abs(key.H - query.H) <= 5 and abs(key.W - query.W) <= 1)",
        "key.segments == query.segments", "key.kinds == query.segments", "key.pos < T + P",
        "key.text and query.text and causal or key.grid and query.grid and key.H == query.H",
    ],
    "twice": ["key.T == query.T", "key.T <= query.T and (key.text or key.H == query.H)"],
    "cls": ["key.cls or key.valid", "not query.cls", "key.valid and query.valid"],
    "cross": ["key.ready", "seen", "key.ready and seen", "key.S <= query.T", "query.segments == key.S"],
    "across": ["looked and key.rows", "query.T >= key.pos"],
    "whole": ["looked and seen", "key.ready and rows"],
}  # fmt: skip
CASES = [(space, mask) for space, masks in MASKS.items() for mask in masks]


def built(architecture: Architecture, *targets: str) -> list[torch.nn.Module]:
    """A model a target, with equal random weights."""
    models = [run_file(architecture.emit(target=target)).build().eval() for target in targets]
    learned = dict(models[0].named_parameters())
    randomise(learned, seed=3)
    for model in models[1:]:
        place(model, learned)
    return models


def assert_equal(architecture: Architecture, given: Mapping[str, Tensor]) -> None:
    """What the file for a GPU gives, to 1e-5 of the largest number."""
    wanted, found = (_outputs(model, given) for model in built(architecture, "cpu", "h200"))
    assert len(wanted) == len(found)
    for a, b in zip(wanted, found, strict=True):
        assert torch.isfinite(b).all()
        assert (a - b).abs().max() <= 1e-5 * max(1.0, a.abs().max().item())


def _outputs(model: torch.nn.Module, given: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Without gradients: FlexAttention has none on a CPU."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "flex_attention called without torch.compile")
        found = model(**given)
    return found if isinstance(found, tuple) else (found,)


def singles(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: x.detach().float() if x.is_floating_point() else x for n, x in values.items()}


# ---- masks


@pytest.mark.parametrize(("space", "mask"), CASES)
def test_a_mask_by_its_function_is_the_mask_by_its_tensor(space: str, mask: str) -> None:
    architecture = Architecture(load_text(SPACES[space].spec(mask, WIDE)))
    code = architecture.emit(target="h200")
    assert "flex_attention(q, k, v, block_mask=" in code
    assert "scaled_dot_product_attention" not in code
    assert_equal(architecture, singles(mask_inputs(len(mask))))


def test_a_query_without_a_key_gives_0() -> None:
    architecture = Architecture(load_text(SPACES["text"].spec("key.valid", WIDE)))
    values = singles(mask_inputs(1))
    values["valid"][1] = False
    assert_equal(architecture, values)
    values["valid"][:] = True
    missing = {name: x for name, x in values.items() if name != "valid"}
    whole, left_out = (_outputs(built(architecture, "h200")[0], v)[0] for v in (values, missing))
    assert torch.equal(whole, left_out), "flags that are left out hide nothing"


# ---- scores

SCORES = """\
tfspec: 1
name: toy
dims: {{B: batch, T: 1..40, H: 3, W: 4, d: 64, h: 4, L: 6}}
inputs: {{x: float B T (d), image: float B H W (d), ok: bool B T}}
streams:
  y: [x, {{stack: {{of: layer, depth: L}}}}]
  z: [image, {{attend: {{heads: h, rel_bias: [H, W]}}}}]
blocks:
  layer: {{norm: {{at: pre}}, do: [attend: {{heads: h, {knobs}}}]}}
outputs: {{out: y, other: z}}
"""
KNOBS = [
    "alibi: true", "alibi: true, mask: causal", "alibi: true, mask: causal and key.ok",
    "softcap: 3", "softcap: 3 + i, mask: causal", "softcap: 2, mask: within(3) and key.ok",
    "rel_bias: [T], mask: within(4)", "rel_bias: {buckets: 8, max: 16}", "scale: 0.3, mask: key.ok",
    "rel_bias: {buckets: 8, max: 16, share: table}, mask: causal, softcap: 4",
    "alibi: true, kv_heads: 2", "kv_heads: 1, softcap: 3, mask: within(5)",
    "v_head_dim: 24, mask: within(2)", "mask: causal", "dropout: 0.5, mask: key.ok",
    "sinks: true", "sinks: true, kv_heads: 2, mask: causal and key.ok, softcap: 3",
    "sinks: true, alibi: true, mask: within(3)",
]  # fmt: skip


def scored(knobs: str) -> Architecture:
    return Architecture(load_text(SCORES.format(knobs=knobs)))


def vectors() -> dict[str, Tensor]:
    made = torch.Generator().manual_seed(4)
    x, image = torch.randn(3, 21, 64, generator=made), torch.randn(3, 3, 4, 64, generator=made)
    ok = torch.rand(3, 21, generator=made) < 0.6
    ok[1] = False
    return {"x": x, "image": image, "ok": ok}


@pytest.mark.parametrize("knobs", KNOBS)
def test_scores_that_are_changed_are_the_same(knobs: str) -> None:
    architecture = scored(knobs)
    given = vectors()
    read = {tensor.role for tensor in architecture.semantics.inputs}
    assert_equal(architecture, {name: x for name, x in given.items() if name in read})


@pytest.mark.parametrize(
    ("knobs", "flex"),
    [
        ("mask: within(3)", True),
        ("softcap: 3", True),
        ("alibi: true", True),
        ("mask: causal", False),
        ("dropout: 0.1", False),
        ("dropout: 0.1, mask: within(3)", False),
        ("head_dim: 8, mask: within(3)", False),
    ],
)
def test_the_kernel_suits_the_attention(knobs: str, flex: bool) -> None:
    lines = SCORES.format(knobs=knobs).replace(", other: z", "").splitlines(keepends=True)
    alone = "".join(line for line in lines if not line.startswith("  z:"))
    code = Architecture(load_text(alone)).emit(target="h200")
    assert ("flex_attention(" in code) == flex
    assert ("scaled_dot_product_attention(" in code) != flex


@pytest.mark.parametrize(
    "how", [{}, {"target": "h200", "style": "explicit"}, {"style": "explicit"}]
)
def test_no_cpu_and_no_textbook_has_flex(how: dict[str, str]) -> None:
    assert "flex" not in scored("softcap: 3, mask: causal and key.ok").emit(**how)


def test_generation_keeps_its_kernel() -> None:
    code = small("gpt2").emit(target="h200", parts=("generate",))
    assert "flex" not in code


# ---- whole files


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_bundled_spec_is_the_same_on_a_gpu(name: str) -> None:
    architecture = wide(name)
    for given in batches(architecture, 2):
        assert_equal(architecture, given)


def wide(name: str) -> Architecture:
    """Small, with heads of 16 where the spec has a width `d` and heads `h`."""
    architecture = small(name)
    trial = Architecture(architecture.loaded, {**architecture.sets, "d": 32, "h": 2})
    return trial if trial.check().ok else architecture


def test_padding_of_bundled_specs_is_flex() -> None:
    for name in ("bert-base", "transformer-base"):
        architecture = wide(name)
        assert "block_mask=mask" in architecture.emit(target="h200")
        assert_equal(architecture, next(batches(architecture, 1)))


LONG = (
    "key.text and query.text and causal and key.pos < query.pos + 3 or key.H < query.H and key.ok"
)


def test_functions_are_clean_text(tmp_path: Path) -> None:
    more = SCORES.replace("y: [x, ", "y: [{{concat: {{text: x, image: image}}}}, ")
    texts = [SCORES.format(knobs=knobs) for knobs in KNOBS]
    texts += [more.format(knobs=f"mask: {LONG}")]
    texts += [SPACES[space].spec(mask, WIDE) for space, mask in CASES]
    for n, text in enumerate(texts):
        (tmp_path / f"m{n}.py").write_text(Architecture(load_text(text)).emit(target="h200"))
    assert ruff(tmp_path, "check", "--line-length", "88") == ""
    assert ruff(tmp_path, "format", "--diff") == ""


@pytest.mark.parametrize("knobs", ["alibi: true, mask: causal and key.ok", "softcap: 3 + i"])
def test_fullgraph(knobs: str) -> None:
    """By aot_eager: FlexAttention that inductor compiles for a CPU is wrong."""
    architecture = scored(knobs)
    (model,) = built(architecture, "h200")
    given = vectors()
    read = {tensor.role for tensor in architecture.semantics.inputs}
    given = {name: x for name, x in given.items() if name in read}
    wanted = _outputs(model, given)
    torch.compiler.reset()
    model.compile(fullgraph=True, backend="aot_eager")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "<class 'torch.autograd.function.Function'>")  # torch's
        compiled = _outputs(model, given)
    for a, b in zip(wanted, compiled, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_shape_comments_are_true() -> None:
    for knobs in ("alibi: true, mask: causal and key.ok", "kv_heads: 2, softcap: 3 + i"):
        report = verify(scored(knobs), target="h200")
        assert report.ok, report.text()
        lines = report.text().splitlines()
        assert [line[:6] for line in lines] == ["ok    ", "ok    ", "ok    ", "skip  "]
        assert lines[-1] == "skip  full size: FlexAttention does not run on the meta device"


def test_only_a_call_keeps_a_file_from_the_meta_device() -> None:
    spec = SCORES.format(knobs="mask: causal").replace(", other: z", "")
    alone = "".join(line for line in spec.splitlines(keepends=True) if not line.startswith("  z:"))
    named = alone.replace("name: toy\n", "name: toy\nabout: Without flex_attention(q, k, v).\n")
    architecture = Architecture(load_text(named))
    assert "flex_attention(" in architecture.emit(target="h200")
    report = verify(architecture, target="h200")
    assert report.ok, report.text()
    assert report.text().splitlines()[-1].startswith("ok    full size: ")
