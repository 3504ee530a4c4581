"""Shape comments held against live tensors while an emitted file runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from torch import Tensor, nn

from tfspec.graph.graph import Graph
from tfspec.graph.scope import Scope
from tfspec.passes.emit.module import ClassWriter
from tfspec.program.program import Program
from tfspec.program.shapes import ShapeWriter
from tfspec.runtime.comments import Comment
from tfspec.runtime.sizes import ANY, Unreadable, shapes

Shapes = list[tuple[int, ...]]
Letters = dict[str, int]


@dataclass(frozen=True)
class Mismatch:
    """A comment that does not hold: its line, and why."""

    line: int
    why: str


@dataclass
class Call:
    """One call of a method: what its class's own letters may mean in it.

    A letter stands for one size in a call, and there may be several candidates, as where a shared
    layer is called at two shapes; each comment that is seen leaves those that fit.
    """

    candidates: list[Letters]


@dataclass
class Watch:
    """What `__called__` and `__seen__` of an instrumented file do. `start` begins each run."""

    program: Program
    writers: Sequence[ClassWriter]
    comments: Sequence[Comment]
    scopes: dict[nn.Module, Scope] = field(default_factory=dict[nn.Module, Scope])
    held: set[int] = field(default_factory=set[int])
    mismatches: dict[int, Mismatch] = field(default_factory=dict[int, Mismatch])
    mode: str = ""
    bindings: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        self.texts = {comment.line: comment.text for comment in self.comments}
        self.classes = {writer.module.name: writer.shapes for writer in self.writers}

    @property
    def unseen(self) -> list[int]:
        """Lines whose comment no run has reached."""
        return [line for line in self.texts if line not in self.held | self.mismatches.keys()]

    def attach(self, model: nn.Module, root: Scope) -> None:
        """Tell each module which scope of the graph it is."""
        for name, scope in named_scopes(self.program, root, ""):
            module = module_at(model, name)
            if module is not None:
                self.scopes[module] = scope

    def start(self, mode: str, bindings: Mapping[str, int]) -> None:
        self.mode, self.bindings = mode, bindings
        self.symbols = _symbols(self.program.graph, bindings)

    # ---- called by the file
    def called(self, module: nn.Module | None, method: str) -> Call | None:
        """A method or a function is entered. Modules that `generate` runs are not watched again."""
        if module is None:
            return Call([{}])
        if self.mode == "generate":
            return None
        writer = self.classes.get(type(module).__name__, {}).get(method)
        return Call(list(self._meanings(writer, module)) or [{}] if writer else [{}])

    def seen(self, call: Call | None, line: int, value: Any) -> Any:
        """A commented value came out. A None, as for an input that was left out, says nothing."""
        live = [tuple(tensor.shape) for tensor in _tensors(value)]
        if call is not None and live:
            self._hold(call, line, live)
        return value

    def _hold(self, call: Call, line: int, live: Shapes) -> None:
        text = self.texts[line]
        try:
            expected = [self._expected(text, letters, live) for letters in call.candidates]
        except Unreadable as error:
            self.mismatches.setdefault(line, Mismatch(line, f"`{text}` cannot be read: {error}"))
            return
        pairs = zip(call.candidates, expected, strict=True)
        fitting = [letters for letters, wanted in pairs if wanted == live]
        if fitting:
            call.candidates = fitting
            self.held.add(line)
            return
        why = f"`{text}` says {_text(expected[0])}, and the tensor is {_text(live)}"
        self.mismatches.setdefault(line, Mismatch(line, why))

    def _expected(self, text: str, letters: Letters, live: Shapes) -> Shapes:
        """One shape for all values of the line, or one for each; open axes are as they are."""
        found = shapes(text, {**self.symbols, **letters})
        found = found * len(live) if len(found) == 1 else found
        if len(found) != len(live):
            return found
        return [_closed(*pair) for pair in zip(found, live, strict=True)]

    def _meanings(self, writer: ShapeWriter, module: nn.Module) -> Iterator[Letters]:
        """The class's letters in each lowered variant that this module is, in this mode."""
        for at, variant in enumerate(writer.variants):
            if variant.low.mode == self.mode and variant.scope is self.scopes.get(module):
                yield {
                    letter: sizes[at].value(self.bindings)
                    for sizes, letter in writer.letters.items()
                }


def named_scopes(program: Program, scope: Scope, name: str) -> Iterator[tuple[str, Scope]]:
    """Every scope below and its module's name in the file; each copy in a stack apart."""
    yield name, scope
    facts = program.graph.facts
    for member in program.members.get(scope, {}).values():
        head = [name, member.name] if member.kind == "list" else [name]
        for child in member.children:
            for own in child.names(lambda size: facts.value(size) or 0):
                yield from named_scopes(program, child, ".".join(filter(None, [*head, own])))


def module_at(model: nn.Module, name: str) -> nn.Module | None:
    """The module of a dotted name, if there is one."""
    try:
        return model.get_submodule(name)
    except AttributeError:
        return None


def _symbols(graph: Graph, bindings: Mapping[str, int]) -> Letters:
    """Every symbol of the file's legend as a number."""
    letters = {name: size.value(bindings) for name, size in graph.names.letters.items()}
    dims = {name: size.value(bindings) for name, size in graph.dims.items()}
    own = [graph.slots_name, *([graph.token_axis.name] if graph.on_grid else [])]
    return {**dims, **letters, **{name: bindings[name] for name in own}}


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, tuple | list):
        return [each for each in cast("Sequence[Any]", value) if isinstance(each, Tensor)]
    return [value] if isinstance(value, Tensor) else []


def _closed(found: tuple[int, ...], live: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with the axes that `...` stands for."""
    if ANY not in found:
        return found
    open_axes = max(0, len(live) - len(found) + 1)
    return (*live[:open_axes], *found[1:])


def _text(found: Shapes) -> str:
    alike = found[:1] if len(set(found)) == 1 else found
    return ", ".join(str(list(shape)) for shape in alike)
