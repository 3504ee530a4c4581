"""The pass `diff`: how two architectures differ, in the language's terms, and in parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tfspec.graph.graph import Graph
from tfspec.passes.diff_align import Pair, align
from tfspec.passes.diff_knobs import Change, Leaf, Reader, changes
from tfspec.passes.diff_params import params_by_component
from tfspec.passes.diff_steps import Step, Steps
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
        from tfspec.passes.diff_text import text

        return text(self, color)

    def json(self) -> str:
        """An object: `a`, `b`, `same`, `dims`, `inputs`, `structure`, `outputs`, `rest`, `params`.

        `structure` has objects with `path`, `name`, `kind` (changed, removed, added), `a` and `b`;
        the other lists have `name`, `a` and `b`, each a text, "none" where one has not got it.
        `params` has `total` and `components`, each with `a`, `b`, `difference`, `percent`. These
        keys stay.
        """
        from tfspec.passes.diff_text import as_json

        return as_json(self)


def diff(a: Graph, b: Graph, names: tuple[str, str] | None = None) -> Diff:
    """How the second of two checked graphs differs from the first; `names` is what to call them."""
    one, other = Steps(a), Steps(b)
    found = list(_sections(one.streams, other.streams))
    found += _sections(one.outputs, other.outputs)
    called = names or (a.name, b.name)
    counts = [params_by_component(each.graph, each.called) for each in (one, other)]
    parts = tuple(
        Component(name, counts[0].get(name, 0), counts[1].get(name, 0))
        for name in dict.fromkeys([*counts[0], *counts[1]])
    )
    total = Component("total", sum(counts[0].values()), sum(counts[1].values()))
    return Diff(
        *called,
        tuple(_listed(_dims(a), _dims(b))),
        tuple(_listed(_inputs(a), _inputs(b))),
        tuple(found),
        tuple(each for each in changes(_outputs(a), _outputs(b)) if each.a != each.b),
        tuple(_rest(one.reader, other.reader)),
        parts,
        total,
    )


def _listed(a: dict[str, str], b: dict[str, str]) -> Iterator[Change]:
    """What differs between two tables of texts."""
    for name in dict.fromkeys([*a, *b]):
        one, other = a.get(name, "none"), b.get(name, "none")
        if one != other:
            yield Change(name, one, other)


def _dims(graph: Graph) -> dict[str, str]:
    """Each dim as declared, and what it comes to: `1..512`, `4 * d = 3072`."""
    found = {name: str(dim) for name, dim in graph.spec.dims.items()}
    for name, size in graph.dims.items():
        value = graph.facts.value(size)
        if value is not None and str(value) != found[name]:
            found[name] = f"{found[name]} = {value}"
    return found | {name: f"{found[name]}, here {value}" for name, value in graph.bound.items()}


def _inputs(graph: Graph) -> dict[str, str]:
    return {name: " ".join(str(each).split()) for name, each in graph.spec.inputs.items()}


def _outputs(graph: Graph) -> dict[str, Leaf]:
    """The shape of every output; sizes of one value are equal, whatever they are called."""
    found: dict[str, Leaf] = {}
    for name, tensor in graph.outputs.items():
        values = tuple(graph.facts.value(size) or str(size) for size in tensor.shape)
        found[name] = Leaf(f"[{', '.join(map(str, tensor.shape))}]", values)
    return found


def _rest(a: Reader, b: Reader) -> Iterator[Change]:
    """`init` and `assume`: what is no step."""
    torch = Init.read({"kind": "torch"})
    one, other = ({"init": each.knob(each.graph.spec.init or torch, {})} for each in (a, b))
    yield from changes(one, other)
    assumed = (", ".join(map(str, each.graph.spec.assume or ())) or "none" for each in (a, b))
    yield from _listed(*({"assume": text} for text in assumed))


def _sections(a: dict[str, list[Step]], b: dict[str, list[Step]]) -> Iterator[Difference]:
    """Streams by name; those left over in order, since a stream may be called anything."""
    left, free = [name for name in a if name not in b], [name for name in b if name not in a]
    pairs = {name: name for name in a if name in b} | dict(zip(left, free, strict=False))
    for name, steps in a.items():
        if name not in pairs:
            yield Difference((), name, _said(steps), None)
            continue
        other = pairs[name]
        path = (name if name == other else f"{name} -> {other}",)
        yield from _steps(path, align(steps, b[other]))
    for name in free[len(left) :]:
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
