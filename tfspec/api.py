"""The public Python API: a spec as an object, and each answer as one call.

`load` raises `SpecError` where the text is no spec; `check` reports and never raises; what needs
a whole, correct spec (`shapes`, `emit`, `build`) raises `SpecError` with the messages in it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, TypeVar

from tfspec.diagnostics import Diagnostic, Diagnostics
from tfspec.passes.check import Checked
from tfspec.passes.check import check as check_pass
from tfspec.spec.load import Loaded
from tfspec.spec.load import load as load_text

if TYPE_CHECKING:
    import networkx as nx
    from torch import nn

    from tfspec.graph.graph import Graph
    from tfspec.passes.cost.report import Cost, CostMode
    from tfspec.passes.diff.diff import Diff
    from tfspec.passes.draw.draw import Direction, Drawing, Level
    from tfspec.passes.draw.fit import Width
    from tfspec.passes.draw.shares import Quantity
    from tfspec.passes.report.report import Report
    from tfspec.passes.shapes.shapes import Flow
    from tfspec.passes.time.runs import Amount
    from tfspec.passes.time.timing import How
    from tfspec.program.program import Style
    from tfspec.targets import Target

Word = TypeVar("Word", bound=str)
STYLES: tuple[Style, ...] = ("fast", "explicit")
PARTS = ("generate", "decode")

Sets = Mapping[str, int | str]
"""Dims bound or overridden: `{"T": 1024, "d": "2 * h"}`, each value as `dims` takes it, or `max`
for the largest that a dim may have. All others are as they are declared."""


class SpecError(ValueError):
    """A spec that cannot be used. Its `str` has every message, as `tfspec check` prints them."""

    def __init__(self, found: Iterable[Diagnostic], sources: Mapping[str, str]) -> None:
        from tfspec.diagnostics.text import render

        self.diagnostics = tuple(found)
        self.sources = sources
        super().__init__("\n" + render(self.diagnostics, sources).rstrip())


@dataclass(frozen=True, repr=False)
class Architecture:
    """A spec as it was read, with some dims set. Made by `tfspec.load`; never changes."""

    loaded: Loaded
    sets: Sets = field(default_factory=dict[str, int | str])

    def __repr__(self) -> str:
        name = None if self.loaded.spec is None else self.loaded.spec.name
        sets = "".join(f", {dim}={size}" for dim, size in self.sets.items())
        return f"<Architecture {name!r}{sets}>"

    def check(self) -> Checked:
        """Every problem of the spec as diagnostics, and its parameter count. Raises nothing."""
        return self._checked

    def shapes(self, mode: str = "forward") -> Flow:
        """The shape of every step, in symbols and numbers; modes: forward, prefill, decode."""
        from tfspec.passes.shapes.shapes import shape_flow

        with self._refusals():
            return shape_flow(self.semantics, mode)

    def cost(
        self,
        mode: CostMode = "forward",
        *,
        dtype: str = "fp32",
        optimizer: str = "adamw",
        style: str = "fast",
        checkpoint: str = "none",
        target: str | None = None,
        efficiency: str | None = None,
        compiled: bool | None = None,
        fit: bool = False,
        run: Amount | None = None,
    ) -> Cost:
        """Parameters, FLOPs and memory as formulas and numbers; on a target also the time.

        Dims are not set here, but by `load`: `tfspec.load("gpt2", {"B": 8}).cost("train")`.
        Modes: forward, train, prefill, decode; dtypes: fp32, bf16, fp16, mixed; optimizers: adamw,
        sgd, momentum, lion; style: as of the emitted file, `explicit` with eager attention, which
        writes and keeps every score; checkpoint: none, block (each layer of a stack runs again in
        backward) or full (each stack as a whole). `compiled`: True for a step that is compiled as a
        whole: its activations are what the compiler keeps, and it has no peak, so that with a
        checkpoint or `fit` they are of eager mode all the same; False for time line by line; by
        default activations are of eager mode, and time is compiled. `target` is a name or a YAML
        file, `efficiency` the file of an efficiency table. There, `fit` looks for the largest
        sizes, and `run` says of so many tokens or samples how long training takes. Raises SpecError
        for a mode that this model has not, for a dim that has no largest value and is not set, and
        for what is wrong with a file.
        """
        from tfspec.passes.cost.cost import cost as cost_pass
        from tfspec.passes.cost.report import MODES
        from tfspec.passes.cost.sizes import OPTIMIZERS, PRECISIONS
        from tfspec.passes.memory.checkpointing import CHECKPOINTS

        _mode(mode, MODES)
        _one_of(dtype, tuple(PRECISIONS), "dtype")
        _one_of(optimizer, tuple(OPTIMIZERS), "optimizer")
        with self._refusals():
            how = None if target is None else _how(target, efficiency, compiled is not False)
            keeps = compiled is True and mode == "train" and checkpoint == "none" and not fit
            found = cost_pass(
                self.semantics, mode, dtype, optimizer, how=how,
                checkpoint=_one_of(checkpoint, CHECKPOINTS, "checkpoint"),
                style=_one_of(style, STYLES, "style"), compiled=keeps,
            )  # fmt: skip
            return _planned(found, fit, run) if how else found

    def emit(
        self,
        *,
        target: str | None = None,
        style: str = "fast",
        parts: Iterable[str] = (),
        loss: str | None = None,
    ) -> str:
        """The source of a standalone PyTorch file; `parts=("generate",)` adds generation, and
        `("decode",)` its cache, `prefill` and `decode` alone, where no ids are continued.

        `loss` adds a loss: next-token, shifted, masked-word, cross-entropy, contrastive, sigmoid or
        regression, of the output that it fits, or of a named one: `"regression:next_action"`.
        Raises SpecError for an unknown target, what the target cannot do yet, or a loss that does
        not fit.
        """
        from tfspec.losses.choose import LOSSES
        from tfspec.passes.emit.emit import emit as emit_pass

        _one_of(style, STYLES, "style")
        if loss is not None:
            _one_of(loss.partition(":")[0], tuple(LOSSES), "loss")
        chosen = tuple(_one_of(part, PARTS, "part") for part in parts)
        with self._refusals():
            _sheet(target)
            return emit_pass(self.semantics, target=target, style=style, parts=chosen, loss=loss)

    def draw(
        self,
        *opened: str,
        level: Level = "blocks",
        theme: str = "light",
        direction: Direction = "up",
        cost: Quantity = "none",
        width: Width = "page",
        numbers: bool | None = None,
    ) -> Drawing:
        """The model as a figure, which shows itself in a notebook, and which `save` writes.

        `opened` names blocks or modules to draw open, by default the main stacks' blocks; levels:
        blocks, ops; themes: light, dark, print; directions: up, down; costs: none, flops,
        params, memory; widths: page (180 mm), column (85 mm, text of 5 points or more).
        Sizes are numbers where a dim is set, else symbols, or as `numbers` says. Raises SpecError.
        """
        from tfspec.passes.draw.draw import DIRECTIONS, LEVELS
        from tfspec.passes.draw.draw import draw as draw_pass
        from tfspec.passes.draw.fit import WIDTHS
        from tfspec.passes.draw.shares import QUANTITIES
        from tfspec.passes.draw.theme import THEMES

        _one_of(level, LEVELS, "level")
        _one_of(theme, tuple(THEMES), "theme")
        _one_of(direction, DIRECTIONS, "direction")
        _one_of(cost, QUANTITIES, "cost")
        _one_of(width, WIDTHS, "width")
        shown = bool(self.sets) if numbers is None else numbers
        with self._refusals():
            return draw_pass(
                self.semantics, opened, level=level, numbers=shown, theme=theme,
                direction=direction, cost=cost, width=width,
            )  # fmt: skip

    def report(
        self,
        mode: CostMode = "forward",
        *,
        dtype: str = "fp32",
        target: str | None = None,
        efficiency: str | None = None,
        compiled: bool = True,
    ) -> Report:
        """Everything about the model on one offline page, which shows itself in a notebook, and
        which `save` writes: figure, costs, charts, shapes, the spec and its code.

        Takes what `cost` takes, and raises as it does.
        """
        from tfspec.passes.cost.report import MODES
        from tfspec.passes.cost.sizes import PRECISIONS
        from tfspec.passes.report.report import report as report_pass

        _mode(mode, MODES)
        _one_of(dtype, tuple(PRECISIONS), "dtype")
        with self._refusals():
            how = None if target is None else _how(target, efficiency, compiled)
            sources = self.loaded.sources
            return report_pass(
                self.semantics, sources, mode, dtype, how=how, numbers=bool(self.sets)
            )  # fmt: skip

    def graph(self) -> nx.DiGraph[str]:
        """The model as a networkx graph, for who computes on architectures. Raises SpecError.

        A node is an input, an output, or a step in its smallest pieces, under its place in the
        model: `blocks.*.attention.q`. A layer that is repeated is there once, so that nothing
        loops. Every node has

        - `kind`: input, output, embed, norm, attention, mlp, linear or other; `op`: what does it
          (`Linear`), empty for inputs and outputs; `label`: what a reader calls it;
        - `shape` of what it makes, as text, `[B, T, d]`, and the `symbols` in it, in order;
        - `count`: how often it runs; `inside`: the modules around it, from the outermost on;
        - `params`, in all copies of its module, shared weights where they come first: together
          they are the model's; `flops`: a formula of the forward FLOPs of all its runs.

        An edge has the `shape` and `symbols` of what flows, and `operands`: which operands of its
        target it is, from 0; none where a mask reads an input.

        The graph has `name`, `params`, `symbols` (what each stands for), `streams` (the node at
        the end of each), and `modules`: `kind`, `count` and `params` of each place in `inside`.
        """
        from tfspec.passes.network import network

        return network(self.semantics)

    @property
    def semantics(self) -> Graph:
        """The checked model: its trace, sizes and what is known of them. Raises SpecError."""
        graph = self._checked.graph
        if graph is None or not self._checked.ok:
            raise SpecError(self._checked.diagnostics, self.loaded.sources)
        return graph

    @cached_property
    def _checked(self) -> Checked:
        return check_pass(self.loaded, self.sets)

    @contextmanager
    def _refusals(self) -> Generator[None]:
        """What lowering cannot do yet, as the error that everything else is."""
        from tfspec.program.refusal import NotYet
        from tfspec.spec.sheets import SheetError

        try:
            yield
        except NotYet as refusal:
            raise SpecError([refusal.diagnostic], self.loaded.sources) from None
        except SheetError as wrong:
            raise SpecError(wrong.diagnostics, wrong.sources) from None


def _sheet(target: str | None) -> Target:
    """The target of a name or a file, by default the CPU. Raises NotYet or SheetError."""
    from tfspec.program.refusal import NotYet
    from tfspec.targets import Target, find

    found = find("cpu" if target is None else target)
    if not isinstance(found, Target):
        raise NotYet(found)
    return found


def _how(target: str, efficiency: str | None, compiled: bool) -> How:
    from tfspec.passes.time.efficiency import of
    from tfspec.passes.time.timing import How

    found = _sheet(target)
    return How(found, of(found, efficiency), compiled)


def _planned(cost: Cost, fit: bool, run: Amount | None) -> Cost:
    from tfspec.passes.cost.fit import largest
    from tfspec.passes.time.runs import training

    sizes = tuple(largest(cost)) if fit else ()
    return replace(cost, largest=sizes, training=training(cost, run) if run else None)


def _mode(mode: object, known: tuple[Word, ...]) -> Word:
    """A mode; dims in its place are a mistake that is easily made."""
    if not isinstance(mode, str):
        help = 'dims are set before: `tfspec.load(spec, {"T": 128}).cost("train")`'
        raise TypeError(f"a mode is one of {', '.join(known)}, not {mode!r}; {help}")
    return _one_of(mode, known, "mode")


def _one_of(word: str, known: tuple[Word, ...], what: str) -> Word:
    for each in known:
        if each == word:
            return each
    raise ValueError(f"unknown {what} {word!r}: it is one of {', '.join(known)}")


Spec = str | PathLike[str] | Architecture
"""A path, the name of a bundled spec, or what `load` returned."""


def load(spec: Spec, sets: Sets | None = None) -> Architecture:
    """Read a spec. Raises SpecError where it cannot be read, or is no spec by its schema."""
    architecture = read(spec, sets)
    if architecture.loaded.spec is None:
        raise SpecError(Diagnostics(architecture.loaded.diagnostics), architecture.loaded.sources)
    return architecture


def read(spec: Spec, sets: Sets | None = None) -> Architecture:
    """Read a spec, and raise nothing: its problems are among its diagnostics."""
    if isinstance(spec, Architecture):
        return Architecture(spec.loaded, {**spec.sets, **(sets or {})})
    return Architecture(load_text(fspath(spec)), dict(sets or {}))


def check(spec: Spec, sets: Sets | None = None) -> Checked:
    """Every problem of a spec as diagnostics, and its parameter count. Raises nothing."""
    return read(spec, sets).check()


def shapes(spec: Spec, sets: Sets | None = None, *, mode: str = "forward") -> Flow:
    """The shape of every step, in symbols and numbers. Raises SpecError."""
    return load(spec, sets).shapes(mode)


def cost(spec: Spec, sets: Sets | None = None, mode: CostMode = "forward", **how: Any) -> Cost:
    """Parameters, FLOPs and memory, as formulas and numbers; see `Architecture.cost`.

    `sets` are dims: `tfspec.cost("gpt2", {"B": 8, "T": 512}, "train", dtype="bf16")`.
    """
    return load(spec, sets).cost(mode, **how)


def draw(spec: Spec, sets: Sets | None = None, *opened: str, **how: Any) -> Drawing:
    """The model as a figure; takes what `Architecture.draw` takes. Raises SpecError."""
    return load(spec, sets).draw(*opened, **how)


def report(spec: Spec, sets: Sets | None = None, mode: CostMode = "forward", **how: Any) -> Report:
    """Everything about a model on one offline page; see `Architecture.report`."""
    return load(spec, sets).report(mode, **how)


def diff(
    a: Spec, b: Spec, sets: Sets | None = None, *, names: tuple[str, str] | None = None
) -> Diff:
    """How B differs from A: dims, structure, parameters. Raises SpecError for what is wrong in one.

    `names` is what the answer calls them, where their own names would not tell them apart.
    """
    from tfspec.passes.diff.diff import diff as diff_pass

    return diff_pass(load(a, sets).semantics, load(b, sets).semantics, names)


def emit(spec: Spec, sets: Sets | None = None, **how: Any) -> str:
    """The source of a standalone PyTorch file; takes what `Architecture.emit` takes."""
    return load(spec, sets).emit(**how)


def build(
    spec: Spec,
    sets: Sets | None = None,
    *,
    compile: bool = False,
    device: Any = None,
    dtype: Any = None,
    target: str | None = None,
    style: str = "fast",
    parts: Iterable[str] = (),
) -> nn.Module:
    """The model of a spec, its weights drawn as the spec's `init` says. Imports torch.

    `device` and `dtype` are torch's, `target` is the machine that the code is for; `compile`
    applies torch.compile in place, with the target's settings. Raises SpecError.
    """
    from tfspec.runtime.build import build as build_module

    code = load(spec, sets).emit(target=target, style=style, parts=parts)
    options = _sheet(target).compile if compile else None
    return build_module(code, device=device, dtype=dtype, compile_options=options)
