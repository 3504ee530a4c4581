"""Fake CUDA tensors on a torch without CUDA: its autograd runs once a device guard is there."""

from __future__ import annotations

import ctypes
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

CUDA, META = 1, 14  # c10::DeviceType
LIBRARY = Path(torch.__file__).parent / "lib" / "libc10.so"
REGISTRY = "_ZN3c104impl26device_guard_impl_registryE"


@contextmanager
def fake_cuda() -> Generator[None]:
    """CUDA's guard is that of meta tensors, which does nothing, until the block ends.

    What asks for a kernel of CUDA is not there. Attention cannot choose: it is told flash, which
    takes 16 bits and no mask, or for fp32 the efficient kernel. RMS norm falls to steps: it is told what it keeps (see `FusedNorm`).
    """
    guards = (ctypes.c_void_p * (META + 1)).in_dll(ctypes.CDLL(str(LIBRARY)), REGISTRY)
    before, guards[CUDA] = guards[CUDA], guards[META]
    attention, norm = nn.functional.scaled_dot_product_attention, nn.RMSNorm.forward
    nn.functional.scaled_dot_product_attention = fused
    nn.RMSNorm.forward = fused_rms_norm  # type: ignore[method-assign]
    try:
        with FakeTensorMode(), torch.device("cuda"):
            yield
    finally:
        nn.functional.scaled_dot_product_attention = attention
        nn.RMSNorm.forward = norm  # type: ignore[method-assign]
        guards[CUDA] = before


def fused(q: Tensor, k: Tensor, v: Tensor, dropout_p: float = 0.0, **options: Any) -> Tensor:
    causal = options.get("is_causal", False)
    aten = torch.ops.aten
    if q.dtype in (torch.bfloat16, torch.float16):
        return aten._scaled_dot_product_flash_attention(q, k, v, dropout_p, causal)[0]
    run = aten._scaled_dot_product_efficient_attention
    return run(q, k, v, None, True, dropout_p, causal)[0]


class FusedNorm(torch.autograd.Function):
    """What ATen's derivatives.yaml says of `_fused_rms_norm`: x, the weight, and a number a row."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        rate = torch.empty((*x.shape[:-1], 1), dtype=torch.float32)
        ctx.save_for_backward(x, weight, rate)
        return torch.empty_like(x, memory_format=torch.contiguous_format)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError("only the forward is measured")


def fused_rms_norm(self: nn.RMSNorm, x: Tensor) -> Tensor:
    """Autocast has it on its list of fp32."""
    x = x.float() if torch.is_autocast_enabled("cuda") else x
    return FusedNorm.apply(x, self.weight)


@contextmanager
def autocast() -> Generator[None]:
    """torch.autocast("cuda", torch.bfloat16), which does nothing where there is no CUDA."""
    before = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    torch.set_autocast_enabled("cuda", True)
    torch.set_autocast_dtype("cuda", torch.bfloat16)
    torch.autocast_increment_nesting()
    try:
        yield
    finally:
        if torch.autocast_decrement_nesting() == 0:
            torch.clear_autocast_cache()
        torch.set_autocast_enabled("cuda", before[0])
        torch.set_autocast_dtype("cuda", before[1])
