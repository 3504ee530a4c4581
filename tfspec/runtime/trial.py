"""One emitted file built and run, and held against the graph."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import ModuleType

import torch
from torch import Tensor, nn

from tfspec.graph.scope import Scope
from tfspec.passes.emit.module import ClassWriter
from tfspec.program.program import Program
from tfspec.runtime.comments import CALLED, SEEN, Homeless, comments, instrumented
from tfspec.runtime.draws import free_sizes
from tfspec.runtime.runs import Runs
from tfspec.runtime.watch import Watch, module_at, named_scopes
from tfspec.runtime.weights import layout

CANNOT = {
    "flex_attention": "FlexAttention does not run on the meta device",
    "grouped_linear": "experts get rows by their numbers, which the meta device has not",
    "expert_linear": "experts get rows by their numbers, which the meta device has not",
}
"""Functions that need more than shapes, and why."""


@dataclass
class Check:
    """One kind of check: what was found to hold, what was not, or why it was not made."""

    what: str
    holds: str = ""
    problems: list[str] = field(default_factory=list[str])
    skipped: str = "not run"

    def line(self) -> str:
        if not self.problems:
            holds = f"ok    {self.what}: {self.holds}"
            return holds if self.holds else f"skip  {self.what}: {self.skipped}"
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        return f"fail  {self.what}: {self.problems[0]}{more}"


@dataclass
class Trial:
    """One emitted file, run once in each of its modes."""

    program: Program
    writers: Sequence[ClassWriter]
    source: str
    file: str
    random: Random

    def run(self, device: str, shapes: Check, weights: Check) -> None:
        """Add to the checks what does not hold; what the file raises is a problem like others."""
        try:
            watch = Watch(self.program, self.writers, comments(self.source))
            module = self._module(watch)
            model = module.build(device).eval()
        except Exception as error:  # a wrong file may raise anything
            weights.problems.append(f"{self.file} does not build: {short(error)}")
            return
        self._weigh(model, weights)
        refused = [why for name, why in CANNOT.items() if _calls(self.source, name)]
        if device == "meta" and refused:
            shapes.skipped = refused[0]
            return
        watch.attach(model, self.program.graph.scope)
        sizes = free_sizes(self.program.graph, self.random, largest=device == "meta")
        try:
            with torch.no_grad():
                Runs(watch, module, model, device).all(sizes)
        except Exception as error:
            shapes.problems.append(f"{self.file} does not run: {short(error)}")
        shapes.problems += self._wrong_comments(watch, complete=not shapes.problems)
        shapes.holds = f"all {len(watch.texts)} hold {self._where(sizes, device)}"

    def _module(self, watch: Watch) -> ModuleType:
        module = ModuleType("tfspec_verified")
        vars(module).update({SEEN: watch.seen, CALLED: watch.called})
        tree = instrumented(self.source, list(watch.comments))
        exec(compile(tree, self.file, "exec"), vars(module))
        return module

    def _weigh(self, model: nn.Module, weights: Check) -> None:
        weights.problems += wrong_parameters(self.program, model)
        tensors = list(model.parameters())
        weights.holds = f"{_count(tensors):,} in {len(tensors)} tensors, as in the graph"

    def _wrong_comments(self, watch: Watch, *, complete: bool) -> Iterator[str]:
        """Comments that do not hold, and after a `complete` run those that it never reached."""
        for line, found in sorted(watch.mismatches.items()):
            yield f"{self.file}:{line}: {found.why}"
        for line in watch.unseen if complete else ():
            yield f"{self.file}:{line}: `{watch.texts[line]}` was never reached"

    def _where(self, sizes: Mapping[str, int], device: str) -> str:
        if device != "meta":
            return f"in {', '.join(self.program.roots)}"
        domains = self.program.graph.facts.domains
        free = [name for name, domain in domains.items() if domain.low != domain.high]
        at = ", ".join(f"{name} = {sizes[name]}" for name in free)
        return f"on the meta device{' at ' if at else ''}{at}"


def _calls(source: str, function: str) -> bool:
    """Whether a file calls a function by its bare name; what its texts say does not count."""
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Name) and called.id == function for called in calls)


def wrong_parameters(program: Program, model: nn.Module) -> Iterator[str]:
    """What differs between the parameters of a live module and the graph's, module by module."""
    wanted = {name: joint.shape for name, joint in layout(program).items()}
    live = {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}
    kept = model.state_dict().keys()  # constant tables are not in it
    live |= {name: tuple(x.shape) for name, x in model.named_buffers() if name in kept}
    for name in [*wanted, *(name for name in live if name not in wanted)]:
        here, graphs = live.get(name), wanted.get(name)
        if here != graphs:
            yield f"{name} is {_shape(here)}, and the graph has {_shape(graphs)}"
    for name, scope in named_scopes(program, program.graph.scope, ""):
        count = (program.graph.facts.value(scope.params) or 0) // _copies(program, scope)
        module = module_at(model, name)
        if module is None:
            yield f"there is no module {name}"
        elif (found := _count(module.parameters())) != count:
            kind = type(module).__name__
            yield f"{name or 'the model'} ({kind}) has {found:,} parameters, and not {count:,}"


def _copies(program: Program, scope: Scope) -> int:
    return program.graph.facts.value(scope.copies) or 1


def _count(parameters: Iterable[Tensor]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else str(list(shape))


def short(error: Exception) -> str:
    """What an exception says, on one line."""
    text = " ".join(str(error).split())
    kind = "" if isinstance(error, Homeless) else f"{type(error).__name__}: "
    return kind + (text if len(text) < 200 else text[:199] + "…")
