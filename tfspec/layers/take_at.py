"""`take` by an ids input: the tokens at positions that change from call to call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tfspec.construct.rules import KINDS, WRONG_KIND
from tfspec.construct.stop import Stop
from tfspec.diagnostics import Label
from tfspec.graph.space import Axis, Part
from tfspec.ops.batch import joint
from tfspec.ops.found import TakeAt
from tfspec.spec.pipeline import Ref

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.diagnostics import Span
    from tfspec.graph.tensor import Tensor


def at_positions(g: Builder, x: Tensor, name: str, place: Span) -> Tensor:
    """The tokens of x at the positions in the input of this name, over its axes.

    `[..., N, width], [..., n] -> [..., n, width]`
    """
    step = f"`take: {name}`"
    positions = g.source(Ref(name, place))
    if positions.unknown:
        raise Stop
    if positions.kind != "ids":
        message = f"{step} reads positions, and `{name}` is {KINDS[positions.kind]}"
        came = [Label(g.spec.inputs[name].span, "the input")]
        help = [f"declare `{name}` as ids of the tokens: `ids({x.space.length.ascii()}) ...`"]
        raise g.refuse(WRONG_KIND, message, place, came=came, help=help)
    _check_fit(g, x, positions, step, place)
    if positions.vocabulary is None:  # reported where the input is declared
        raise Stop
    g.positions(positions.vocabulary, x.space.length, place, name)
    (part,) = positions.space.parts
    batch = joint(x, positions)
    assert batch is not None, "it was checked"
    space = replace(x.space, batch=batch, parts=(Part(name, part.axes),))
    return TakeAt(g.tokens(space), name)(x, g.rows(positions))


def _check_fit(g: Builder, x: Tensor, positions: Tensor, step: str, place: Span) -> None:
    g.one_width(x, step, place)
    if x.space.single:
        raise g.not_yet(f"{step} of a single token", place, ["leave it out: there is one token"])
    own, (part,) = positions.space.batch, positions.space.parts
    if joint(x, positions) is None:
        ours, theirs = (_names(batch) for batch in (x.space.batch, own))
        what = f"{step} of a value over {ours} by positions over {theirs}"
        raise g.not_yet(what, place, ["declare one of them over all of these, in the same order"])
    if positions.axes != (*own, *part.axes):
        help = [f"declare its axes as `{_names((*own, *part.axes))}`"]
        raise g.not_yet(f"{step} with a batch axis behind others", place, help)


def _names(axes: Sequence[Axis]) -> str:
    return " ".join(axis.name for axis in axes)
