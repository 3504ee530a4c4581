"""Lines of a method: assignments, and what is folded into the line that reads it."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.program import expr as ex
from tfspec.program import layout
from tfspec.program.method import Assign
from tfspec.program.naming import Naming, trivial
from tfspec.program.value import Value

INDENT = 8
FOLDED = 60  # a longer expression is easier to read on a line of its own


class Lines(Naming):
    """Writes steps as lines, and folds what has one reader into its line."""

    def _folds(self, step: Assign) -> bool:
        """Whether the value may be written where it is read: one reader, or a mere name."""
        value = step.outputs[0]
        if len(step.outputs) > 1:
            return False
        if trivial(step.expr):
            return True
        uses = self.uses.get(value, [])
        if value.hint is not None or len(uses) != 1:
            return False
        if uses[0] < len(self.method.steps) and not self._reads_directly(uses[0]):
            return False
        while len(step.expr.text(self)[0]) > FOLDED and (inside := self._consumed(step.expr)):
            self._name_pending(self._best(inside), step.expr)
        return len(step.expr.text(self)[0]) <= FOLDED

    def _reads_directly(self, at: int) -> bool:
        """A loop or a branch is no place for a value that is computed once before it."""
        return isinstance(self.method.steps[at], Assign)

    def _assign(self, outputs: Sequence[Value], expr: ex.Expr) -> None:
        comment = self.shapes.of(outputs)
        guess = ", ".join(value.hint or "x" for value in outputs)
        self._unfold(f"{guess} = ", expr, comment)
        consumed = self._consumed(expr)
        names: list[str] = []
        for value in outputs:
            names.append(self._choose(value, consumed, names))
        self._write(f"{', '.join(names)} = ", expr, comment)
        for value, name in zip(outputs, names, strict=True):
            self._hold(value, name)
        for value in consumed:
            self.pending.pop(value)

    def _write(self, head: str, expr: ex.Expr, comment: str, extra: int = 0) -> None:
        made = layout.lines(head, expr, self, comment, INDENT + extra)
        self.lines += [" " * extra + line for line in made]

    def _unfold(self, head: str, expr: ex.Expr, comment: str) -> None:
        """Give names to what was folded in until the statement fits on its line."""
        while not layout.fits(head, expr, self, comment, INDENT):
            inside = self._consumed(expr)
            if not inside:
                return
            self._name_pending(self._best(inside), expr)

    def _best(self, folded: Sequence[Value]) -> Value:
        """What to give a line of its own: the longest expression that fits on one."""
        by_length = sorted(folded, key=self._length, reverse=True)
        return next((v for v in by_length if self._fits_alone(v)), by_length[-1])

    def _length(self, value: Value) -> int:
        return len(self.pending[value].text(self)[0])

    def _fits_alone(self, value: Value) -> bool:
        comment = self.shapes.of((value,))
        return layout.fits("x = ", self.pending[value], self, comment, INDENT)

    def _consumed(self, expr: ex.Expr) -> list[Value]:
        """Folded values that the expression reads, however deep, and that can have a name."""
        found: list[Value] = []
        for leaf in expr.leaves():
            if isinstance(leaf, ex.Ref) and leaf.to in self.pending:
                inner = self.pending[leaf.to]
                if not trivial(inner):
                    found += [leaf.to, *self._consumed(inner)]
        return list(dict.fromkeys(found))

    def _name_pending(self, value: Value, reader: ex.Expr | None = None) -> None:
        """Write a folded value as a line of its own; what the running step reads lives on."""
        before, self.waiting = self.waiting, (*self.waiting, *([reader] if reader else []))
        self.now -= 1
        self._assign((value,), self.pending.pop(value))
        self.now += 1
        self.waiting = before

    def _named(self, value: Value) -> str:
        """The name of a value that must have one."""
        if value in self.pending and not trivial(self.pending[value]):
            self._name_pending(value)
        return self.value(value)[0]
