"""The kernels whose efficiency is measured: one kind and one bound a maker, from small to large.

What is bound by compute is far above the ridge where it is large; what is bound by memory is far
below it, and reads operands that are not in the cache: several sets of them take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

COLD = 256_000_000  # bytes of several sets of operands together: more than any cache
Calls = list[Callable[[], Any]]


@dataclass(frozen=True)
class Kernel:
    """Calls that run one kernel each, on one set of operands each; its FLOPs and bytes."""

    name: str
    flops: float
    bytes: float
    calls: Calls


def sets(make: Callable[[], Callable[[], Any]], bytes: float, device: str) -> Calls:
    """As many calls as it takes for a cache to forget the first one's operands."""
    count = 2 if device == "cpu" else max(2, min(128, int(COLD // bytes)))
    return [make() for _ in range(count)]


PRODUCTS = {
    "full": (
        (256, 768, 768), (512, 768, 768), (196, 768, 3072),
        (1024, 768, 3072), (2048, 1024, 1024), (4096, 768, 768),
        (8192, 768, 3072), (4096, 4096, 1024), (12608, 768, 2304), (8192, 3072, 768),
        (4096, 4096, 14336), (8192, 768, 50257), (8192, 4096, 4096), (4096, 4096, 32768),
    ),
    "tiny": ((8, 16, 16), (16, 16, 32)),
}  # fmt: skip
ROWS = {
    "full": (
        (1, 768, 768), (1, 768, 3072), (8, 768, 2304), (1, 4096, 4096), (8, 4096, 4096),
        (1, 4096, 14336), (4, 14336, 4096), (1, 4096, 32768),
    ),
    "tiny": ((1, 16, 16), (2, 16, 32)),
}  # fmt: skip


def products(size: str, dtype: torch.dtype, device: str) -> Iterator[Kernel]:
    for m, k, n in PRODUCTS[size]:
        yield _product(m, k, n, dtype, device, cold=False)


def narrow_products(size: str, dtype: torch.dtype, device: str) -> Iterator[Kernel]:
    for m, k, n in ROWS[size]:
        yield _product(m, k, n, dtype, device, cold=True)


def _product(m: int, k: int, n: int, dtype: torch.dtype, device: str, cold: bool) -> Kernel:
    moved = dtype.itemsize * (m * k + k * n + m * n)

    def make() -> Callable[[], Any]:
        x = torch.randn(m, k, dtype=dtype, device=device)
        weight = torch.randn(n, k, dtype=dtype, device=device)
        return lambda: F.linear(x, weight)

    calls = sets(make, moved, device) if cold else [make()]
    return Kernel(f"{m} x {k} x {n}", 2.0 * m * k * n, moved, calls)


# ---- attention: batch, heads, queries, keys, head_dim, causal

ATTENTIONS = {
    "full": (
        (8, 12, 1024, 1024, 64, True), (16, 12, 512, 512, 64, False), (64, 12, 197, 197, 64, False),
        (16, 8, 512, 512, 64, False), (1, 32, 4096, 4096, 128, True), (1, 12, 512, 512, 64, False),
        (2, 12, 197, 197, 64, False),
    ),
    "tiny": ((1, 2, 8, 8, 16, True), (1, 2, 8, 8, 16, False)),
}  # fmt: skip
CACHES = {
    "full": (
        (32, 12, 1, 1024, 64, False), (1, 32, 1, 8192, 128, False), (8, 32, 1, 4096, 128, False),
    ),
    "tiny": ((1, 2, 1, 8, 16, False),),
}  # fmt: skip


def attentions(size: str, dtype: torch.dtype, device: str) -> Iterator[Kernel]:
    """Forward, and backward, which has 5 products for forward's 2; causal, the pairs seen."""
    for shape in ATTENTIONS[size]:
        yield _attention(*shape, dtype=dtype, device=device)
        yield _attention_backward(*shape, dtype=dtype, device=device)


def cached_attentions(size: str, dtype: torch.dtype, device: str) -> Iterator[Kernel]:
    for shape in CACHES[size]:
        yield _attention(*shape, dtype=dtype, device=device, cold=True)


def _qkv(B: int, h: int, T: int, S: int, k: int, **how: Any) -> list[Tensor]:
    return [torch.randn(B, h, n, k, **how) for n in (T, S, S)]


def _pairs(T: int, S: int, causal: bool) -> int:
    return T * (T + 1) // 2 if causal else T * S


def _attention(
    B: int, h: int, T: int, S: int, k: int, causal: bool, *, dtype: torch.dtype, device: str,
    cold: bool = False,
) -> Kernel:  # fmt: skip
    moved = dtype.itemsize * B * h * k * 2 * (T + S)

    def make() -> Callable[[], Any]:
        q, key, v = _qkv(B, h, T, S, k, dtype=dtype, device=device)
        return lambda: F.scaled_dot_product_attention(q, key, v, is_causal=causal)

    name = f"{B} x {h} heads, {T} x {S}, {k}{', causal' * causal}"
    calls = sets(make, moved, device) if cold else [make()]
    return Kernel(name, 4.0 * B * h * k * _pairs(T, S, causal), moved, calls)


def _attention_backward(
    B: int, h: int, T: int, S: int, k: int, causal: bool, *, dtype: torch.dtype, device: str
) -> Kernel:
    inputs = [x.requires_grad_() for x in _qkv(B, h, T, S, k, dtype=dtype, device=device)]
    out = F.scaled_dot_product_attention(*inputs, is_causal=causal)
    given = torch.randn_like(out)

    def call() -> Any:
        return torch.autograd.grad(out, inputs, given, retain_graph=True)

    name = f"backward, {B} x {h} heads, {T} x {S}, {k}{', causal' * causal}"
    moved = dtype.itemsize * B * h * k * 4 * (T + S)
    return Kernel(name, 10.0 * B * h * k * _pairs(T, S, causal), moved, [call])


# ---- patches: batch, channels, side, patch, width

PATCHES = {"full": ((64, 3, 224, 16, 768), (16, 3, 224, 16, 1024)), "tiny": ((1, 3, 32, 8, 16),)}
THIN = {"full": ((64, 3, 224, 4, 96), (128, 3, 224, 4, 96)), "tiny": ((1, 3, 32, 4, 8),)}


def convolutions(size: str, dtype: torch.dtype, device: str) -> Iterator[Kernel]:
    for shape in PATCHES[size]:
        yield _convolution(*shape, dtype=dtype, device=device)


def thin_convolutions(size: str, dtype: torch.dtype, device: str) -> Iterator[Kernel]:
    for shape in THIN[size]:
        yield _convolution(*shape, dtype=dtype, device=device)


def _convolution(
    B: int, C: int, side: int, p: int, d: int, *, dtype: torch.dtype, device: str
) -> Kernel:
    x = torch.randn(B, C, side, side, dtype=dtype, device=device)
    weight = torch.randn(d, C, p, p, dtype=dtype, device=device)
    tokens = B * (side // p) ** 2
    moved = dtype.itemsize * (x.numel() + weight.numel() + tokens * d)
    name = f"{B} x {C} x {side} x {side} by {p} to {d}"
    return Kernel(
        name, 2.0 * tokens * d * C * p * p, moved, [lambda: F.conv2d(x, weight, stride=p)]
    )


# ---- tables and pointwise chains

TABLES = {
    "full": ((50257, 768, 8192), (30522, 768, 8192), (128256, 4096, 4096)),
    "tiny": ((101, 16, 8),),
}
LENGTHS = {"full": (256, 1024, 4096, 16384, 131072), "tiny": (4, 8)}
WIDTH = 768


def gathers(size: str, dtype: torch.dtype, device: str) -> Iterator[Kernel]:
    for V, d, count in TABLES[size]:
        table = torch.randn(V, d, dtype=dtype, device=device)
        moved = 2 * dtype.itemsize * count * d + 8 * count
        ids = [torch.randint(V, (count,), device=device) for _ in range(4)]
        calls = [partial(F.embedding, each, table) for each in ids]
        yield Kernel(f"{count} of {V} x {d}", 0.0, moved, calls)


def pointwise(size: str, dtype: torch.dtype, device: str) -> Iterator[Kernel]:
    """Operands may be in the cache, as they are where one kernel follows another."""
    for rows in LENGTHS[size]:
        yield from _pointwise(rows, dtype, device)


def _pointwise(rows: int, dtype: torch.dtype, device: str) -> Iterator[Kernel]:
    """Of rows of `WIDTH` numbers."""
    x, y = (torch.randn(rows, WIDTH, dtype=dtype, device=device) for _ in range(2))
    gain = torch.ones(WIDTH, dtype=dtype, device=device)
    turned = torch.randn(WIDTH, rows, dtype=dtype, device=device).t()
    each, other = x.numel() * dtype.itemsize, _other(dtype)
    calls: dict[str, tuple[float, Callable[[], Any]]] = {
        "add": (3 * each, lambda: x + y),
        "gelu": (2 * each, lambda: F.gelu(x)),
        "layer norm": (2 * each, lambda: F.layer_norm(x, (WIDTH,), gain, gain)),
        "softmax": (2 * each, lambda: x.softmax(-1)),
        "copy": (2 * each, lambda: turned.contiguous()),
        "cast": (each + x.numel() * other.itemsize, lambda: x.to(other)),
    }
    for name, (moved, call) in calls.items():
        yield Kernel(f"{name}, {rows} x {WIDTH}", 0.0, moved, [call])


def _other(dtype: torch.dtype) -> torch.dtype:
    return torch.bfloat16 if dtype is torch.float32 else torch.float32


Maker = Callable[[str, torch.dtype, str], Iterator[Kernel]]
KINDS: dict[tuple[str, str], Maker] = {
    ("product", "compute"): products,
    ("product", "memory"): narrow_products,
    ("attention", "compute"): attentions,
    ("attention", "memory"): cached_attentions,
    ("convolution", "compute"): convolutions,
    ("convolution", "memory"): thin_convolutions,
    ("gather", "memory"): gathers,
    ("pointwise", "memory"): pointwise,
}
