"""The pass `cost`: parameters, FLOPs and memory, each as a formula and as a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from tfspec.diagnostics import Diagnostic, Rule
from tfspec.graph.graph import Graph
from tfspec.graph.scope import Weight
from tfspec.graph.trace import Node
from tfspec.passes.cost import peaks
from tfspec.passes.cost.groups import GROUPS, By, grouped
from tfspec.passes.cost.names import Counts
from tfspec.passes.cost.sizes import OPTIMIZERS, PRECISIONS, Precision, cache_numbers
from tfspec.passes.cost.work import Work, work
from tfspec.passes.memory.checkpointing import Checkpoint
from tfspec.passes.memory.peak import Peak
from tfspec.passes.memory.saved import BYTES, saved
from tfspec.passes.modes import decoding, mode_shapes
from tfspec.passes.shapes.rows import Kind, flow_rows
from tfspec.program.refusal import NotYet
from tfspec.symbolic import Dim

CostMode = Literal["forward", "train", "prefill", "decode"]
MODES: tuple[CostMode, ...] = ("forward", "train", "prefill", "decode")
AT_MOST = ", at most: a mask that reads inputs or coordinates may hide more"
OPEN_DIM = Rule(
    "TS470",
    "a dim without a value",
    "A cost is asked for as a number, and a dim has no largest value that could be taken.",
    "A cost at a size that nobody chose would be quoted as the model's.",
    "tfspec cost mine.yaml --set 'T=multiple(8)'",
    "Give it a size: `--set H=224`.",
)


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
    `chosen` are the dims that nobody set, and what was taken for them.
    """

    graph: Graph
    mode: CostMode
    precision: Precision
    optimizer: str
    rows: tuple[Row, ...]
    values: Mapping[str, int]
    letters: Mapping[str, Dim]
    chosen: Mapping[str, int] = field(default_factory=dict[str, int])
    checkpoint: Checkpoint = "none"
    compiled: bool = False

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

    @cached_property
    def cache(self) -> Dim | None:
        """Numbers that caches of keys and values hold; None for a model that has none."""
        return cache_numbers(self.graph)

    def number(self, formula: Dim) -> int:
        """A formula's value at the bindings."""
        return formula.value(self.values)

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """Everything about the whole model, formula and number."""
        return (*self.formulas, *self.by_run)

    def _counts(self) -> list[Quantity]:
        done = self.work
        found = [
            self._of("parameters", "parameters", self.graph.params),
            self._of("forward", "FLOPs", done.forward),
        ]
        if not done.exact:
            found.append(self._of("needed", "FLOPs", done.needed, AT_MOST))
        elif done.needed != done.forward:
            found.append(self._of("needed", "FLOPs", done.needed))
        if self.mode == "train":
            found.append(self._of("backward", "FLOPs", done.backward))
        return found

    @cached_property
    def peak(self) -> Peak | str | None:
        """The fullest moment of a step, or why it is not known; None where a mode has none."""
        return peaks.measured(self)

    @cached_property
    def formulas(self) -> tuple[Quantity, ...]:
        """All that have a formula."""
        return (*self._counts(), *self._sizes())

    @cached_property
    def memory(self) -> tuple[Quantity, ...]:
        """Bytes by kind. Activations are what autograd keeps of the forward, before any loss."""
        return (*(each for each in self.formulas if each.unit == "bytes"), *self.by_run)

    def _sizes(self) -> list[Quantity]:
        each = self.precision
        found = [self._each("weights", each.weight)]
        if self.mode == "train":
            found.append(self._each("gradients", each.weight))
            found.append(self._each("optimizer", OPTIMIZERS[self.optimizer] * each.state))
            found += self._activations()
        if self.mode in ("prefill", "decode") and self.cache is not None:
            found.append(self._of("cache", "bytes", each.weight * self.cache))
        return found

    def _activations(self) -> list[Quantity]:
        """None under autocast, whose copies are not counted yet."""
        dtype = self.precision.activations
        if dtype is None:
            return []
        loss = self._of("loss", "bytes", peaks.loss_bytes(self, BYTES[dtype]))
        if self.compiled:
            return []  # a run tells them, the loss among them
        if self.checkpoint != "none":
            return [loss]
        sizes = {name: self.values[name] for name in self.graph.facts.domains}
        kept = saved(self.graph, dtype=dtype, sizes={**self.graph.bindings(), **sizes})
        missing = "".join(f", without {what} of {op}" for op, what in kept.without)
        return [self._of("activations", "bytes", kept.size, missing), loss]

    @cached_property
    def stays(self) -> tuple[str, int, str] | str | None:
        """What a compiled step keeps, or why it is not known; None where that is not asked."""
        return peaks.compiled(self) if self.compiled else None

    @cached_property
    def by_run(self) -> tuple[Quantity, ...]:
        """What no formula gives, but a run of the stand-in for torch: the peak, and with
        checkpointing or compiled the activations."""
        found = [self.stays] if isinstance(self.stays, tuple) else []
        if isinstance(self.peak, Peak):
            found += peaks.terms(self, self.peak)
        return tuple(
            Quantity(name, "bytes", Dim.of(size), size, said) for name, size, said in found
        )

    def _each(self, name: str, size: int) -> Quantity:
        """So many bytes for each parameter."""
        return self._of(name, "bytes", size * self.graph.params, f"{size} bytes a parameter")

    def _of(self, name: str, unit: str, formula: Dim, said: str = "") -> Quantity:
        return Quantity(name, unit, formula, self.number(formula), said)

    def grouped(self, by: By) -> list[Row]:
        """Rows that cost something: by `module`, `kind`, `layer`, or every `step`.

        Raises ValueError for another word.
        """
        if by not in GROUPS:
            raise ValueError(f"unknown group {by!r}: it is one of {', '.join(GROUPS)}")
        return grouped(self.rows, by)

    def __repr__(self) -> str:
        return self.text()

    def text(self, by: By = "module") -> str:
        """A table and the formulas, in at most 100 columns."""
        from tfspec.passes.cost.text import text

        return text(self, by)

    def json(self, by: By = "step") -> str:
        """An object: `name`, `mode`, `dims` (each symbol's value), `letters` (what N stands for),
        `chosen`, `convention`, `dtype`, `params` (`total`, `active`, `formula`), `flops`
        (`forward`, `needed`, `backward`, their formulas, `macs`, `by_module`), `memory` (bytes by
        kind, and `peak_where`), `growth`. Formulas are over the symbols of `dims`. These keys stay.
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


def cost(
    graph: Graph,
    mode: CostMode = "forward",
    dtype: str = "fp32",
    optimizer: str = "adamw",
    bound: Mapping[str, int] | None = None,
    checkpoint: Checkpoint = "none",
    compiled: bool = False,
) -> Cost:
    """The costs of a checked graph. Raises NotYet for a mode that this model has not, or not yet.

    `bound` are the sizes of dims that vary, by default those that the graph was bound to. A dim
    that is not bound counts as its largest value, a batch as 1; NotYet where there is none.
    """
    bound = graph.bound if bound is None else bound
    domains = graph.facts.domains
    taken = chosen(graph, bound)
    fixed = {name: domain.low for name, domain in domains.items() if domain.low == domain.high}
    values = {name: {**taken, **fixed, **bound}[name] for name in domains}
    counts = Counts(graph)
    shapes, results = {}, [tensor.shape for tensor in graph.outputs.values()]
    if mode in ("prefill", "decode"):
        shapes, results = mode_shapes(graph, mode)
        values = decoding(graph, mode, values)
        length = str(graph.token_axis.size)
        if mode == "decode" and length in taken:
            taken = {**taken, graph.slots_name: values[graph.slots_name]}
            del taken[length]
    shape_of = counts.shapes(lambda tensor: shapes.get(tensor, tensor.shape))
    found = flow_rows(graph, shape_of, results)
    done = work(graph, shape_of)
    rows = [
        Row(
            row.depth, row.kind, row.label, row.count,
            _params(row.weights), _together(row.nodes, done), row.shared,
        )
        for row in found if row.kind != "input"
    ]  # fmt: skip
    return Cost(
        graph, mode, PRECISIONS[dtype], optimizer, tuple(rows), counts.values(values),
        counts.letters, taken, checkpoint, compiled,
    )  # fmt: skip


def chosen(graph: Graph, bound: Mapping[str, int]) -> dict[str, int]:
    """What is taken for dims that vary and are not bound: the largest size, or a batch of 1."""
    found: dict[str, int] = {}
    for name, domain in graph.facts.domains.items():
        if name in bound or domain.low == domain.high:
            continue
        if domain.high is None and domain.step != 1:
            message = f"`{name}` is declared as {domain}, and has no largest value to take"
            size = domain.step * max(1, 224 // domain.step)
            help = (f"set it: `--set {name}={size}`", f"or declare `{name}: {domain} <= {size}`")
            raise NotYet(Diagnostic(OPEN_DIM, message, None, help=help))
        found[name] = 1 if domain.high is None else domain.high
    return found


def _together(nodes: Sequence[Node], done: Mapping[Node, Work]) -> Work:
    return sum((done.get(node, Work()) for node in nodes), Work())


def _params(weights: Sequence[Weight]) -> Dim:
    return sum((w.elements * _instances(w) for w in weights), Dim.of(0))


def _instances(weight: Weight) -> Dim:
    scope = weight.group.parent
    return scope.instances if scope is not None else Dim.of(1)
