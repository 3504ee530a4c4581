"""A program's forward, step by step: which storages it keeps, with the layers of a stack counted.

A stack costs what a few of its layers cost: those at its ends, and one that stands for all between
them. (Lowering takes apart the layers that differ.)

What no output is made of is thrown away, and autograd keeps nothing for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tfspec.graph.trace import Node
from tfspec.passes import reached
from tfspec.passes.reached import Seen, Tape
from tfspec.program import expr as ex
from tfspec.program.method import Assign, Loop, Method, When
from tfspec.program.saves import Keep, Kept, Made, Result, SavedDtype
from tfspec.program.value import Storage, Value
from tfspec.symbolic import Dim


@dataclass(eq=False)
class Turn:
    """One walk through a loop's body, which stands for so many layers."""

    loop: Loop
    layers: Dim


@dataclass(eq=False)
class Cell:
    """One allocation of a run. `loops` are those in whose turns it was made."""

    elements: Dim
    dtype: SavedDtype
    loops: frozenset[Loop]
    counted: bool


@dataclass
class Found:
    """What one step of the program keeps of one kind, in all turns: elements of a dtype."""

    module: str
    node: Node | None
    what: str
    dtype: SavedDtype
    elements: Dim


@dataclass(eq=False)
class Frame:
    """One call of a method: where its storages are, and what its values are in this run."""

    method: Method
    cells: dict[Storage, Cell] = field(default_factory=dict[Storage, Cell])
    values: dict[Value, Seen] = field(default_factory=dict[Value, Seen])

    def seen(self, value: Value) -> Seen:
        return self.values.setdefault(value, Seen())

    def needs(self, value: Value) -> bool:
        return self.seen(value).needs


@dataclass(frozen=True)
class Learning:
    """One run of a step through which a gradient may flow."""

    frame: Frame
    step: Assign
    turns: tuple[Turn, ...]


class Walk:
    """The rows found so far, by step and kind."""

    def __init__(self) -> None:
        self.found: dict[tuple[Assign, int], Found] = {}
        self.without: set[tuple[str, str]] = set()
        self._turns: tuple[Turn, ...] = ()
        self._tape: Tape[Learning] = Tape()

    def root(self, method: Method) -> None:
        frame = Frame(method)
        self._run(frame)
        for each in self._tape.reached(map(frame.seen, method.results)):
            self._keeps(each)

    def _run(self, frame: Frame) -> None:
        for step in frame.method.steps:
            match step:
                case Loop():
                    self._loop(frame, step)
                case When():  # what is handed out as it is; caches are for other modes
                    pass
                case Assign(expr=ex.Invoke() as call):
                    sources = {param: param.source for param, _ in call.given}
                    inner = self._enter(frame, call.child, sources)
                    self._gives(frame, step.outputs, inner)
                case Assign():
                    self._step(frame, step)

    # ---- calls and loops
    def _enter(self, frame: Frame, child: Method, sources: Mapping[Value, Value | None]) -> Frame:
        inner = Frame(child)
        for param, source in sources.items():
            assert source is not None, "a child's parameters stand for values of its caller"
            if param.dtype != "state":
                inner.cells[param.storage] = self._cell(frame, source.storage)
                inner.values[param] = frame.seen(source)
        self._run(inner)
        return inner

    def _gives(self, frame: Frame, outputs: Iterable[Value], inner: Frame) -> None:
        """The child's results are the caller's values."""
        for output, result in zip(outputs, inner.method.results, strict=True):
            frame.cells[output.storage] = self._cell(inner, result.storage)
            frame.values[output] = inner.seen(result)

    def _loop(self, frame: Frame, loop: Loop) -> None:
        outer, carry = self._turns, loop.carry
        for turn in turns(loop):
            self._turns = (*outer, turn)
            for place in loop.places:
                carried = dict(zip(place.child.params, carry, strict=False))
                sources = {**carried, **{p: p.source for p, _ in place.given}}
                inner = self._enter(frame, place.child, sources)
                carry = place.child.results
                self._gives(frame, carry, inner)
        self._turns = outer
        for output, value in zip(loop.outputs, carry, strict=True):
            frame.cells[output.storage] = self._cell(frame, value.storage)
            frame.values[output] = frame.seen(value)

    # ---- steps
    def _step(self, frame: Frame, step: Assign) -> None:
        for output in step.outputs:
            if output.dtype != "state":
                self._cell(frame, output.storage)  # made in the running turn
        if step.outputs[0].dtype == "float" and step.needs_gradient(frame.needs):
            given = [frame.seen(value) for value in step.inputs]
            flows = [(frame.seen(output), given) for output in step.outputs]
            self._tape.add(Learning(frame, step, self._turns), flows)

    def _keeps(self, run: Learning) -> None:
        frame, step, self._turns = run.frame, run.step, run.turns
        for at, kept in enumerate(step.saves.kept):
            if not kept.when or any(frame.needs(value) for value in kept.when):
                self._keep(frame, step, at, kept)
        if step.saves.without:
            self.without.add((step.node.op.label() if step.node else "", step.saves.without))

    def _keep(self, frame: Frame, step: Assign, at: int, kept: Kept) -> None:
        cell, what = self._of(frame, step, kept)
        if cell.counted:
            return
        cell.counted = True
        elements = cell.elements
        for turn in self._turns:
            if turn.loop in cell.loops:
                elements = elements * turn.layers
        path = frame.method.scope.path
        row = self.found.setdefault((step, at), Found(path, step.node, what, cell.dtype, Dim.of(0)))
        row.elements = row.elements + elements

    def _of(self, frame: Frame, step: Assign, kept: Kept) -> tuple[Cell, str]:
        match kept:
            case Made(what, elements, dtype):
                return Cell(elements, dtype, self._loops, counted=False), what
            case Keep(value):
                return self._cell(frame, value.storage), value.hint or "x"
            case Result():
                output = step.outputs[0]
                return self._cell(frame, output.storage), output.hint or "x"

    def _cell(self, frame: Frame, storage: Storage) -> Cell:
        if storage not in frame.cells:
            assert storage.dtype != "state", "only tensors are kept"
            free = storage.holds != "result"  # weights, buffers and inputs are there anyway
            frame.cells[storage] = Cell(storage.elements, storage.dtype, self._loops, free)
        return frame.cells[storage]

    @property
    def _loops(self) -> frozenset[Loop]:
        return frozenset(turn.loop for turn in self._turns)


def turns(loop: Loop) -> list[Turn]:
    """The turns that stand for all, those at the ends one by one."""
    count = len(loop.turns)
    several = loop.ends and count > 1
    layers = loop.layers - loop.turns[0] if several else Dim.of(count)
    return [
        Turn(loop, each) for each in reached.turns(layers, count, *reached.ends(len(loop.carry)))
    ]
