"""Numbers for the reference: expressions, masks, norms, activations, attention, from their formulas."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor


class Fails(Exception):
    """The model cannot be computed at these sizes."""


class Explodes(Exception):
    """Numbers grow until rounding, not the model, says what comes out: nothing can be compared."""


LARGE = 1e30
"""Squared twice inside of a step, a number of this size is still one."""


def bounded(x: Tensor, limit: float) -> None:
    """Raises Explodes where a number is as large as the limit, or none."""
    if not (x.abs() < limit).all():
        raise Explodes


# ---- expressions
def size(text: Any, names: Mapping[str, int]) -> int:
    """A size: whole numbers, where `/` must leave no remainder and the result is at least 1."""
    value = amount(text, names)
    if value < 1:
        raise Fails(f"{text} is {value}")
    return value


def amount(text: Any, names: Mapping[str, int]) -> int:
    """A size that may be nothing."""
    value = _evaluated(text, names, real=False)
    if value < 0 or value != int(value):
        raise Fails(f"{text} is {value}")
    return int(value)


def largest(declared: str) -> int | None:
    """The end of a range: `1..512` or `multiple(16) <= 100`."""
    if ".." in declared:
        return int(declared.split("..")[1])
    if declared.startswith("multiple") and "<=" in declared:
        step, end = declared.removeprefix("multiple(").split(") <=")
        return int(end) // int(step) * int(step)
    return None


def rate(text: Any, names: Mapping[str, int]) -> float:
    return float(_evaluated(text, names, real=True))


def _evaluated(text: Any, names: Mapping[str, int], real: bool) -> Any:
    plain = re.sub(r"\b[A-Za-z_]\w*", r"n_\g<0>", str(text).strip())  # a dim may be called lambda
    return _tree(ast.parse(plain, mode="eval").body, names, real)


def _tree(node: ast.AST, names: Mapping[str, int], real: bool) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name):
            return float(names[name[2:]]) if real else names[name[2:]]
        case ast.UnaryOp(ast.USub(), inner):
            return -_tree(inner, names, real)
        case ast.BinOp(left, op, right):
            a, b = _tree(left, names, real), _tree(right, names, real)
            return _operation(op, a, b, real)
        case _:
            raise NotImplementedError(ast.dump(node))


def _operation(op: ast.operator, a: Any, b: Any, real: bool) -> Any:
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.Pow():
            return a**b
        case ast.Div() if real:
            return a / b
        case ast.Div():
            if b == 0 or Fraction(a, b).denominator != 1:
                raise Fails(f"{a} / {b} leaves a remainder")
            return a // b
        case ast.FloorDiv() | ast.Mod():
            if b == 0:
                raise Fails(f"{a} // {b}")
            return a // b if isinstance(op, ast.FloorDiv) else a % b
        case _:
            raise NotImplementedError(ast.dump(op))


# ---- pointwise
def _gelu_tanh(x: Tensor) -> Tensor:
    return x / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


ACTS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda x: x * (x > 0),
    "gelu": lambda x: x * (1 + torch.erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": _gelu_tanh,
    "quick_gelu": lambda x: x / (1 + torch.exp(-1.702 * x)),
    "silu": lambda x: x / (1 + torch.exp(-x)),
    "relu2": lambda x: (x * (x > 0)) ** 2,
    "tanh": lambda x: 1 - 2 / (torch.exp(2 * x) + 1),
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
}
GATED = {"swiglu": "silu", "reglu": "relu", "geglu": "gelu"}


def normed(x: Tensor, kind: str, eps: float, gain: Tensor | None, bias: Tensor | None) -> Tensor:
    """Layer norm, RMS norm or unit length, over the last axis."""
    if kind == "l2":
        return x / x.square().sum(-1, keepdim=True).sqrt().clamp(min=eps)
    if kind == "layer":
        x = x - x.mean(-1, keepdim=True)
    x = x / (x.square().mean(-1, keepdim=True) + eps).sqrt()
    x = x if gain is None else x * gain
    return x if bias is None else x + bias


def sinusoids(rows: int, width: int, base: float, layout: str) -> Tensor:
    """table[p, 2j] = sin(p · base^(-2j/width)), and its cosine beside it, or in the other half."""
    table = torch.zeros(rows, width, dtype=torch.float64)
    for p in range(rows):
        table[p] = waves(torch.tensor([p], dtype=torch.float64), width, base, layout)
    return table


def waves(number: Tensor, width: int, base: float, layout: str) -> Tensor:
    """[..., 1] -> [..., width]: sines and cosines, where the layout puts them."""
    made = torch.zeros(*number.shape[:-1], width, dtype=torch.float64)
    half = width // 2
    for j in range(half):
        angle = number[..., 0] * base ** (-2 * j / width)
        at = {"interleaved": (2 * j, 2 * j + 1), "halves": (j, half + j),
              "cosines_first": (half + j, j)}[layout]  # fmt: skip
        made[..., at[0]], made[..., at[1]] = torch.sin(angle), torch.cos(angle)
    return made


# ---- attention
def attention(
    q: Tensor, k: Tensor, v: Tensor, scale: float, softcap: float | None, added: Tensor | None,
    allowed: Tensor | None, sinks: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """softmax(q kᵀ · scale + added) v over the allowed keys: [..., h, N, k] and [..., g, M, k] -> [..., h, N, w].

    A head's sink is one more score, whose value is 0."""
    group, rest = divmod(q.shape[-3], k.shape[-3])
    if rest:
        raise Fails("query heads do not share key heads evenly")
    heads = [at // group for at in range(q.shape[-3])]
    k, v = k[..., heads, :, :], v[..., heads, :, :]
    scores = torch.einsum("...nk,...mk->...nm", q, k) * scale
    if softcap:
        scores = softcap * torch.tanh(scores / softcap)
    if added is not None:
        scores = scores + added
    if sinks is not None:
        one = sinks[:, None, None].expand(*scores.shape[:-1], 1)
        scores, v = (
            torch.cat([scores, one], -1),
            torch.cat([v, torch.zeros_like(v[..., :1, :])], -2),
        )
        if allowed is not None:
            allowed = torch.cat([allowed, torch.ones_like(allowed[..., :1])], -1)
    powers = torch.exp(scores - scores.amax(-1, keepdim=True))
    if allowed is not None:
        top = scores.masked_fill(~allowed, -torch.inf).amax(-1, keepdim=True)
        powers = torch.exp(scores - top.nan_to_num(neginf=0.0))
        powers = torch.where(allowed, powers, torch.zeros_like(powers))
    total = powers.sum(-1, keepdim=True)
    weights = torch.where(total > 0, powers / torch.where(total > 0, total, 1.0), 0.0)
    return weights @ v
