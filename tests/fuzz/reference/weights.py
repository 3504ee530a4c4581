"""Weights for the reference: those of a graph in order of execution, or random ones of any shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from tests.fuzz.reference.numbers import Fails
from tfspec.graph.graph import Graph
from tfspec.graph.scope import Entry, Group, Scope

Shapes = Mapping[str, tuple[int, ...]]
Home = tuple[int, "Frame"] | None
"""Whose a share with an index is: the number that the index comes to, and the layer there."""


class Frame(Protocol):
    """The weights of one module, asked for in order of execution."""

    def group(self, shapes: Shapes) -> dict[str, Tensor]: ...
    def child(self) -> Frame: ...
    def layers(self, places: int, numbers: Sequence[int]) -> Iterator[Frame]: ...
    def shared(self, name: str, shapes: Shapes, of: Home = None) -> dict[str, Tensor]: ...
    def shared_child(self, name: str, of: Home = None) -> Frame: ...


class Held:
    """The weights of a scope of the graph, by semantic name."""

    def __init__(self, graph: Graph, tensors: Mapping[str, Tensor]) -> None:
        self.graph, self.tensors = graph, tensors
        self.shares: dict[str, Entry] = {}
        self.top = HeldFrame(self, graph.scope, "")


class HeldFrame:
    def __init__(self, held: Held, scope: Scope, prefix: str) -> None:
        self.held, self.scope, self.prefix = held, scope, prefix
        self.entries = iter(scope.entries)

    def _next(self) -> Entry:
        for entry in self.entries:
            if entry not in self.held.shares.values():
                return entry
        raise AssertionError(f"{self.scope.path or 'the root'} has fewer weights than needed")

    def _name(self, *names: str) -> str:
        return ".".join(filter(None, (self.prefix, *names)))

    def group(self, shapes: Shapes) -> dict[str, Tensor]:
        if not shapes:
            return {}
        entry = self._next()
        assert isinstance(entry, Group), f"{entry} stands where weights {dict(shapes)} should"
        return self._tensors(entry, self.prefix, shapes)

    def _tensors(self, group: Group, prefix: str, shapes: Shapes) -> dict[str, Tensor]:
        assert shapes.keys() == group.weights.keys(), f"{group}: {[*shapes]}, {[*group.weights]}"
        found: dict[str, Tensor] = {}
        for attribute, shape in shapes.items():
            name = ".".join(filter(None, (prefix, group.name, attribute)))
            found[attribute] = self.held.tensors[name]
            assert tuple(found[attribute].shape) == tuple(shape), f"{name}: {shape}"
        return found

    def child(self) -> HeldFrame:
        entry = self._next()
        assert isinstance(entry, Scope), f"{entry} stands where a module should"
        return HeldFrame(self.held, entry, self._name(entry.name))

    def layers(self, places: int, numbers: Sequence[int]) -> Iterator[HeldFrame]:
        """Of each layer the weights that it has, or the layer of this number."""
        listed = self._next()
        assert isinstance(listed, Scope)
        assert listed.kind == "list"
        for at, number in enumerate(numbers):
            place = listed.entries[at % places]
            assert isinstance(place, Scope)
            yield HeldFrame(self.held, place, self._name(listed.name, str(number)))

    def shared(self, name: str, shapes: Shapes, of: Home = None) -> dict[str, Tensor]:
        entry, home = self._shared(name, of)
        assert isinstance(entry, Group), f"{entry} stands where the share {name} should"
        return self._tensors(entry, home.prefix, shapes)

    def shared_child(self, name: str, of: Home = None) -> HeldFrame:
        entry, home = self._shared(name, of)
        assert isinstance(entry, Scope), f"{entry} stands where the share {name} should"
        return HeldFrame(self.held, entry, home._name(entry.name))

    def _shared(self, name: str, of: Home) -> tuple[Entry, HeldFrame]:
        """Every number of an index is a layer's own, and all of them have it at one place."""
        home = self.held.top if of is None else of[1]
        assert isinstance(home, HeldFrame)
        if name not in self.held.shares:
            self.held.shares[name] = home._next()
        return self.held.shares[name], home


class Free:
    """Random weights of whatever shape is asked for, where there is no graph.

    A module that is `again` used gets its weights anew, and asks for the shapes that it had.
    """

    def __init__(self, again: Iterator[Shapes] | None = None) -> None:
        self.shares: dict[str, dict[str, Tensor]] = {}
        self.modules: dict[str, list[Shapes]] = {}
        self.again, self.asked = again, list[Shapes]()

    def group(self, shapes: Shapes) -> dict[str, Tensor]:
        if shapes:
            self.asked.append(shapes)
        if shapes and self.again is not None and next(self.again, shapes) != shapes:
            raise Fails("a shared module has two shapes")
        return {name: torch.randn(shape, dtype=torch.float64) for name, shape in shapes.items()}

    def child(self) -> Free:
        return self

    def layers(self, places: int, numbers: Sequence[int]) -> Iterator[Free]:
        return iter([self] * len(numbers))

    def shared_child(self, name: str, of: Home = None) -> Free:
        name = name if of is None else f"{name}({of[0]})"
        known = self.modules.get(name)
        child = Free(None if known is None else iter(known))
        child.shares, child.modules = self.shares, self.modules
        self.modules.setdefault(name, child.asked)
        return child

    def shared(self, name: str, shapes: Shapes, of: Home = None) -> dict[str, Tensor]:
        name = name if of is None else f"{name}({of[0]})"
        found = self.shares.setdefault(name, self.group(shapes))
        for attribute, shape in shapes.items():
            if tuple(found[attribute].shape) != tuple(shape):
                raise Fails(f"share {name} has two shapes")
        return found
