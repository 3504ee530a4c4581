"""Bytes that the backward of each kernel moves, and those of the optimizer's step.

- A product reads its gradient and the other operand once for each operand that needs a gradient,
  and writes that; a bias reads the gradient again.
- A look-up reads its gradient and the index, and writes its whole table's gradient.
- A product element by element reads its gradient for each factor that learns; the gradient of a
  factor that is spread over the other is written whole, and read for its sum.
- All others read their gradient, weights and what was kept for it, and write a gradient for every
  operand that needs one; of a part of a weight, the whole's gradient is written too. What keeps
  nothing hands its gradient on: operands of one size share it, and line by line a sum of such moves
  nothing; what was joined side by side gets a view.
- A value that is read in part, or several times, has its gradient put together: each piece read,
  the whole written; compiled, by the kernel that reads it next, if that is pointwise. Line by line,
  two at a time are added, those of one part first, and parts are laid into zeros.
- Gradients of a weight that several steps share are added, two at a time, line by line.
- A gradient of another dtype than its operand's is written in its own first, but where a sum of one
  size casts it.
- Compiled, what was not written in the forward is computed again from what was.
- The optimizer reads weights, gradients and states, and writes weights and states, each once, in
  one kernel (torch's fused optimizers).
Not counted: copies by which torch lays a gradient out anew for a product; compiled, the sums of
the gradients of a weight that several steps share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tfspec.passes.time.regions import FLOATS, Cast, Region, Run
from tfspec.passes.time.traffic import ZERO, Traffic
from tfspec.program import expr as ex
from tfspec.program.method import Assign
from tfspec.symbolic import Dim

ONE = Dim.of(1)


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
        added = 3 * sum(run.again, ZERO) * self.traffic.each["float"]  # two are read, one written
        return (
            self._put_together(run) + self._alone(run) + (ZERO if self.traffic.compiled else added)
        )

    def launches(self, run: Run) -> int:
        """Kernels that are started for it."""
        if not run.needs or self.traffic.fuses(run):
            return self.traffic.launches(run) if run.needs else 0
        together = bool(self._put_together(run).terms)
        together += 0 if self.traffic.compiled else len(run.again)
        if run.kernel.kind in ("product", "convolution"):
            trained = sum(weight.trained for weight in run.weights)
            return together + len(list(self._learning(run))) + trained
        return together + (self.traffic.launches(run) if self._alone(run).terms else 0)

    # ---- kernels of their own
    def _alone(self, run: Run) -> Dim:
        gradient = self.traffic.bytes(run.makes[0])
        match run.kernel.kind:
            case "product" | "convolution":
                return self._product(run, gradient)
            case "gather":
                rest = [region for region in run.reads if region.dtype not in FLOATS]
                return gradient + self.traffic.all(rest) + self._gradients(run)
            case _ if run.kept or run.left:
                kept = self.traffic.all((*run.kept, *run.left))
                kept += self.traffic.inside(run, backward=True) + self._factors(run, gradient)
                return gradient + kept + self.traffic.weights(run) + self._gradients(run)
            case _:
                return self._handed(run, gradient)

    def _product(self, run: Run, gradient: Dim) -> Dim:
        weights = [w for w in run.weights if w.rank > 1]
        matrices = [self.traffic.bytes(region) for region in run.reads]
        every = sum(map(self.traffic.held, weights), sum(matrices, ZERO))
        learning = len(list(self._learning(run))) + sum(w.trained for w in weights)
        biases = [self.traffic.held(w) for w in run.weights if w.rank == 1 and w.trained]
        found = learning * (gradient + every)  # the others, and its own
        return found + sum((gradient + size for size in biases), ZERO)

    def _factors(self, run: Run, gradient: Dim) -> Dim:
        """Of a product element by element: each factor's gradient is a product of its own; of one
        that is spread over the other, it is written whole, and read for its sum."""
        assert isinstance(run.step, Assign), "a cache learns nothing"
        learning = list(self._learning(run))
        if not (isinstance(run.step.expr, ex.Binary) and run.step.expr.op == "*" and learning):
            return ZERO
        spread = [region for region in learning if region.plain != run.makes[0].plain]
        return gradient * (len(learning) - 1 + 2 * len(spread)) + self._recast(run, learning)

    def _recast(self, run: Run, learning: Iterable[Region]) -> Dim:
        """Gradients that are there in the result's dtype first, and then in their own."""
        dtype = run.makes[0].dtype
        others = (region.elements for region in learning if region.dtype != dtype)
        return 2 * sum(others, ZERO) * self.traffic.each[dtype]

    def _handed(self, run: Run, gradient: Dim) -> Dim:
        """A sum's operands share its gradient, be it with a number; one that was repeated gets the
        sum over that. What was joined gets a view of its part, summed over repeats."""
        learning = list(self._learning(run))
        if run.kernel.joins:
            summed = [region for region in learning if region in run.repeated]
            read = sum((run.repeated[x] * self.traffic.each[x.dtype] for x in summed), ZERO)
            return sum(map(self._gradient, summed), read)
        whole = [region for region in learning if _alike(region, run.makes[0])]
        if len(run.reads) == 1 and not run.weights and not _adds_a_number(run):
            return sum(map(self._gradient, learning), gradient)
        smaller = [region for region in learning if region not in whole]
        summed = [region for region in smaller if region.plain != run.makes[0].plain]
        found = sum((gradient + self._gradient(region) for region in smaller), ZERO)
        return found + self._recast(run, summed)

    # ---- gradients
    def _learning(self, run: Run) -> Iterator[Region]:
        return (region for region in run.reads if region.needs)

    def _gradients(self, run: Run) -> Dim:
        """A gradient for each operand, and for its module's weights that are trained."""
        weights = self.traffic.weights(run, trained=True)
        return sum(map(self._gradient, self._learning(run)), weights)

    def _gradient(self, operand: Region) -> Dim:
        """What is written; of a part of a weight, the whole's gradient is made of it."""
        size = self.traffic.bytes(operand)
        if operand.block.maker is not None or operand.whole:
            return size
        return 2 * size + operand.block.elements * self.traffic.each[operand.dtype]

    def _pieces(self, run: Run) -> list[tuple[Run, Region]]:
        """The readers that give the result's gradient, and of which part."""
        return [(reader, part) for reader, part in run.makes[0].block.pieces if reader.needs]

    def _put_together(self, run: Run) -> Dim:
        whole = self.traffic.bytes(run.makes[0])
        pieces = [(part, _often(run, reader)) for reader, part in self._pieces(run)]
        pieces += [(part, ONE) for part in run.makes[0].block.results]
        if not pieces or (pieces == [(pieces[0][0], ONE)] and _alike(pieces[0][0], run.makes[0])):
            return ZERO
        if self.traffic.compiled:
            return sum((self.traffic.bytes(part) * often for part, often in pieces), whole)
        return self._added(pieces, whole)

    def _added(self, pieces: Sequence[tuple[Region, Dim]], whole: Dim) -> Dim:
        """Those of one part first, then laid into zeros with what was cut out beside it."""
        cuts = dict.fromkeys(part.cut for part, _ in pieces)
        once: dict[Region, Dim] = {}
        for part, often in pieces:
            once[part] = once.get(part, ZERO) + often
        again = sum((self.traffic.bytes(part) * (often - 1) for part, often in once.items()), ZERO)
        laid = self.traffic.all(part for part in once if part.cut is not None)
        laid += whole * sum(cut is not None for cut in cuts)
        return laid + 3 * again + 3 * whole * (len(cuts) - 1)

    # ---- in a kernel of the compiler's
    def _fused(self, run: Run) -> Dim:
        outside = (
            part for reader, part in self._pieces(run) if not self.traffic.joined(run, reader)
        )
        result = run.makes if run.makes[0].block.result else []
        again = dict.fromkeys(self._again(run, run.kept)) if run.kept or run.left else {}
        outer = [x for x in self._learning(run) if not self.traffic.joined(x.block.maker, run)]
        if not (run.kept or run.left):  # those of one size share it
            outer = {(x.plain, x.dtype, x.whole): x for x in outer}.values()
        written = sum(map(self._gradient, outer), ZERO)
        read = self.traffic.all((*outside, *result, *again))
        weights = self.traffic.weights(run) + self.traffic.weights(run, trained=True)
        return read + written + weights  # read, and their gradients written

    def _again(self, run: Run, kept: Iterable[Region]) -> Iterator[Region]:
        """What is read to have kept values again: themselves, or what they were made of."""
        for region in kept:
            maker = region.block.maker
            if maker is None or self.traffic.stays(region.block) or not self.traffic.fuses(maker):
                yield region
            else:
                yield from self._again(maker, maker.reads)


def _alike(one: Region, other: Region) -> bool:
    """Whether a gradient of one is that of the other as it is."""
    return one.plain == other.plain and one.dtype == other.dtype


def _adds_a_number(run: Run) -> bool:
    """Whether its line is a sum of its one operand and a number."""
    assert isinstance(run.step, Assign), "a cache learns nothing"
    expr = run.step.expr
    return isinstance(expr, ex.Binary) and expr.op == "+" and len(list(ex.operands(expr))) == 1


def _often(run: Run, reader: Run) -> Dim:
    """How many layers read what is made once: outside of their stack, or for all of them. What a
    layer makes, one layer reads, though that may stand for several."""
    made, read = (each.layer and each.layer.outermost.stack for each in (run, reader))
    outside = made is None or made != read
    once = run.times == ONE and (outside or isinstance(run.step, Cast))
    return reader.times if once else ONE


def optimizer(weights: Dim, size: int, states: int) -> Dim:
    """Bytes of one step: `size` bytes a number, so many states a weight."""
    return (3 + 2 * states) * size * weights
