"""The dims of a spec as symbols: their values and domains, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tfspec.diagnostics import Diagnostic, Label, Rule
from tfspec.diagnostics.escape import quoted
from tfspec.spec.declare import DimDecl
from tfspec.spec.expression import LARGEST, OUT_OF_RANGE, ExpressionError, SizeExpr
from tfspec.spec.types import Table
from tfspec.spec.wrong import NOWHERE, diagnostic
from tfspec.symbolic.dim import Dim, sym
from tfspec.symbolic.domain import Domain, Fixed

DIM_CYCLE = Rule(
    "TS130",
    "dims that need each other",
    "A dim's expression needs the dim itself, directly or through others.",
    "None of them would have a value.",
    "dims: {a: b + 1, b: a - 1}",
    "Give one of them a number.",
)


@dataclass(frozen=True)
class Environment:
    """Every dim that has a meaning; one with an error is missing, so that nothing cascades.

    `sizes` has each dim as a size: its own symbol, or, where it is an expression over dims that
    are not all bound, that expression. `domains` has the domain of every symbol in them.
    """

    sizes: Mapping[str, Dim]
    domains: Mapping[str, Domain]
    found: tuple[Diagnostic, ...] = ()

    @property
    def bound(self) -> dict[str, int]:
        """The dims with one value, by name."""
        return {
            name: domain.value for name, domain in self.domains.items() if isinstance(domain, Fixed)
        }


def environment(dims: Table[DimDecl]) -> Environment:
    """The dims of a spec, each evaluated after those that it needs."""
    return _Evaluation(dims).result()


@dataclass
class _Evaluation:
    """Evaluates dims, each once."""

    dims: Table[DimDecl]
    sizes: dict[str, Dim] = field(default_factory=dict)  # pyright: ignore[reportUnknownVariableType]
    domains: dict[str, Domain] = field(default_factory=dict)  # pyright: ignore[reportUnknownVariableType]
    found: list[Diagnostic] = field(default_factory=list)  # pyright: ignore[reportUnknownVariableType]

    def result(self) -> Environment:
        """Everything evaluated."""
        dims = {name: each for name, each in self.dims.items() if each}
        for name in _ordered(dims, self.found):
            self._evaluate(name, dims[name])
        return Environment(self.sizes, self.domains, tuple(self.found))

    def _evaluate(self, name: str, declared: DimDecl) -> None:
        domain = declared.domain
        if domain is not None:
            self.domains[name] = domain
            self.sizes[name] = sym(name)
        elif declared.size is not None and declared.size.names <= self.sizes.keys():
            try:
                self._derive(name, declared.size)
            except ExpressionError as error:
                self.found.append(self._told_from(error.diagnostic, declared.size))

    def _derive(self, name: str, size: SizeExpr) -> None:
        bound = {key: self._bound(key) for key in size.names}
        value = size.dim(bound).constant
        if value is None:
            self.sizes[name] = size.dim(self.sizes)
        elif 1 <= value <= LARGEST:
            self.sizes[name], self.domains[name] = sym(name), Fixed(value)
        else:
            message = f"{quoted(name)} comes to {value}, and a size is from 1 to 2**53"
            self.found.append(self._told_from(diagnostic(OUT_OF_RANGE, message, size.span), size))

    def _told_from(self, found: Diagnostic, size: SizeExpr) -> Diagnostic:
        """The diagnostic, with the places of the dims that the size is made of."""
        came = (came_from(self.dims, name) for name in sorted(size.names))
        return replace(found, secondary=tuple(each for each in came if each.span != NOWHERE))

    def _bound(self, name: str) -> Dim:
        domain = self.domains.get(name)
        return Dim.of(domain.value) if isinstance(domain, Fixed) else self.sizes[name]


def came_from(dims: Table[DimDecl], name: str, what: str = "") -> Label:
    """Where a dim's name and size stand: the second place of many messages."""
    key, value = dims.span_of(name), dims[name].span
    known = NOWHERE not in (key, value)
    span = replace(key, end_line=value.end_line, end_column=value.end_column) if known else NOWHERE
    return Label(span, f"{what or name} comes from here")


def _ordered(dims: Mapping[str, DimDecl], found: list[Diagnostic]) -> list[str]:
    """The dims, each after those that it needs; those that need each other are left out."""
    from tfspec.spec.cycles import cycles, ordered

    needs = {name: _needs(dim, dims) for name, dim in dims.items()}
    for cycle in cycles(needs):
        chain = " -> ".join(map(quoted, [*cycle, cycle[0]]))
        label = Label(dims[cycle[0]].span)
        found.append(Diagnostic(DIM_CYCLE, f"dims need each other: {chain}", label))
    return ordered(needs)


def _needs(dim: DimDecl, dims: Mapping[str, DimDecl]) -> list[str]:
    return [each.name for each in dim.size.places() if each.name in dims] if dim.size else []
