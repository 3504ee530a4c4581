"""The page of a report: one small file without requests, made of what the other passes say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import tfspec
from tests.draw.figures import BUNDLED, loaded, of
from tests.report.pages import Reader, html, page
from tests.test_package import imported, importers
from tests.time.test_efficiency import TABLE, write
from tfspec.passes.cost.growth import growth
from tfspec.passes.cost.text import formula, growths, number, scaled
from tfspec.passes.draw.theme import THEMES
from tfspec.passes.draw.words import Words
from tfspec.passes.report.amounts import Amounts
from tfspec.passes.report.figure import whole
from tfspec.passes.report.flops_chart import crossing, flops_chart, parts
from tfspec.passes.report.lengths import length
from tfspec.passes.report.scales import LINES
from tfspec.passes.shapes.text import row_label

ROOT = Path(__file__).parents[2]


# Every bundled spec


def each_step_has_its_own_details(read: Reader) -> None:
    data = json.loads(read.by_id("data").text)
    steps = [e for e in read.elements if "data-n" in e.attributes]
    for step in steps:
        told = [data["texts"][n] for n in data["rows"][int(step.attributes["data-n"])]]
        assert step.text.startswith(told[1][:40])
        assert told[0::2][:2] == ["", "kind"]
    assert len({e.attributes["data-n"] for e in steps}) == len(steps)


@pytest.mark.parametrize("name", BUNDLED)
def test_a_page_is_small_whole_and_asks_for_nothing(name: str) -> None:
    text, read = html(name), page(name)
    assert len(text.encode()) < 150_000
    assert read.wrong == []
    assert [e.tag for e in read.elements if "src" in e.attributes] == []
    links = [e.attributes["href"] for e in read.elements if "href" in e.attributes]
    assert [link for link in links if not link.startswith("#")] == ["data:,"]
    assert "@import" not in text
    assert "url(" not in text
    ids = [e.attributes["id"] for e in read.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    each_step_has_its_own_details(read)


def test_the_largest_page_is_small_in_its_longest_mode() -> None:
    assert len(html("video-swin-t", "train", "bf16", "h200").encode()) < 150_000


def test_the_test_of_whole_pages_can_fail() -> None:
    assert Reader("<p><b>x</p>").wrong == ["/p", "p", "b"]


@pytest.mark.parametrize("name", BUNDLED)
def test_what_boxes_cost_is_what_the_model_costs(name: str) -> None:
    cost = loaded(name).cost()
    amounts = Amounts(cost)
    figure = whole(cost.graph, Words(cost.graph, False))
    boxes = list(figure.boxes())
    assert sum(amounts.params(figure).values()) == cost.number(cost.graph.params)
    nodes = [node for box in boxes for node in box.nodes]
    assert len(nodes) == len(set(nodes))
    assert amounts.flops(nodes) == cost.flops
    train = loaded(name).cost("train")
    kept = next(each for each in train.quantities if each.name == "activations")
    assert sum(amounts.kept.values()) == kept.value


# Text: what the text output says


def test_the_cost_table_has_the_rows_and_formulas_of_the_text() -> None:
    cost = tfspec.cost("gpt2")
    read = page("gpt2")
    rows = [r.text for r in read.all("th") if r.within("table", "cost") and r.within("tbody")]
    said = [f"{r.label} × {r.count}" if r.count > 1 else r.label for r in cost.grouped("module")]
    assert [row.split(" ")[0] for row in rows] == [each.split(" ")[0] for each in said]
    words = read.by_id("costs").text
    for row in cost.grouped("module"):
        assert str(row.work.forward) in words or not row.work.forward.terms
    for each in cost.quantities:
        assert number(each) in words
        assert formula(each) in words
    for line in growths(cost):
        assert f"{line[0].upper()}{line[1:]}." in read.by_id("scale").text


def test_the_shape_table_has_the_rows_of_the_text() -> None:
    read = page("vit-b16")
    words = read.by_id("shapes").text
    flow = tfspec.shapes("vit-b16")
    assert all(row_label(row) in words for row in flow.rows)
    assert all(flow.graph.show(*row.shapes) in words for row in flow.rows)
    assert "1 × 12 × 197 × 197" in words


def test_the_spec_and_the_code_are_there_as_they_are() -> None:
    read = page("gpt2")
    spec, code = (["".join(e.texts) for e in read.all("pre")][at] for at in (0, 1))
    assert spec == (ROOT / "specs" / "gpt2.yaml").read_text()
    assert code == tfspec.emit("gpt2")
    far = page("gpt2", "forward", "bf16", "h200")
    assert "".join(far.all("pre")[1].texts) == tfspec.emit("gpt2", target="h200")


# The figure


def test_attention_unfolds_to_q_k_v_scores_and_softmax() -> None:
    read = page("gpt2")
    buttons = [e.text.split(" ")[0] for e in read.all("button") if e.within("details", "attention")]
    assert buttons == ["q", "k", "Scores", "Softmax", "v", "Mix", "join", "out"]
    cards = read.all("details", "card")
    assert [("open" in card.attributes, "× 12" in card.text) for card in cards] == [(True, True)]
    assert [("open" in m.attributes) for m in read.all("details", "mod")] == [False, False]


def test_a_repeated_block_is_there_once_and_streams_are_columns() -> None:
    read = page("transformer-base")
    draw = read.all("div", "draw")[0]
    columns = [
        e for e in read.all("div", "seq") if e.inside[-1] is draw
    ]  # fmt: skip
    assert [c.text.split(" ")[0] for c in columns] == ["source", "target"]
    cards = [card.text for card in read.all("details", "card")]
    assert [card.split(" ")[0] for card in cards] == ["Encode", "Decode"]
    links = list(read.all("a", "src"))
    assert {link.attributes["aria-label"] for link in links} == {"from memory"}
    assert {link.attributes["href"] for link in links} == {links[0].attributes["href"]}


def test_branches_stand_side_by_side() -> None:
    read = page("palm-540b")
    modules = [e for e in read.all("details", "mod") if e.within("div", "par")]
    assert [m.text.split(" ")[0] for m in modules] == ["Multi-query", "Gated"]


def test_a_step_tells_the_numbers_of_its_row() -> None:
    data = json.loads(page("gpt2").by_id("data").text)
    told = [[data["texts"][n] for n in row] for row in data["rows"]]
    layer = next(
        dict(zip(row[0::2], row[1::2], strict=True)) for row in told if row[1:2] == ["Layer"]
    )
    row = next(each for each in tfspec.cost("gpt2").rows if each.label == "Layer")
    assert layer["parameters"] == "85,054,464 (68.3%)"
    assert layer["FLOPs"] == "212.60 G (72.9%)"
    assert layer[""] == f"= {row.work.forward}"
    assert layer["repeated"] == "× 12"
    assert layer["output"] == "[B, T, d]"
    assert layer["sizes"] == "1 × 1,024 × 768"


# Charts


GRID = """
tfspec: 1
name: tiles
dims: {B: batch, H: multiple(8) <= 64, W: multiple(8) <= 64, d: 16}
inputs: {pixels: float B (3) H W}
blocks: {layer: {norm: {at: pre}, do: [{attend: {heads: 2}}, {ffn: {hidden: 64, act: gelu}}]}}
streams: {image: [pixels, {patch: {size: {H: 8, W: 8}, width: d}}, {stack: {of: layer, depth: 2}}]}
outputs: {y: image}
"""


def test_lengths_of_charts_are_such_as_the_spec_allows() -> None:
    """A grid that patches tile is asked for at no other size."""
    cost = of(GRID).cost()
    along = length(cost.graph)
    assert along is not None
    at = crossing(cost, along, *parts(Amounts(cost)))
    assert at is not None
    assert at % 8 == 0
    assert flops_chart(Amounts(cost), along) is not None


def test_the_crossing_is_where_the_text_has_it() -> None:
    for name in ("gpt2", "llama-3.1-405b"):
        cost = tfspec.cost(name)
        along = length(cost.graph)
        assert along is not None
        at = crossing(cost, along, *parts(Amounts(cost)))
        assert at == next(each.overtakes for each in growth(cost) if each.what == "length")
    assert "from 6,703 on" in page("gpt2").by_id("scale").text
    said = "Where S = T, attention overtakes all else from 4,031 on."
    assert said in page("t5-base").by_id("scale").text
    cost = loaded("t5-base").cost()
    both, along = parts(Amounts(cost)), length(cost.graph)
    assert along is not None
    for size, ahead in ((4030, False), (4031, True)):
        attention, rest = (along.at(cost, size).number(part) for part in both)
        assert (attention >= rest) == ahead


def test_memory_bars_are_the_costs_at_their_lengths() -> None:
    titles = [e.text for e in page("gpt2").all("title")]
    for length_ in (128, 1024):
        cost = tfspec.cost("gpt2", {"T": length_, "B": 1}, mode="train")
        for each in cost.sizes:
            assert f"{each.name}: {scaled(each.value, 'B')}" in titles
    cache = tfspec.cost("gpt2", {"T": 512, "B": 1}, mode="decode").cache
    assert cache is not None


def test_a_roofline_has_a_point_for_each_kind_of_work_that_computes() -> None:
    read = page("gpt2", "forward", "bf16", "h200")
    points = list(read.all("circle", "point"))
    assert len(points) == 4
    cost = tfspec.cost("gpt2", mode="forward", dtype="bf16", target="h200")
    assert cost.timing is not None
    done = [cost.timing.done(row.nodes, cost.values) for row in cost.grouped("kind")]
    assert sum(flops for flops, _ in done) == pytest.approx(cost.number(cost.timing.executed))
    assert sum(moved for _, moved in done) == pytest.approx(cost.number(cost.timing.traffic))
    for point in points:
        assert float(point.attributes["cx"]) > LINES.left
        assert LINES.top <= float(point.attributes["cy"]) <= LINES.bottom


def test_what_a_spec_has_not_is_one_plain_sentence() -> None:
    said = page("vit-b16").by_id("scale").text
    assert "There is no chart against length, for every length of this spec is fixed." in said
    assert "There are no bars of generation: vit-b16 reads no text, and cannot decode." in said
    assert "There is no roofline and no time, for no machine is named" in said
    assert "B = 128" in said
    decode = page("gpt2", "decode")
    assert "In mode decode nothing is kept for backward." in decode.by_id("figure").text
    assert [e for e in decode.elements if e.attributes.get("id") == "by-m"] == []
    mixed = tfspec.report("gpt2", dtype="mixed").html()
    assert "Activations under autocast have no formula" in mixed


def test_labels_of_charts_are_inside_and_axes_are_named() -> None:
    read = page("llama-3-8b", "forward", "bf16", "h200")
    texts = list(read.all("text"))
    assert {"FLOPs", "T, tokens", "bytes", "FLOPs a byte", "FLOP/s"} <= {e.text for e in texts}
    for each in texts:
        if "x" in each.attributes:
            assert 0 <= float(each.attributes["x"]) <= 420


def test_measured_efficiencies_are_told(tmp_path: Path) -> None:
    table = write(tmp_path, TABLE)
    how = {"dtype": "bf16", "target": "h200", "efficiency": table}
    measured = Reader(loaded("gpt2").report("decode", **how).html())
    assert "Calibrated by" in measured.by_id("costs").text
    assert "calibrated" in measured.all("dl", "facts")[0].text
    assert "roofline" in page("gpt2", "decode", "bf16", "h200").all("dl", "facts")[0].text


# The page as a document


def test_headings_lists_and_tables_say_what_they_are() -> None:
    read = page("gpt2")
    assert read.all("html")[0].attributes["lang"] == "en"
    assert read.all("title")[0].text == "gpt2"
    levels = [int(e.tag[1]) for e in read.elements if re.fullmatch(r"h[1-6]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert all(e.attributes.get("scope") in ("row", "col") for e in read.all("th"))
    assert all(e.attributes.get("aria-label") for e in read.all("svg"))


def test_jinja_is_imported_for_the_page_alone() -> None:
    files = list((ROOT / "tfspec").rglob("*.py"))
    assert importers("jinja2", files) == ["page.py"]
    assert imported("import tfspec; tfspec.load('gpt2').cost()", "jinja2", "torch") == set()
    assert "jinja2" in imported("import tfspec; tfspec.report('gpt2').html()", "jinja2", "torch")


def test_colours_are_those_of_figures() -> None:
    text = html("gpt2")
    for theme in ("light", "dark"):
        assert all(colour in text for colour in THEMES[theme].kinds.values())


def test_the_bytes_are_the_same_for_every_hash_seed() -> None:
    argv = ["report", "t5-base", "--dtype", "bf16", "--target", "h200"]
    pages = [
        subprocess.run(
            [sys.executable, "-m", "tfspec", *argv], cwd=ROOT, check=True, capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert pages[0] == pages[1]
    assert pages[0].decode().startswith("<!doctype html>")


def test_what_is_said_below_the_figure_is_one_sentence() -> None:
    """Its parts begin with names and symbols, which have their own capitals."""
    said = "parameters; read by masks: valid [B, T]; B = batch, "
    assert said in html("bert-base")


def test_a_value_from_elsewhere_goes_by_its_streams_name() -> None:
    """Whatever a quiet step made of it on its way: of images as tokens."""
    assert set(re.findall(r'aria-label="from ([^"]*)"', html("flamingo"))) == {"image"}


def test_bars_of_training_say_that_they_are_not_all_held_at_once() -> None:
    """Generation holds its weights and its cache all the time."""
    units = re.findall(r'class="mid name">(bytes[^<]*)<', html("gpt2"))
    assert units == ["bytes by kind, which are not all held at once", "bytes"]
