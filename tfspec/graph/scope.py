"""Scopes own weights and child scopes: what becomes a module's state, apart from any trace."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tfspec.diagnostics import Span
from tfspec.graph.member_names import member_name
from tfspec.graph.rates import Rate
from tfspec.symbolic import Dim, product


@dataclass(frozen=True, slots=True)
class WeightSpec:
    """What an op asks for: a shape and how it starts.

    `init` names a role that the spec's `init` and torch's defaults give a meaning to: linear, bias,
    embedding, one, zero, residual (a linear map that ends a branch), bias table (of scores), expert
    and expert residual (stacks of linear maps), expert bias, or a constant.
    `learned`: false for numbers that training sets otherwise than by gradients: no parameters.
    `active`: how many of its elements one token uses, where not all.
    """

    shape: tuple[Dim, ...]
    init: str | Rate
    learned: bool = True
    active: Dim | None = None


@dataclass(frozen=True)
class Owner:
    """The stream whose steps a weight belongs to, or an output, which cannot be frozen: ""."""

    stream: str = ""
    frozen: bool = False


OUTPUT = Owner()


@dataclass(eq=False, repr=False)
class Weight:
    """One learned tensor, named like a state-dict key. `owners` are those whose steps read it, each
    with the place of the first such step."""

    spec: WeightSpec
    group: Group
    attribute: str
    owners: dict[Owner, Span | None] = field(default_factory=dict["Owner", "Span | None"])

    @property
    def shape(self) -> tuple[Dim, ...]:
        return self.spec.shape

    @property
    def learned(self) -> bool:
        return self.spec.learned

    @property
    def trained(self) -> bool:
        """Whether it gets a gradient: what a frozen stream has is not trained anywhere."""
        return self.learned and not any(owner.frozen for owner in self.owners)

    @property
    def elements(self) -> Dim:
        return product(self.shape)

    @property
    def active(self) -> Dim:
        """How many of its elements one token uses."""
        return self.elements if self.spec.active is None else self.spec.active

    @property
    def path(self) -> str:
        return f"{self.group.path}.{self.attribute}" if self.attribute else self.group.path


@dataclass(eq=False, repr=False)
class Entry:
    """A named member of a scope; equal names are numbered from 1 when the graph is done."""

    base: str
    parent: Scope | None

    @property
    def name(self) -> str:
        return self.parent.name_of(self) if self.parent else self.base

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path or self.base}>"

    @property
    def path(self) -> str:
        """Names from the root down, whose own name is not said."""
        if self.parent is None:
            return ""
        head = self.parent.path
        return f"{head}.{self.name}" if head else self.name


@dataclass(eq=False, repr=False)
class Group(Entry):
    """The weights of one op: `weight` and `bias` of a linear map, or one parameter under ""."""

    weights: dict[str, Weight] = field(default_factory=dict[str, Weight])

    @property
    def trained(self) -> bool:
        """Whether its weights are; those of one group always are alike."""
        return any(weight.trained for weight in self.weights.values())

    def add(self, attribute: str, spec: WeightSpec) -> Weight:
        if attribute not in self.weights:
            self.weights[attribute] = Weight(spec, self, attribute, {})
        return self.weights[attribute]


@dataclass(eq=False, repr=False)
class Scope(Entry):
    """A module's state: groups and child scopes in order of execution.

    `copies` counts equal scopes in a list (the layers of a stack); a weight inside counts so often.
    `doc` is what the module's reader is told.
    """

    kind: str = "Model"
    copies: Dim = field(default_factory=lambda: Dim.of(1))
    entries: list[Entry] = field(default_factory=list[Entry])
    doc: str = ""
    _again: Iterator[Entry] = field(default_factory=lambda: iter(()))

    def retrace(self) -> None:
        """A forward begins. What an earlier one made here is found again, in the same order."""
        self._again = iter(tuple(self.entries))

    @contextmanager
    def over_again(self, entries: Iterable[Entry]) -> Generator[None]:
        """What is made inside is what these are, in the same order."""
        outer, self._again = self._again, iter(tuple(entries))
        try:
            yield
        finally:
            self._again = outer

    def name_of(self, entry: Entry) -> str:
        same = [e for e in self.entries if e.base == entry.base]
        taken = {e.base for e in self.entries}
        if len(same) == 1 and entry in same:
            return entry.base
        names = (f"{entry.base}{n}" for n in range(1, len(same) + len(taken) + 2))
        free = [name for name in names if name not in taken]
        return free[same.index(entry)]

    def group(self, base: str) -> Group:
        known = next(self._again, None)
        if isinstance(known, Group) and known.base == base:
            return known
        group = Group(member_name(base), self, {})
        self.entries.append(group)
        return group

    def child(self, base: str, kind: str, copies: Dim | int = 1) -> Scope:
        known = next(self._again, None)
        if isinstance(known, Scope) and (known.base, known.kind) == (base, kind):
            return known
        scope = Scope(member_name(base), self, kind, Dim.of(copies))
        self.entries.append(scope)
        return scope

    def walk(self, times: Dim | None = None) -> Iterator[tuple[Weight, Dim]]:
        """Every learned weight here and below, with how many copies of it there are."""
        yield from self._held((times or Dim.of(1)) * self.copies)

    def _held(self, times: Dim) -> Iterator[tuple[Weight, Dim]]:
        for entry in self.entries:
            if isinstance(entry, Group):
                yield from ((weight, times) for weight in entry.weights.values() if weight.learned)
            elif isinstance(entry, Scope):
                yield from entry.walk(times)

    @property
    def instances(self) -> Dim:
        """How many of this module the whole model has."""
        outer = self.parent.instances if self.parent is not None else Dim.of(1)
        return outer * self.copies

    @property
    def params(self) -> Dim:
        """Parameters here and below, shared weights once."""
        return sum((weight.elements * times for weight, times in self.walk()), Dim.of(0))

    @property
    def params_each(self) -> Dim:
        """Parameters of one of its copies."""
        return sum((weight.elements * times for weight, times in self._held(Dim.of(1))), Dim.of(0))

    @property
    def trained(self) -> Dim:
        """Parameters here and below that are trained: all but those of frozen streams."""
        return sum((w.elements * times for w, times in self.walk() if w.trained), Dim.of(0))

    @property
    def active(self) -> Dim:
        """Parameters here and below that one token uses, shared weights once."""
        return sum((weight.active * times for weight, times in self.walk()), Dim.of(0))

    def concrete(
        self, count: Callable[[Dim], int], prefix: str = ""
    ) -> Iterator[tuple[str, Weight]]:
        """Every weight by its full name, each copy apart: `blocks.3.attention.q.weight`."""
        for entry in self.entries:
            if isinstance(entry, Group):
                for name, weight in entry.weights.items():
                    yield ".".join(filter(None, (prefix, entry.name, name))), weight
            elif isinstance(entry, Scope):
                for name in entry.names(count):
                    yield from entry.concrete(count, ".".join(filter(None, (prefix, name))))

    def names(self, count: Callable[[Dim], int]) -> Iterator[str]:
        """The names of this scope's copies among its siblings."""
        del count
        yield self.name


@dataclass(eq=False, repr=False)
class Place(Scope):
    """One place of a stack's pattern: the layers offset, offset + step, ... of its list."""

    offset: int = 0
    step: int = 1

    @property
    def name(self) -> str:
        return "*" if self.step == 1 else f"{self.offset}::{self.step}"

    def names(self, count: Callable[[Dim], int]) -> Iterator[str]:
        return (str(self.offset + i * self.step) for i in range(count(self.copies)))
