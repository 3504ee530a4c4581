"""Shape comments: the spec's symbols, or a letter of the class's own where its instances differ."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.graph.graph import Graph
from tfspec.graph.names import TOKENS
from tfspec.program.classes import ModuleClass
from tfspec.program.method import Method
from tfspec.program.value import Value
from tfspec.symbolic import Dim


class ShapeWriter:
    """Writes the shapes of one class. `variants` are its methods; `columns` a value's twins."""

    def __init__(self, graph: Graph, module: ModuleClass, variants: Sequence[Method]) -> None:
        self.graph, self.module, self.variants = graph, module, variants
        self.letters: dict[tuple[Dim, ...], str] = {}
        self.columns: dict[Value, tuple[Value, ...]] = {}
        for row in zip(*map(_values, variants), strict=True):
            self.columns[row[0]] = row

    def of(self, values: Sequence[Value]) -> str:
        """The comment of a line's outputs: one shape, or each output's."""
        shapes = [self.shape(value) for value in values if value.dtype != "state"]
        return shapes[0] if len(set(shapes)) == 1 else ", ".join(shapes)

    def shape(self, value: Value) -> str:
        """`[B, T, d]`; `[..., d]` of a class that is called on values of several ranks."""
        shapes = [twin.shape for twin in self.columns[value]]
        rank = min(map(len, shapes))
        rows = list(zip(*(shape[len(shape) - rank :] for shape in shapes), strict=True))
        if all(len(shape) == rank for shape in shapes):
            return f"[{', '.join(map(self._size, rows))}]"
        while len(rows) > 1 and len(set(map(self.graph.names.show, rows[0]))) > 1:
            rows = rows[1:]  # what differs is another axis in each
        return f"[{', '.join(['...', *map(self._size, rows)])}]"

    def _size(self, sizes: tuple[Dim, ...]) -> str:
        texts = [self.graph.names.show(size) for size in sizes]
        if len(set(texts)) == 1:
            return texts[0]
        argument = self._argument(sizes)
        if argument is not None:
            return argument
        if sizes not in self.letters:
            self.letters[sizes] = self._letter()
        return self.letters[sizes]

    def _argument(self, sizes: tuple[Dim, ...]) -> str | None:
        """The constructor argument that has these values, if there is one, or its multiple."""
        values = [self.graph.facts.value(size) for size in sizes]
        by_scope = dict(zip((v.scope for v in self.variants), values, strict=True))
        wanted = tuple(by_scope[scope] for scope in self.module.scopes)
        found = self.module.derived(wanted)
        if found is None:
            return None
        known = dict(zip(self.module.scopes, self.module.arguments[found.argument], strict=True))
        meant = [known[variant.scope] for variant in self.variants]
        self.letters[tuple(Dim.of(n) for n in meant if isinstance(n, int))] = found.argument
        return found.text().replace(" * ", "·").replace(" // ", "/")

    def _letter(self) -> str:
        taken = {*self.graph.dims, *self.graph.names.letters, *self.letters.values()}
        taken.add(self.graph.slots_name)
        every = (*TOKENS, *(f"N{n}" for n in range(6, 99)))
        return next(letter for letter in every if letter not in taken)

    def legend(self) -> str:
        """What the class's own letters stand for, in its instances and modes."""
        own = [(c, s) for s, c in self.letters.items() if c not in self.module.arguments]
        return "; ".join(
            f"{letter} = {' or '.join(dict.fromkeys(map(self.graph.names.show, sizes)))}"
            for letter, sizes in own
        )


def _values(method: Method) -> list[Value]:
    return [*method.params, *(value for step in method.steps for value in step.outputs)]
