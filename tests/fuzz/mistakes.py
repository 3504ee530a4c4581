"""Mistakes made on purpose in how the compiler places tokens: rotations, biases, masks, tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tfspec.ops import alibi, buckets, merge, rel_bias, rotary, router, windows
from tfspec.program import experts, predicates
from tfspec.program import expr as ex
from tfspec.program import rotary as rotations
from tfspec.program.saves import NO_GRADIENT

Patch = pytest.MonkeyPatch


def other_pairs(patch: Patch) -> None:
    """Halves where neighbours should turn together, and the other way round."""
    lower = rotary.Rotate.lower
    patch.setattr(rotary.Rotate, "lower", lambda self, low, node, *x: lower(
        replace(self, interleaved=not self.interleaved), low, node, *x))  # fmt: skip


def other_turn(patch: Patch) -> None:
    patch.setattr(rotations, "ROTATE", rotations.ROTATE.replace("x.dtype)", "x.dtype) * 0.9"))


def axes_the_other_way(patch: Patch) -> None:
    lower = rotary.Rotate.lower
    patch.setattr(rotary.Rotate, "lower", lambda self, low, node, *x: lower(
        replace(self, axes=self.axes[::-1]), low, node, *x))  # fmt: skip


def unscaled_rotations(patch: Patch) -> None:
    lower = rotary.RotaryTable.lower
    patch.setattr(rotary.RotaryTable, "lower",
                  lambda self, low: lower(replace(self, scaling=None, settings=()), low))  # fmt: skip


def steeper_slopes(patch: Patch) -> None:
    patch.setattr(alibi, "SLOPES", alibi.SLOPES.replace("(1, heads + 1)", "(heads)"))


def slopes_in_order(patch: Patch) -> None:
    """Those between powers of two, without leaving out any."""
    made = alibi.UNEVEN_SLOPES.replace("(1, 2 * (heads - power), 2)", "(1, 1 + heads - power)")
    patch.setattr(alibi, "UNEVEN_SLOPES", made)


def flipped_table(patch: Patch) -> None:
    """Key minus query."""
    source = rel_bias.source
    patch.setattr(
        rel_bias, "source", lambda seen: source(seen).replace(".unfold(1", ".flip(1).unfold(1")
    )


def buckets_of_one_direction(patch: Patch) -> None:
    lower = buckets.BucketBias.lower
    patch.setattr(buckets.BucketBias, "lower", lambda self, low, node, *x: lower(
        replace(self, both=not self.both), low, node, *x))  # fmt: skip


def comparison_off_by_one(patch: Patch) -> None:
    """`<` for `<=`, in masks of coordinates."""
    compare = predicates.Asked._compare
    near = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
    patch.setattr(predicates.Asked, "_compare", lambda self, sign, a, b: compare(
        self, near.get(sign, sign), a, b))  # fmt: skip


def wrong_members(patch: Patch) -> None:
    """The part is where it is not."""
    member = predicates.Asked._member
    patch.setattr(predicates.Asked, "_member", lambda self, tree: ~member(self, tree))


def merged_the_other_way(patch: Patch) -> None:
    """The first axis fastest."""
    for made in (merge.Merge, merge.Split):
        _reversed(patch, made)


def _reversed(patch: Patch, made: Any) -> None:
    lower = made.lower
    patch.setattr(made, "lower", lambda self, low, node, *x: lower(
        replace(self, order=self.order[::-1], sizes=self.sizes[::-1]), low, node, *x))  # fmt: skip


def next_layers_rate(patch: Patch) -> None:
    from tfspec.program import rates

    rate = rates.number
    patch.setattr(rates, "number", lambda value, role: rate(value, role)
                  if isinstance(value, float | int) else ex.Number(0.7, role))  # fmt: skip


def rolled_the_other_way(patch: Patch) -> None:
    made = windows.helpers.to_windows
    patch.setattr(windows.helpers, "to_windows", lambda *x, **y: made(*x, **y).replace(
        "[-step for step in shift]", "[+step for step in shift]"))  # fmt: skip


def open_seams(patch: Patch) -> None:
    """Tokens that the roll brought together see each other."""
    seam = windows.seam_mask

    def hidden_nothing(*args: Any) -> Any:
        mask = seam(*args)
        return mask | ~mask

    patch.setattr(windows, "seam_mask", hidden_nothing)


def the_worst_experts(patch: Patch) -> None:
    """Only the reference can tell."""
    lower = router.TopExperts.lower
    patch.setattr(router.TopExperts, "lower", lambda self, low, node, x: lower(
        self, low, node, x.pointwise(ex.Unary("-", x.ref), NO_GRADIENT)))  # fmt: skip


def rows_of_other_tokens(patch: Patch) -> None:
    """Results stay in the order of experts."""
    unsort = experts.unsort
    patch.setattr(experts, "unsort", lambda low, rows, chosen: unsort(
        low, rows.gather_rows(experts.order(low, chosen)), chosen))  # fmt: skip


MISTAKES: dict[Callable[[Patch], None], str] = {
    other_pairs: "rope",
    other_turn: "rope",
    axes_the_other_way: "rope",
    unscaled_rotations: "scaling",
    steeper_slopes: "alibi",
    slopes_in_order: "alibi",
    flipped_table: "rel_bias",
    buckets_of_one_direction: "buckets",
    comparison_off_by_one: "mask",
    wrong_members: "mask",
    merged_the_other_way: "merge",
    next_layers_rate: "drop_path",
    rolled_the_other_way: "window",
    open_seams: "window",
    the_worst_experts: "experts",
    rows_of_other_tokens: "experts",
}
"""With a word of specs that may show it: they are tried first."""
