"""Dtypes of the stand-in: sizes in bytes, and what two of them make together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfspec.program.program import Precision


@dataclass(frozen=True, slots=True, eq=False)
class Dtype:
    """`size` is in bytes; `rank` orders kinds: booleans, integers, floats."""

    name: str
    size: int
    rank: Literal[0, 1, 2]

    @property
    def is_floating_point(self) -> bool:
        return self.rank == 2

    def __repr__(self) -> str:
        return f"torch.{self.name}"


BOOL, INT64 = Dtype("bool", 1, 0), Dtype("int64", 8, 1)
FLOAT32, BFLOAT16, FLOAT16 = (
    Dtype("float32", 4, 2), Dtype("bfloat16", 2, 2), Dtype("float16", 2, 2),
)  # fmt: skip
INT32, UINT8, FLOAT64 = Dtype("int32", 4, 1), Dtype("uint8", 1, 1), Dtype("float64", 8, 2)
ALL = (BOOL, INT64, FLOAT32, BFLOAT16, FLOAT16, INT32, UINT8, FLOAT64)
NAMED = {dtype.name: dtype for dtype in ALL} | {
    "float": FLOAT32, "long": INT64, "half": FLOAT16, "double": FLOAT64, "int": INT32,
}  # fmt: skip
PRECISION = {"fp32": FLOAT32, "bf16": BFLOAT16, "fp16": FLOAT16}
Kept = Precision | Literal["mixed"]
"""What a step runs in; mixed: fp32 weights and inputs, under autocast to bfloat16."""


@dataclass(frozen=True, slots=True)
class Finfo:
    """What `torch.finfo` says; its numbers are never read."""

    dtype: Dtype
    min: float = -3.4e38
    max: float = 3.4e38
    eps: float = 1.2e-07
    tiny: float = 1.2e-38


def promoted(a: Dtype, b: Dtype) -> Dtype:
    """What two tensors with axes make: the higher kind, then the wider."""
    if a is b or a.rank > b.rank:
        return a
    if b.rank > a.rank:
        return b
    if a.size == b.size:  # bfloat16 with float16
        return FLOAT32
    return a if a.size > b.size else b


def with_number(dtype: Dtype, number: object) -> Dtype:
    """A tensor and a Python number: the number decides only where its kind is higher."""
    if isinstance(number, bool) or dtype.rank == 2:
        return dtype
    if isinstance(number, float):
        return FLOAT32
    return INT64 if dtype.rank == 0 else dtype
