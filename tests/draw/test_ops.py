"""Graphs of ops: a networkx graph at the places that Graphviz gives it, in our drawing."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from itertools import permutations
from pathlib import Path

import pytest

import tfspec
from tests.draw.figures import BUNDLED, loaded, of
from tests.draw.picture import Picture, picture, wrong
from tfspec.cli import main
from tfspec.passes.draw.by_dot import _Placed, place_by_dot
from tfspec.passes.draw.connected import connected
from tfspec.passes.draw.curves import crossings, go_through
from tfspec.passes.draw.graphviz import GraphvizError
from tfspec.passes.draw.measure import points
from tfspec.passes.draw.opened import by_name
from tfspec.passes.draw.parts import Box
from tfspec.passes.draw.shapes import Curve, Rect
from tfspec.passes.draw.wiring import wiring

HAS_DOT = shutil.which("dot") is not None
with_dot = pytest.mark.skipif(not HAS_DOT, reason="Graphviz is not installed")
FEW = ("gpt2", "llama-3-8b", "mixtral-8x7b", "swin-t", "t5-base", "palm-540b")
PLACES = [
    pytest.param(name, what, marks=[] if name in FEW else pytest.mark.slow)
    for name in BUNDLED
    for what in by_name(loaded(name).semantics)
]


def drawn(name: str, what: str, **how: str) -> Picture:
    return picture(loaded(name).draw(what, level="ops", **how).svg())


@with_dot
@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize(("name", "what"), PLACES)
def test_no_line_crosses_a_box_or_a_word(name: str, what: str, direction: str) -> None:
    """Whole blocks in all their ops may be too long for a page: nothing else is wrong."""
    found = wrong(drawn(name, what, direction=direction))
    assert [said for said in found if not said.endswith(" pt")] == []


@with_dot
@pytest.mark.parametrize("what", ["attention", "mlp"])
@pytest.mark.parametrize("name", ["gpt2", "llama-3-8b", "mixtral-8x7b", "transformer-base"])
def test_a_module_fits_a_page(name: str, what: str) -> None:
    for how in ({}, {"cost": "flops"}, {"theme": "dark"}):
        assert wrong(drawn(name, what, **how)) == []


@with_dot
def test_a_curve_through_a_box_is_seen() -> None:
    svg = loaded("mixtral-8x7b").draw("mlp", level="ops").svg()
    (box,) = [shape for shape in picture(svg).boxes if "gate" in _words(svg, shape.area)]
    middle = f"{box.area.left} {(box.area.top + box.area.bottom) / 2}"
    through = f'<path class="trunk" d="M0 0C{middle} {middle} {box.area.right} {box.area.bottom}"/>'
    assert any("crosses box" in said for said in wrong(picture(svg.replace("</g>\n</svg>", f"{through}\n</g>\n</svg>"))))  # fmt: skip


def _words(svg: str, area: object) -> list[str]:
    return [word.text for word in picture(svg).words if word.box == area]


@with_dot
def test_every_line_of_the_graph_is_drawn() -> None:
    for name, what in (("transformer-base", "decode"), ("mixtral-8x7b", "mlp"), ("flamingo", "*")):
        drawing = loaded(name).draw(what, level="ops")
        net, layout = connected(drawing.figure), drawing.layout
        lines = Counter(line for _, _, line in net.edges(data="line"))
        assert Counter(curve.line for curve in layout.curves) == lines


@with_dot
def test_operands_come_in_their_order() -> None:
    """Of scores q is at the left, and k at the right; of the mix the weights and v."""
    places = {box.title: box.rect for box in loaded("llama-3-8b").draw(level="ops").layout.boxes}
    assert places["q"].x < places["k"].x
    assert places["Scores"].x < places["v"].x


@with_dot
@pytest.mark.parametrize(("name", "what"), [("flamingo", "look"), ("siglip-base", "probe")])
def test_operands_come_in_their_order_where_one_is_of_another_value(name: str, what: str) -> None:
    """Lines end at a cross-attention's scores as their boxes stand: they do not cross before it."""
    layout = loaded(name).draw(what, level="ops").layout
    (scores,) = [box.rect for box in layout.boxes if box.title == "Scores"]
    ways = (curve.points for curve in layout.curves)
    met = [
        (way[0][0], way[-1][0])
        for way in ways
        if abs(way[-1][1] - scores.bottom) <= 1 and scores.x <= way[-1][0] <= scores.right
    ]
    assert len(met) == 2
    assert sorted(met) == sorted(met, key=lambda way: way[1])


@with_dot
@pytest.mark.parametrize(
    ("name", "what"), [("perceiver", "look"), ("transformer-base", "decode"), ("lxmert", "cross")]
)
def test_no_line_crosses_another_where_graphviz_has_such_an_answer(name: str, what: str) -> None:
    """The first answer of it to each of these has lines that cross."""
    drawing = loaded(name).draw(what, level="ops")
    first = _Placed(drawing.figure, points(spacing="tight"), {}).layout()
    assert crossings(first.curves) > 0
    assert crossings(drawing.layout.curves) == 0


def test_curves_that_go_through_each_other_are_counted() -> None:
    up = Curve(((0, 0), (0, 5), (0, 5), (0, 10), (0, 11)), "trunk")
    through = Curve(((-5, 5), (-1, 2), (1, 8), (5, 6), (6, 6)), "trunk")
    beside = Curve(((1, 0), (1, 5), (1, 5), (1, 10), (1, 11)), "trunk")
    parting = Curve(((0, 0), (-9, 5), (9, 5), (0, 9), (1, 9)), "trunk")
    assert crossings([up, through, beside]) == 2
    assert crossings([up, beside]) == 0
    assert crossings([up, parting]) == 0


CROSS = {
    "t5-base": ("decode", {("memory", "k 2"), ("memory", "v 2")}),
    "flamingo": ("look", {("image", "k"), ("image", "v")}),
    "deepseek-v3": ("attention", set[tuple[str, str]]()),
    "mixtral-8x7b": ("mlp", set[tuple[str, str]]()),
}


@pytest.mark.parametrize("name", CROSS)
def test_lines_from_other_columns_alone_are_cross_edges(name: str) -> None:
    """What a step makes may be read by several of its block: these lines are of the trunk."""
    what, crossing = CROSS[name]
    edges = connected(loaded(name).draw(what, level="ops").figure).edges(data="line")
    assert {(source, target) for source, target, line in edges if line == "cross"} == crossing


@with_dot
def test_shapes_are_said_once_for_each_value() -> None:
    shown = drawn("gpt2", "attention").texts("label")
    heads = ["[B, T, d]", "[B, h, T, k]", "[B, h, T, k]", "[B, h, T, T]", "[B, h, T, k]"]
    assert sorted(shown) == sorted([*heads, "[B, h, T, k]", "[B, T, d]"])


@with_dot
def test_the_answer_depends_on_no_font(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = loaded("mixtral-8x7b").draw("mlp", level="ops")
    monkeypatch.setenv("GDFONTPATH", "/nowhere")
    monkeypatch.setenv("FONTCONFIG_FILE", "/dev/null")
    again = place_by_dot(drawing.figure, points(spacing="tight"), {})
    assert again.boxes == drawing.layout.boxes
    assert again.curves == drawing.layout.curves


@with_dot
def test_an_svg_of_ops_is_told_in_words_and_keeps_its_theme() -> None:
    svg = tfspec.draw("mixtral-8x7b", None, "mlp", level="ops", theme="dark", cost="flops").svg()
    assert "<desc>x, then " in svg
    assert 'fill="#1A1A1A"' in svg
    assert picture(svg).texts("share")


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)


MISSING = """\
error[TS493]: ops that read each other across branches are laid out by Graphviz, and its program \
`dot` is not installed
  = help: apt install graphviz, brew install graphviz, or conda install graphviz
  = help: without it there are -o FILE.dot and .mmd, the terminal, and --level blocks
"""


@pytest.mark.usefixtures("no_dot")
@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_without_dot_a_picture_of_ops_is_refused(
    ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(f"a.{ending}")
    file.write_text("old")
    assert main(["draw", "mixtral-8x7b", "--level", "ops", "-o", str(file)]) == 2
    assert capsys.readouterr() == ("", MISSING)
    assert file.read_text() == "old"


@pytest.mark.usefixtures("no_dot")
def test_without_dot_everything_else_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["-o", "a.dot"], ["-o", "a.mmd"], []):
        assert main(["draw", "mixtral-8x7b", "--level", "ops", *argv]) == 0
    assert "weighted sum" in capsys.readouterr().out.lower()
    assert Path("a.dot").read_text().startswith('digraph "mixtral-8x7b: Layer" {')
    assert main(["draw", "mixtral-8x7b", "--open", "attention", "-o", "a.svg"]) == 0
    assert main(["draw", "gpt2", "--level", "ops", "-o", "a.svg"]) == 0


@pytest.mark.usefixtures("no_dot")
def test_without_dot_a_notebook_shows_text() -> None:
    drawing = tfspec.load("mixtral-8x7b").draw("mlp", level="ops")
    assert drawing._repr_svg_() is None
    assert drawing._repr_html_() is None
    assert "router" in repr(drawing)
    with pytest.raises(GraphvizError, match="`dot` is not installed"):
        drawing.save("a.svg")
    assert not Path("a.svg").exists()


FAILED = """\
error[TS493]: ops that read each other across branches are laid out by Graphviz, and its program \
`dot` failed: {}
  = help: without it there are -o FILE.dot and .mmd, the terminal, and --level blocks
"""


def test_a_dot_that_fails_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = tmp_path / "dot"
    fake.write_text(
        "#!/bin/sh\ncat > /dev/null\necho 'Format: \"json0\" not recognized.' >&2\nexit 1\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert main(["draw", "mixtral-8x7b", "--level", "ops", "-o", str(tmp_path / "a.svg")]) == 2
    assert capsys.readouterr().err == FAILED.format('Format: "json0" not recognized.')


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 0", "it gave no JSON"),
        ("cat > /dev/null\necho '{}'", "its JSON has no `bb`"),
        ("exec 0<&-\nexit 3", "it ended with exit status 3"),
    ],
)
def test_a_dot_that_does_not_answer_is_no_crash(
    script: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """An executable of that name that is not Graphviz, or one that reads nothing and ends."""
    fake = tmp_path / "dot"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert main(["draw", "mixtral-8x7b", "--level", "ops", "-o", str(tmp_path / "a.svg")]) == 2
    assert capsys.readouterr().err == FAILED.format(said)


@with_dot
def test_dot_agrees_about_the_boxes() -> None:
    """Our boxes are where `dot` has its own: read from its answer by other means than ours."""
    drawing = loaded("mixtral-8x7b").draw("mlp", level="ops", direction="down")
    asked = _Placed(drawing.figure, points(up=False, spacing="tight"), {}).question()
    done = subprocess.run(["dot", "-Tjson0"], input=asked, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    nodes = {n["name"]: n["pos"] for n in json.loads(done.stdout)["objects"] if "pos" in n}
    assert len(nodes) == len(connected(drawing.figure))
    ys = {name: float(pos.split(",")[1]) for name, pos in nodes.items()}
    tops = [
        -ys[f"n{at}"] for at, s in enumerate(wiring(drawing.figure).stops) if isinstance(s, Box)
    ]
    rows = [box.rect.y for box in drawing.layout.boxes]
    below = [(a, b) for a, b in permutations(range(len(tops)), 2) if tops[b] - tops[a] > 20]
    assert len(below) > 40
    assert all(rows[a] < rows[b] for a, b in below)


def test_a_curve_in_an_area_is_seen_but_not_one_that_ends_at_it() -> None:
    way = Curve(((0, 0), (0, 5), (0, 15), (0, 20), (0, 21)), "trunk")
    assert go_through([way], [Rect(-5, 8, 10, 8)])
    assert not go_through([way], [Rect(-5, 20, 10, 8), Rect(3, 8, 10, 8)])


TWO_TO_ONE = """
tfspec: 1
name: least
dims: {B: batch, N: 5, d: 8}
inputs: {device: float (d) B N}
blocks:
  layer:
    norm: {at: pre}
    do:
      - attend: {heads: 1, to: [device, {linear: d}], pos: {query: device, key: {scale: 0.5}}}
    residual: none
streams: {out: [device, {linear: d}, layer]}
outputs: {y: out}
"""


def test_two_lines_to_a_sign_of_one_cell_both_end_at_it() -> None:
    text = of(TWO_TO_ONE).draw(level="ops").text()
    assert "▶⊕◀" in text
