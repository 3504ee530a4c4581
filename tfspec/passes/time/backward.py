"""Bytes that the backward of each kernel moves, and those of the optimizer's step.

- A product reads its gradient and the other operand once for each operand that needs a gradient,
  and writes that; a bias reads the gradient again.
- A look-up fills its whole table's gradient, and adds to the rows that were read.
- All others read their gradient and what was kept for it, and write a gradient for every operand
  that needs one. What keeps nothing hands its gradient on: operands of one size share it, and line
  by line a sum of such moves nothing.
- A value that is read in several pieces, or several times, has its gradient put together: each
  piece read, the whole written; compiled, by the kernel that reads it next, if that is pointwise.
- Compiled, what was not written in the forward is computed again from what was.
- The optimizer reads weights, gradients and states, and writes weights and states, each once, in
  one kernel (torch's fused optimizers). Gradients of shared weights are not added up here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tfspec.passes.time.regions import Region, Run
from tfspec.passes.time.traffic import ZERO, Traffic
from tfspec.symbolic import Dim


@dataclass(frozen=True)
class Backward:
    """The backward of runs whose forward moves so much."""

    traffic: Traffic

    def bytes(self, run: Run) -> Dim:
        """What the backward of one run reads and writes."""
        if not run.needs:
            return ZERO
        if self.traffic.fuses(run):
            return self._fused(run)
        return self._put_together(run) + self._alone(run)

    def launches(self, run: Run) -> int:
        """Kernels that are started for it."""
        if not run.needs or self.traffic.fuses(run):
            return self.traffic.launches(run) if run.needs else 0
        together = bool(self._put_together(run).terms)
        if run.kernel.kind in ("product", "convolution"):
            return together + len(list(self._learning(run))) + len(run.weights)
        return together + (self.traffic.launches(run) if self._alone(run).terms else 0)

    # ---- kernels of their own
    def _alone(self, run: Run) -> Dim:
        gradient = self.traffic.bytes(run.makes[0])
        match run.kernel.kind:
            case "product" | "convolution":
                return self._product(run, gradient)
            case "gather":
                rest = [region for region in run.reads if region.dtype != "float"]
                return 2 * gradient + self.traffic.all(rest) + self._gradients(run)
            case _ if run.kept or run.left:
                kept = self.traffic.all((*run.kept, *run.left)) + self.traffic.inside(run)
                return gradient + kept + self._gradients(run)
            case _:
                return self._handed(run, gradient)

    def _product(self, run: Run, gradient: Dim) -> Dim:
        weights = [(w.elements * self.traffic.each["float"], w.rank) for w in run.weights]
        matrices = [self.traffic.bytes(region) for region in run.reads]
        matrices += [size for size, rank in weights if rank > 1]
        every = sum(matrices, ZERO)
        learning = [self.traffic.bytes(region) for region in self._learning(run)]
        learning += [size for size, rank in weights if rank > 1]
        found = sum((gradient + every for _ in learning), ZERO)  # the others, and its own
        return found + sum((gradient + size for size, rank in weights if rank == 1), ZERO)

    def _handed(self, run: Run, gradient: Dim) -> Dim:
        """A sum's operands share its gradient; one that was repeated gets the sum over that."""
        learning = list(self._learning(run))
        whole = [region for region in learning if self.traffic.bytes(region) == gradient]
        if len(run.reads) == 1 and not run.weights:
            return gradient + self.traffic.all(learning)
        smaller = [region for region in learning if region not in whole]
        sizes = [self.traffic.bytes(region) for region in smaller]
        return sum((gradient + size for size in sizes), ZERO)

    # ---- gradients
    def _learning(self, run: Run) -> Iterator[Region]:
        return (region for region in run.reads if region.needs)

    def _gradients(self, run: Run) -> Dim:
        """A gradient for each operand, and for its module's weights."""
        return self.traffic.all(self._learning(run)) + self.traffic.weights(run)

    def _pieces(self, run: Run) -> list[tuple[Run, Region]]:
        """The readers that give the result's gradient, and of which part."""
        return [(reader, part) for reader, part in run.makes[0].block.pieces if reader.needs]

    def _put_together(self, run: Run) -> Dim:
        whole = self.traffic.bytes(run.makes[0])
        sizes = [self.traffic.bytes(part) for _, part in self._pieces(run)]
        if len(sizes) <= 1 or run.makes[0].block.result:
            return ZERO
        return sum(sizes, whole)

    # ---- in a kernel of the compiler's
    def _fused(self, run: Run) -> Dim:
        outside = (
            part for reader, part in self._pieces(run) if not self.traffic.joined(run, reader)
        )
        result = run.makes if run.makes[0].block.result else []
        again = dict.fromkeys(self._again(run, run.kept)) if run.kept or run.left else {}
        outer = [x for x in self._learning(run) if not self.traffic.joined(x.block.maker, run)]
        gradients = self.traffic.all(outer) if run.kept or run.left else _shared(self, outer)
        read = self.traffic.all((*outside, *result, *again))
        return read + gradients + self.traffic.weights(run)

    def _again(self, run: Run, kept: Iterable[Region]) -> Iterator[Region]:
        """What is read to have kept values again: themselves, or what they were made of."""
        for region in kept:
            maker = region.block.maker
            if maker is None or self.traffic.stays(region.block) or not self.traffic.fuses(maker):
                yield region
            else:
                yield from self._again(maker, maker.reads)


def _shared(backward: Backward, operands: Iterable[Region]) -> Dim:
    """One gradient for all operands of a size."""
    return sum({backward.traffic.bytes(region) for region in operands}, ZERO)


def optimizer(weights: Dim, size: int, states: int) -> Dim:
    """Bytes of one step: `size` bytes a number, so many states a weight."""
    return (3 + 2 * states) * size * weights
