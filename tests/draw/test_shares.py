"""Shares of cost: they count every repetition, are 100 % together, and are those of `tfspec cost`."""

from __future__ import annotations

import re
import shutil
from itertools import permutations
from typing import Any

import pytest

import tfspec
from tests.draw.figures import BUNDLED, MIXED, loaded, of
from tests.draw.picture import picture, wrong
from tfspec.passes.cost.report import Cost
from tfspec.passes.draw.draw import Drawing
from tfspec.passes.draw.shares import memory


@pytest.mark.parametrize("what", ["flops", "params", "memory"])
@pytest.mark.parametrize("name", BUNDLED)
def test_shares_are_100_percent_together(name: str, what: str) -> None:
    shares = loaded(name).draw(cost=what).shares
    assert sum(shares.values()) == pytest.approx(1, abs=1e-12)
    assert min(shares.values()) >= 0


def _of_modules(cost: Cost) -> list[int]:
    return [cost.number(row.work.forward) for row in cost.rows if row.kind == "module"]


def _modules(drawing: Drawing, total: int) -> list[int]:
    boxes = [box for box in drawing.figure.boxes() if box.kind in ("attention", "mlp")]
    return [round(drawing.shares[box] * total) for box in boxes]


@pytest.mark.parametrize(
    "name", ["gpt2", "bert-large", "vit-l16", "llama-3-70b", "transformer-base"]
)
def test_shares_of_modules_are_those_of_cost(name: str) -> None:
    cost, drawing = loaded(name).cost(), loaded(name).draw(cost="flops")
    total = cost.number(cost.flops)
    found, expected = _modules(drawing, total), _of_modules(cost)
    assert len(expected) >= 2
    assert found == pytest.approx(expected, rel=1e-9)


def test_shares_of_closed_blocks_are_those_of_cost() -> None:
    cost, drawing = loaded("swin-t").cost(), loaded("swin-t").draw(cost="flops")
    total = cost.number(cost.flops)
    blocks = [round(drawing.shares[b] * total) for b in drawing.figure.boxes() if b.block]
    rows = {cost.number(row.work.forward) for row in cost.rows if row.kind == "block"}
    assert len(blocks) == 4
    assert set(blocks) <= rows


def test_the_picture_says_what_the_text_report_says() -> None:
    """29 of 100 for the attention of gpt2, in both, to the same digit."""
    shown = picture(loaded("gpt2").draw(cost="flops").svg()).texts("share")
    report = loaded("gpt2").cost().text()
    assert len(shown) == 3
    for share in shown:
        assert f" {share} " in report


SHOWN = [
    {"level": level, "width": width, "cost": cost}
    for level in ("blocks", "ops")
    for width in ("page", "column")
    for cost in ("flops", "params")
]


@pytest.mark.parametrize("how", SHOWN, ids=lambda how: "-".join(how.values()))
@pytest.mark.parametrize("name", BUNDLED)
def test_bars_of_a_figure_can_be_compared(name: str, how: dict[str, Any]) -> None:
    """One length stands for all of the cost in every box, however wide the box is."""
    drawing = loaded(name).draw(**how)
    if drawing.by_dot and shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    svg = drawing.svg()
    tracks, bars = (
        [float(w) for w in re.findall(rf'class="{each}"[^>]* width="([0-9.]+)"', svg)]
        for each in ("track", "bar")
    )
    shares = [box.share for box in drawing.layout.boxes if box.said]
    assert picture(svg).texts("share") == [f"{share:.1%}" for share in shares]
    assert len(shares) > 1
    (whole,) = set(tracks)
    assert whole >= drawing._measure.bar
    assert bars == pytest.approx([whole * share for share in shares], abs=0.006)
    for (one, a), (other, b) in permutations(zip(shares, bars, strict=True), 2):
        assert a == b if one == other else a >= b or one < other
        assert a > b or one < other + 0.001


def test_bars_stand_in_their_boxes() -> None:
    """The narrowest box that has one is as wide as it must be, and no number leaves its box."""
    for how in ({"level": "ops"}, {"width": "column"}, {}):
        assert wrong(picture(loaded("gpt2").draw(cost="flops", **how).svg())) == []


def test_a_cost_without_a_size_is_refused() -> None:
    open_dim = of("""
tfspec: 1
name: open
dims: {B: batch, T: multiple(8)}
inputs: {tokens: ids(11) B T}
blocks: {layer: {norm: {at: pre}, do: [{ffn: {hidden: 9, act: gelu}}]}}
streams: {text: [tokens, {embed: 8}, {stack: {of: layer, depth: 2}}]}
outputs: {logits: [text, {linear: 11}]}
""")
    assert open_dim.draw(cost="params").svg()
    for level in ("blocks", "ops"):
        with pytest.raises(tfspec.SpecError, match="TS470"):
            open_dim.draw(level=level, cost="flops")


def test_equal_neighbours_of_a_pattern_all_count() -> None:
    """Five local layers are drawn once, and cost what five cost."""
    mixed = of(MIXED)
    cost, drawing = mixed.cost(), mixed.draw(cost="flops")
    shown = {box.title: drawing.shares[box] for box in drawing.figure.boxes()}
    assert shown["Multi-head attention"] == pytest.approx(5 * shown["Global"])
    total = cost.number(cost.flops)
    linear = 2 * 64 * 8 * 11
    assert shown["Linear"] == pytest.approx(linear / total)


def test_equal_neighbours_of_several_blocks_all_count() -> None:
    """Of two layers of two blocks each block is drawn once, closed, and costs what two cost."""
    model = of("""
tfspec: 1
name: pairs
dims: {B: batch, T: 1..8, d: 8}
inputs: {x: float B T (d)}
blocks:
  narrow: {norm: {at: pre}, do: [{ffn: {hidden: 9, act: gelu}}]}
  wide: {norm: {at: pre}, do: [{ffn: {hidden: 18, act: gelu}}]}
streams: {text: [x, {stack: {of: [[narrow, wide], [narrow, wide], narrow], depth: 6}}]}
outputs: {y: text}
""")
    drawing = model.draw(cost="flops")
    assert sum(drawing.shares.values()) == pytest.approx(1)
    shown = {box.title: drawing.shares[box] for box in drawing.figure.boxes()}
    assert shown["Wide"] == pytest.approx(4 * 18 / (4 * 18 + 6 * 9))


@pytest.mark.parametrize("name", ["gpt2", "vit-l16", "llama-3-70b", "swin-t", "mixtral-8x7b"])
def test_boxes_keep_what_the_text_report_says(name: str) -> None:
    """Together they keep the activations of `cost --mode train`, but for what stands in no box."""
    spec = loaded(name)
    told = next(each.value for each in spec.cost("train").quantities if each.name == "activations")
    kept = sum(memory(spec.semantics, spec.draw().figure).values())
    assert kept == pytest.approx(told, rel=1e-3)
    assert kept <= told


def test_a_box_whose_weights_count_at_another_says_so() -> None:
    """And is as tall as that, so that rows of two columns stand side by side."""
    drawing = loaded("lxmert").draw(cost="params")
    one, other = (box for box in drawing.layout.boxes if box.title == "Cross-attention")
    assert (one.shared, other.shared, other.share) == (False, True, None)
    assert (one.rect.y, one.rect.h) == (other.rect.y, other.rect.h)
    assert [box.title for box in drawing.layout.boxes if box.shared] == ["Cross-attention"]
    p = picture(drawing.svg())
    assert wrong(p) == []
    assert p.texts("knob").count("shared") == 1
    assert sum("shared" in line for line in drawing.text().splitlines()) == 1
    assert not any(box.shared for box in loaded("lxmert").draw(cost="flops").layout.boxes)
