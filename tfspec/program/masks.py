"""Masks as tensors and kernel options: what a predicate becomes on a target, in a mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from tfspec.diagnostics import Label
from tfspec.graph.mask import Mask
from tfspec.program import expr as ex
from tfspec.program.method import origin
from tfspec.program.refusal import NotYet
from tfspec.program.value import Value
from tfspec.spec.predicate import And, Causal, Condition, Flag, Not, Or, Within
from tfspec.spec.wrong import NOWHERE
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering

FLAGS = '''def flags(given, *shape, device):
    """The flags as given; all true where there are none."""
    if given is None:
        return torch.ones(shape, dtype=torch.bool, device=device)
    return given
'''


@dataclass(frozen=True)
class Plan:
    """What a kernel is told: a mask tensor or none, and keywords."""

    mask: Value | None = None
    options: tuple[tuple[str, ex.Expr], ...] = ()


def for_kernel(
    low: Lowering, mask: Mask | None, q: Value, k: Value, flags: Sequence[Value],
    bias: Value | None = None,
) -> Plan:  # fmt: skip
    """Fused attention's mask. Causal alone is an option: a tensor would switch flash off."""
    if bias is not None:
        return Plan(with_bias(low, mask, q, k, flags, bias))
    if mask is None:
        return Plan()
    if mask.exactly_causal:
        return _causal(low, q, k)
    if mask.key_flag is not None:
        return Plan(_given_or_none(low, flags[0]))
    return Plan(tensor(low, mask, q.shape[-2], k.shape[-2], flags))


def _causal(low: Lowering, q: Value, k: Value) -> Plan:
    """With a cache, decoding masks the slots that are not written yet; a prompt stays causal."""
    if "decode" not in low.modes:
        return Plan(options=(("is_causal", ex.TRUE),))
    n, m = q.shape[-2], k.shape[-2]
    if low.mode == "decode":
        value = tensor(low, Mask(Causal(NOWHERE)), n, m, ())
    else:
        value = low.extra("mask", (n, m), "bool", absent=True)
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
    given = {flag: origin(value) for flag, value in zip(mask.flags, flags, strict=True)}

    def build() -> Value:
        return _value(low, mask.tree, n, m, given)

    return low.hoist(("mask", mask, n, m, tuple(given.values())), "mask", build)


def _value(low: Lowering, tree: Condition, n: Dim, m: Dim, given: dict[Flag, Value]) -> Value:
    match tree:
        case And(parts):
            return reduce(lambda a, b: a & b, (_value(low, part, n, m, given) for part in parts))
        case Or(parts):
            return reduce(lambda a, b: a | b, (_value(low, part, n, m, given) for part in parts))
        case Not(part):
            return ~_value(low, part, n, m, given)
        case Causal():
            rows, columns = indices(low, n, m)
            return columns.compare("<=", rows)
        case Within(size):
            rows, columns = indices(low, n, m)
            limit = low.number(size.dim(low.graph.dims), "window")
            return (rows - columns).absolute().compare("<", limit)
        case Flag(side):
            if low.mode == "decode" and given[tree].shape[-1] == n:
                message = f"`{tree}` in a mask is not supported yet with a cache"
                raise NotYet.of(message, Label(tree.span))
            batch = "b" * (len(given[tree].shape) - 1)
            return _flags(low, given[tree]).new_axes(batch + ("11k" if side == "key" else "1k1"))
        case _:
            raise AssertionError(f"the graph lets no {type(tree).__name__} through")


def _flags(low: Lowering, given: Value) -> Value:
    """A bool input that may be left out, as a tensor."""

    def build() -> Value:
        function = low.helper("flags", FLAGS)
        sizes = tuple(ex.Length(dim) for dim in given.shape)
        call = ex.Call(function, (given.ref, *sizes), (("device", low.device()),))
        return given.view(call, given.shape, given.strides)

    return low.hoist(("flags", given), given.hint or "flags", build)


def indices(low: Lowering, n: Dim, m: Dim) -> tuple[Value, Value]:
    """The index of every query [N, 1] and every key [M] among the attended tokens."""
    if low.mode == "decode":
        return low.position().new_axes("k1"), low.slots_range()
    return low.range(n).new_axes("k1"), low.range(m)


def offsets(low: Lowering, n: Dim, m: Dim) -> Value:
    """How far each key stands behind its query, or before it (below 0), in tokens: [N, M]."""

    def build() -> Value:
        rows, columns = indices(low, n, m)
        return columns - rows

    return low.hoist(("offsets", n, m), "offsets", build)
