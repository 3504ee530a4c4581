"""Sizes that are ranges: what is checked for all of them is built once, and runs at each."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.parity.running import randomise, run_file
from tfspec import api
from tfspec.spec.load import load_text

TOY = {"d": 24, "h": 3, "f": 40, "L": 2, "classes": 7}
TILED = {"H": "multiple(16) <= 96", "W": "multiple(16) <= 64"}
SIZES = ((96, 64), (16, 48), (64, 16))


def sinusoidal() -> api.Architecture:
    """ViT-B/16 with fixed positions by row and column: they need no largest image."""
    (text,) = api.load("vit-b16").loaded.sources.values()
    assert "pos: learned" in text
    text = text.replace("pos: learned", "pos: {sinusoidal: H*W}")
    sets = {"H": "multiple(16)", "W": "multiple(16)"}
    return api.Architecture(load_text(text), {**TOY, **sets})


VITS = {"a table of the largest image": lambda: api.load("vit-b16", {**TOY, **TILED}),
        "fixed positions": sinusoidal}  # fmt: skip


@pytest.mark.parametrize("style", ["fast", "explicit"])
@pytest.mark.parametrize("which", VITS)
@torch.no_grad()
def test_vit_runs_at_every_multiple(which: str, style: str) -> None:
    """Each size gives what a model of that size alone gives, with the same weights."""
    architecture = VITS[which]()
    assert architecture.check().ok
    model = run_file(architecture.emit(style=style)).build().eval()
    randomise(dict(model.named_parameters()), seed=4)
    for height, width in SIZES:
        pixels = torch.randn(2, 3, height, width)
        fixed = api.Architecture(
            architecture.loaded, {**architecture.sets, "H": height, "W": width}
        )
        alone = run_file(fixed.emit(style=style)).build().eval()
        weights = model.state_dict()
        if "pos" in weights:
            weights["pos"] = cut(weights["pos"], height // 16, width // 16)
        alone.load_state_dict(weights)
        torch.testing.assert_close(model(pixels), alone(pixels), rtol=1e-5, atol=1e-5)


def cut(table: Tensor, height: int, width: int) -> Tensor:
    """The rows of a smaller image, upper left: a patch keeps its row and its column."""
    grid = table[1:].unflatten(0, (6, 4))[:height, :width]
    return torch.cat((table[:1], grid.flatten(0, 1)))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("which", VITS)
@torch.no_grad()
def test_vit_compiles_once_for_all_sizes(which: str) -> None:
    model = run_file(VITS[which]().emit()).build().eval()
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=True)
    for height, width in ((96, 64), (32, 48), (64, 32)):
        pixels = torch.randn(2, 3, height, width)
        torch.testing.assert_close(compiled(pixels), model(pixels), rtol=1e-5, atol=1e-5)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


@pytest.mark.parametrize("bound", ["", " <= 384"])
def test_vit_of_multiples_that_do_not_tile(bound: str) -> None:
    report = api.load("vit-b16", {"H": f"multiple(8){bound}", "W": "multiple(16) <= 384"}).check()
    (found,) = [each for each in report.diagnostics if each.severity == "error"]
    assert found.code == "TS202"
    assert found.primary is not None
    assert found.primary.text == "H = 8, and 8 = 16 × 0 + 8"
    assert found.help == (f"declare `H: multiple(16){bound}`",)


def test_a_learned_table_asks_for_a_largest_image() -> None:
    report = api.load("vit-b16", {"H": "multiple(16)", "W": "multiple(16)"}).check()
    (found,) = [each for each in report.diagnostics if each.severity == "error"]
    assert found.code == "TS222"
    assert found.help == ("give `H` one value, or a largest one: `H: multiple(16) <= 512`",)


def test_gpt2_holds_for_every_length_up_to_its_longest() -> None:
    assert api.load("gpt2").check().ok
    assert api.load("gpt2", {"T": 1024}).check().ok
    longer = api.load("gpt2", {"T": 1025})
    assert [each.code for each in longer.check().diagnostics] == ["TS306"]


def test_a_table_of_1024_rows_is_none_for_1025() -> None:
    (text,) = api.load("gpt2").loaded.sources.values()
    text = text.replace("pos: learned", "pos: {learned: T, rows: 1024}")
    assert api.Architecture(load_text(text)).check().ok
    report = api.Architecture(load_text(text), {"T": "1..1025"}).check()
    (found,) = [each for each in report.diagnostics if each.severity == "error"]
    assert (found.code, found.help[0]) == ("TS255", "declare `T: 1..1024`")


@torch.no_grad()
def test_gpt2_runs_at_every_length() -> None:
    model = run_file(api.emit("gpt2", {**TOY_TEXT, "T": "1..9"})).build().eval()
    randomise(dict(model.named_parameters()), seed=4)
    tokens = torch.randint(50, (2, 9))
    whole = model(tokens)
    for length in range(1, 10):
        torch.testing.assert_close(model(tokens[:, :length]), whole[:, :length])


TOY_TEXT = {"d": 24, "h": 3, "f": 40, "L": 2, "V": 50}


# ---- a range that holds one value
SINGLE = """
tfspec: 1
name: toy
dims: {{B: batch, T: {T}, d: {d}, h: {h}, L: {L}, V: 11}}
inputs: {{tokens: ids(V) B T}}
blocks: {{layer: {{do: [attend: {{heads: h, mask: causal}}, ffn: {{hidden: 4 * d, act: relu}}]}}}}
streams: {{s: [tokens, embed: d, pos: learned, stack: {{of: layer, depth: L}}, linear: V]}}
outputs: {{y: s}}
"""
NUMBERS = {"T": "3", "d": "8", "h": "2", "L": "2"}


def code_of(dims: dict[str, str]) -> str:
    """The emitted file after its docstring, which has the hash of the spec."""
    return api.Architecture(load_text(SINGLE.format(**dims))).emit().split('"""', 2)[2]


@pytest.mark.parametrize("single", ["{0}..{0}", "multiple({0}) <= {0}"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_range_of_one_value_is_that_number(name: str, single: str) -> None:
    """Also where weights need one size: as a width, as a count of heads, as a depth."""
    dims = NUMBERS | {name: single.format(NUMBERS[name])}
    assert code_of(dims) == code_of(NUMBERS)
