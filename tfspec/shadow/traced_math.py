"""Activations, norms and powers, as inductor takes them apart, and what their backward reads."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.shadow.dtypes import BOOL, FLOAT32
from tfspec.shadow.joint import Joint, Step
from tfspec.shadow.strides import numel
from tfspec.shadow.tensor import Tensor
from tfspec.shadow.traced import cast_to, chain, in_full, is_near


def activated(
    joint: Joint, out: Tensor, of: Sequence[Tensor], share: Sequence[str], half: Sequence[str]
) -> Step:
    """x, or its half, times a share of it, in fp32."""
    full = in_full(joint, joint.of(of[0]))
    part, whole = chain(joint, share, full, full), chain(joint, half, full, full)
    result = joint.step("mul", (whole, part), full.elements, full.dtype)
    last = cast_to(joint, result, out.dtype)
    joint.within[last] = (full, part)
    return last


def gelu(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """x / 2 · (1 + erf(x / √2)), or with tanh of a polynomial of x."""
    smooth = ("mul", "mul", "mul", "add", "mul", "tanh", "add")
    return activated(joint, out, of, smooth if by == "tanh" else ("mul", "erf", "add"), ("half",))


def silu(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """x / (1 + exp(-x))"""
    return activated(joint, out, of, ("neg", "exp", "add"), ())


def gelu_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    full, share = joint.within[outs[0]]
    is_near(joint.step("gelu_slope", (full, share), full.elements, full.dtype))


def silu_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    full, _ = joint.within[outs[0]]
    share = joint.step("sigmoid", (full,), full.elements, full.dtype)
    is_near(share)
    is_near(joint.step("silu_slope", (full, share), full.elements, full.dtype))


def slope(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """Of the result alone: 1 - y²."""
    is_near(joint.step("slope", kept, kept[0].elements, kept[0].dtype))


def relu_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    is_near(joint.step("le", kept, kept[0].elements, BOOL))


def abs_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    is_near(joint.step("sgn", kept, kept[0].elements, kept[0].dtype))


def layer_norm(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """(x - mean) · rstd, times a weight, plus a bias: all in fp32."""
    x = joint.of(of[0])
    if not of[0].contiguous_now:
        x = joint.step("clone", (x,), x.elements, x.dtype)
    x = in_full(joint, x)
    rows = numel(out.shape) // out.shape[-1]
    average, spread = moments(joint, x, rows)
    apart = joint.step("sub", (x, average), x.elements, FLOAT32)
    result = normal = joint.step("mul", (apart, spread), x.elements, FLOAT32)
    for name, weight in zip(("mul", "add"), of[1:], strict=False):
        result = joint.step(name, (result, joint.of(weight)), x.elements, FLOAT32)
    result = cast_to(joint, result, out.dtype)
    joint.within[result] = (normal, average, spread)
    return result


def moments(joint: Joint, x: Step, rows: int) -> tuple[Step, Step]:
    """Mean and 1 / deviation of each row."""
    whole = joint.step("var_mean", (x,), 2 * rows, FLOAT32)
    whole.whole = True
    variance, average = (joint.item(whole, rows, FLOAT32, at, own=True) for at in (0, 1))
    shifted = joint.step("add", (variance,), rows, FLOAT32)
    return average, joint.step("rsqrt", (shifted,), rows, FLOAT32)


def moment(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """The statistics are known of `layer_norm`; they stay at the dtype of the eager op."""
    return joint.step(op, (), numel(out.shape), out.dtype)


def layer_norm_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    spread = _normalized_again(joint, kept, outs)
    is_near(joint.step("div", (spread,), spread.elements, spread.dtype))


def layer_norm_weight_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """Gradients of its weights alone."""
    _normalized_again(joint, kept, outs)


def _normalized_again(joint: Joint, kept: list[Step], outs: list[Step]) -> Step:
    """It makes its normalized rows again, of statistics at the dtype that the eager op has them."""
    normal, average, spread = joint.within[outs[0]]
    stat = kept[-1].dtype
    x = in_full(joint, kept[0])
    if stat is not FLOAT32 or x is not normal.parents[0].parents[0]:
        average, spread = cast_to(joint, average, stat), cast_to(joint, spread, stat)
        apart = joint.step("sub", (x, average), x.elements, FLOAT32)
        normal = joint.step("mul", (apart, spread), x.elements, FLOAT32)
    is_near(normal)
    return spread


def pow_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """2 · x"""
    (x,) = kept
    power = joint.step("pow", (x,), x.elements, x.dtype, by=1)
    is_near(joint.step("mul", (power,), x.elements, x.dtype, by=2))


def rsqrt_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    (y,) = kept
    is_near(joint.step("pow", (y,), y.elements, y.dtype, by=3))
