"""Bytes that each kernel of a forward reads and writes, as torch runs it: line by line or compiled.

What is counted, and how often:
- A kernel reads each operand once, and writes its result once, at their dtypes. A view or a size
  moves nothing; what is repeated without a copy (stride 0) is read once. Nothing else is free.
- A product reads its whole matrix; a look-up reads as many rows as it gives, not the table. Of
  experts those are read that have a row: all of them, or one for each row where that is less, as if
  no two rows had the same.
- Attention in one kernel reads q, k, v and a mask, and writes its result. Where torch takes
  products of matrices for it, scores go through memory again (`Attention.runs` says how often).
- Line by line, each operation of a line is a kernel: what one leaves for the next is written and
  read. Helpers of the file say themselves what they move inside (`Kernel.hidden`).
- Compiled, pointwise steps (with norms, softmax, casts and copies) that feed each other are one
  kernel: it reads what comes from outside, once, and writes what is used outside. Two of them are
  apart where another kernel must run between them. Products, convolutions, look-ups and attention
  are kernels of their own, and read what was written.
- While training, a kernel also writes what it makes for its backward (the mask of a dropout,
  attention's sums); a fused one computes that again.
- Caches between memory and the processors are not modelled: what fits there may be faster.
Not counted: the blocks of FlexAttention's masks, what a library's kernel keeps as scratch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tfspec.passes.memory.saved import BYTES
from tfspec.passes.time.regions import FLOATS, Block, Dtype, Held, Region, Run
from tfspec.program import expr as ex
from tfspec.program.method import Assign
from tfspec.program.program import Precision
from tfspec.shadow.dtypes import Kept
from tfspec.symbolic import Dim

ZERO = Dim.of(0)
MIXED: tuple[Precision, Precision] = ("fp32", "bf16")
"""What weights are in under autocast, and what it casts to."""


@dataclass(frozen=True)
class Traffic:
    """What runs move, in bytes, each once. `compiled`: pointwise neighbours are one kernel."""

    runs: Sequence[Run]
    dtype: Kept
    compiled: bool
    train: bool

    def forward(self, run: Run) -> Dim:
        """What one run of it reads and writes."""
        written = [made for made in run.makes if self.stays(made.block)]
        if run.kernel.kind == "gather":  # as many rows as it gives, not the table
            read, held = [*(x for x in run.reads if x.dtype not in FLOATS), *run.makes], ZERO
        else:
            read, held = self._reads[run], self.weights(run)
        left = run.left if self.train and not self.fuses(run) else []
        operands = sum((self._operand(run, each) for each in read), ZERO)
        return operands + self.all((*written, *left)) + held + self.inside(run)

    def launches(self, run: Run) -> int:
        """Kernels that are started for it: none for what goes on in its neighbour's."""
        if self.fuses(run):
            return int(self.leaders[run] is run)
        return max(run.kernel.launches, _operations(run))

    # ---- sizes
    def _operand(self, run: Run, region: Region) -> Dim:
        """What is read of an operand: of experts' matrices at most as many as there are rows."""
        experts = region.block.weights and region.block.weights[0].spec.active is not None
        if not experts or run.kernel.kind != "product":
            return self.bytes(region)
        rows_by_matrix = run.makes[0].elements * region.block.weights[0].shape[-1]
        return Dim.minimum(region.elements, rows_by_matrix) * self.each[region.dtype]

    def all(self, regions: Iterable[Region]) -> Dim:
        return sum(map(self.bytes, regions), ZERO)

    def bytes(self, region: Region) -> Dim:
        return region.elements * self.each[region.dtype]

    def weights(self, run: Run, trained: bool = False) -> Dim:
        """Those of its module, or such of them as get gradients."""
        held = (weight for weight in run.weights if weight.trained or not trained)
        return sum(map(self.held, held), ZERO)

    def held(self, weight: Held) -> Dim:
        return weight.elements * self.each[weight.dtype]

    @cached_property
    def each(self) -> Mapping[Dtype, int]:
        """Bytes of a number."""
        own, lower = (BYTES[x] for x in (MIXED if self.dtype == "mixed" else (self.dtype,) * 2))
        return {
            "float": own, "lower": lower, "float32": 4, "int64": 8, "int32": 4, "bool": 1
        }  # fmt: skip

    def inside(self, run: Run, backward: bool = False) -> Dim:
        """What moves beside operands and results.

        An operand that a line reads twice is read again; in backward its other gradient is made of
        the result's and of what it was multiplied by, and added: six of its size.
        """
        if self.fuses(run):
            return ZERO
        made = sum((made.elements for made in run.makes), ZERO)
        between = made * (2 * (_operations(run) - 1) + _repeats(run) * (6 if backward else 1))
        said = run.kernel.back if backward else None
        hidden = run.kernel.hidden if said is None else said
        flags = run.kernel.back_flags * self.each["bool"] if backward else ZERO
        return (hidden + between) * self.each[run.makes[0].dtype] + flags

    # ---- one kernel of several steps
    def fuses(self, run: Run) -> bool:
        """Whether it is part of a kernel that the compiler writes."""
        return self.compiled and _fuses(run)

    def joined(self, maker: Run | None, reader: Run) -> bool:
        """Whether the reader finds it in its own kernel."""
        return maker is not None and self.leaders[maker] is self.leaders[reader]

    def stays(self, block: Block) -> bool:
        """Whether what a kernel makes is written: not what only its own lines read."""
        outside = any(not self.joined(block.maker, reader) for reader, _ in block.pieces)
        return outside or block.result or not block.pieces

    @cached_property
    def leaders(self) -> Mapping[Run, Run]:
        """The first run of each kernel, by all of its runs."""
        return _leaders(self.runs) if self.compiled else {run: run for run in self.runs}

    @cached_property
    def _reads(self) -> Mapping[Run, list[Region]]:
        """Operands that come through memory, once for all runs of a kernel."""
        seen: set[tuple[Run, Region]] = set()
        found: dict[Run, list[Region]] = {}
        for run in self.runs:
            outer = [region for region in run.reads if not self.joined(region.block.maker, run)]
            found[run] = [x for x in outer if (self.leaders[run], x) not in seen]
            seen.update((self.leaders[run], region) for region in outer)
        return found


def _leaders(runs: Sequence[Run]) -> dict[Run, Run]:
    """Of pointwise runs that feed each other, with no other kernel between any two.

    A run's level is the most kernels that are not pointwise on a way to it: of one level, none can
    wait for another through one of these.
    """
    level: dict[Run, int] = {}
    leader: dict[Run, Run] = {}
    for run in runs:
        makers = [region.block.maker for region in run.reads if region.block.maker is not None]
        level[run] = max((level[maker] + (not _fuses(maker)) for maker in makers), default=0)
        leader[run] = run
        for maker in makers:
            if _fuses(run) and _fuses(maker) and level[maker] == level[run]:
                leader[_first(leader, run)] = _first(leader, maker)
    return {run: _first(leader, run) for run in runs}


def _first(leader: dict[Run, Run], run: Run) -> Run:
    while leader[run] is not run:
        run = leader[run]
    return run


def _fuses(run: Run) -> bool:
    """A cache is written where it lies, by a kernel of its own."""
    return run.kernel.kind == "pointwise" and isinstance(run.step, Assign)


def _operations(run: Run) -> int:
    """Kernels of a line that torch runs by itself: each operator or call on tensors is one."""
    if not _fuses(run):
        return 1
    return max(1, _computing(run.step.expr))


def _repeats(run: Run) -> int:
    """How often a line reads an operand again."""
    if not _fuses(run):
        return 0
    read = [part.to for part in ex.operands(run.step.expr) if isinstance(part, ex.Ref)]
    return len(read) - len(set(read))


def _computing(expr: ex.Expr) -> int:
    inner = sum(map(_computing, expr.children()))
    return inner + (isinstance(expr, ex.Binary | ex.Unary | ex.Call) and _tensor(expr))


def _tensor(expr: ex.Expr) -> bool:
    """Whether it reads more than one number."""
    return any(
        isinstance(part, ex.Member) or (part.to.dtype != "state" and bool(part.to.shape))
        for part in ex.operands(expr)
    )
