"""The names in predicates: which are numbers, which are conditions, and where each may stand."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from tfspec.diagnostics import Diagnostic
from tfspec.spec.names import Names
from tfspec.spec.predicate import Coordinate, Flag, Predicate
from tfspec.spec.predicate_reader import KIND
from tfspec.spec.unknown import MOST_LISTED, Unknown
from tfspec.spec.wrong import diagnostic


class Mentions:
    """Checks the flags and coordinates of predicates against the names of a spec."""

    def __init__(self, names: Names, unknown: Unknown, found: list[Diagnostic]) -> None:
        self.unknown = unknown
        self.found = found
        self.dims = names.spec.dims.keys()
        self.bools = names.inputs("bool")
        self.numbers = names.axes | names.inputs("ids") | {"pos"}
        self.flags = (names.parts - names.inputs("ids", "float")) | self.bools

    def mask(self, predicate: Predicate) -> None:
        """A mask speaks of a query and a key; bare names are dims and bool inputs."""
        for each in predicate.mentions():
            if each.side is None:
                self._check(each, self.dims, self.bools)
            else:
                self._check(each, self.numbers, self.flags)

    def tokens(self, predicate: Predicate) -> None:
        """A predicate over the tokens of one value: bare names are the token's own, or dims."""
        for each in predicate.mentions():
            if each.side is None:
                self._check(each, self.numbers | self.dims, self.flags)
                continue
            message = f"{each} has no meaning here: there is one token, not a query and a key"
            helps = (f"write {each.name}",)
            self.found.append(diagnostic(KIND, message, each.span, helps=helps))

    def assumption(self, predicate: Predicate) -> None:
        """A fact about dims."""
        for each in predicate.mentions():
            self._check(each, self.dims, frozenset())

    def _check(
        self, each: Flag | Coordinate, numbers: AbstractSet[str], flags: AbstractSet[str]
    ) -> None:
        is_number = isinstance(each, Coordinate)
        right, wrong = (numbers, flags) if is_number else (flags, numbers)
        if each.name in right:
            return
        if each.name in wrong:
            what, wanted = ("a condition", "a number") if is_number else ("a number", "a condition")
            message = f"{each} is {what}, where {wanted} should be"
            way = f"it is true or false: write `{each}` or `not {each}`"
            helps = (way,) if is_number else ("compare it with a number, or with another token's",)
            self.found.append(diagnostic(KIND, message, each.span, helps=helps))
            return
        kind = "axis, ids input or dim" if is_number else "bool input or part"
        known = numbers if is_number else flags | {"causal", "none"}
        hint = () if is_number else self._conditions
        self.unknown.add(kind, each.name, each.span, known, hint=hint)

    @property
    def _conditions(self) -> tuple[str, ...]:
        """What there is to write masks with."""
        flags = [f"`key.{name}`" for name in sorted(self.bools)][:MOST_LISTED]
        return (f"conditions are {', '.join(['`causal`', '`within(128)`', *flags])}",)
