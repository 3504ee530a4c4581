"""Lines find their way between all that stands: in no figure one crosses another, a box or a word,
but where it passes under it."""

from __future__ import annotations

from itertools import product
from pathlib import Path as File

import pytest

from tests.draw.figures import BUNDLED, loaded
from tests.draw.led import passes_under
from tests.draw.picture import picture, wrong
from tests.draw.test_layout import outline
from tfspec.passes.draw.broken import broken
from tfspec.passes.draw.crossings import any_cross, tangled
from tfspec.passes.draw.draw import Drawing
from tfspec.passes.draw.grid import ALONG, FLOW, Grid, Rail, Shade, Stop, Wall
from tfspec.passes.draw.measure import cells, points
from tfspec.passes.draw.opened import by_name
from tfspec.passes.draw.parts import Fan
from tfspec.passes.draw.shapes import BoxShape, CardShape, Layout, Path, Rect, Text

EXAMPLES = tuple(
    str(file)
    for file in sorted((File(__file__).parents[2] / "examples").glob("**/*.yaml"))
    if "streams:" in file.read_text()
)
AT_ONCE, DETR, MAE = (
    next(name for name in EXAMPLES if name.endswith(f"{stem}.yaml"))
    for stem in ("both-at-once", "detr", "mae")
)
WINDING = [
    ("mixtral-8x7b", "mlp"), ("deepseek-v3", "mlp"), ("dit-xl-2", "mlp"), ("dit-xl-2", "attention"),
    ("lxmert", "swap"), ("vilbert", "cross"), (AT_ONCE, "cross"), (DETR, "attention"),
    (MAE, "attention"),
]  # fmt: skip
"""What is drawn open where plain ways are not free."""


def said(drawing: Drawing) -> list[str]:
    """What is wrong with a figure, but that it is large."""
    found = [each for each in wrong(picture(drawing.svg())) if not each.endswith(" pt")]
    return [*found, "lines may cross"] if drawing.tangled else found


@pytest.mark.parametrize(("name", "what"), WINDING)
def test_lines_go_round_what_stands_in_their_way(name: str, what: str) -> None:
    for how in ({}, {"cost": "params", "direction": "down"}, {"width": "column"}):
        assert said(loaded(name).draw(what, **how)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [*BUNDLED, *EXAMPLES])
def test_lines_do_so_in_whatever_is_open(name: str) -> None:
    for what in by_name(loaded(name).semantics):
        for how in ({}, {"cost": "params", "direction": "down"}, {"width": "column"}):
            assert said(loaded(name).draw(what, **how)) == [], what


def way(
    start: Stop,
    goal: Stop,
    walls: list[Wall] | None = None,
    rails: list[Rail] | None = None,
    shades: list[Shade] | None = None,
) -> list[tuple[int, int]] | None:
    """On a grid of 0 to 100, every tenth."""
    every = range(0, 101, 10)
    return Grid((every, every), walls or [], rails or [], shades or [], bend=15).way(
        [start], [goal]
    )


ACROSS = Stop((0, 50), ALONG), Stop((100, 50), ALONG)


def test_a_way_is_short_and_has_few_corners() -> None:
    assert way(*ACROSS) == [(0, 50), (100, 50)]
    assert way(Stop((0, 0), ALONG), Stop((100, 100), FLOW)) == [(0, 0), (100, 0), (100, 100)]


def test_a_way_goes_round_a_wall_and_touches_none() -> None:
    wall = Wall((40, 30), (60, 90))
    assert way(*ACROSS, [wall]) == [(0, 50), (40, 50), (40, 30), (100, 30), (100, 50)]
    assert way(*ACROSS, [Wall((40, -9), (60, 109))]) is None


def test_a_way_crosses_a_line_where_that_is_cheaper_than_to_go_round_it() -> None:
    def line(price: int, start: int = 10, stop: int = 90) -> list[Rail]:
        return [Rail(FLOW, 55, start, stop, 5, 9, 7, price)]

    assert way(*ACROSS, rails=line(20)) == [(0, 50), (100, 50)]
    assert way(*ACROSS, rails=line(900)) == [(0, 50), (40, 50), (40, 0), (100, 0), (100, 50)]
    near_its_end = way(*ACROSS, rails=line(20, start=45))
    assert near_its_end == [(0, 50), (40, 50), (40, 40), (100, 40), (100, 50)]


def test_a_way_keeps_from_the_side_of_a_line_and_out_of_a_card() -> None:
    beside = Rail(ALONG, 48, 20, 80, 5, 9, 7, 900)
    assert way(*ACROSS, rails=[beside]) == [(0, 50), (10, 50), (10, 60), (100, 60), (100, 50)]
    card = Shade((15, 35), (85, 90), 2)
    assert way(*ACROSS, shades=[card]) == [(0, 50), (10, 50), (10, 30), (100, 30), (100, 50)]


WAY = Path(((0, 50), (100, 50), (100, 0)), "cross", arrow=True, tap=True)


def test_a_broken_line_passes_under_those_that_run_across_it() -> None:
    others = [(30, 30, 0, 99), (60, 60, 0, 99), (90, 120, 20, 20), (10, 10, 50, 99), (0, 9, 50, 50)]
    pieces = broken(WAY, others, points())
    assert [piece.points for piece in pieces] == [
        ((0, 50), (27, 50)), ((33, 50), (57, 50)), ((63, 50), (100, 50), (100, 23)),
        ((100, 17), (100, 0)),
    ]  # fmt: skip
    assert [(piece.tap, piece.arrow) for piece in pieces] == [
        (True, False), (False, False), (False, False), (False, True),
    ]  # fmt: skip
    assert broken(WAY, [], points()) == [WAY]


def test_under_lines_close_to_each_other_it_is_broken_once() -> None:
    close = [(30, 30, 0, 99), (35, 35, 0, 99)]
    first, last = broken(WAY, close, points())
    assert (first.points[-1], last.points[0]) == ((27, 50), (38, 50))
    first, last = broken(WAY, close[:1], cells())
    assert (first.points[-1], last.points[0]) == ((29, 50), (31, 50))


def layout(*paths: Path) -> Layout:
    box = BoxShape(Rect(0, 0, 40, 20), "Box", "Box", (), "other", "box")
    card = CardShape(Rect(60, 60, 90, 90), "Layer", 12, 1)
    return Layout(200, 200, [box], [card], list(paths), [Text(20, 40, "tokens", "name")])


@pytest.mark.parametrize(
    "ends",
    [((20, 10), (90, 10)), ((0, 40), (90, 40)), ((0, 70), (90, 70)), ((100, 70), (200, 70))],
    ids=["box", "name", "title", "count"],
)
def test_a_line_through_a_box_or_a_word_is_a_tangle(ends: tuple[tuple[int, int], ...]) -> None:
    free = Path(((40, 10), (55, 10), (55, 190), (200, 190)), "cross")
    assert not tangled(layout(free), points())
    assert tangled(layout(free, Path(ends, "cross")), points())
    assert tangled(layout(free, Path(((50, 100), (59, 100)), "trunk")), points())


@pytest.mark.parametrize("name", ["mixtral-8x7b", "deepseek-v3"])
def test_what_goes_on_from_within_a_branch_stands_beside_it(name: str) -> None:
    """On the side where no residual is; of two values that it begins with, one comes from below
    and the other to its side."""
    drawing = loaded(name).draw("mlp")
    (fan,) = (
        item
        for column in drawing.figure.columns
        for item in column.every
        if isinstance(item, Fan) and item.join and item.join.title == "Weighted sum"
    )
    scores, experts = map(outline, fan.branches)
    assert scores[:3] == ["...", "chosen scores", "sum to 1"]
    assert experts[-1] == "down"
    lines = [path for path in drawing.layout.paths if path.line == "cross"]
    assert all(path.tap and path.arrow for path in lines)  # none is broken
    assert len(lines) == 2


def test_a_fork_at_a_corner_is_where_three_lines_end() -> None:
    """None of them has a round corner there, that would leave the dot beside it."""
    paths = loaded("dit-xl-2").draw("mlp").layout.paths
    forks = [path.points[0] for path in paths if path.tap and path.line == "cross"]
    ends = {path.points[-1] for path in paths if not path.arrow and path.line == "cross"}
    (fork,) = ends.intersection(forks)
    assert sum(fork == path.points[0] for path in paths) == 2
    assert not any(fork in path.points[1:-1] for path in paths)


def test_lines_pass_under_others_in_a_terminal_too() -> None:
    lines = loaded(AT_ONCE).draw("cross").text().splitlines()
    assert any("──│─╮" in line for line in lines)


@pytest.mark.parametrize("name", ["lxmert", "vilbert"])
def test_where_lines_are_broken_they_would_cross(name: str) -> None:
    what = {"lxmert": "swap", "vilbert": "cross"}[name]
    paths = loaded(name).draw(what).layout.paths
    cross = [path for path in paths if path.line == "cross"]
    ends = [path.points[-1] for path in cross if not path.arrow]
    starts = [path.points[0] for path in cross if not path.tap]
    gaps = [pair for pair in product(ends, starts) if passes_under(*pair)]
    assert gaps
    assert not any_cross(paths)
    for gap in gaps:
        assert any_cross([*paths, Path(gap, "cross")])
