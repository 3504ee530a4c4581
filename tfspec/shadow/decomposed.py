"""What inductor's decompositions make of ops, and what the backward of each reads: the tables.

Source: torch 2.13, `torch/_decomp/decompositions.py`, `torch/_inductor/decomposition.py` and
`torch/_inductor/fx_passes/joint_graph.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from tfspec.shadow.dtypes import BOOL, INT64
from tfspec.shadow.joint import Joint, Step
from tfspec.shadow.strides import numel
from tfspec.shadow.tensor import Tensor
from tfspec.shadow.traced import by_itself, cast_to, in_full, read_far, read_near
from tfspec.shadow.traced_experts import (
    gather,
    gather_back,
    index,
    index_back,
    one_hot,
    tolist,
    topk,
)
from tfspec.shadow.traced_math import (
    abs_back,
    gelu,
    gelu_back,
    layer_norm,
    layer_norm_back,
    layer_norm_weight_back,
    moment,
    pow_back,
    relu_back,
    rsqrt_back,
    silu,
    silu_back,
    slope,
)
from tfspec.shadow.traced_rows import (
    beside_flash,
    dropout,
    dropout_back,
    flash,
    log_softmax,
    log_softmax_back,
    nll,
    nll_back,
    noise_of,
    softmax,
    softmax_back,
)

Numbers = tuple[object, ...]
Forward = Callable[[Joint, str, Tensor, Sequence[Tensor], object], Step]
Backward = Callable[[Joint, list[Step], list[Step]], None]


def of_lists(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    parents = [joint.of(x) for x in of]
    return joint.step(op, parents, numel(out.shape), out.dtype, "joins", by, sized=0)


def batched(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Products of a column with a row are products of elements (`decomposition.bmm`), also those
    that backward makes where there is one row or one column: they read the operand that is not
    alone one by one."""
    if of[0].shape[2] != 1:
        result = by_itself(joint, op, out, of, by)
        alone = zip(of, out.shape[1:], strict=True)
        joint.within[result] = tuple(joint.of(x) for x, size in alone if size == 1)
        return result
    parents = [in_full(joint, joint.of(x)) for x in of]
    result = joint.step("mul", parents, numel(out.shape), parents[0].dtype, by=out.shape)
    last = cast_to(joint, result, out.dtype)
    joint.within[last] = ()
    return last


def bmm_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    near = joint.within[outs[0]]
    read_near(joint, [step for step in kept if step in near], outs)
    read_far(joint, [step for step in kept if step not in near], outs)


def filled(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Of another's dtype, and of none of its numbers."""
    return joint.step(op, (), numel(out.shape), out.dtype, by=(by, out.shape))


def stacked(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Joined and seen with an axis more, or each with a last axis more, joined (`_refs.stack`)."""
    parts, size = [joint.of(x) for x in of], numel(out.shape)
    if cast("int", by) < len(of[0].shape):
        joined = joint.step("cat", parts, size, out.dtype, "joins", by, sized=0)
        seen = joint.step("View", (joined,), size, out.dtype, "view", out.shape)
        seen.base = joined
        return seen
    columns = [joint.step("Unsqueeze", (x,), x.elements, x.dtype, "view") for x in parts]
    for column, part in zip(columns, parts, strict=True):
        column.base = part.base
    return joint.step("cat", columns, size, out.dtype, "joins", by, sized=0)


def masked(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """A choice between x and a number, which all choices of it share."""
    x, mask = (joint.of(each) for each in of)
    number = joint.step("full", (), 1, out.dtype, by=repr(by))
    return joint.step("where", (mask, number, x), numel(out.shape), out.dtype, by=out.shape)


def choice(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """A choice between tensors or numbers."""
    given = cast(Numbers, by or ())
    numbers = [joint.step("full", (), 1, out.dtype, by=repr(each)) for each in given]
    parents = [*(joint.of(each) for each in of), *numbers]
    return joint.step("where", parents, numel(out.shape), out.dtype, by=out.shape)


def scalar(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    return joint.step("full", (), 1, out.dtype, by=repr(by))


def rolled(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """Rows taken in another order, axis after axis."""
    x, places = joint.of(of[0]), list[Step]()
    for shift, dim in cast("Sequence[tuple[int, int]]", by):
        size = out.shape[dim]
        order = joint.step("add", (), size, INT64, by=("roll", -shift % size))
        places.append(joint.step("fmod", (order,), size, INT64, by=size))
        x = joint.step("index", (x, places[-1]), x.elements, x.dtype, by=dim, sized=1)
    joint.within[x] = tuple(places)
    return x


def roll_back(joint: Joint, kept: list[Step], outs: list[Step]) -> None:
    read_far(joint, list(joint.within[outs[0]]), outs)


def lower(joint: Joint, op: str, out: Tensor, of: Sequence[Tensor], by: object) -> Step:
    """A comparison of positions, and of what was given."""
    size = numel(out.shape)
    apart = joint.step("sub", (), size, INT64, by=out.shape)
    below = joint.step("le", (apart,), size, BOOL)
    return joint.step("and", (below, joint.of(of[0])), size, out.dtype)


FORWARD: dict[str, Forward] = {
    **dict.fromkeys(("mm", "conv", "embedding", "flip", "index_put", "pad"), by_itself),
    **dict.fromkeys(("cumsum", "grouped_mm", "sort"), by_itself),
    "gather": gather, "index": index, "one_hot": one_hot, "tolist": tolist, "topk": topk,
    **dict.fromkeys(("layer_norm_mean", "layer_norm_rstd", "total_weight"), moment),
    **dict.fromkeys(("new_ones", "new_zeros", "zeros", "ones", "full", "arange", "tensor"), filled),
    "bmm": batched, "gelu": gelu, "silu": silu, "cat": of_lists, "stack": stacked,
    "roll": rolled, "tril": lower, "layer_norm": layer_norm, "masked_fill": masked, "where":
    choice, "scalar_tensor": scalar, "softmax": softmax, "log_softmax": log_softmax, "nll_loss":
    nll, "dropout_mask": noise_of, "dropout": dropout, "flash": flash, "logsumexp": beside_flash,
    "random_state": beside_flash,
}  # fmt: skip
BACKWARD: dict[str, Backward] = {
    **dict.fromkeys(("Addmm", "Mm", "Conv", "Flash", "IndexPut", "Embedding"), read_far),
    "GroupedMm": read_far,
    **dict.fromkeys(("tanh", "sigmoid"), slope),
    "Bmm": bmm_back, "Roll": roll_back, "gelu": gelu_back, "silu": silu_back, "relu":
    relu_back, "Abs": abs_back, "LayerNorm": layer_norm_back, "LayerNormOfWeights":
    layer_norm_weight_back, "Pow": pow_back, "Rsqrt": rsqrt_back, "Softmax": softmax_back,
    "LogSoftmax": log_softmax_back, "NllLoss": nll_back, "NativeDropout": dropout_back,
    "Gather": gather_back, "Index": index_back,
}  # fmt: skip
