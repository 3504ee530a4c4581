"""What inductor's decompositions make of ops, and what the backward of each reads.

Source: torch 2.13, `torch/_decomp/decompositions.py`, `torch/_inductor/decomposition.py` and
`torch/_inductor/fx_passes/joint_graph.py`. Chains of one size that only their end is read of are
shorter here: no cut goes through them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from tfspec.shadow.dtypes import BOOL, FLOAT32, INT64, Dtype
from tfspec.shadow.joint import Joint, Step
from tfspec.shadow.strides import numel
from tfspec.shadow.tensor import Tensor

Numbers = tuple[object, ...]
Forward = Callable[[Joint, str, Tensor, Sequence[Tensor], object], Step]
Backward = Callable[[Joint, list[Step], list[Step]], None]


def plain(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """One op that fuses with what is beside it."""
    parents = [joint.of(x) for x in of]
    return joint.step(op, parents, numel(out.shape), out.dtype, by=(by, out.shape))


def _cast(joint: Joint, x: Step, dtype: Dtype) -> Step:
    return x if x.dtype is dtype else joint.step("to", (x,), x.elements, dtype)


def _full(joint: Joint, x: Step) -> Step:
    """In fp32 at least."""
    return _cast(joint, x, FLOAT32) if x.dtype.size == 2 else x


def _of_lists(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    parents = [joint.of(x) for x in of]
    return joint.step(op, parents, numel(out.shape), out.dtype, "joins", by, sized=0)


def _apart(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """A kernel of its own."""
    parents = [joint.of(x) for x in of]
    return joint.step(op, parents, numel(out.shape), out.dtype, "apart", (by, out.shape))


def _bmm(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Products of a column with a row are products of elements (`decomposition.bmm`), also those
    that backward makes where there is one column: they read the second operand one by one."""
    if of[0].shape[2] != 1:
        result = _apart(joint, op, out, of, by)
        joint.within[result] = (joint.of(of[1]),) if out.shape[2] == 1 else ()
        return result
    parents = [_full(joint, joint.of(x)) for x in of]
    result = joint.step("mul", parents, numel(out.shape), parents[0].dtype, by=out.shape)
    last = _cast(joint, result, out.dtype)
    joint.within[last] = ()
    return last


def _bmm_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    near = joint.within[outs[0]]
    read_near(joint, [step for step in kept if step in near], outs)
    _read_far(joint, [step for step in kept if step not in near], outs)


def _filled(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Of another's dtype, and of none of its numbers."""
    return joint.step(op, (), numel(out.shape), out.dtype, by=(by, out.shape))


def _stack(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Each with an axis more, joined, and seen in its shape."""
    parts = [joint.step("Unsqueeze", (x := joint.of(t),), x.elements, x.dtype, "view") for t in of]
    for part in parts:
        part.base = part.parents[0].base
    joined = joint.step("cat", parts, numel(out.shape), out.dtype, "joins", by, sized=0)
    seen = joint.step("View", (joined,), joined.elements, out.dtype, "view", out.shape)
    seen.base = joined
    return seen


def _index(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    parents = [joint.of(x) for x in of]
    return joint.step(op, parents, numel(out.shape), out.dtype, "fused", out.shape, sized=1)


def _masked(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """A choice between x and a number, which all choices of it share."""
    x, mask = (joint.of(each) for each in of)
    number = joint.step("full", (), 1, out.dtype, by=repr(by))
    return joint.step("where", (mask, number, x), numel(out.shape), out.dtype, by=out.shape)


def _where(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """A choice between tensors or numbers."""
    given = cast(Numbers, by or ())
    numbers = [joint.step("full", (), 1, out.dtype, by=repr(each)) for each in given]
    parents = [*(joint.of(each) for each in of), *numbers]
    return joint.step("where", parents, numel(out.shape), out.dtype, by=out.shape)


def _scalar(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    return joint.step("full", (), 1, out.dtype, by=repr(by))


def _roll(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Rows taken in another order, axis after axis."""
    x, places = joint.of(of[0]), list[Step]()
    for shift, dim in cast("Sequence[tuple[int, int]]", by):
        size = out.shape[dim]
        order = joint.step("add", (), size, INT64, by=("roll", -shift % size))
        places.append(joint.step("fmod", (order,), size, INT64, by=size))
        x = joint.step("index", (x, places[-1]), x.elements, x.dtype, by=dim, sized=1)
    joint.within[x] = tuple(places)
    return x


def _roll_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    _read_far(joint, list(joint.within[outs[0]]), outs)


def _tril(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """A comparison of positions, and of what was given."""
    size = numel(out.shape)
    apart = joint.step("sub", (), size, INT64, by=out.shape)
    below = joint.step("le", (apart,), size, BOOL)
    return joint.step("and", (below, joint.of(of[0])), size, out.dtype)


# ---- activations
def _chain(joint: Joint, ops: Sequence[str], x: Step, like: Step) -> Step:
    """One op after another."""
    for at, op in enumerate(ops):
        x = joint.step(op, (x,), like.elements, like.dtype, by=("chain", at))
    return x


def _activated(
    joint: Joint, out: Tensor, of: Sequence[Tensor], share: Sequence[str], half: Sequence[str]
) -> Step:
    """x, or its half, times a share of it, in fp32."""
    full = _full(joint, joint.of(of[0]))
    part, whole = _chain(joint, share, full, full), _chain(joint, half, full, full)
    result = joint.step("mul", (whole, part), full.elements, full.dtype)
    last = _cast(joint, result, out.dtype)
    joint.within[last] = (full, part)
    return last


def _gelu(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """x / 2 · (1 + erf(x / √2)), or with tanh of a polynomial of x."""
    smooth = ("mul", "mul", "mul", "add", "mul", "tanh", "add")
    return _activated(joint, out, of, smooth if by == "tanh" else ("mul", "erf", "add"), ("half",))


def _silu(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """x / (1 + exp(-x))"""
    return _activated(joint, out, of, ("neg", "exp", "add"), ())


def _gelu_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    full, share = joint.within[outs[0]]
    _near(joint.step("gelu_slope", (full, share), full.elements, full.dtype))


def _silu_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    full, _ = joint.within[outs[0]]
    share = joint.step("sigmoid", (full,), full.elements, full.dtype)
    _near(share)
    _near(joint.step("silu_slope", (full, share), full.elements, full.dtype))


def _slope(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """Of the result alone: 1 - y²."""
    _near(joint.step("slope", kept, kept[0].elements, kept[0].dtype))


def _relu_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    _near(joint.step("le", kept, kept[0].elements, BOOL))


def _abs_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    _near(joint.step("sgn", kept, kept[0].elements, kept[0].dtype))


# ---- norms and powers
def _layer_norm(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """(x - mean) · rstd, times a weight, plus a bias: all in fp32."""
    x = joint.of(of[0])
    if not of[0].contiguous_now:
        x = joint.step("clone", (x,), x.elements, x.dtype)
    x = _full(joint, x)
    rows = numel(out.shape) // out.shape[-1]
    average, spread = _moments(joint, x, rows)
    apart = joint.step("sub", (x, average), x.elements, FLOAT32)
    result = normal = joint.step("mul", (apart, spread), x.elements, FLOAT32)
    for name, weight in zip(("mul", "add"), of[1:], strict=False):
        result = joint.step(name, (result, joint.of(weight)), x.elements, FLOAT32)
    result = _cast(joint, result, out.dtype)
    joint.within[result] = (normal, average, spread)
    return result


def _moments(joint: Joint, x: Step, rows: int) -> tuple[Step, Step]:
    """Mean and 1 / deviation of each row."""
    whole = joint.step("var_mean", (x,), 2 * rows, FLOAT32)
    whole.whole = True
    variance, average = (joint.item(whole, rows, FLOAT32, at, own=True) for at in (0, 1))
    shifted = joint.step("add", (variance,), rows, FLOAT32)
    return average, joint.step("rsqrt", (shifted,), rows, FLOAT32)


def _moment(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """The statistics are known of `_layer_norm`; they stay at the dtype of the eager op."""
    return joint.step(op, (), numel(out.shape), out.dtype)


def _layer_norm_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """It makes its normalized rows again, of statistics at the dtype that the eager op has them."""
    normal, average, spread = joint.within[outs[0]]
    stat = kept[-1].dtype
    x = _full(joint, kept[0])
    if stat is not FLOAT32 or x is not normal.parents[0].parents[0]:
        average, spread = _cast(joint, average, stat), _cast(joint, spread, stat)
        apart = joint.step("sub", (x, average), x.elements, FLOAT32)
        normal = joint.step("mul", (apart, spread), x.elements, FLOAT32)
    _near(normal)
    _near(joint.step("div", (spread,), spread.elements, spread.dtype))


def _pow_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """2 · x"""
    (x,) = kept
    power = joint.step("pow", (x,), x.elements, x.dtype, by=1)
    _near(joint.step("mul", (power,), x.elements, x.dtype, by=2))


def _rsqrt_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    (y,) = kept
    _near(joint.step("pow", (y,), y.elements, y.dtype, by=3))


# ---- softmax and the loss
def _exponentials(joint: Joint, x: Step, rows: int) -> tuple[Step, Step, Step]:
    """x less each row's largest, its exponentials, and their sum."""
    top = joint.step("amax", (x,), rows, x.dtype)
    shifted = joint.step("sub", (x, top), x.elements, x.dtype)
    powers = joint.step("exp", (shifted,), x.elements, x.dtype)
    return shifted, powers, joint.step("sum", (powers,), rows, x.dtype)


def _softmax(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """`by` says whether rows in which all is hidden become 0."""
    x = _full(joint, joint.of(of[0]))
    size, rows = x.elements, x.elements // out.shape[-1]
    _, powers, total = _exponentials(joint, x, rows)
    result = _cast(joint, joint.step("div", (powers, total), size, x.dtype), out.dtype)
    if not by:
        return result
    hidden = joint.step("eq", (joint.of(of[0]),), size, BOOL, by="-inf")
    seen = joint.step("logical_not", (hidden,), size, BOOL)
    some = joint.step("any", (seen,), rows, BOOL)
    none = joint.step("logical_not", (some,), rows, BOOL)
    zeros = joint.step("full", (), size, out.dtype, by=(0, out.shape))
    return joint.step("where", (none, zeros, result), size, out.dtype)


def _softmax_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    _near(_full(joint, kept[0]))


def _log_softmax(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    x = _full(joint, joint.of(of[0]))
    rows = x.elements // out.shape[-1]
    shifted, _, total = _exponentials(joint, x, rows)
    log = joint.step("log", (total,), rows, x.dtype)
    result = joint.step("sub", (shifted, log), x.elements, x.dtype)
    return _cast(joint, result, out.dtype)


def _log_softmax_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    full = _full(joint, kept[0])
    _near(joint.step("exp", (full,), full.elements, full.dtype))


def _nll(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
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
    result = joint.step("div", (total, _weight(joint, real, scores.dtype)), 1, scores.dtype)
    joint.within[result] = (labels, result.parents[1])
    return result


def _weight(joint: Joint, real: Step, dtype: Dtype) -> Step:
    return _cast(joint, joint.step("sum", (real,), 1, INT64), dtype)


def _nll_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    labels, weight = joint.within[outs[0]]
    _near(labels)
    _near(weight)


# ---- noise
def _noise(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Booleans of random numbers: `replace_random_passes`."""
    seeds = joint.step("seeds", (), 1, INT64, "apart")
    seed = joint.step("seed", (seeds,), 1, INT64, "apart", by=len(joint.steps))
    random = joint.step("random", (seed,), numel(out.shape), FLOAT32, "apart")
    drawn = _cast(joint, random, of[0].dtype)
    return joint.step(op, (drawn,), random.elements, BOOL)


def _dropout(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """What stays, scaled. Of ones that is the noise (`constant_fold_uniform_value`)."""
    x, noise = (joint.of(each) for each in of)
    ones = x.op == "new_ones"
    left = _cast(joint, noise, x.dtype) if ones else _product(joint, noise, x)
    return joint.step(op, (left,), x.elements, x.dtype)


def _product(joint: Joint, noise: Step, x: Step) -> Step:
    return joint.step("mul", (noise, x), x.elements, x.dtype)


def _dropout_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    (noise,) = kept
    number = _cast(joint, noise, outs[0].dtype)
    _near(joint.step("mul", (number,), noise.elements, number.dtype))


# ---- attention in one kernel
def _flash(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    whole = joint.once(op, numel(out.shape), out.dtype)
    whole.whole = True
    whole.parents = tuple([joint.of(x) for x in of])
    for parent in dict.fromkeys(whole.parents):
        parent.users.append(whole)
    return joint.item(whole, numel(out.shape), out.dtype, 0, own=True)


def _beside_flash(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Another result of the same kernel."""
    whole = joint.of(of[0]).parents[0]
    found = joint.item(whole, numel(out.shape), out.dtype, len(whole.users), own=True)
    found.op = op
    return found


# ---- what backward reads
def _near(step: Step) -> None:
    step.near = True


def read_near(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """It is read element by element."""
    for step in kept:
        step.near = True


def _read_far(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    """A kernel reads it."""
    for step in kept:
        step.far = True


FORWARD: dict[str, Forward] = {
    **dict.fromkeys(("mm", "conv", "embedding", "flip"), _apart),
    **dict.fromkeys(("layer_norm_mean", "layer_norm_rstd", "total_weight"), _moment),
    **dict.fromkeys(("new_ones", "zeros", "ones", "full", "arange", "tensor"), _filled),
    "bmm": _bmm, "gelu": _gelu, "silu": _silu, "cat": _of_lists, "stack": _stack, "index": _index,
    "roll": _roll, "tril": _tril, "layer_norm": _layer_norm, "masked_fill": _masked, "where":
    _where, "scalar_tensor": _scalar, "softmax": _softmax, "log_softmax": _log_softmax, "nll_loss":
    _nll, "dropout_mask": _noise, "dropout": _dropout, "flash": _flash, "logsumexp": _beside_flash,
    "random_state": _beside_flash,
}  # fmt: skip
BACKWARD: dict[str, Backward] = {
    **dict.fromkeys(("Addmm", "Mm", "Conv", "Flash", "Index", "Embedding"), _read_far),
    **dict.fromkeys(("tanh", "sigmoid"), _slope),
    "Bmm": _bmm_back, "Roll": _roll_back, "gelu": _gelu_back, "silu": _silu_back, "relu":
    _relu_back, "Abs": _abs_back, "LayerNorm": _layer_norm_back, "Pow": _pow_back, "Rsqrt":
    _rsqrt_back, "Softmax": _softmax_back, "LogSoftmax": _log_softmax_back, "NllLoss": _nll_back,
    "NativeDropout": _dropout_back,
}  # fmt: skip
