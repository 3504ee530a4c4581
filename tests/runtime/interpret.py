"""A program run step by step, outside its emitted file: every value beside its live tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from tfspec.program import expr as ex
from tfspec.program.method import Assign, Loop, Method, When
from tfspec.program.program import Program
from tfspec.program.value import Value
from tfspec.symbolic import Dim


@dataclass
class Seen:
    """One value computed: what it was made of, and what came out."""

    method: Method
    value: Value
    live: Tensor
    inputs: list[tuple[Value, Tensor]]
    call: bool

    def __str__(self) -> str:
        return f"{self.value} in {self.method.scope.path or 'the root'}"


@dataclass
class Names:
    """Leaves as names of a frame; what sizes are is known."""

    sizes: Mapping[str, int]
    numbers: dict[Value, int] = field(default_factory=dict[Value, int])

    def value(self, value: Value) -> tuple[str, int]:
        return f"v{self.numbers.setdefault(value, len(self.numbers))}", ex.ATOM

    def number(self, number: ex.Number) -> str:
        return number.literal

    def length(self, dim: Dim) -> tuple[str, int]:
        return str(dim.value(self.sizes)), ex.ATOM

    def called(self, call: ex.Invoke) -> str:
        raise AssertionError("calls are run, not printed")

    def arguments(self, call: ex.Invoke) -> list[str]:
        raise AssertionError("calls are run, not printed")

    def item(self, item: ex.Item) -> str:
        name = self.value(item.base.to)[0]
        return name if len(item.method.kept) == 1 else f"{name}[{item.place}]"


class Interpreter:
    """Runs methods over a live model of the same program."""

    def __init__(self, program: Program, file: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        self.program, self.file = program, file
        self.names = Names(sizes)
        self.seen: list[Seen] = []

    def run(self, method: Method, module: nn.Module, given: list[Any]) -> list[Any]:
        """The results of a method; `given` has a value for each of its parameters."""
        frame: dict[Value, Any] = dict(zip(method.params, given, strict=True))
        for step in method.steps:
            if isinstance(step, Loop):
                self._loop(step, module, frame)
            elif not isinstance(step, When):
                self._assign(method, step, module, frame)
            elif frame.get(step.test) is None:
                frame.update(zip(step.outputs, (frame[v] for v in step.before), strict=True))
            else:
                frame.update(zip(step.outputs, self._eval(step.expr, module, frame), strict=True))
        return [frame[value] for value in method.results]

    def _assign(
        self, method: Method, step: Assign, module: nn.Module, frame: dict[Value, Any]
    ) -> None:
        call = isinstance(step.expr, ex.Invoke)
        made: Any = self._eval(step.expr, module, frame)
        outputs = made if len(step.outputs) > 1 else (made,)
        read = [(value, frame[value]) for value in step.inputs]
        inputs = [(value, live) for value, live in read if isinstance(live, Tensor)]
        for value, live in zip(step.outputs, outputs, strict=True):
            frame[value] = live
            if isinstance(live, Tensor):
                self.seen.append(Seen(method, value, live, inputs, call))

    def _loop(self, loop: Loop, module: nn.Module, frame: dict[Value, Any]) -> None:
        carry = [frame[value] for value in loop.carry]
        blocks: Any = getattr(module, loop.name)
        for at, block in [*enumerate(blocks)] * loop.rounds:
            place = loop.places[at % len(loop.places)]
            more = [self._of_layer(expr, at, module, frame) for _, expr in place.given]
            carry = self.run(place.child, block, [*carry, *more])
        frame.update(zip(loop.outputs, carry, strict=True))

    def _of_layer(self, expr: ex.Expr, at: int, module: nn.Module, frame: dict[Value, Any]) -> Any:
        value = self._eval(expr, module, frame)
        return value[at] if isinstance(expr, ex.Item) and value is not None else value

    def _eval(self, expr: ex.Expr, module: nn.Module, frame: dict[Value, Any]) -> Any:
        if isinstance(expr, ex.Invoke):
            receiver = self._eval(expr.receiver, module, frame)
            given = [self._eval(value, module, frame) for _, value in expr.given]
            results = self.run(expr.child, receiver, given)
            return results if len(results) > 1 else results[0]
        text = expr.text(self.names)[0]
        known = {self.names.value(value)[0]: live for value, live in frame.items()}
        absent = {self.names.value(ref)[0]: None for ref in _refs(expr) if ref not in frame}
        i = 1  # a layer's own rates are none of its memory
        return eval(text, dict(self.file), {"self": module, "i": i, **known, **absent})


def _refs(expr: ex.Expr) -> Iterator[Value]:
    return (leaf.to for leaf in expr.leaves() if isinstance(leaf, ex.Ref))


def same_memory(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are views of one storage."""
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def layout(live: Tensor, wanted: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Live and predicted strides of the axes where a stride means something."""
    axes = [axis for axis, size in enumerate(live.shape) if size > 1]
    return tuple(live.stride(a) for a in axes), tuple(wanted[a] for a in axes)
