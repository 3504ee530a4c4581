"""Absolute positions, each against its definition written as plain loops; and where none fits."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.parity.running import randomise, run_file
from tfspec import api
from tfspec.spec.load import load_text

STYLES = ("fast", "explicit")

GRID = """\
tfspec: 1
name: grid
dims: {B: batch, H: HEIGHT, W: WIDTH, d: 8}
inputs: {pixels: float B (d) H W}
streams:
  image: [pixels, POS]
outputs: {image: image}
"""
TEXT = """\
tfspec: 1
name: text
dims: {B: batch, T: 1..9, d: 8}
inputs: {tokens: float B T (d)}
streams:
  text: [tokens, POS]
outputs: {text: text}
"""

Table = Callable[[dict[str, Tensor], int, int], Tensor]
"""From weights, a row and a column (-1, -1 for cls) to what is added there: [d]."""


def built(text: str, pos: str, style: str = "fast", **sizes: str) -> nn.Module:
    for name, size in {"HEIGHT": "3", "WIDTH": "5", "POS": pos, **sizes}.items():
        text = text.replace(name, size)
    model = run_file(api.Architecture(load_text(text)).emit(style=style)).build()
    randomise(dict(model.named_parameters()), seed=3)
    return model.eval()


def sinusoid(position: int, width: int, base: float = 10000, layout: str = "interleaved") -> Tensor:
    """One position's sines and cosines, feature by feature: [width]."""
    found = torch.zeros(width)
    for pair in range(width // 2):
        angle = position * base ** (-2 * pair / width)
        sine, cosine = (2 * pair, 2 * pair + 1)
        if layout == "halves":
            sine, cosine = (pair, width // 2 + pair)
        found[sine], found[cosine] = math.sin(angle), math.cos(angle)
    return found


def sections(*coordinates: int, **knobs: object) -> Tensor:
    """The features cut evenly among the coordinates, in order."""
    width = 8 // len(coordinates)
    return torch.cat([sinusoid(at, width, **knobs) for at in coordinates])  # type: ignore[arg-type]


# what is written, and what it adds at row r, column c of a grid; `most` columns are allowed
GRIDS: dict[str, Callable[[dict[str, Tensor], int, int, int], Tensor]] = {
    "pos: learned": lambda w, r, c, most: w["pos"][r * most + c],
    "pos: {learned: H*W}": lambda w, r, c, most: w["pos"][r * most + c],
    "pos: {learned: image}": lambda w, r, c, most: w["pos"][r * most + c],
    "pos: {learned: W*H, rows: 99}": lambda w, r, c, most: w["pos"][c * 3 + r],
    "pos: {learned: H}": lambda w, r, c, most: w["pos"][r],
    "pos: {learned: W}": lambda w, r, c, most: w["pos"][c],
    "{pos: {learned: H}}, {pos: {learned: W}}": lambda w, r, c, most: w["pos1"][r] + w["pos2"][c],
    "pos: {learned: H, offset: 2, rows: 9}": lambda w, r, c, most: w["pos"][r + 2],
    "pos: {learned: H*W, offset: 3}": lambda w, r, c, most: w["pos"][r * most + c + 3],
    "pos: sinusoidal": lambda w, r, c, most: sections(r, c),
    "pos: {sinusoidal: H*W}": lambda w, r, c, most: sections(r, c),
    "pos: {sinusoidal: W*H}": lambda w, r, c, most: sections(c, r),
    "pos: {sinusoidal: H}": lambda w, r, c, most: sections(r),
    "pos: {sinusoidal: W, base: 50}": lambda w, r, c, most: sections(c, base=50),
    "pos: {sinusoidal: H*W, layout: halves, base: 100}": (
        lambda w, r, c, most: sections(r, c, layout="halves", base=100)
    ),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("pos", GRIDS)
def test_on_a_grid(pos: str, style: str) -> None:
    check_grid(built(GRID, pos, style), pos, [(3, 5)], most=5)


@pytest.mark.parametrize("pos", GRIDS)
def test_on_a_grid_of_any_size(pos: str) -> None:
    """A place has one row, whatever the width of the image is: the table is of the largest."""
    model = built(GRID, pos, HEIGHT="1..3", WIDTH="2..7")
    check_grid(model, pos, [(3, 7), (1, 2), (2, 7), (3, 4)], most=7)


def check_grid(model: nn.Module, pos: str, sizes: list[tuple[int, int]], most: int) -> None:
    weights = dict(model.named_parameters())
    for height, width in sizes:
        pixels = torch.randn(2, 8, height, width)
        expected = torch.zeros(2, height * width, 8)
        for row in range(height):
            for column in range(width):
                added = GRIDS[pos](weights, row, column, most)
                expected[:, row * width + column] = pixels[:, :, row, column] + added
        torch.testing.assert_close(model(pixels), expected, rtol=1e-5, atol=1e-5)


FRONT = "{prepend: [cls, {reg: 2}]}, "
# what is written behind cls and two registers, and the row of each part's token; None: nothing
PARTS: dict[str, tuple[object, object, object]] = {
    "pos: learned": (0, lambda i: 1 + i, lambda r, c: 3 + r * 5 + c),
    "pos: {learned: cls + reg + H*W}": (0, lambda i: 1 + i, lambda r, c: 3 + r * 5 + c),
    "pos: {learned: cls + H*W}": (0, None, lambda r, c: 1 + r * 5 + c),
    "pos: {learned: H*W + cls}": (15, None, lambda r, c: r * 5 + c),
    "pos: {learned: H*W}": (None, None, lambda r, c: r * 5 + c),
    "pos: {learned: image}": (None, None, lambda r, c: r * 5 + c),
    "pos: {learned: cls, rows: 4, offset: 3}": (3, None, None),
    "pos: {learned: reg + W, offset: 1}": (None, lambda i: 1 + i, lambda r, c: 3 + c),
    "pos: {learned: H}": (None, None, lambda r, c: r),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("heights", ["3", "1..3"])
@pytest.mark.parametrize("pos", PARTS)
def test_over_parts(pos: str, heights: str, style: str) -> None:
    model = built(GRID, FRONT + f"{{{pos}}}", style, HEIGHT=heights)
    weights = dict(model.named_parameters())
    table, (cls, reg, patch) = weights["pos"], PARTS[pos]
    for height in (3,) if heights == "3" else (3, 1, 2):
        pixels = torch.randn(2, 8, height, 5)
        rows = [torch.zeros(8) if cls is None else table[cls]]
        rows += [torch.zeros(8) if reg is None else table[reg(i)] for i in range(2)]
        for row in range(height):
            for column in range(5):
                rows.append(torch.zeros(8) if patch is None else table[patch(row, column)])
        front = torch.cat([weights["cls"][None], weights["reg"]]).expand(2, 3, 8)
        plain = torch.cat([front, pixels.flatten(2).mT], dim=1)
        torch.testing.assert_close(model(pixels), plain + torch.stack(rows))


def test_sinusoids_leave_parts_without_the_axes() -> None:
    model = built(GRID, "{prepend: cls}, {pos: {sinusoidal: H*W}}, {drop: image}")
    pixels = torch.randn(2, 8, 3, 5)
    assert torch.equal(model(pixels), dict(model.named_parameters())["cls"].expand(2, 8))


@pytest.mark.parametrize("layout", ["interleaved", "halves"])
def test_of_a_text(layout: str) -> None:
    model = built(TEXT, f"pos: {{sinusoidal: T, layout: {layout}, base: 700}}")
    for length in (9, 1, 4):
        x = torch.randn(3, length, 8)
        rows = [sinusoid(at, 8, 700, layout) for at in range(length)]
        torch.testing.assert_close(model(x), x + torch.stack(rows), rtol=1e-5, atol=1e-5)


def test_a_base_that_torch_takes_as_no_whole_number() -> None:
    model = built(TEXT, f"pos: {{sinusoidal: T, base: {10**30}}}")
    x = torch.randn(3, 9, 8)
    rows = torch.stack([sinusoid(at, 8, 1e30) for at in range(9)])
    torch.testing.assert_close(model(x), x + rows, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("pos", ["pos: sinusoidal", "pos: {sinusoidal: W*H, layout: halves}"])
def test_sinusoids_need_no_longest_length(pos: str) -> None:
    layout = "halves" if "halves" in pos else "interleaved"
    model = built(GRID, pos, HEIGHT="multiple(2)", WIDTH="multiple(3)")
    assert not list(model.buffers())
    for height, width in ((2, 3), (8, 6), (4, 30)):
        pixels = torch.randn(2, 8, height, width)
        grid = [(r, c) for r in range(height) for c in range(width)]
        turned = [pair if "sinusoidal: W" not in pos else pair[::-1] for pair in grid]
        rows = torch.stack([sections(*pair, layout=layout) for pair in turned])
        plain = pixels.flatten(2).mT
        torch.testing.assert_close(model(pixels), plain + rows, rtol=1e-5, atol=1e-5)


def test_in_three_axes() -> None:
    text = GRID.replace("d: 8", "F: 2, d: 12").replace("(d) H W", "(d) F H W")
    model = built(text, "{pos: {sinusoidal: F*H*W}}, {pos: {learned: W*F}}")
    pixels, table = torch.randn(2, 12, 2, 3, 5), dict(model.named_parameters())["pos"]
    expected = pixels.flatten(2).mT.clone()
    for f in range(2):
        for r in range(3):
            for c in range(5):
                added = torch.cat([sinusoid(at, 4) for at in (f, r, c)]) + table[c * 2 + f]
                expected[:, (f * 3 + r) * 5 + c] += added
    torch.testing.assert_close(model(pixels), expected, rtol=1e-5, atol=1e-5)


def test_two_streams_share_one_table() -> None:
    text = TEXT.replace("T: 1..9", "S: 1..9, T: 1..9").replace(
        "(d)}", "(d), others: float B S (d)}"
    )
    text = text.replace(
        "outputs:", "  other: [others, {pos: {learned: S, share: places}}]\noutputs:"
    )
    text = text.replace("{text: text}", "{text: text, other: other}")
    model = built(text, "{pos: {learned: T, share: places}}")
    ((name, table),) = model.named_parameters()
    assert (name, tuple(table.shape)) == ("places", (9, 8))
    zeros = [torch.zeros(1, length, 8) for length in (4, 7)]
    for found, length in zip(model(*zeros), (4, 7), strict=True):
        assert torch.equal(found[0], table[:length])


def test_every_row_in_use_learns() -> None:
    model = built(GRID, "{prepend: cls}, {pos: {learned: cls + H*W}}", WIDTH="2..7")
    model(torch.randn(2, 8, 3, 4)).sum().backward()
    used = dict(model.named_parameters())["pos"].grad.ne(0).any(dim=1).nonzero().flatten()
    assert used.tolist() == [0, *(1 + r * 7 + c for r in range(3) for c in range(4))]


# ---- generation

GENERATING = """\
tfspec: 1
name: small
dims: {B: batch, T: 1..16, V: 50, d: 12, h: 3}
inputs: {tokens: ids(V) B T}
blocks:
  layer: {norm: {at: pre}, do: [attend: {heads: h, mask: causal}, ffn: {hidden: 20, act: gelu}]}
streams:
  text: [tokens, {embed: d}, POS, {stack: {of: layer, depth: 2}}, norm]
outputs:
  logits: [text, {linear: V}]
"""
DECODING = (
    "{pos: {learned: T, offset: 2}}",
    "{pos: {learned: T, rows: 40}}, {pos: sinusoidal}",
    "{pos: {sinusoidal: T, layout: halves}}, {pos: {learned: text}}",
)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("pos", DECODING)
@torch.no_grad()
def test_decoding_goes_on_where_the_prompt_ends(pos: str, style: str) -> None:
    architecture = api.Architecture(load_text(GENERATING.replace("POS", pos)))
    model = run_file(architecture.emit(style=style, parts=("generate",))).build().eval()
    randomise(dict(model.named_parameters()), seed=3)
    tokens = torch.randint(50, (2, 16))
    cache, whole = model.cache(2, 16), model(tokens)
    found = [model.prefill(tokens[:, :5], cache)]
    for start, end in ((5, 6), (6, 10), (10, 16)):
        found.append(model.decode(tokens[:, start:end], torch.arange(start, end), cache))
    torch.testing.assert_close(torch.cat(found, dim=1), whole[:, 4:], rtol=1e-4, atol=1e-5)


# ---- the tests can see

MISTAKES = {
    "rows for columns": ("positions // W", "positions % W"),
    "the actual width for the largest": ("* 7 +", "* W +"),
    "off by one": ("positions % W", "(positions + 1) % W"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str) -> None:
    text = GRID.replace("HEIGHT", "1..3").replace("WIDTH", "2..7").replace("POS", "pos: learned")
    source = api.Architecture(load_text(text)).emit()
    old, new = MISTAKES[mistake]
    assert old in source
    model = run_file(source.replace(old, new)).build()
    randomise(dict(model.named_parameters()), seed=3)
    with pytest.raises((AssertionError, IndexError)):
        check_grid(model, "pos: learned", [(3, 4)], most=7)
