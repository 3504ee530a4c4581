"""Times: of all bundled specs, the rows sum to the whole, formulas are numbers, more takes longer;
and what is bound by what where anyone would know."""

from __future__ import annotations

from typing import Any, get_args

import pytest

import tfspec
from tests.bundled import NAMES
from tests.time.counted import model
from tfspec.api import Architecture, SpecError
from tfspec.graph.trace import Node
from tfspec.ops import linear
from tfspec.passes.cost.fit import at_size
from tfspec.passes.cost.report import Cost, CostMode
from tfspec.passes.time.rates import Rates
from tfspec.passes.time.timing import Timing
from tfspec.program.kernels import POINTWISE
from tfspec.targets import Target, find

MODES: tuple[CostMode, ...] = get_args(CostMode)
CAUSAL = ("gpt2", "llama-3-8b")  # whose masks are causal and no more


def cost(name: str, mode: CostMode, sets: dict[str, Any] | None = None, **how: Any) -> Cost | None:
    """The cost of a bundled spec on an H200; None where it has not the mode."""
    try:
        return tfspec.load(name, sets).cost(mode, target="h200", **how)
    except SpecError as refused:
        if {each.code for each in refused.diagnostics} <= {"TS451", "TS901"}:
            return None
        raise


def timed(found: Cost | None) -> Timing:
    assert found is not None
    assert found.timing is not None
    return found.timing


@pytest.mark.parametrize("name", NAMES)
def test_rows_sum_to_the_whole(name: str) -> None:
    for mode in MODES:
        for compiled in (True, False):
            found = cost(name, mode, compiled=compiled)
            if found is None:
                continue
            assert found.time is not None
            assert found.times is not None
            parts = [found.times.of(row.nodes) for row in found.sections]
            for what in ("typical", "low", "high"):
                total = sum(getattr(part, what) for part in parts) + getattr(found.times.rest, what)
                assert total == pytest.approx(getattr(found.time, what), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_formulas_are_the_numbers_at_other_sizes(name: str) -> None:
    """What a cost built anew at other sizes says is what the first one's formulas come to there."""
    for mode in MODES:
        first = cost(name, mode)
        if first is None:
            continue
        domains = first.graph.facts.domains
        free = {each: domain for each, domain in domains.items() if domain.low != domain.high}
        for at in (1, 3, 5):
            sets = {each: domain.low + at * domain.step for each, domain in free.items()}
            there = first
            for dim, size in sets.items():
                there = at_size(there, dim, size)
            anew = cost(name, mode, sets)
            assert anew is not None
            for ours, new in zip(_sums(there), _sums(anew), strict=True):
                assert ours == new
            assert there.time == anew.time


def _sums(found: Cost) -> tuple[int, int]:
    return found.number(timed(found).traffic), found.number(timed(found).executed)


@pytest.mark.parametrize("name", NAMES)
def test_no_flop_is_lost(name: str) -> None:
    """Every primitive step that computes is in a job; only what a mask hides is left out."""
    for mode in ("forward", "prefill", "decode"):
        found = cost(name, mode, dtype="bf16")
        if found is None:
            continue
        executed = found.number(timed(found).executed)
        assert found.number(found.work.needed) <= executed <= found.number(found.work.forward)
        if name in CAUSAL and mode != "decode":  # what a kernel is told by a mask, it computes
            assert executed == found.number(found.work.needed) < found.number(found.work.forward)


def test_flops_of_a_step_that_says_nothing_of_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """An op from outside need not know of kernels: its FLOPs are counted all the same."""
    before = model("mlp").cost(target="h200")
    monkeypatch.setattr(linear, "PRODUCT", POINTWISE)
    after = model("mlp").cost(target="h200")
    assert timed(after).executed == timed(before).executed == before.work.forward


def test_attention_in_one_kernel() -> None:
    """Forward: what a causal mask leaves, s(s + 1)/2 pairs; backward: 5 products for 2."""
    found = tfspec.load("gpt2", {"B": 1, "T": 1024}).cost("train", target="h200")
    pairs, layers, width = 1024 * 1025 // 2, 12, 768
    forward = 4 * pairs * width * layers
    jobs = [job for job in timed(found).jobs if job.kind == "attention"]
    assert [found.number(job.flops) for job in jobs] == [forward, forward * 5 // 2]


def test_checkpointing_runs_the_layers_once_more() -> None:
    from dataclasses import replace

    from tfspec.passes.time.jobs import Setting, jobs

    target = find("h200")
    assert isinstance(target, Target)
    found = tfspec.load("gpt2").cost("train", target="h200")
    plain = Setting(target, "fp32", "train")
    again = jobs(found.graph, timed(found).work, replace(plain, checkpoint="full"))
    executed = {
        phase: sum(found.number(job.flops) for job in again if job.phase == phase)
        for phase in ("forward", "again")
    }
    logits = 2 * 1024 * 50257 * 768
    last = 2 * 1024 * 3072 * 768  # the last layer's last product, after all that is kept
    assert executed["again"] == executed["forward"] - logits - last


# ---- what bounds it


def test_decoding_is_bound_by_memory_and_reads_the_whole_cache() -> None:
    found = tfspec.load("llama-3-8b", {"B": 1}).cost("decode", dtype="bf16", target="h200")
    assert found.time is not None
    assert found.time.bound == "memory"
    params, table, width = 8_030_261_248, 128_256 * 4096, 4096
    weights = 2 * (params - table)  # of the table of words one row is read
    cache = 2 * 32 * 8192 * 2 * 8 * 128  # all slots of keys and values of 8 heads in 32 layers
    moved = found.number(timed(found).traffic)
    assert weights + cache < moved < 1.005 * (weights + cache)
    bandwidth = 4800e9
    assert found.time.typical == pytest.approx(moved / bandwidth, rel=1e-3)
    attention = next(job for job in timed(found).jobs if job.kind == "attention")
    # queries and the result, which is copied from rows to heads, and a mask of booleans
    assert found.number(attention.bytes) == cache + 32 * (4 * 2 * width + 8192)


def test_a_long_prompt_is_bound_by_its_products() -> None:
    found = tfspec.load("llama-3-8b", {"B": 4, "T": 8192}).cost(
        "prefill", dtype="bf16", target="h200"
    )
    assert found.time is not None
    assert found.time.bound == "compute"
    least = found.number(timed(found).executed) / 989.5e12
    assert least < found.time.typical < 1.15 * least


def test_a_kernel_takes_the_longest_of_three() -> None:
    target = find("h200")
    assert isinstance(target, Target)
    rates = Rates(target, "bf16", None, compiled=True)
    assert rates.ridge == pytest.approx(989.5e12 / 4800e9)
    memory = rates.seconds("product", flops=10**9, moved=48 * 10**8, launches=1)
    assert (memory.typical, memory.low, memory.high) == pytest.approx((1e-3, 1e-3, 2.5e-3))
    assert memory.by == {"memory": pytest.approx(1e-3)}
    compute = rates.seconds("product", flops=9895 * 10**8, moved=10**6, launches=1)
    assert (compute.typical, compute.high) == pytest.approx((1e-3, 2.5e-3))
    assert compute.bound == "compute"
    tiny = rates.seconds("product", flops=1, moved=48, launches=7)
    assert (tiny.typical, tiny.high) == pytest.approx((1e-11, 35e-6))
    assert rates.seconds("pointwise", 0, 0, 0).bound is None


@pytest.mark.parametrize(
    ("kind", "dtype", "tflops"),
    [
        ("product", "fp32", 67),  # no TF32: torch's default for products
        ("attention", "fp32", 67),
        ("convolution", "fp32", 494.5),  # TF32: torch's default for convolutions
        ("product", "bf16", 989.5),
        ("convolution", "fp16", 989.5),
    ],
)
def test_rates_by_kind_and_dtype(kind: Any, dtype: Any, tflops: float) -> None:
    target = find("h200")
    assert isinstance(target, Target)
    assert Rates(target, dtype, None, compiled=True).flops(kind) == tflops * 1e12


# ---- more takes longer


@pytest.mark.parametrize("mode", MODES)
def test_more_takes_longer(mode: CostMode) -> None:
    def typical(**sets: int) -> float:
        found = cost("llama-3-8b", mode, {"B": 2, "T": 512, **sets}, dtype="bf16")
        assert found is not None
        assert found.time is not None
        return found.time.typical

    base = typical()
    assert base < typical(B=4) < typical(B=8)
    assert base < typical(T=1024) < typical(T=2048)


def test_training_takes_longer_than_a_forward_and_eager_longer_than_compiled() -> None:
    for name in ("gpt2", "vit-b16", "swin-t"):
        times = [
            found.time.typical
            for mode in ("forward", "train")
            for compiled in (True, False)
            if (found := cost(name, mode, compiled=compiled)) is not None and found.time is not None
        ]
        assert times[0] < times[1]
        assert times[2] < times[3]
        assert times[0] < times[2] / 2


def test_a_slower_machine_takes_longer() -> None:
    times = [
        tfspec.load("gpt2").cost("decode", dtype="bf16", target=name).time
        for name in ("h200", "h100", "a100", "l4")
    ]
    typical = [time.typical for time in times if time is not None]
    assert sorted(typical) == typical
    assert len(set(typical)) == 4


def test_dropout_is_there_only_while_training() -> None:
    from tfspec.spec.load import load_text

    text = """
tfspec: 1
name: dropping
dims: {B: batch, T: 1..64, V: 11, d: 8}
inputs: {tokens: ids(V) B T}
streams: {text: [tokens, {embed: d}, {dropout: 0.1}]}
outputs: {y: text}
"""
    architecture = Architecture(load_text(text), {"B": 2, "T": 3})
    jobs = {
        mode: [job.kind for job in timed(architecture.cost(mode, target="h200")).jobs]
        for mode in ("forward", "train")
    }
    assert jobs["forward"] == ["gather"]
    assert jobs["train"][:2] == ["gather", "pointwise"]


def test_steps_that_run_as_one_share_its_time() -> None:
    """q, k and v of Llama are one product: 32, 8 and 8 heads of its rows."""
    found = tfspec.load("llama-3-8b").cost(target="h200")
    assert found.times is not None
    nodes: list[Node] = [
        node for row in found.rows if row.label in ("q", "k", "v") for node in row.nodes
    ]
    q, k, v = (found.times.nodes[node].typical for node in nodes)
    assert q == pytest.approx(4 * k)
    assert k == v


def test_of_experts_those_are_read_that_have_a_row() -> None:
    """One token reads what it uses; many tokens all that there is."""
    one, many = (cost("mixtral-8x7b", "decode", {"B": b, "T": 16}, dtype="bf16") for b in (1, 64))
    assert one is not None
    assert many is not None
    active, whole = (one.number(each) for each in (one.graph.active, one.graph.params))
    assert one.timing is not None
    assert many.timing is not None
    read = one.number(one.timing.traffic)  # of the embedding one row
    assert 0.98 * 2 * active <= read <= 1.01 * 2 * active
    assert many.number(many.timing.traffic) >= 0.99 * 2 * whole
