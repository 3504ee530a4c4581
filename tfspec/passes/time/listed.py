"""Which dtype the functions of a line run in under torch.autocast, and what they cast for it.

The lists are those of the stand-in for torch (`tfspec.shadow.autocast`), by the functions' names.
A function of no list runs in what its operands make together; one of the file's own in its first
operand's, but for products, which its own lines lower.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tfspec.passes.time.regions import COMPUTING, FLOATS, Dtype, Region
from tfspec.program import expr as ex
from tfspec.program.method import Assign
from tfspec.program.value import Value
from tfspec.shadow.autocast import Function, way
from tfspec.shadow.modules import CALLS
from tfspec.shadow.vocabulary import FUNCTIONAL, METHODS, OPERATORS, TORCH

Found = Dtype | None
"""None: no float."""
COMPARED = ("<", "<=", "==", "!=", ">", ">=", "is", "is not")
SPACES: Mapping[str, Mapping[str, Function]] = {"F": FUNCTIONAL, "torch": TORCH, "nn": CALLS}
POWER, INVERSE = OPERATORS["pow"], OPERATORS["rtruediv"]


@dataclass
class Listed:
    """The dtypes of one step's line, whose operands are `known`. `modules`: how each member of its
    class is made.

    `to`: which operands are cast, and to what. `lowers`: the weights of its module are too.
    """

    device: Literal["cpu", "cuda"]
    modules: Mapping[str, ex.Expr | None]
    known: Mapping[Value, Region]
    to: dict[Value, Dtype] = field(default_factory=dict["Value", "Dtype"])
    lowers: bool = False

    def result(self, step: Assign) -> Dtype:
        """The dtype of what the step makes."""
        if step.kernel.kind in COMPUTING:
            self.lowers = True
            return self._cast(ex.operands(step.expr), "lower")
        return self.of(step.expr) or "float"

    def of(self, expr: ex.Expr) -> Found:
        """What an expression makes."""
        match expr:
            case ex.Ref(to):
                return _float(self.known[to].dtype) if to in self.known else None
            case ex.Member(name):
                return "float" if name in self.modules else None  # `self.training`
            case ex.Attribute(base) | ex.Index(base):
                return self.of(base)
            case ex.Call():
                return self._called(expr)
            case ex.Binary("**"):
                return self._run(POWER, expr.children())
            case ex.Binary("/", left) if self.of(left) is None:
                return self._run(INVERSE, expr.children())
            case ex.Binary(op) if op in COMPARED:
                self._widest(expr.children())
                return None
            case _:
                return self._widest(expr.children())

    def _called(self, call: ex.Call) -> Found:
        args = [*call.args, *(value for _, value in call.keywords)]
        match call.func:
            case ex.Name(name):
                space, _, function = name.rpartition(".")
                known = SPACES.get(space, {}).get(function)
                return self._run(known, args) if space else self._own(args)
            case ex.Member(name):
                return self._module(self.modules.get(name), args)
            case ex.Attribute(base, name):
                return self._method(base, name, args)
            case _:
                return self._own(args)

    def _module(self, make: ex.Expr | None, args: Sequence[ex.Expr]) -> Found:
        if not (isinstance(make, ex.Call) and isinstance(make.func, ex.Name)):
            return self._own(args)
        return self._run(CALLS.get(make.func.name.removeprefix("nn.")), args)

    def _method(self, base: ex.Expr, name: str, args: Sequence[ex.Expr]) -> Found:
        if name == "float":
            return "float"
        if name == "to" and args and isinstance(args[0], ex.Attribute):  # x.to(y.dtype)
            return self.of(args[0].base)
        return self._run(METHODS.get(name), [base, *args])

    def _own(self, args: Iterable[ex.Expr]) -> Found:
        """A function of the file's: in its first operand's."""
        return next((found for found in map(self.of, args) if found is not None), None)

    def _run(self, function: Function | None, args: Sequence[ex.Expr]) -> Found:
        """A function of torch's."""
        widest = self._widest(args)
        match None if function is None else way(function, self.device):
            case "lower":
                return self._cast(args, "lower")
            case "full":
                return self._cast(args, "float")
            case "widest":
                return self._cast(args, widest or "lower")
            case None:
                return widest

    def _widest(self, args: Iterable[ex.Expr]) -> Found:
        """What operands make together: a single number takes the dtype of a tensor with axes."""
        args = list(args)
        axes = [arg for arg in args if not self._single(arg)]
        for some in (axes, args):
            found = {self.of(arg) for arg in some} - {None}
            if found:
                return "float" if "float" in found else "lower"
        return None

    def _single(self, arg: ex.Expr) -> bool:
        return isinstance(arg, ex.Ref) and arg.to in self.known and not self.known[arg.to].rank

    def _cast(self, args: Iterable[ex.Expr], dtype: Dtype) -> Dtype:
        """Casts those of the operands that are in another dtype."""
        for arg in args:
            for ref in _tensors(arg):
                found = self.of(ref)
                if found not in (None, dtype):
                    self.to[ref.to] = dtype
        return dtype


def _tensors(arg: ex.Expr) -> Iterator[ex.Ref]:
    """The values that an argument is, be it a tuple of them."""
    match arg:
        case ex.Ref():
            yield arg
        case ex.Tuple(items):
            for item in items:
                yield from _tensors(item)
        case _:
            return


def _float(dtype: Dtype) -> Found:
    if dtype not in FLOATS:
        return None
    return "lower" if dtype == "lower" else "float"
