"""The pass `diff`: how two architectures differ, in the language's terms, and in parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tfspec.graph.graph import Graph
from tfspec.passes.diff.align import Pair, align
from tfspec.passes.diff.knobs import Change, Leaf, Reader, changes
from tfspec.passes.diff.params import params_by_component
from tfspec.passes.diff.renamed import (
    Names,
    paired,
    renamed,
    renamed_knob,
    renamed_step,
    renames,
)
from tfspec.passes.diff.steps import Step, Steps
from tfspec.spec.schema import Init

Path = tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """One difference of structure: a knob, or a step that only one of the two has.

    `path` leads from a stream or an output through blocks; `name` is a knob (`attend.heads`), or
    a step; `a` and `b` are what it comes to, None where that architecture has not got the step.
    """

    path: Path
    name: str
    a: str | None
    b: str | None

    @property
    def kind(self) -> Literal["changed", "removed", "added"]:
        return "removed" if self.b is None else "added" if self.a is None else "changed"


@dataclass(frozen=True)
class Component:
    """Parameters of one component in both."""

    name: str
    a: int
    b: int

    @property
    def difference(self) -> int:
        return self.b - self.a

    @property
    def percent(self) -> float | None:
        """The difference in per cent of A's; None where A has none and B has some."""
        if self.a == 0:
            return None if self.b else 0.0
        return 100 * self.difference / self.a


@dataclass(frozen=True)
class Diff:
    """How B differs from A: dims, inputs, structure, outputs' shapes, parameters."""

    a: str
    b: str
    renamed: tuple[tuple[str, str], ...]
    """Dims that B has under another name: each stands wherever the other does."""
    dims: tuple[Change, ...]
    inputs: tuple[Change, ...]
    structure: tuple[Difference, ...]
    outputs: tuple[Change, ...]
    rest: tuple[Change, ...]
    """What is in no pipeline: `init`, `assume`."""
    components: tuple[Component, ...]
    params: Component

    @property
    def same(self) -> bool:
        """Whether nothing differs but names and comments."""
        listed = (self.dims, self.inputs, self.structure, self.outputs, self.rest)
        return not any(listed) and not self.params.difference

    def text(self, color: bool = False) -> str:
        """What differs, in at most 100 columns; one line where nothing does."""
        from tfspec.passes.diff.text import text

        return text(self, color)

    def json(self) -> str:
        """An object: `a`, `b`, `same`, `renamed`, `dims`, `inputs`, `structure`, `outputs`, `rest`,
        `params`.

        `renamed` has objects with `a` and `b`, the names of a dim in both.
        `structure` has objects with `path`, `name`, `kind` (changed, removed, added), `a` and `b`;
        the other lists have `name`, `a` and `b`, each a text, "none" where one has not got it.
        `params` has `total` and `components`, each with `a`, `b`, `difference`, `percent`. These
        keys stay.
        """
        from tfspec.passes.diff.text import as_json

        return as_json(self)


def diff(a: Graph, b: Graph, names: tuple[str, str] | None = None) -> Diff:
    """How the second of two checked graphs differs from the first; `names` is what to call them."""
    one, other = Steps(a), Steps(b)
    again = renames(one, other)
    found = list(_sections(_called(one.streams, again), other.streams))
    found += _sections(_called(one.outputs, again), other.outputs)
    called = names or (a.name, b.name)
    counts = [params_by_component(each.graph, each.called) for each in (one, other)]
    parts = tuple(
        Component(name, counts[0].get(name, 0), counts[1].get(name, 0))
        for name in dict.fromkeys([*counts[0], *counts[1]])
    )
    total = Component("total", sum(counts[0].values()), sum(counts[1].values()))
    return Diff(
        *called,
        tuple(again.items()),
        tuple(_dims(a, b, again)),
        tuple(_listed(_inputs(a), _inputs(b), again)),
        tuple(found),
        tuple(_outputs(a, b, again)),
        tuple(_rest(one.reader, other.reader, again)),
        parts,
        total,
    )


def _called(sections: Mapping[str, list[Step]], again: Names) -> dict[str, list[Step]]:
    """A's steps, as they are to be compared with those of B."""
    return {name: [renamed_step(each, again) for each in sections[name]] for name in sections}


def _listed(a: dict[str, str], b: dict[str, str], again: Names) -> Iterator[Change]:
    """What differs between two tables of texts."""
    for name in dict.fromkeys([*a, *b]):
        one, other = a.get(name, "none"), b.get(name, "none")
        if renamed(one, again) != other:
            yield Change(name, one, other)


def _dims(a: Graph, b: Graph, again: Names) -> Iterator[Change]:
    """Dims by name; one that B calls otherwise is `d -> width`."""
    one, other = _declared(a), _declared(b)
    for x, y in again.items():
        one[f"{x} -> {y}"], other[f"{x} -> {y}"] = one.pop(x), other.pop(y)
    yield from _listed(one, other, again)


def _declared(graph: Graph) -> dict[str, str]:
    """Each dim as declared, and what it comes to: `1..512`, `4 * d = 3072`."""
    found = {name: str(dim) for name, dim in graph.spec.dims.items()}
    for name, size in graph.dims.items():
        value = graph.facts.value(size)
        if value is not None and str(value) != found[name]:
            found[name] = f"{found[name]} = {value}"
    return found | {name: f"{found[name]}, here {value}" for name, value in graph.bound.items()}


def _inputs(graph: Graph) -> dict[str, str]:
    return {name: " ".join(str(each).split()) for name, each in graph.spec.inputs.items()}


def _outputs(a: Graph, b: Graph, again: Names) -> Iterator[Change]:
    one, other = _shapes(a), _shapes(b)
    one = {name: replace(leaf, written=renamed(leaf.written, again)) for name, leaf in one.items()}
    yield from (each for each in changes(one, other) if renamed(each.a, again) != each.b)


def _shapes(graph: Graph) -> dict[str, Leaf]:
    """The shape of every output; sizes of one value are equal, whatever they are called."""
    found: dict[str, Leaf] = {}
    for name, tensor in graph.outputs.items():
        values = tuple(graph.facts.value(size) or str(size) for size in tensor.shape)
        found[name] = Leaf(f"[{', '.join(map(str, tensor.shape))}]", values)
    return found


def _rest(a: Reader, b: Reader, again: Names) -> Iterator[Change]:
    """`init` and `assume`: what is no step."""
    torch = Init.read({"kind": "torch"})
    one, other = (each.knob(each.graph.spec.init or torch, {}) for each in (a, b))
    yield from changes({"init": renamed_knob(one, again)}, {"init": other})
    assumed = (", ".join(map(str, each.graph.spec.assume or ())) or "none" for each in (a, b))
    before, after = ({"assume": text} for text in assumed)
    yield from _listed(before, after, again)


def _sections(a: dict[str, list[Step]], b: dict[str, list[Step]]) -> Iterator[Difference]:
    pairs = paired(a, b)
    for name, steps in a.items():
        if name not in pairs:
            yield Difference((), name, _said(steps), None)
            continue
        other = pairs[name]
        path = (name if name == other else f"{name} -> {other}",)
        yield from _steps(path, align(steps, b[other]))
    for name in (name for name in b if name not in pairs.values()):
        yield Difference((), name, None, _said(b[name]))


def _said(steps: Sequence[Step]) -> str:
    return ", ".join(step.text for step in steps if step.text)


def _steps(path: Path, pairs: Sequence[Pair]) -> Iterator[Difference]:
    """What differs between steps side by side."""
    names = [one.name for one, other in pairs if one is not None and other is not None]
    seen: dict[str, int] = {}
    for one, other in pairs:
        if one is None or other is None:
            step = one or other
            assert step is not None
            a, b = (None if each is None else each.text for each in (one, other))
            yield Difference(path, step.name, a, b)
            continue
        seen[one.name] = seen.get(one.name, 0) + 1
        several = names.count(one.name) > 1 and one.kind == "step"
        yield from _pair(path, one, other, f" {seen[one.name]}" if several else "")


def _pair(path: Path, a: Step, b: Step, which: str) -> Iterator[Difference]:
    """What differs between two steps that stand for each other."""
    if a.kind == "source":
        if a.name != b.name:
            yield Difference(path, "reads", a.name, b.name)
        return
    label = a.name + which
    prefix = "" if a.kind == "block" or a.name == "stream" else f"{label}."
    here = path if a.kind == "branch" or a.name == "stack" else (*path, label)
    if a.kind == "block" and a.name != b.name:
        here = (*path, f"{a.name} -> {b.name}")
    at = here if a.kind == "block" else path
    for change in changes(a.knobs, b.knobs, prefix):
        yield Difference(at, change.name, change.a, change.b)
    pairs = align(a.inner, b.inner)
    yield from _lifted(here, pairs) if a.kind == "block" else _steps(here, pairs)


def _lifted(path: Path, pairs: Sequence[Pair]) -> Iterator[Difference]:
    """The branches of a block: what differs alike in all of them is said once, of the block."""
    both = [pair for pair in pairs if None not in pair]
    own = [list(_steps(path, [pair])) for pair in both]
    first, *others = [
        [_of_block(each) for each in found if each.path == path] for found in own
    ] or [[]]
    everywhere = [
        each for each in first if each.name and others and all(each in found for found in others)
    ]
    yield from everywhere
    for each in _steps(path, pairs):
        if _of_block(each) not in everywhere:
            yield each


def _of_block(each: Difference) -> Difference:
    """A branch's difference without the branch's name: `norm.kind` of `attend.norm.kind`."""
    return Difference(each.path, each.name.partition(".")[2], each.a, each.b)
