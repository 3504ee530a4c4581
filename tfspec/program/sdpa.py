"""What torch's fused attention keeps for backward, and how it lays out its result, by kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from tfspec.program import kernels
from tfspec.program.saves import Keep, Kept, Made, Result, Saves, saves
from tfspec.program.value import Shape, Value, in_order
from tfspec.symbolic import product

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering

Kernel = Literal["flash", "math"]


@dataclass(frozen=True)
class Attention:
    """One call: q [..., h, N, k], k [..., g, M, k], v [..., g, M, w], laid out as they are passed.

    `mask` has booleans, or numbers that are added to the scores.
    """

    low: Lowering
    q: Value
    k: Value
    v: Value
    mask: Value | None
    dropout: bool

    @property
    def kernel(self) -> Kernel:
        """What torch 2.13 takes: `sdp_utils` of ATen. A GPU's flash kernel is counted for both."""
        learned = self.mask is not None and self.mask.learned
        dropped = self.dropout and self.low.target.kind == "cpu"
        return "flash" if self._fits and not learned and not dropped else "math"

    @property
    def _fits(self) -> bool:
        """Whether the fused kernel takes what is laid out so."""
        four = len(self.q.shape) == 4
        alike = self.low.same(self.q.shape[-1], self.v.shape[-1])
        packed = all(self.low.is_one(x.strides[-1]) for x in (self.q, self.k, self.v))
        flat = self.mask is None or len(self.mask.shape) in (2, 4)
        return four and alike and packed and flat

    @property
    def shape(self) -> Shape:
        return (*self.q.shape[:-1], self.v.shape[-1])

    @property
    def strides(self) -> Shape:
        """The flash kernel lays its result out as q is; products of matrices in order."""
        order = self.low.memory_order(self.q)
        return in_order(self.shape, order if self.kernel == "flash" else None)

    @property
    def saves(self) -> Saves:
        return saves(*(self._flash() if self.kernel == "flash" else self._math()))

    @property
    def runs(self) -> kernels.Kernel:
        """The kernel, and where that is another the one while nothing learns."""
        kernel = self._runs(self.kernel)
        other = self.kernel == "math" and self._fits  # a mask that learns, or dropout, forbids it
        return replace(kernel, untrained=self._runs("flash")) if other else kernel

    def _runs(self, kernel: Kernel) -> kernels.Kernel:
        """Flash reads q, k and v once, and skips what a causal mask hides (Dao 2023); a mask that
        is a tensor it computes whole. Products of matrices scale q and k, write the scores, read
        and write them for a mask and for the softmax, and read the weights."""
        if kernel == "flash":
            skips = self.mask is None or self.mask.absent
            return kernels.Kernel("attention", skips=skips, recomputes=True)
        scores = product(self.q.shape[:-1]) * self.k.shape[-2]
        scaled = product(self.q.shape) + product((*self.q.shape[:-2], *self.k.shape[-2:]))
        passes = 4 if self.mask is None else 6
        return kernels.Kernel("attention", hidden=passes * scores + 2 * scaled, launches=5)

    def _flash(self) -> list[Kept]:
        """q, k, v, the result and a number a query. A mask of booleans is made numbers anew."""
        rows = product(self.q.shape[:-1])
        kept: list[Kept] = [Keep(self.q), Keep(self.k), Keep(self.v), Result()]
        kept.append(Made("log-sum-exp", rows, "float32"))
        if self.low.target.kind == "cuda":
            kept.append(Made("random state", product((3,)), "int64"))
        if self.mask is not None and self.mask.dtype == "bool":
            kept.append(Made("mask as numbers", product(self.mask.shape)))
        elif self.mask is not None:
            kept.append(Keep(self.mask))
        return kept

    def _math(self) -> list[Kept]:
        """Products of matrices, in fp32 at least: q and k scaled, grouped heads repeated."""
        dtype = "float32" if self.low.half else "float"
        heads = self.q.shape[:-2]
        weights = product(self.q.shape[:-1]) * self.k.shape[-2]
        kept: list[Kept] = [
            Made("scaled queries", product(self.q.shape), dtype),
            Made("scaled keys", product((*heads, *self.k.shape[-2:])), dtype),
            Made("weights", weights, dtype),
        ]
        if self.dropout:
            on_cpu = self.low.target.kind == "cpu"
            kept.append(Made("dropout", weights, dtype if on_cpu else "bool"))
            kept.append(Made("dropped weights", weights, dtype))
        grouped = not self.low.same(self.q.shape[-3], self.v.shape[-3])
        if self.low.half or grouped:
            kept.append(Made("values", product((*heads, *self.v.shape[-2:])), dtype))
        else:
            kept.append(Keep(self.v.batched()))
        return kept
