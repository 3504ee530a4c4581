"""The knobs `window` and `shift` of `attend`: exact tiles within which tokens attend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfspec.diagnostics import Label, Rule
from tfspec.graph.names import WINDOWS
from tfspec.graph.space import Axis
from tfspec.graph.window import Windows
from tfspec.layers.tiles import check_axes, cut_axes
from tfspec.symbolic import Dim
from tfspec.symbolic.claims import Proved

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.graph.tensor import Tensor
    from tfspec.layers.attend import Attend

NO_WINDOW = Rule(
    "TS241",
    "a shift without a window",
    "`shift` names an axis along which there is no `window`.",
    "What is shifted is the tiles: an axis that is attended whole has none.",
    "attend: {heads: 3, window: {H: 7}, shift: {H: 3, W: 3}}",
    "Give a window along that axis, or leave its shift out.",
)
LONG_SHIFT = Rule(
    "TS242",
    "a shift of a whole window",
    "A `shift` is as long as the window along its axis, or longer.",
    "Whole windows further on, the tiles are the same ones.",
    "attend: {heads: 3, window: {H: 7}, shift: {H: 7}}",
    "Give a shift from 0 to one less than the window; Swin takes half of it, `win // 2`.",
)

_UNSUITED = ("mask", "rope", "alibi")  # they read positions along all attended tokens


def read_windows(g: Builder, layer: Attend, x: Tensor, source: Tensor) -> Windows | None:
    """How an attention over x cuts it into windows; None where it does not."""
    shift = layer.shift or {}
    for name in shift:
        if name not in (layer.window or {}):
            message = f"axis {name} is shifted, and there is no window along it"
            place = layer.shift.span_of(name) if layer.shift else layer.name_span
            help = [f"add it to the window: `window: {{{name}: ...}}`"]
            raise g.refuse(NO_WINDOW, message, place, help=help)
    if layer.window is None:
        return None
    check_axes(g, x, layer.window)
    if len(x.space.parts) != 1:
        raise g.not_yet("a window on a value of several parts", layer.key_span("window"))
    if not x.space.batch:
        raise g.not_yet("a window on a value without batch axes", layer.key_span("window"))
    if source is not x:
        raise g.not_yet("a window on attention to another value", layer.key_span("window"))
    for knob in _UNSUITED:
        if getattr(layer, knob):
            raise g.not_yet(f"`{knob}` in windows", layer.key_span(knob))
    if layer.sinks:
        raise g.not_yet("`sinks` in windows", layer.key_span("sinks"))
    if layer.rel_bias is not None and layer.rel_bias.axes is None:
        raise g.not_yet("`rel_bias` in buckets in windows", layer.key_span("rel_bias"))
    axes = x.space.parts[0].axes
    tiles = cut_axes(g, x, axes, layer.window, "windows")
    for name, tile in tiles.items():
        g.fixed(tile, layer.window.span_of(name), "a window has one size")
    tile = tuple(tiles.get(axis.name, axis.size) for axis in axes)
    windows = Windows(x.space, tile, *_shifts(g, layer, axes, tiles, x))
    g.names.give(windows.count, WINDOWS)
    return windows


def _shifts(
    g: Builder, layer: Attend, axes: tuple[Axis, ...], tiles: dict[str, Dim], x: Tensor
) -> tuple[tuple[int, ...], bool]:
    """The shift along each axis, 0 where one window covers it; and whether the run must tell.

    Over ranges all are kept unless one window covers all of them: one class serves all stages.
    """
    steps = tuple(_shift(g, layer, axis, tiles, x) for axis in axes)
    covered = [g.same(a.size, tiles.get(a.name, a.size)) for a in axes]
    kept = tuple(0 if alone else step for step, alone in zip(steps, covered, strict=True))
    if not any(kept) or all(g.facts.value(axis.size) is not None for axis in axes):
        return kept, False
    shifted = (axis for axis, step in zip(axes, steps, strict=True) if step)
    return steps, not all(_is_larger(g, axis, tiles[axis.name]) for axis in shifted)


def _shift(g: Builder, layer: Attend, axis: Axis, tiles: dict[str, Dim], x: Tensor) -> int:
    """The shift along an axis as the spec has it."""
    if layer.shift is None or axis.name not in layer.shift:
        return 0
    expr, place = layer.shift[axis.name], layer.shift.span_of(axis.name)
    size = g.size(expr, x, least=0)
    step = g.facts.value(g.fixed(size, place, "a shift has one size"))
    tile = g.facts.value(tiles[axis.name])
    assert step is not None
    assert tile is not None
    if step >= tile:
        message = f"a window of {tile} along {axis.name} cannot be shifted by {step}"
        assert layer.window is not None
        came = [Label(layer.window.span_of(axis.name), f"the window is {tile} long")]
        raise g.refuse(LONG_SHIFT, message, place, came=came, help=[f"shift by 0 to {tile - 1}"])
    return step


def _is_larger(g: Builder, axis: Axis, tile: Dim) -> bool:
    """Whether the axis has more than one window for every allowed size."""
    return isinstance(g.facts.at_least(axis.size, tile + 1), Proved)


def described(g: Builder, windows: Windows) -> str:
    """What a reader of the module is told: ` in windows of 7 × 7, shifted by 3 × 3`."""
    sizes = [g.facts.value(tile) for tile in windows.tile]
    names = [axis.name for axis in windows.space.parts[0].axes]
    shown = (
        f"all {n}" if size is None else str(size) for n, size in zip(names, sizes, strict=True)
    )
    shifted = f", shifted by {' × '.join(map(str, windows.shift))}" if windows.shifted else ""
    return f" in windows of {' × '.join(shown)}{shifted}"
