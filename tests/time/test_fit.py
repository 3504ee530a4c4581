"""What fits a target: the largest sizes, each the last that fits by the same total."""

from __future__ import annotations

from pathlib import Path

import pytest

import tfspec
from tfspec.passes.cost.fit import RESERVE, Largest, at_size, fits, lacks, total_bytes
from tfspec.passes.cost.report import Cost, CostMode


def found(name: str, mode: CostMode, target: str = "h200", **sets: int | str) -> Cost:
    return tfspec.load(name, sets).cost(mode, dtype="bf16", target=target, fit=True)


@pytest.mark.parametrize(
    ("name", "mode", "sets"),
    [
        ("gpt2", "train", {"T": 512}),
        ("llama-3-8b", "train", {"T": 64}),
        ("llama-3-8b", "decode", {"B": 64}),
        ("vit-b16", "train", {}),
        ("transformer-base", "train", {}),
    ],
)
def test_it_is_the_last_that_fits(name: str, mode: CostMode, sets: dict[str, int]) -> None:
    cost = found(name, mode, **sets)
    assert cost.largest
    for each in cost.largest:
        dim = str(cost.graph.token_axis.size) if each.dim == "S" else each.dim
        domain = cost.graph.facts.domains[dim]
        assert each.size is not None
        there = at_size(cost, dim, each.size)
        assert fits(there)
        assert total_bytes(there) == each.bytes <= 141 * 10**9 - RESERVE
        assert each.ends == (each.size == domain.high)
        if not each.ends:
            assert not fits(at_size(cost, dim, each.size + domain.step))


def test_the_total_is_that_of_a_cost_made_anew() -> None:
    """The same bytes as when the user asks for that size at once, and one more does not fit."""
    cost = found("gpt2", "train", T=1024)
    batch = cost.largest[0]
    # of one text: what autograd keeps, and at the loss three times the logits
    text = 305_827_840 + 3 * 2 * 1024 * 50257
    assert batch == Largest("B", 226, 139_670_942_208, ends=False)
    assert batch.bytes == pytest.approx(226 * text + 6 * 124_439_808, rel=1e-3)
    again = found("gpt2", "train", T=1024, B=226)
    assert total_bytes(again) == batch.bytes
    assert not fits(found("gpt2", "train", T=1024, B=227))


def test_a_cache_by_hand() -> None:
    """Weights of 2 bytes, and 2·32·8·128 numbers of 2 bytes a slot of the cache and text."""
    cost = found("llama-3-8b", "decode", B=1, T=8192)
    left = 141 * 10**9 - RESERVE - 2 * 8_030_261_248
    batch, slots = cost.largest
    assert batch.size == left // (2 * 2 * 32 * 8 * 128 * 8192)
    assert (slots.dim, slots.size, slots.ends) == ("S", 8192, True)


def test_steps_of_a_range_are_kept() -> None:
    """An image's height is a multiple of 16, and only those are tried."""
    cost = found("vit-b16", "train", H="multiple(16) <= 100000", W=224, B=8)
    batch, height = cost.largest
    assert batch.dim == "B"
    assert height.dim == "H"
    assert height.size is not None
    assert height.size % 16 == 0
    assert height.size > 224
    assert not height.ends
    assert not fits(at_size(cost, "H", height.size + 16))


def test_none_fits(tmp_path: Path) -> None:
    own = tmp_path / "small.yaml"
    own.write_text(
        "name: small\nkind: cuda\ntflops: {bf16: 1}\nbandwidth_gb_per_s: 10\nmemory_gb: 1.2\n"
    )
    cost = found("gpt2", "train", str(own), T=1024)
    assert [(each.dim, each.size) for each in cost.largest] == [("B", None), ("T", None)]
    assert "no B fits at T = 1,024: the least takes 1.36 GB" in cost.text()
    assert "no T fits at B = 1: the least takes 1.24 GB" in cost.text()


def test_more_memory_fits_more() -> None:
    sizes = [found("gpt2", "train", target).largest[0].size for target in ("l4", "h100", "h200")]
    assert None not in sizes
    assert sorted(sizes, key=lambda size: size or 0) == sizes
    assert len(set(sizes)) == 3


def test_a_compiled_step_holds_its_activations_too() -> None:
    """Where no peak is told, all kinds together, and those that nothing is known of are missed."""
    sets = {"d": 24, "h": 3, "f": 96, "L": 2, "V": 97, "B": 2, "T": 16}
    compiled = tfspec.load("gpt2", sets).cost("train", compiled=True)
    kept = next(each.value for each in compiled.quantities if each.name == "activations")
    assert total_bytes(compiled) == 16 * compiled.number(compiled.graph.params) + kept
    assert "optimizer and activations" in compiled.text()
    flexible = tfspec.load("bert-base", {"B": 1, "T": 16})
    unknown = flexible.cost("train", dtype="bf16", target="h100", compiled=True)
    assert lacks(unknown)
    assert "activations are not known" in " ".join(unknown.text().split())
