"""Every function that a memory rule is known of, by its name in torch. All others are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tfspec.shadow import arithmetic, joining, norms, pointwise, products, routing, views
from tfspec.shadow.attention import attention, written
from tfspec.shadow.autocast import in_full
from tfspec.shadow.autograd import Leaf
from tfspec.shadow.dtypes import BOOL, FLOAT16, FLOAT32, INT32, INT64, Dtype, Finfo
from tfspec.shadow.engine import backward
from tfspec.shadow.losses import cross_entropy
from tfspec.shadow.machine import Device
from tfspec.shadow.pointwise import activation, compare, constant
from tfspec.shadow.strides import Ints, numel
from tfspec.shadow.tensor import Tensor

Function = Callable[..., Any]


def _to(dtype: Dtype) -> Function:
    def call(x: Tensor) -> Tensor:
        return pointwise.to(x, dtype)

    return call


def _dim(x: Tensor) -> int:
    return len(x.shape)


def _numel(x: Tensor) -> int:
    return numel(x.shape)


def _size(x: Tensor, at: int | None = None) -> int | Ints:
    return x.shape if at is None else x.shape[at]


def _floating(x: Tensor) -> bool:
    return x.dtype.is_floating_point


def _iterated(x: Tensor) -> Iterator[Tensor]:
    return iter(views.unbind(x))


def _device(x: Tensor) -> Device:
    return x.machine.device


def _grad(x: Tensor) -> Tensor | None:
    return x.node.grad if isinstance(x.node, Leaf) else None


def _turned(x: Tensor) -> Tensor:
    return views.transpose(x, -2, -1)


def _needs(x: Tensor) -> bool:
    return x.node is not None


TANH, SIGMOID = activation("tanh", keeps_output=True), activation("sigmoid", keeps_output=True)
EXP = in_full("cuda")(activation("exp", keeps_output=True))
LOG = in_full("cuda")(constant("log", real=True))
POWER = in_full("cuda")(constant("pow"))
METHODS: dict[str, Function] = {
    # views
    "reshape": views.reshape, "view": views.reshape, "flatten": views.flatten,
    "unflatten": views.unflatten, "permute": views.permute, "transpose": views.transpose,
    "expand": views.expand, "unsqueeze": views.unsqueeze, "squeeze": views.squeeze,
    "unfold": views.unfold, "split": views.split, "chunk": views.chunk, "unbind": views.unbind,
    "tensor_split": views.tensor_split, "contiguous": views.contiguous, "clone": views.clone,
    # rows that are moved
    "flip": joining.flip, "roll": joining.roll, "new_ones": joining.new_ones,
    "new_zeros": joining.new_zeros, "repeat_interleave": joining.repeat_interleave,
    # element by element
    "to": pointwise.to, "float": _to(FLOAT32), "long": _to(INT64), "int": _to(INT32),
    "bool": _to(BOOL), "half": _to(FLOAT16), "masked_fill": pointwise.masked_fill,
    "abs": pointwise.absolute, "tanh": TANH, "sigmoid": SIGMOID, "exp": EXP, "log": LOG,
    "clamp": constant("clamp"),
    "cos": pointwise.cosine, "sin": pointwise.sine,
    # over axes
    "softmax": norms.softmax, "mean": norms.mean, "sum": norms.total, "amax": norms.largest,
    "square": norms.square, "argmax": norms.where_largest,
    # experts
    "topk": routing.topk, "argsort": routing.argsort, "gather": routing.gather,
    "scatter": routing.scatter, "detach": routing.detach, "cumsum": routing.cumsum,
    "tolist": routing.tolist, "diff": routing.diff,
    # nothing is made
    "dim": _dim, "numel": _numel, "size": _size, "is_floating_point": _floating,
    "backward": backward,
}  # fmt: skip
OPERATORS: dict[str, Function] = {
    "add": arithmetic.add, "radd": arithmetic.add, "sub": arithmetic.subtract,
    "rsub": arithmetic.negated_by, "mul": arithmetic.multiply, "rmul": arithmetic.multiply,
    "truediv": arithmetic.divide, "rtruediv": in_full("cuda")(constant("reciprocal", real=True)),
    "pow": POWER, "rpow": in_full("cuda")(constant("pow", real=True)), "neg": arithmetic.negative,
    "mod": constant("remainder"), "floordiv": constant("floor_divide"),
    "matmul": written, "invert": constant("bitwise_not"),
    "and": constant("bitwise_and"), "or": constant("bitwise_or"), "xor": constant("bitwise_xor"),
    "lt": compare("lt"), "le": compare("le"), "gt": compare("gt"), "ge": compare("ge"),
    "eq": routing.equal, "ne": compare("ne"), "getitem": joining.index, "setitem": joining.put,
    "iter": _iterated,
}  # fmt: skip
TORCH: dict[str, Function] = {
    "cat": joining.cat, "stack": joining.stack, "where": pointwise.where, "tanh": TANH,
    "sigmoid": SIGMOID, "log": LOG, "softmax": norms.softmax, "matmul": written,
    "finfo": Finfo, "roll": joining.roll, "ones_like": joining.ones_like,
    "zeros_like": joining.zeros_like,
}  # fmt: skip
FUNCTIONAL: dict[str, Function] = {
    "linear": products.linear, "embedding": joining.embedding, "pad": joining.pad,
    "normalize": norms.normalize, "layer_norm": norms.layer_norm, "rms_norm": norms.rms_norm,
    "softmax": norms.softmax,
    "gelu": activation("gelu"), "silu": activation("silu"), "tanh": TANH, "sigmoid": SIGMOID,
    "relu": activation("relu", keeps_output=True), "dropout": pointwise.dropout,
    "scaled_dot_product_attention": attention, "cross_entropy": cross_entropy,
    "one_hot": routing.one_hot, "grouped_mm": products.grouped_mm,
}  # fmt: skip
DRAWN = (
    "normal_", "zeros_", "ones_", "constant_", "trunc_normal_", "xavier_uniform_", "uniform_",
    "xavier_normal_", "kaiming_normal_", "kaiming_uniform_",
)  # fmt: skip

for _name, _function in METHODS.items():
    setattr(Tensor, _name, _function)
for _name, _function in OPERATORS.items():
    setattr(Tensor, f"__{_name}__", _function)
for _name, _function in {
    "device": _device,
    "requires_grad": _needs,
    "grad": _grad,
    "mT": _turned,
}.items():
    setattr(Tensor, _name, property(_function))
