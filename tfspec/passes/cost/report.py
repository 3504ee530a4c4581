"""The report of a cost: its quantities, each as a formula and as a number, and its forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from tfspec.graph.graph import Graph
from tfspec.graph.trace import Node
from tfspec.passes.cost import peaks
from tfspec.passes.cost.groups import GROUPS, By, grouped
from tfspec.passes.cost.sizes import OPTIMIZERS, Cached, Precision
from tfspec.passes.cost.work import ZERO, Work
from tfspec.passes.memory.checkpointing import Checkpoint
from tfspec.passes.memory.compiled import Compiled
from tfspec.passes.memory.peak import Peak
from tfspec.passes.memory.saved import Saves
from tfspec.passes.shapes.rows import Kind
from tfspec.program.program import Style
from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.passes.cost.fit import Largest
    from tfspec.passes.time.rates import Seconds
    from tfspec.passes.time.runs import Training
    from tfspec.passes.time.timing import Times, Timing
    from tfspec.targets import Target

CostMode = Literal["forward", "train", "prefill", "decode"]
MODES: tuple[CostMode, ...] = ("forward", "train", "prefill", "decode")
NEEDED = ", of tokens that a later one may still see"
AT_MOST = ", at most: a mask that reads inputs or coordinates may hide more"


@dataclass(frozen=True)
class Row:
    """One step's share: in all of its repetitions. Rows under it, of greater depth, are its parts.

    `count` is how often a block is repeated.
    """

    depth: int
    kind: Kind
    label: str
    count: int
    params: Dim
    work: Work
    shared: bool = False
    nodes: tuple[Node, ...] = ()
    trained: Dim = ZERO
    """Of its parameters, those that are trained."""


@dataclass(frozen=True)
class Quantity:
    """A formula and what it comes to. `unit` is FLOPs, bytes or parameters.

    `said` is what tables write for the formula, where words are shorter; after a comma, beside it.
    """

    name: str
    unit: str
    formula: Dim
    value: int
    said: str = ""


@dataclass(frozen=True, repr=False)
class Cost:
    """What a model costs in one mode, at one binding of its dims.

    `values` has every symbol of the formulas: dims, and letters such as N for numbers of tokens.
    `chosen` are the dims that nobody set, and what was taken for them. On a target: its `timing`,
    the `largest` sizes that fit and a `training` run, where these are asked. `compiled`: its
    activations are those of a compiled step.
    """

    graph: Graph
    mode: CostMode
    precision: Precision
    optimizer: str
    rows: tuple[Row, ...]
    values: Mapping[str, int]
    letters: Mapping[str, Dim]
    chosen: Mapping[str, int] = field(default_factory=dict[str, int])
    timing: Timing | None = None
    largest: tuple[Largest, ...] = ()
    training: Training | None = None
    checkpoint: Checkpoint = "none"
    style: Style = "fast"
    compiled: bool = False
    recomputed: Dim | None = None
    """FLOPs that checkpointing does again, in no other count; None without it."""
    cache: Cached | None = None
    """Numbers that caches of keys and values hold; None for a mode or a model that has none."""
    saves: Saves | None = None
    """What autograd keeps, as formulas; None where a run of the stand-in for torch says it: with
    checkpointing, under autocast, and compiled."""

    @property
    def name(self) -> str:
        return self.graph.name

    @cached_property
    def work(self) -> Work:
        """FLOPs of the whole model."""
        return sum((row.work for row in self.sections), Work())

    @property
    def sections(self) -> list[Row]:
        """Streams and outputs: together they are the whole model, each step once."""
        return [row for row in self.rows if row.kind in ("stream", "output")]

    @property
    def flops(self) -> Dim:
        """FLOPs of the mode: of a training step, forward and backward."""
        return self.of_mode(self.work)

    def of_mode(self, work: Work) -> Dim:
        """What of a row's work is done in this mode."""
        return work.forward + work.backward if self.mode == "train" else work.forward

    def number(self, formula: Dim) -> int:
        """A formula's value at the bindings."""
        return formula.value(self.values)

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """Everything about the whole model, formula and number."""
        return (*self.formulas, *self.by_run)

    def _times(self) -> list[Quantity]:
        """What the kernels of a target compute and move, where one is named."""
        if self.timing is None:
            return []
        executed = self._of("executed", "FLOPs", self.timing.executed)
        return [executed, self._of("traffic", "bytes", self.timing.traffic)]

    @property
    def target(self) -> Target | None:
        """Where it runs, if that is known."""
        return None if self.timing is None else self.timing.how.target

    @cached_property
    def time(self) -> Seconds | None:
        """Seconds on the target, and between which two; None without one."""
        return None if self.timing is None else self.timing.seconds(self.values)

    @cached_property
    def times(self) -> Times | None:
        """The seconds of each step."""
        return None if self.timing is None else self.timing.by_node(self.values)

    def _counts(self) -> list[Quantity]:
        done = self.work
        found = [
            self._of("parameters", "parameters", self.graph.params),
            *self._active(),
            *self._trained(),
            self._of("forward", "FLOPs", done.forward),
        ]
        if not done.exact:
            found.append(self._of("needed", "FLOPs", done.needed, AT_MOST))
        elif done.needed != done.forward:
            found.append(self._of("needed", "FLOPs", done.needed))
        if self.mode == "train":
            found.append(self._of("backward", "FLOPs", done.backward))
        if self.recomputed is not None:
            found.append(self._of("recomputed", "FLOPs", self.recomputed))
        return found

    def _active(self) -> list[Quantity]:
        """Parameters that one token uses, where there are others."""
        if self.graph.active == self.graph.params:
            return []
        return [self._of("active", "parameters", self.graph.active)]

    def _trained(self) -> list[Quantity]:
        """Parameters that training changes, where a stream is frozen."""
        if not self.graph.freezes:
            return []
        return [self._of("trained", "parameters", self.graph.trained)]

    @cached_property
    def peak(self) -> Peak | str | None:
        """The fullest moment of a step, or why it is not known; None where a mode has none."""
        return peaks.measured(self)

    @cached_property
    def formulas(self) -> tuple[Quantity, ...]:
        """All that have a formula."""
        needed = () if self.needed_cache is None else (self.needed_cache,)
        return (*self._counts(), *self.sizes, *needed, *self._times())

    @cached_property
    def memory(self) -> tuple[Quantity, ...]:
        """Bytes by kind. Activations are what autograd keeps of the forward, before any loss."""
        return (*self.sizes, *self.by_run)

    @property
    def sizes_of_dims(self) -> dict[str, int]:
        """A value for every dim that is not fixed."""
        here = {name: self.values[name] for name in self.graph.facts.domains}
        return {**self.graph.bindings(), **here}

    @cached_property
    def sizes(self) -> tuple[Quantity, ...]:
        """Bytes by kind, each with a formula; together all that a mode holds."""
        return tuple(self._sizes())

    def _sizes(self) -> list[Quantity]:
        each = self.precision
        params, trained = self.graph.params, self.graph.trained
        found = [self._each("weights", each.weight, params)]
        if self.mode == "train":
            states = OPTIMIZERS[self.optimizer] * each.state
            found.append(self._each("gradients", each.weight, trained))
            found.append(self._each("optimizer", states, trained))
            found += self._activations()
        if self.cache is not None:
            found.append(self._of("cache", "bytes", each.weight * self.cache.held))
        return found

    @cached_property
    def needed_cache(self) -> Quantity | None:
        """Of the cache, bytes of tokens that a later one may still see; None where that is all."""
        if self.cache is None or self.cache.needed == self.cache.held:
            return None
        needed = self.precision.weight * self.cache.needed
        return self._of("needed cache", "bytes", needed, NEEDED)

    def _activations(self) -> list[Quantity]:
        """The loss alone where a run tells what is kept; nothing where that has the loss too."""
        if self.compiled:
            return []
        loss = self._of("loss", "bytes", peaks.loss_bytes(self))
        if self.saves is None:
            return [loss]
        kept = self.saves.at(self.sizes_of_dims)
        missing = "".join(f", without {what} of {op}" for op, what in kept.without)
        return [self._of("activations", "bytes", kept.size, missing), loss]

    @cached_property
    def stays(self) -> Compiled | str | None:
        """What a compiled step keeps, or why it is not known; None where that is not asked."""
        return peaks.compiled(self)

    @cached_property
    def by_run(self) -> tuple[Quantity, ...]:
        """What no formula gives, but a run of the stand-in for torch: the peak, and compiled, with
        checkpointing or under autocast the activations."""
        found = [peaks.kept_terms(self.stays)] if isinstance(self.stays, Compiled) else []
        if isinstance(self.peak, Peak):
            found += peaks.terms(self, self.peak)
        return tuple(
            Quantity(name, "bytes", Dim.of(size), size, said) for name, size, said in found
        )

    def _each(self, name: str, size: int, params: Dim) -> Quantity:
        """So many bytes for each parameter, or each that is trained."""
        kind = "parameter" if params == self.graph.params else "trained parameter"
        return self._of(name, "bytes", size * params, f"{size} bytes a {kind}")

    def _of(self, name: str, unit: str, formula: Dim, said: str = "") -> Quantity:
        return Quantity(name, unit, formula, self.number(formula), said)

    def grouped(self, by: By) -> list[Row]:
        """Rows that cost something: by `module`, `kind`, `layer`, or every `step`.

        Raises ValueError for another word.
        """
        if by not in GROUPS:
            raise ValueError(f"unknown group {by!r}: it is one of {', '.join(GROUPS)}")
        return grouped(self.rows, by, self._costs)

    def _costs(self, row: Row) -> bool:
        """Whether it has parameters, FLOPs, or takes time on the target."""
        timed = self.times is not None and self.times.of(row.nodes).typical > 0
        return bool(row.params.terms or row.work.forward.terms or timed)

    def __repr__(self) -> str:
        return self.text()

    def text(self, by: By = "module") -> str:
        """A table and the formulas, in at most 100 columns."""
        from tfspec.passes.cost.text import text

        return text(self, by)

    def json(self, by: By = "step") -> str:
        """An object: `name`, `mode`, `dims` (each symbol's value), `letters` (what N stands for),
        `chosen`, `convention`, `dtype`, `params` (`total`, `active`, `trained`, `formula`), `flops`
        (`forward`, `needed`, `backward`, their formulas, `macs`, `by_module`), `memory` (bytes by
        kind, `peak_where`, and of experts `peak_routing`), `growth`. Formulas are over the symbols
        of `dims`. These keys stay.

        On a target also `target` (its sheet), `traffic` (`bytes`, `formula`) and `time` (`seconds`,
        `low`, `high`, `kind`, `bound`, `executed_flops`, `flops_per_byte`, `ridge`, `by_module`);
        where they are asked, `fit` and `run`.
        """
        from tfspec.passes.cost.machine import as_json

        return as_json(self, by)

    def csv(self, by: By = "step") -> str:
        """A line for each step: its parameters and FLOPs, and their formulas."""
        from tfspec.passes.cost.machine import as_csv

        return as_csv(self, by)

    def latex(self, by: By = "layer") -> str:
        """A LaTeX table, with the whole model's formulas in its caption."""
        from tfspec.passes.cost.latex import latex

        return latex(self, by)
