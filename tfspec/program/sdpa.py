"""What torch's fused attention keeps for backward, and how it lays out its result, by kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from tfspec.program import kernels
from tfspec.program.saves import Keep, Kept, Made, Result, Saves, saves
from tfspec.program.value import Shape, Storage, Value, in_order
from tfspec.symbolic import Dim, product

if TYPE_CHECKING:
    from tfspec.program.lowering import Lowering

Kernel = Literal["flash", "efficient", "math"]


def flash(low: Lowering, q: Shape, v: Shape, *, learned: bool, dropout: bool) -> bool:
    """Whether the flash kernel takes heads of these shapes, however tokens and heads lie.

    `learned`: what is added to the scores needs a gradient. `sdp_utils` of ATen, torch 2.13.
    """
    dropped = dropout and low.target.kind == "cpu"
    return len(q) == 4 and low.same(q[-1], v[-1]) and not learned and not dropped


@dataclass(frozen=True)
class Attention:
    """One call: q [..., h, N, k], k [..., g, M, k], v [..., g, M, w], laid out as they are passed.

    `mask` has booleans, or numbers that are added to the scores. `read` are all of these as the
    step reads them, where its helper lays them out anew.
    """

    low: Lowering
    q: Value
    k: Value
    v: Value
    mask: Value | None
    dropout: bool
    read: tuple[Value, ...] = ()

    @property
    def kernel(self) -> Kernel:
        """What torch 2.13 takes, by `sdp_utils` of ATen.

        On CUDA flash takes 16 bits, one width and no mask; the memory-efficient kernel takes the
        rest, masks that learn too, but no grouped heads. Not confirmed on a GPU, and cuDNN's
        kernel, which a new one may prefer, is not counted.
        """
        learns = self.low.program.learns
        learned = learns and self.mask is not None and self.mask.learned
        dropout = learns and self.dropout
        packed = all(self.low.is_one(x.strides[-1]) for x in (self.q, self.k, self.v))
        flat = self.mask is None or len(self.mask.shape) in (2, 4)
        fits = flash(self.low, self.q.shape, self.v.shape, learned=learned, dropout=dropout)
        if not (packed and flat and len(self.q.shape) == 4):
            return "math"
        gpu = self.low.target.kind == "cuda"
        if fits and (not gpu or (self.low.half and self.mask is None)):
            return "flash"
        alone = self.low.same(self.q.shape[-3], self.k.shape[-3])
        return "efficient" if gpu and alone else "math"

    @property
    def shape(self) -> Shape:
        return (*self.q.shape[:-1], self.v.shape[-1])

    @property
    def strides(self) -> Shape:
        """Flash lays its result out as q is, the efficient kernel with tokens outside of heads,
        products of matrices in order."""
        orders = {"flash": self.low.memory_order(self.q), "efficient": (0, 2, 1, 3), "math": None}
        return in_order(self.shape, orders[self.kernel])

    @property
    def saves(self) -> Saves:
        return saves(*(self._math() if self.kernel == "math" else self._fused()))

    @property
    def runs(self) -> kernels.Kernel:
        """A fused kernel reads q, k and v once, and skips what a causal mask hides (Dao 2023); a
        mask that is a tensor it computes whole. Products of matrices scale q and k, copy those of
        q, k and v whose batch and heads do not lie as one axis, write the scores, read and write
        them for a mask and for the softmax, and read the weights."""
        if self.kernel != "math":
            skips = self.mask is None or self.mask.absent
            return kernels.Kernel("attention", back=self._summed(), skips=skips, recomputes=True)
        scores = product(self.q.shape[:-1]) * self.k.shape[-2]
        scaled = product(self.q.shape) + product((*self.q.shape[:-2], *self.k.shape[-2:]))
        passes = 4 if self.mask is None else 6
        moved = passes * scores + 2 * scaled
        alone = self.low.same(self.q.shape[-3], self.k.shape[-3])  # else repeated, and in order
        each = (self._scaled(self.q), *((self._scaled(self.k), self.v) if alone else ()))
        copied = [product(x.shape) for x in each if x.batched().storage is not x.storage]
        back = self._scored_back(scores, scaled) + self._summed()
        return kernels.Kernel("attention", hidden=moved, back=back, launches=5).after(copied)

    def _scored_back(self, scores: Dim, scaled: Dim) -> Dim:
        """What backward of products of matrices moves beside gradients and what it keeps.

        Gradients of the weights are written and read, those of the scores written and read twice,
        and the weights are read again; with dropout gradients are read and written for it. The
        result's gradient is read again. Gradients of what is scaled are read, and written.
        """
        passes = 8 if self.dropout else 6
        return passes * scores + product(self.shape) + 2 * scaled

    def _summed(self) -> Dim:
        """What is repeated has its gradient written whole, and read for the sum over repeats."""
        alone = self.low.same(self.q.shape[-3], self.k.shape[-3]) or self.kernel != "math"
        heads = self.q.shape[:-2]
        wide = [] if alone else [product((*heads, *x.shape[-2:])) for x in (self.k, self.v)]
        given = (self.q, self.k, self.v) if alone else (self.q,)
        wide += [product(x.shape) for x in given if Dim.of(0) in x.strides]
        return sum((2 * size for size in wide), Dim.of(0))

    def _scaled(self, x: Value) -> Value:
        """x times a number: in memory of its own, the axes in the order of x's."""
        strides = in_order(x.shape, self.low.memory_order(x))
        return replace(x, storage=Storage(product(x.shape), x.dtype), strides=strides)

    def _fused(self) -> list[Kept]:
        """q, k, v, the result and a number a query. A mask of booleans is made numbers anew.

        The efficient kernel has numbers for queries up to a multiple of 32. Its copy of a mask
        whose rows are no multiple of 16 numbers is not counted.
        """
        *heads, rows = self.q.shape[:-1]
        efficient = self.kernel == "efficient"
        rows = (rows + 31).floor_div(32) * 32 if efficient else rows
        kept: list[Kept] = [Keep(self.q), Keep(self.k), Keep(self.v), Result()]
        kept.append(Made("log-sum-exp", product((*heads, rows)), "float32"))
        if self.low.target.kind == "cuda":
            kept.append(Made("random state", Dim.of(2 if efficient else 3), "int64"))
        if self.mask is not None and self.mask.dtype == "bool":
            kept.append(Made("mask as numbers", product(self.mask.shape)))
        elif self.mask is not None:
            kept.append(Keep(self.mask))
        return kept

    def _math(self) -> list[Kept]:
        """Products of matrices, in fp32 at least: q and k scaled, grouped heads repeated. Each
        operand is kept for the other's gradient: frozen keys of frozen tokens need none."""
        dtype = "float32" if self.low.half else "float"
        heads = self.q.shape[:-2]
        weights = product(self.q.shape[:-1]) * self.k.shape[-2]
        given = (self.q, self.k, self.v, *(() if self.mask is None else (self.mask,)))
        q, k, v, *masks = self.read or given
        scored = (q, k, *masks)
        kept: list[Kept] = [
            Made("scaled queries", product(self.q.shape), dtype, (k,)),
            Made("scaled keys", product((*heads, *self.k.shape[-2:])), dtype, (q,)),
            Made("weights", weights, dtype, scored if self.dropout else ()),
        ]
        if self.dropout:
            on_cpu = self.low.target.kind == "cpu"
            kept.append(Made("dropout", weights, dtype if on_cpu else "bool", scored))
            kept.append(Made("dropped weights", weights, dtype, (v,)))
        grouped = not self.low.same(self.q.shape[-3], self.v.shape[-3])
        if self.low.half or grouped:
            kept.append(Made("values", product((*heads, *self.v.shape[-2:])), dtype, scored))
        else:
            kept.append(Keep(self.v.batched(), scored))
        return kept
