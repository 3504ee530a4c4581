"""Names in a method: by role and liveness, and the text of every leaf that expressions ask for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from tfspec.program import expr as ex
from tfspec.program import lengths
from tfspec.program.classes import Book, ModuleClass, parameter_names
from tfspec.program.code_names import RESERVED, safe
from tfspec.program.method import Method
from tfspec.program.shapes import ShapeWriter
from tfspec.program.value import Value
from tfspec.symbolic import Dim, sym

ANONYMOUS = ("x", "h", "y", "z", "u", "w")
CONDITIONS = ("seen",)


class Naming:
    """What is known of one method's names while it is printed; the Names of its expressions.

    `optional` are parameters that a caller may leave out. `pending` are expressions that wait for
    their only reader; `uses` where each value is read.
    """

    def __init__(
        self, book: Book, module: ModuleClass, method: Method, shapes: ShapeWriter
    ) -> None:
        self.book, self.module, self.method, self.shapes = book, module, method, shapes
        self.graph = book.program.graph
        self.names: dict[Value, str] = {}
        self.holders: dict[str, Value] = {}
        self.optional: set[str] = set()
        self.pending: dict[Value, ex.Expr] = {}
        self.uses: dict[Value, list[int]] = {}
        self.lines: list[str] = []
        self.stored: list[str] = []
        self.prologue: dict[str, str] = {}
        self.sizes: dict[Dim, str] = {}
        self.waiting: tuple[ex.Expr, ...] = ()
        self.now = 0

    def _hold(self, value: Value, name: str) -> None:
        self.names[value] = name
        self.holders[name] = value

    def _choose(self, value: Value, consumed: Sequence[Value], beside: Sequence[str]) -> str:
        """A name by role, or the first free x or h; what the line itself consumes is free."""
        wanted = CONDITIONS if value.dtype == "bool" else ANONYMOUS
        if value.hint is not None:
            wanted = (safe(value.hint),)
        return self._free(wanted, consumed, beside)

    def _free(
        self, wanted: Sequence[str], consumed: Sequence[Value] = (), beside: Sequence[str] = ()
    ) -> str:
        """The first of these names, then of numbered ones, whose holder nobody reads any more."""
        alive = self._alive(consumed)
        blocked = {self.names[value] for value in alive if value in self.names}
        blocked |= {*self.prologue, *beside}
        every = chain(wanted, (f"{wanted[0]}{n}" for n in range(2, 999)))
        return next(name for name in every if name not in blocked and name not in RESERVED)

    def _alive(self, consumed: Sequence[Value]) -> set[Value]:
        """Values that are read after this step, or by something that waits to be written."""
        alive = {v for v, uses in self.uses.items() if max(uses) > self.now}
        for reader in self.waiting:
            alive |= self._read(reader)
        alive = {v for v in alive if self.holders.get(self.names.get(v, "")) is v}
        for value, expr in self.pending.items():
            if value not in consumed and not trivial(expr):
                alive |= self._read(expr)
        return alive

    def _read(self, expr: ex.Expr) -> set[Value]:
        found: set[Value] = set()
        for leaf in expr.leaves():
            if isinstance(leaf, ex.Ref):
                found.add(leaf.to)
                if leaf.to in self.pending:
                    found |= self._read(self.pending[leaf.to])
        return found

    def value(self, value: Value) -> tuple[str, int]:
        if value in self.pending:
            return self.pending[value].text(self)
        return self.names[value], ex.ATOM

    def number(self, number: ex.Number) -> str:
        found = self.module.by_number.get(id(number))
        if found is None:
            return number.literal
        if found.argument not in self.stored:
            self.stored.append(found.argument)
        return found.text("self.")

    def length(self, dim: Dim) -> tuple[str, int]:
        seen = [param for param in self.method.params if param in self.names]
        axis = lengths.axis_of(seen, dim)
        if axis is not None and self.method.parent is not None:
            name = self.names[axis.param]
            if self.holders[name] is axis.param:
                return axis.text(name), ex.ATOM
        return self._python(dim, seen)

    def _python(self, dim: Dim, seen: Sequence[Value]) -> tuple[str, int]:
        """A size over symbols that the method's first lines read from its parameters."""
        facts = self.graph.known
        loose = lengths.loose(dim, facts)
        read = {symbol: lengths.reading(seen, symbol, facts) for symbol in loose}
        if None in read.values():
            axis = lengths.axis_of(seen, dim)
            assert axis is not None, f"{dim} is not to be seen in {self.module.name}"
            return self._first_line("length", dim, axis), ex.ATOM
        names = {s: self._first_line(s, sym(s), axis) for s, axis in read.items() if axis}
        fixed = {s: v for s in dim.symbols - set(loose) if (v := facts.value(sym(s)))}
        text = dim.subs(fixed).python(names)
        return text, ex.ATOM if text.isidentifier() else ex.SUM

    def _first_line(self, wanted: str, dim: Dim, axis: lengths.Reading) -> str:
        """The name of a size that the method reads before anything else."""
        if dim not in self.sizes:
            name = safe(wanted)
            while name in self.holders or name in self.prologue:
                name += "_"
            self.sizes[dim] = name
            param = next(p for p in self.method.params if p is axis.param)
            self.prologue[name] = axis.text(self.names[param])
        return self.sizes[dim]

    def called(self, call: ex.Invoke) -> str:
        """Which method of the child is called: none is named for its forward."""
        module = self.book.by_scope[call.child.scope]
        return ".decode" if module.decoding and call.child.decoding else ""

    def arguments(self, call: ex.Invoke) -> list[str]:
        """The call's arguments in the order of the method's parameters; a default is left out."""
        module = self.book.by_scope[call.child.scope]
        parameters = module.decoding if self.called(call) else module.parameters
        names = parameter_names(call.child.params)
        own = dict(zip(call.child.params, names, strict=True))
        texts = {
            own[param]: expr.text(self)[0] for param, expr in call.given if not self._unseen(expr)
        }
        found: list[str] = []
        skipped = False
        for parameter in parameters:
            if parameter.name not in texts:
                skipped = True
                continue
            text = texts[parameter.name]
            found.append(f"{safe(parameter.name)}={text}" if skipped else text)
        return found

    def item(self, item: ex.Item) -> str:
        """The cache, or one of its items, which the method's first line tells apart."""
        cache, count = self.value(item.base.to)[0], len(item.method.kept)
        if count == 1:
            return cache
        names = [f"{cache}{n}" for n in range(1, count + 1)]
        own = self.module.decoding and self.method.decoding
        optional = self.method.parent is not None and not own
        nothing = f" or ({', '.join(['None'] * count)})" if optional else ""
        self.prologue.setdefault(", ".join(names), f"{cache}{nothing}")
        return names[item.place]

    def _unseen(self, expr: ex.Expr) -> bool:
        """What no caller of the root gives in this mode: the child's None stays."""
        ref = expr.base if isinstance(expr, ex.Item) else expr
        return isinstance(ref, ex.Ref) and ref.to.absent and ref.to not in self.names


def trivial(expr: ex.Expr) -> bool:
    """A mere name: it costs nothing to write it again."""
    return isinstance(expr, ex.Member) or (isinstance(expr, ex.Attribute) and trivial(expr.base))
