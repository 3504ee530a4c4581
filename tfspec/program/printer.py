"""The printer: one method's steps as lines."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.program import expr as ex
from tfspec.program import layout
from tfspec.program.classes import Parameter, parameter_names
from tfspec.program.code_names import safe
from tfspec.program.method import Assign, Loop, Step, When
from tfspec.program.printer_loops import Loops


class MethodPrinter(Loops):
    """Prints one method of a class."""

    def render(self, name: str, parameters: Sequence[str] | None = None) -> list[str]:
        """def name(...) and its body, indented by four."""
        written = self._parameters() if parameters is None else list(parameters)
        self._count_uses()
        for at, step in enumerate(self.method.steps):
            self.now = at
            self._step(step)
        self.now = len(self.method.steps)
        self._return()
        head = layout.signature(name, ["self", *written], 4)
        body = [f"{symbol} = {text}" for symbol, text in self.prologue.items()] + self.lines
        return [f"    {line}" for line in (*head, *(f"    {line}" for line in body))]

    def _parameters(self) -> list[str]:
        names = parameter_names(self.method.params)
        for param, name in zip(self.method.params, names, strict=True):
            self._hold(param, safe(name))
        declared = self.module.parameters
        if self.module.decoding and self.method.decoding:
            declared = self.module.decoding
        if not declared:  # the root has a method a mode
            own = zip(names, self.method.params, strict=True)
            declared = sorted((Parameter(n, p.defaults) for n, p in own), key=lambda p: p.optional)
        self.optional = {safe(each.name) for each in declared if each.optional}
        return [self._declared(each) for each in declared]

    def _declared(self, parameter: Parameter) -> str:
        return f"{safe(parameter.name)}=None" if parameter.optional else safe(parameter.name)

    def _count_uses(self) -> None:
        for at, step in enumerate(self.method.steps):
            for value in step.inputs:
                self.uses.setdefault(value, []).append(at)
        for value in self.method.results:
            self.uses.setdefault(value, []).append(len(self.method.steps))

    def _step(self, step: Step) -> None:
        match step:
            case Assign() if self._folds(step):
                self.pending[step.outputs[0]] = step.expr
            case Assign():
                self._assign(step.outputs, step.expr)
            case When():
                self._when(step)
            case Loop():
                self._loop(step)

    def _when(self, step: When) -> None:
        before = [self._named(value) for value in step.before]
        test = self._named(step.test)
        if test in self.optional:
            self.lines.append(f"if {test} is not None:")
        head = f"{', '.join(before)} = " if before else ""
        comment = self.shapes.of(step.outputs) if step.outputs else ""
        self._write(head, step.expr, comment, extra=4 if test in self.optional else 0)
        for value, name in zip(step.outputs, before, strict=True):
            self._hold(value, name)

    def _return(self) -> None:
        results = self.method.results
        waiting = [v for v in results if v in self.pending]
        comment = self.shapes.of(results) if waiting else ""
        if len(results) == 1:
            expr: ex.Expr = results[0].ref
        else:
            for value in [*self.pending]:  # in the order in which they run
                if value in results:
                    self._named(value)
            expr = ex.Bare(tuple(value.ref for value in results))
            comment = ""
        if len(results) == 1 and waiting:
            expr = self.pending.pop(results[0])
        self._unfold("return ", expr, comment)
        self._write("return ", expr, comment)
