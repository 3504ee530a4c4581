"""Windows against their definition, pair by pair: one tile after the roll, one side of the seam."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from tests.parity.compare import GRADIENTS, OUTPUTS, functional
from tests.parity.running import model_of, place, randomise, relative
from tfspec import api
from tfspec.spec.load import load_text

STYLES = ("fast", "explicit")
HEADS, GROUPS, WIDTH = 4, 2, 8
SPEC = """
tfspec: 1
name: toy
dims: {{B: batch, {dims}, d: {width}, h: {heads}}}
inputs: {{x: float B {axes} (d)}}
streams: {{s: [x, {{attend: {{heads: h, {knobs}}}}}]}}
outputs: {{y: s}}
"""


@dataclass(frozen=True)
class Case:
    """A grid, its windows and their shift."""

    grid: dict[str, int]
    window: dict[str, int]
    shift: dict[str, int] | None = None

    def spec(self, more: str = "", declared: dict[str, str] | None = None) -> api.Architecture:
        knobs = f"window: {_flow(self.window)}"
        knobs += f", shift: {_flow(self.shift)}" if self.shift else ""
        dims = {name: str(size) for name, size in self.grid.items()} | (declared or {})
        text = SPEC.format(
            dims=", ".join(f"{name}: {size}" for name, size in dims.items()),
            axes=" ".join(self.grid),
            knobs=knobs + more,
            width=WIDTH,
            heads=HEADS,
        )
        return api.Architecture(load_text(text))

    def allowed(self) -> Tensor:
        """Which key each query sees, pair by pair: [N, N]."""
        tokens = list(itertools.product(*map(range, self.grid.values())))
        pairs = [[self._sees(query, key) for key in tokens] for query in tokens]
        return torch.tensor(pairs)

    def _sees(self, query: tuple[int, ...], key: tuple[int, ...]) -> bool:
        for (name, size), i, j in zip(self.grid.items(), query, key, strict=True):
            tile, shift = self.window.get(name, size), (self.shift or {}).get(name, 0)
            shift = 0 if tile == size else shift
            a, b = (i - shift) % size, (j - shift) % size
            if a // tile != b // tile or (a >= size - shift) != (b >= size - shift):
                return False
        return True


def _flow(table: dict[str, int]) -> str:
    return str(table).replace("'", "")


CASES = {
    "one axis": Case({"T": 12}, {"T": 4}),
    "one axis, shifted": Case({"T": 12}, {"T": 4}, {"T": 1}),
    "two axes": Case({"H": 6, "W": 4}, {"H": 3, "W": 2}),
    "two axes, shifted": Case({"H": 6, "W": 9}, {"H": 3, "W": 3}, {"H": 1, "W": 2}),
    "two axes, one of them shifted": Case({"H": 6, "W": 6}, {"H": 3, "W": 3}, {"W": 1}),
    "one window over an axis": Case({"H": 3, "W": 6}, {"H": 3, "W": 3}, {"H": 1, "W": 1}),
    "one window over all": Case({"H": 3, "W": 3}, {"H": 3, "W": 3}, {"H": 1, "W": 1}),
    "an axis whole": Case({"H": 3, "W": 6}, {"W": 3}, {"W": 1}),
    "three axes": Case({"T": 4, "H": 3, "W": 4}, {"T": 2, "H": 3, "W": 2}),
    "three axes, shifted": Case(
        {"T": 4, "H": 3, "W": 4}, {"T": 2, "H": 3, "W": 2}, {"T": 1, "H": 1, "W": 1}
    ),
    "the first axis whole": Case({"T": 2, "H": 4, "W": 4}, {"H": 2, "W": 2}, {"H": 1, "W": 1}),
    "a middle axis whole": Case({"T": 4, "H": 2, "W": 4}, {"T": 2, "W": 2}, {"T": 1, "W": 1}),
    "four axes": Case(
        {"S": 4, "T": 2, "H": 2, "W": 4}, {"S": 2, "T": 1, "H": 1, "W": 2}, {"S": 1, "W": 1}
    ),
}

Weights = dict[str, Tensor]


def weights_of(spec: api.Architecture) -> Weights:
    model = model_of(spec.emit(style="explicit"))
    randomise(dict(model.named_parameters()), seed=8)
    return {name: tensor.detach() for name, tensor in model.named_parameters()}


def plain(w: Weights, x: Tensor, allowed: Tensor, heads: int = HEADS) -> Tensor:
    """Attention over all tokens at once, with a mask: [B, ..., d] -> [B, N, d]."""
    x = x.flatten(1, -2)
    q, k, v = (
        (x @ w[f"attention.{n}.weight"].T + w[f"attention.{n}.bias"])
        .unflatten(-1, (-1, WIDTH // heads))
        .transpose(1, 2)
        for n in "qkv"
    )
    k, v = (t.repeat_interleave(heads // t.shape[1], dim=1) for t in (k, v))
    scores = q @ k.mT * (WIDTH // heads) ** -0.5
    weights = scores.masked_fill(~allowed, float("-inf")).softmax(-1)
    y = (weights @ v).transpose(1, 2).flatten(2)
    return y @ w["attention.out.weight"].T + w["attention.out.bias"]


def image(grid: dict[str, int], batch: int = 3) -> Tensor:
    return torch.randn(batch, *grid.values(), WIDTH, generator=torch.Generator().manual_seed(4))


def compared(model: nn.Module, weights: Weights, case: Case) -> None:
    """The model's output, and the gradient of its input, are the definition's."""
    x, same = image(case.grid).requires_grad_(), image(case.grid).requires_grad_()
    y, expected = model(x), plain(weights, same, case.allowed())
    assert relative(y, expected) < OUTPUTS
    functional((y,)).backward()
    functional((expected,)).backward()
    assert x.grad is not None
    assert same.grad is not None
    assert relative(x.grad, same.grad) < GRADIENTS
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", CASES)
def test_by_definition(name: str, style: str) -> None:
    case = CASES[name]
    spec = case.spec()
    weights = weights_of(spec)
    compared(place(model_of(spec.emit(style=style)), weights), weights, case)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("knobs", [", kv_heads: 2", ", scale: 0.3, softcap: 5", ", qk_norm: head"])
@pytest.mark.parametrize("name", ["two axes", "two axes, shifted"])
def test_styles_agree_with_other_knobs(name: str, knobs: str, style: str) -> None:
    spec = CASES[name].spec(knobs)
    weights = weights_of(spec)
    fast, explicit = (place(model_of(spec.emit(style=s)), weights) for s in STYLES)
    x = image(CASES[name].grid)
    assert relative(fast(x), explicit(x)) < OUTPUTS
    if "kv_heads" in knobs:
        assert relative(fast(x), plain(weights, x, CASES[name].allowed())) < OUTPUTS


@pytest.mark.parametrize("style", STYLES)
def test_over_ranges_one_file_serves_every_size(style: str) -> None:
    """Also where the shift is ignored, which only the run can tell."""
    ranged = Case({"H": 3, "W": 3}, {"H": 3, "W": 3}, {"H": 1, "W": 2})
    spec = ranged.spec(declared={"H": "multiple(3)", "W": "multiple(3)"})
    weights = weights_of(spec)
    model = place(model_of(spec.emit(style=style)), weights)
    for height, width in ((3, 3), (6, 3), (3, 9), (6, 6), (9, 12)):
        case = Case({"H": height, "W": width}, ranged.window, ranged.shift)
        compared(model, weights, case)


def test_several_batch_axes() -> None:
    text = SPEC.format(
        dims="F: batch, H: 4, W: 6", axes="F H W", width=WIDTH, heads=HEADS,
        knobs="window: {H: 2, W: 3}, shift: {H: 1, W: 1}",
    )  # fmt: skip
    spec = api.Architecture(load_text(text))
    weights = weights_of(spec)
    case = Case({"H": 4, "W": 6}, {"H": 2, "W": 3}, {"H": 1, "W": 1})
    x = image({"F": 2, **case.grid})
    expected = plain(weights, x.flatten(0, 1), case.allowed()).unflatten(0, (3, 2))
    for style in STYLES:
        model = place(model_of(spec.emit(style=style)), weights)
        assert relative(model(x), expected) < OUTPUTS


@pytest.mark.parametrize("name", ["two axes", "two axes, shifted", "three axes, shifted"])
def test_it_compiles_whole(name: str) -> None:
    spec = CASES[name].spec()
    model = model_of(spec.emit())
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    x = image(CASES[name].grid)
    assert relative(compiled(x), model(x)) < OUTPUTS


def test_flops_are_those_of_the_windows() -> None:
    whole, cut = Case({"T": 12}, {"T": 12}), Case({"T": 12}, {"T": 4})
    costs = [case.spec().cost() for case in (whole, cut)]
    a, b = (cost.flops.value({**cost.values, "B": 1}) for cost in costs)
    assert a - b == 2 * 2 * WIDTH * (12 * 12 - 3 * 4 * 4)


def test_an_unshifted_file_knows_no_shift() -> None:
    assert "shift" not in CASES["two axes"].spec().emit()
    assert "shift" not in CASES["one window over all"].spec().emit()
