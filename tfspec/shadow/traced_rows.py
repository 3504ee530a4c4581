"""Softmax, the loss, dropout and attention in one kernel, as inductor takes them apart."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.shadow.dtypes import BOOL, FLOAT32, INT64, Dtype
from tfspec.shadow.joint import Joint, Step
from tfspec.shadow.strides import numel
from tfspec.shadow.tensor import Tensor
from tfspec.shadow.traced import cast_to, in_full, is_near


def exponentials(joint: Joint, x: Step, rows: int) -> tuple[Step, Step, Step]:
    """x less each row's largest, its exponentials, and their sum."""
    scaled = x.parents[0] if x.op == "to" else x
    shifted = _unscaled(joint, x, scaled, rows) if _has_factor(scaled) else _lowered(joint, x, rows)
    powers = joint.step("exp", (shifted,), x.elements, x.dtype)
    return shifted, powers, joint.step("sum", (powers,), rows, x.dtype)


def _lowered(joint: Joint, x: Step, rows: int) -> Step:
    top = joint.step("amax", (x,), rows, x.dtype)
    return joint.step("sub", (x, top), x.elements, x.dtype)


def _has_factor(x: Step) -> bool:
    """Whether it is a product with a number, or with a tensor of one, which comes first."""
    if x.op == "mul" and len(x.parents) == 2:
        return x.parents[0].elements == 1
    return x.op in ("mul", "div") and len(x.parents) == 1


def _unscaled(joint: Joint, x: Step, scaled: Step, rows: int) -> Step:
    """A factor taken out, in rows without infinite numbers: `mul_softmax_pattern`."""
    *factors, inner = scaled.parents
    sign, size = _sign_and_size(joint, factors, x.dtype)
    inner = cast_to(joint, inner, x.dtype)
    turned = joint.step("mul", (inner, *sign), x.elements, x.dtype, by="sign")
    apart = _lowered(joint, turned, rows)
    stable = joint.step(scaled.op, (apart, *size), x.elements, x.dtype, by="size")
    shifted = _lowered(joint, x, rows)
    near = joint.step("ne", (joint.step("abs", (x,), x.elements, x.dtype),), x.elements, BOOL)
    whole = joint.step("eq", (x, x), x.elements, BOOL)
    finite = joint.step("mul", (whole, near), x.elements, BOOL)
    endless = joint.step("logical_not", (finite,), x.elements, BOOL)
    some = joint.step("any", (endless,), rows, BOOL)
    none = joint.step("logical_not", (some,), rows, BOOL)
    return joint.step("where", (none, stable, shifted), x.elements, x.dtype)


def _sign_and_size(
    joint: Joint, factors: Sequence[Step], dtype: Dtype
) -> tuple[list[Step], list[Step]]:
    """Of a factor, which is 1 and the factor where that is a number, and no step."""
    if not factors:
        return [], []
    ones = [joint.step("full", (), 1, dtype, by=by) for by in ("1", "-1")]
    positive = joint.step("ge", factors, 1, BOOL)
    sign = joint.step("where", (positive, *ones), 1, dtype)
    return [sign], [joint.step("mul", (sign, *factors), 1, dtype)]


def softmax(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """`by` says whether rows in which all is hidden become 0."""
    x = in_full(joint, joint.of(of[0]))
    size, rows = x.elements, x.elements // out.shape[-1]
    _, powers, total = exponentials(joint, x, rows)
    result = cast_to(joint, joint.step("div", (powers, total), size, x.dtype), out.dtype)
    if not by:
        return result
    hidden = joint.step("eq", (joint.of(of[0]),), size, BOOL, by="-inf")
    seen = joint.step("logical_not", (hidden,), size, BOOL)
    some = joint.step("any", (seen,), rows, BOOL)
    none = joint.step("logical_not", (some,), rows, BOOL)
    zeros = joint.step("full", (), size, out.dtype, by=(0, out.shape))
    return joint.step("where", (none, zeros, result), size, out.dtype)


def softmax_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    is_near(in_full(joint, kept[0]))


def log_softmax(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    x = in_full(joint, joint.of(of[0]))
    rows = x.elements // out.shape[-1]
    shifted, _, total = exponentials(joint, x, rows)
    log = joint.step("log", (total,), rows, x.dtype)
    result = joint.step("sub", (shifted, log), x.elements, x.dtype)
    return cast_to(joint, result, out.dtype)


def log_softmax_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    full = in_full(joint, kept[0])
    is_near(joint.step("exp", (full,), full.elements, full.dtype))


def nll(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """The mean of what was meant, over labels that count."""
    scores, labels = (joint.of(x) for x in of)
    count = labels.elements
    real = joint.step("ne", (labels,), count, BOOL)
    zero = joint.step("full", (), 1, INT64, by="0")
    index = joint.step("where", (real, labels, zero), count, INT64)
    column = joint.step("Unsqueeze", (index,), count, INT64, "view")
    meant = joint.step("gather", (scores, column), count, scores.dtype)
    row = joint.step("Squeeze", (meant,), count, scores.dtype, "view")
    minus = joint.step("neg", (row,), count, scores.dtype)
    nothing = joint.step("full", (), 1, scores.dtype, by="0")
    counted = joint.step("where", (real, minus, nothing), count, scores.dtype)
    total = joint.step("sum", (counted,), 1, scores.dtype)
    result = joint.step("div", (total, weight_of(joint, real, scores.dtype)), 1, scores.dtype)
    joint.within[result] = (labels, result.parents[1], scores)
    return result


def weight_of(joint: Joint, real: Step, dtype: Dtype) -> Step:
    return cast_to(joint, joint.step("sum", (real,), 1, INT64), dtype)


def nll_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """Where each label is meant, which backward makes of the labels, or of what they make: as rows
    that are scattered into are told (`scatter_upon_const_tensor`), by comparing with a range."""
    labels, weight, scores = joint.within[outs[0]]
    count, size = labels.elements, scores.elements
    column = joint.step("Unsqueeze", (labels,), count, INT64, "view")
    real = joint.step("ne", (column,), count, BOOL)
    zero = joint.step("full", (), 1, INT64, by="0")
    index = joint.step("where", (real, column, zero), count, INT64)
    spread = joint.step("Expand", (index,), size, INT64, "view")
    places = joint.step("iota", (), size // count, INT64)
    same = joint.step("eq", (spread, places), size, BOOL)
    is_near(joint.step("where", (same,), size, scores.dtype, by="-1, 0"))
    is_near(real)
    is_near(weight)


def noise_of(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Booleans of random numbers: `replace_random_passes`."""
    seeds = joint.step("seeds", (), 1, INT64, "apart")
    seed = joint.step("seed", (seeds,), 1, INT64, "apart", by=len(joint.steps))
    random = joint.step("random", (seed,), numel(out.shape), FLOAT32, "apart")
    drawn = cast_to(joint, random, of[0].dtype)
    return joint.step(op, (drawn,), random.elements, BOOL)


def dropout(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """What stays, scaled. Of ones that is the noise (`constant_fold_uniform_value`)."""
    x, noise = (joint.of(each) for each in of)
    ones = x.op == "new_ones"
    left = cast_to(joint, noise, x.dtype) if ones else product_of(joint, noise, x)
    return joint.step(op, (left,), x.elements, x.dtype)


def product_of(joint: Joint, noise: Step, x: Step) -> Step:
    return joint.step("mul", (noise, x), x.elements, x.dtype)


def dropout_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    (noise,) = kept
    number = cast_to(joint, noise, outs[0].dtype)
    is_near(joint.step("mul", (number,), noise.elements, number.dtype))


def flash(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    whole = joint.once(op, numel(out.shape), out.dtype)
    whole.whole = True
    whole.parents = tuple([joint.of(x) for x in of])
    for parent in dict.fromkeys(whole.parents):
        parent.users.append(whole)
    return joint.item(whole, numel(out.shape), out.dtype, 0, own=True)


def beside_flash(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Another result of the same kernel."""
    whole = joint.of(of[0]).parents[0]
    found = joint.item(whole, numel(out.shape), out.dtype, len(whole.users), own=True)
    found.op = op
    return found
