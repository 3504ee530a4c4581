"""Experts against their definition, token by token, in both styles; what they cost and keep."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.cost.counted import miscounted
from tests.memory.measure import wrong
from tests.parity.compare import functional
from tests.parity.running import gradients, place, relative, run_file
from tfspec import api
from tfspec.api import Architecture
from tfspec.ops import experts as ops
from tfspec.program import experts as code
from tfspec.program import saves as sv
from tfspec.runtime.verify import verify
from tfspec.spec.load import load_text
from tfspec.symbolic import Dim

STYLES = ("fast", "explicit")
SPEC = """
tfspec: 1
name: toy
dims: {{B: batch, T: 1..40, d: 16, f: 24}}
inputs: {{x: float B T (d)}}
streams: {{s: [x, {before}{{ffn: {{hidden: f, {knobs}}}}}]}}
outputs: {{y: s}}
"""
GROUPS = "router: {score: sigmoid, groups: 4, top_groups: 2, balance: true, scale: 2.5}"
CASES = {
    "two of five": "act: swiglu, experts: 5, top_k: 2, bias: false",
    "with biases": "act: swiglu, experts: 5, top_k: 3",
    "not gated": "act: gelu, experts: 3, top_k: 2, bias: false",
    "not gated, with biases": "act: relu, experts: 3, top_k: 2",
    "all of them": "act: silu, experts: 4, top_k: 4, bias: false",
    "one": "act: gelu, experts: 6, top_k: 1, router: {renorm: false}",
    "shared": "act: geglu, experts: 4, top_k: 2, shared: 3",
    "sigmoid": "act: swiglu, experts: 7, top_k: 3, router: {score: sigmoid, renorm: false}",
    "groups": f"act: swiglu, experts: 12, top_k: 4, shared: 1, bias: false, {GROUPS}",
    "balanced": "act: silu, experts: 5, top_k: 2, router: {balance: true}",
}
BEFORE = "{linear: d}, "


def spec(case: str, before: str = "") -> Architecture:
    return Architecture(load_text(SPEC.format(before=before, knobs=CASES[case])))


# ---- the definition
def network(act: str, w: dict[str, Tensor], x: Tensor, expert: int | None = None) -> Tensor:
    """down(act(up(x))) or down(act(gate(x)) · up(x)): of one expert, or of what is shared."""

    def through(name: str, x: Tensor) -> Tensor:
        if expert is None:
            bias = w.get(f"shared.{name}.bias")
            return F.linear(x, w[f"shared.{name}.weight"], bias)
        bias = w.get(f"{name}_bias")
        return F.linear(x, w[name][expert], None if bias is None else bias[expert])

    plain = {"swiglu": F.silu, "geglu": F.gelu, "silu": F.silu, "gelu": F.gelu, "relu": F.relu}
    inner = through("up", x)
    inner = plain[act](through("gate", x)) * inner if "glu" in act else plain[act](inner)
    return through("down", inner)


def kept(choice: Tensor, groups: int, top: int) -> set[int]:
    """The experts of the groups whose best two have most."""
    size = len(choice) // groups
    best = {
        at: sum(sorted(choice[at * size : (at + 1) * size].tolist())[-2:]) for at in range(groups)
    }
    chosen = sorted(best, key=lambda at: -best[at])[:top]
    return {at * size + i for at in chosen for i in range(size)}


def defined(case: str, w: dict[str, Tensor], x: Tensor) -> Tensor:
    """One token [d] through its experts, as the language says it."""
    (layer,) = (each for each in spec(case).semantics.spec.streams["s"].do if hasattr(each, "act"))
    count, router = len(w["up"]), layer.router
    sigmoid, renorm = "sigmoid" in CASES[case], "renorm: false" not in CASES[case]
    logits = F.linear(x, w["router.weight"])
    scores = logits.sigmoid() if sigmoid else logits.softmax(-1)
    choice = scores.detach() + w.get("balance", torch.zeros(count))
    allowed = kept(choice, 4, 2) if "groups: 4" in CASES[case] else set(range(count))
    order = sorted(allowed, key=lambda at: -choice[at].item())
    chosen = order[: layer.top_k.constant]
    weights = torch.stack([scores[at] for at in chosen])
    weights = weights / weights.sum() if renorm else weights
    weights = weights * (2.5 if router is not None and router.scale is not None else 1)
    rows = [network(layer.act, w, x, at) for at in chosen]
    total = sum((a * row for a, row in zip(weights, rows, strict=True)), torch.zeros(()))
    return total + network(layer.act, w, x) if "shared" in CASES[case] else total


def weights_of(architecture: Architecture) -> dict[str, Tensor]:
    torch.manual_seed(4)
    facts = architecture.semantics.facts
    named = architecture.semantics.scope.concrete(lambda size: facts.value(size) or 0)
    shapes = {name: [facts.value(size) or 0 for size in w.shape] for name, w in named}
    return {
        name: torch.randn(shape) * (shape[-1] ** -0.5 if len(shape) > 1 else 0.3)
        for name, shape in shapes.items()
    }


def built(architecture: Architecture, style: str, weights: dict[str, Tensor], target: str = "cpu"):
    module = run_file(architecture.emit(style=style, target=target)).build().eval()
    place(module, {name: t for name, t in weights.items() if not name.endswith("balance")})
    for name, buffer in module.named_buffers():
        buffer.copy_(weights[name])
    return module


def agree(module: nn.Module, case: str, weights: dict[str, Tensor]) -> bool:
    """Outputs and gradients as the definition says, at every token."""
    x = torch.randn(2, 9, 16, generator=torch.Generator().manual_seed(8))
    learned = {n: t.clone().requires_grad_(not n.endswith("balance")) for n, t in weights.items()}
    own = {name.removeprefix("mlp."): t for name, t in learned.items()}
    wanted = torch.stack([defined(case, own, row) for row in x.flatten(0, 1)]).view_as(x)
    found = module(x)
    for out in (wanted, found):
        functional((out,)).backward()
    wants = {name: t.grad for name, t in learned.items() if t.grad is not None}
    pairs = [(found, wanted)]
    pairs += [(g, wants[n]) for n, g in gradients(module, wants).items()]
    return all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in pairs)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("case", CASES)
def test_as_defined(case: str, style: str) -> None:
    weights = weights_of(spec(case))
    assert agree(built(spec(case), style, weights), case, weights)


@pytest.mark.parametrize("case", ["two of five", "with biases", "groups"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gpus_file_says_the_same_on_a_cpu(case: str, dtype: torch.dtype) -> None:
    """The grouped kernel for bfloat16 and what stands for it at other types, both eager."""
    weights = weights_of(spec(case))
    module = built(spec(case), "fast", weights, target="h100")
    assert agree(module, case, weights)
    ours = built(spec(case), "fast", weights)
    x = torch.randn(3, 11, 16).to(dtype)
    outputs = [each.to(dtype)(x) for each in (module, ours)]
    module.zero_grad()
    for out in outputs:
        functional((out.float(),)).backward()
    near = 1e-5 if dtype == torch.float32 else 2e-2
    assert relative(outputs[0].float(), outputs[1].float()) <= near
    for (name, p), q in zip(module.named_parameters(), ours.parameters(), strict=True):
        assert p.grad is not None, name
        assert q.grad is not None, name
        assert relative(p.grad.float(), q.grad.float()) <= near, name


def test_a_gpu_multiplies_by_group_where_rows_are_whole_16_bytes() -> None:
    aligned = spec("two of five").emit(target="h100")
    assert "F.grouped_mm(rows, weight.mT, offs=ends)" in aligned
    text = SPEC.format(before="", knobs=CASES["two of five"]).replace("f: 24", "f: 25")
    assert "grouped_mm" not in Architecture(load_text(text)).emit(target="h100")


# ---- costs
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("before", ["", BEFORE], ids=["of an input", "of a value"])
@pytest.mark.parametrize("case", CASES)
def test_flops_are_counted_exactly(case: str, before: str, style: str) -> None:
    architecture = spec(case, before)
    assert [*miscounted(architecture, {"B": 3, "T": 7}, style=style)] == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("before", ["", BEFORE], ids=["of an input", "of a value"])
@pytest.mark.parametrize("case", CASES)
def test_bytes_are_kept_exactly(case: str, before: str, style) -> None:
    assert wrong(spec(case, before), style) == []


def test_parameters_that_a_token_uses() -> None:
    """Of 46.7 B parameters of Mixtral 12.9 B; of an expert's, all that are not of the others."""
    graph = api.load("mixtral-8x7b").semantics
    assert graph.facts.value(graph.params) == 46_702_792_704
    assert graph.facts.value(graph.active) == 46_702_792_704 - 32 * 6 * 3 * 4096 * 14336
    for case, used, count in (("with biases", 3, 5), ("groups", 4, 12)):
        graph = spec(case).semantics
        each = 3 * 16 * 24 + (2 * 24 + 16 if case == "with biases" else 0)
        total, active = (graph.facts.value(n) for n in (graph.params, graph.active))
        assert total is not None
        assert active == total - (count - used) * each


def test_the_cost_says_how_many_are_active() -> None:
    cost = api.load("mixtral-8x7b").cost()
    assert "\nparameters that one token uses: 12.9 B of 46.7 B active\n" in cost.text()
    assert '"active": 12879925248' in cost.json()
    assert "active" not in api.load("llama-3-8b").cost().text()


def test_verify_says_what_it_cannot_see() -> None:
    """The meta device has no numbers to choose experts by; all else is held."""
    report = verify(api.load("mixtral-8x7b", {"L": 2}))
    lines = report.text().splitlines()
    assert report.ok
    assert [line.split()[0] for line in lines] == ["ok", "ok", "ok", "skip"]
    reason = "experts get rows by their numbers, which the meta device has not"
    assert lines[-1] == f"skip  full size: {reason}"


# ---- whole graphs
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("style", ["fast", pytest.param("explicit", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", ["with biases", "groups", "one"])
def test_it_compiles_whole_whatever_the_routing_is(case: str, style: str) -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    weights = weights_of(spec(case))
    module = built(spec(case), style, weights)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    for tokens in (5, 9, 6, 7, 30):
        x = torch.randn(2, tokens, 16)
        torch.testing.assert_close(compiled(x), module(x))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 2


@pytest.mark.parametrize("kind", ["torch", "normal", "truncated", "xavier"])
def test_stacks_start_as_maps_do(kind: str) -> None:
    """Each matrix of a stack is drawn as far as nn.Linear would draw it."""
    knobs = "act: swiglu, experts: 9, top_k: 2"
    text = SPEC.format(before="", knobs=knobs).replace("d: 16, f: 24", "d: 100, f: 150")
    std = ", std: 0.03, residual: 0.5" if kind in ("normal", "truncated") else ""
    module = run_file(Architecture(load_text(f"{text}init: {{kind: {kind}{std}}}\n")).emit())
    torch.manual_seed(1)
    mlp = module.build().mlp
    wanted = {
        "torch": ((3 * 100) ** -0.5, (3 * 150) ** -0.5),
        "normal": (0.03, 0.015),
        "truncated": (0.03 * 0.88, 0.015 * 0.88),
        "xavier": ((2 / 250) ** 0.5, (2 / 250) ** 0.5),
    }[kind]
    for stack, std in zip((mlp.gate_up, mlp.down), wanted, strict=True):
        assert abs(stack.std().item() / std - 1) < 0.01
    assert mlp.down_bias.abs().max() <= 150**-0.5


# ---- mistakes are seen
def test_a_row_too_many_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """All experts for each token, as FLOPs: what several tools count."""
    dense = lambda op, inputs, outputs: 2 * outputs[0].rows * inputs[0].width * op.width * op.count  # noqa: E731
    monkeypatch.setattr(ops.ExpertLinear, "flops", dense)
    with pytest.raises(AssertionError):
        test_flops_are_counted_exactly("two of five", "", "fast")


@pytest.mark.parametrize("style", STYLES)
def test_what_is_not_kept_is_seen(style, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "saves", lambda *_, **__: sv.nothing("a mistake"))
    assert wrong(spec("two of five", BEFORE), style) != []


def test_a_router_that_keeps_all_its_sums_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from tfspec.ops import router

    monkeypatch.setattr(router, "Made", lambda what, size: sv.Made(what, Dim.of(1)))
    assert wrong(spec("two of five", BEFORE), "fast") != []
