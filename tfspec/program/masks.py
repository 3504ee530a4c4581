"""Masks as tensors and kernel options: what a predicate becomes on a target, in a mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfspec.graph.mask import Mask
from tfspec.graph.mask_tree import Causal
from tfspec.graph.space import Space
from tfspec.program import expr as ex
from tfspec.program.method import origin
from tfspec.program.predicates import Asked
from tfspec.program.value import Value
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering


@dataclass(frozen=True)
class Plan:
    """What a kernel is told: a mask tensor or none, and keywords."""

    mask: Value | None = None
    options: tuple[tuple[str, ex.Expr], ...] = ()


def for_kernel(
    low: Lowering, mask: Mask | None, q: Value, k: Value, flags: Sequence[Value],
    bias: Value | None = None, *, one_body: bool = True,
) -> Plan:  # fmt: skip
    """Fused attention's mask. Causal alone is an option: a tensor would switch flash off.

    `one_body`: with a cache, prompts and decoding run the same lines.
    """
    if bias is not None:
        return Plan(with_bias(low, mask, q, k, flags, bias))
    if mask is None:
        return Plan()
    if mask.exactly_causal:
        return _causal(low, q, k, one_body)
    if mask.key_flag is not None:
        return Plan(_given_or_none(low, flags[0]))
    return Plan(tensor(low, mask, q.shape[-2], k.shape[-2], flags))


def _causal(low: Lowering, q: Value, k: Value, one_body: bool) -> Plan:
    """With a cache, decoding masks the slots that are not written yet; a prompt stays causal."""
    n, m = q.shape[-2], k.shape[-2]
    if low.mode == "decode":
        value = tensor(low, Mask(Causal()), n, m, ())
        if not one_body:
            return Plan(value)
    elif one_body and "decode" in low.modes:
        value = low.extra("mask", (n, m), "bool", absent=True)
    else:
        return Plan(options=(("is_causal", ex.TRUE),))
    return Plan(value, (("is_causal", ex.Binary("is", value.ref, ex.NONE)),))


def _given_or_none(low: Lowering, flag: Value) -> Value:
    """[B, M] as [B, 1, 1, M], or no mask at all when the flags are left out."""
    given = origin(flag)

    def build() -> Value:
        test = ex.Binary("is", given.ref, ex.NONE)
        value = given.new_axes("b" * (len(given.shape) - 1) + "11k", unless=test)
        value.optional = True
        return value

    return low.hoist(("flag mask", given), "mask", build)


def with_bias(
    low: Lowering, mask: Mask | None, q: Value, k: Value, flags: Sequence[Value], bias: Value
) -> Value:
    """What is added to scores: the bias [h, N, M], and -inf where the mask hides: [..., h, N, M].

    Where the bias is made at the root, once for several attentions, the sum is made there too.
    """
    made = origin(bias)
    hoisted = made.method is low.top
    with low.inside(low.top if hoisted else low.method):
        shown = tensor(low, mask, q.shape[-2], k.shape[-2], flags) if mask else None

    def build() -> Value:
        scores = (made if hoisted else bias).lead(len(q.shape) - 3)
        if shown is None:
            return scores
        return scores.masked_fill(~shown, ex.Name('float("-inf")')).named("scores")

    key = ("scores", made, shown and origin(shown), len(q.shape))
    return low.hoist(key, "scores", build) if hoisted else build()


def tensor(low: Lowering, mask: Mask, n: Dim, m: Dim, flags: Sequence[Value]) -> Value:
    """The mask as booleans that broadcast to [B, h, N, M], made once a forward."""
    given = {given: origin(value) for given, value in zip(mask.flags, flags, strict=True)}

    def build() -> Value:
        query, key = indices(low, n, m)
        value = Asked(low, query, key, given).visible(mask.tree)
        return value if len(value.shape) > 1 else value.new_axes("1k")

    return low.hoist(("mask", mask, n, m, tuple(given.values())), "mask", build)


def indices(low: Lowering, n: Dim, m: Dim) -> tuple[Value, Value]:
    """The index of every query [N] and every key [M] among the attended tokens."""
    if low.mode != "decode":
        return low.range(n), low.range(m)
    kept = low.graph.slots_name in m.symbols  # those of a memory are as many as it has
    return low.positions(n), low.slots_range(m) if kept else low.range(m)


def offsets(low: Lowering, space: Space) -> Value:
    """How far each key stands behind its query, or before it (below 0), among the tokens of a
    space, which are both: [N, N], or [N, S] over the slots of a cache."""
    lengths = [low.length(part) for part in space.parts]
    every, new = sum(lengths, Dim.of(0)), lengths[-1]

    def build() -> Value:
        before = low.graph.before(space)
        query, key = low.range(every), low.range(every)
        if low.mode == "decode":
            query, key = low.positions(new, before), low.slots_range(low.slots_of(new, before))
        return key - query.new_axes("k1")

    return low.hoist(("offsets", every), "offsets", build)
