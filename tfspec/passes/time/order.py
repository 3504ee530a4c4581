"""A program's forward as kernels in the order in which they run, each with what it reads and makes.

The layers of a stack are three: the first, the last, and one that stands for all between them. So
a layer's neighbours are layers wherever they are in the model, and depth costs nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from tfspec.graph.scope import Place, Weight
from tfspec.passes.reached import ends, turns
from tfspec.passes.time.regions import Block, Dtype, Given, Held, Layer, Region, Run
from tfspec.program import expr as ex
from tfspec.program.kernels import POINTWISE
from tfspec.program.method import Assign, Loop, Method, When
from tfspec.program.program import Program
from tfspec.program.saves import Keep, Kept, Made
from tfspec.program.value import Value
from tfspec.symbolic import Dim, product

ShapeOf = Callable[[Sequence[Dim]], tuple[Dim, ...]]


Owned = tuple[tuple[Weight, ...], tuple[int, ...]]
"""Weights, and of each stack around them the turn that had them first."""


class Order:
    """The runs of a root method. Where the program learns, dropout is there, and values know
    their gradients."""

    def __init__(self, program: Program, shape_of: ShapeOf) -> None:
        self.program, self.shape_of = program, shape_of
        domains = program.graph.facts.domains.items()
        self._fixed = {name: each.low for name, each in domains if each.low == each.high}
        self.runs: list[Run] = []
        self._times = Dim.of(1)
        self._layer: Layer | None = None
        self._owner: tuple[int, ...] = ()
        """Of each stack around, the turn that had the running layer's weights first."""
        self._stacks = 0
        self._used: set[Owned] = set()
        self._shared: list[tuple[Run, list[Owned]]] = []

    def root(self, method: Method) -> list[Run]:
        frame: dict[Value, Region] = {}
        self._run(method, frame)
        for value in method.results:
            region = self._region(frame, value)
            region.block.results.append(region)
        self._throw_away()
        return self.runs

    def _throw_away(self) -> None:
        """No gradient comes to what leads to no output. (What it kept is written all the same.)"""
        for run in reversed(self.runs):
            made = [region.block for region in run.makes]
            if not any(x.result or any(by.needs for by, _ in x.pieces) for x in made):
                run.needs = False
        for run, keys in self._shared:
            for key in keys if run.needs else ():
                if key in self._used:
                    run.again.append(Held(key[0]).elements)
                self._used.add(key)

    def _run(self, method: Method, frame: dict[Value, Region]) -> None:
        for step in method.steps:
            match step:
                case Loop():
                    self._loop(frame, step)
                case When():
                    self._when(frame, step)
                case Assign(expr=ex.Invoke() as call):
                    sources = {param: param.source for param, _ in call.given}
                    inner = self._call(frame, call.child, sources)
                    for output, result in zip(step.outputs, call.child.results, strict=True):
                        frame[output] = self._region(inner, result)
                case Assign():
                    self._step(method, frame, step)

    # ---- calls and loops
    def _call(
        self, frame: dict[Value, Region], child: Method, sources: Mapping[Value, Value | None]
    ) -> dict[Value, Region]:
        inner: dict[Value, Region] = {}
        for param, source in sources.items():
            assert source is not None, "a child's parameters stand for values of its caller"
            if param.dtype != "state":
                inner[param] = self._region(frame, source)
        self._run(child, inner)
        return inner

    def _loop(self, frame: dict[Value, Region], loop: Loop) -> None:
        outer, within, around, carry = self._times, self._layer, self._owner, loop.carry
        self._stacks += 1
        stack = self._stacks
        for turn, (layers, first) in enumerate(_turns(loop)):
            self._times = outer * layers
            for at, place in enumerate(loop.places):
                number = turn * len(loop.places) + at
                self._layer = Layer(stack, number, within)
                self._owner = (*around, first)
                carried = dict(zip(place.child.params, carry, strict=False))
                sources = {**carried, **{p: p.source for p, _ in place.given}}
                inner = self._call(frame, place.child, sources)
                carry = place.child.results
                frame.update((value, self._region(inner, value)) for value in carry)
        self._times, self._layer, self._owner = outer, within, around
        frame.update(zip(loop.outputs, (frame[value] for value in carry), strict=True))

    # ---- steps
    def _when(self, frame: dict[Value, Region], step: When) -> None:
        """New keys and values written to a cache; what is read afterwards is another storage."""
        if not step.outputs:
            return
        reads = [self._region(frame, value) for value in step.before]
        run = self._add(Run(step, POINTWISE, self._times, self._layer, reads, [], []))
        for value, new in zip(step.outputs, reads, strict=True):
            run.makes.append(replace(new, block=Block(run, new.elements)))
            held = value.storage.holds == "buffer"
            frame[value] = self._given(value) if held else new

    def _step(self, method: Method, frame: dict[Value, Region], step: Assign) -> None:
        first = step.outputs[0]
        if first.dtype == "state":
            return
        read = [part.to for part in ex.operands(step.expr) if isinstance(part, ex.Ref)]
        given = [value for value in read if value.dtype != "state" and not value.absent]
        known = {value: self._region(frame, value) for value in given}
        base = next((v for v in given if v.storage is first.storage), None)
        if step.kernel.trains and not self.program.learns:
            frame[first] = known[given[0]]
        elif base is not None:
            for value in step.outputs:
                frame[value] = self._view(known[base], value, step)
        elif first.storage.holds != "result":
            frame[first] = self._given(first, step)
            held = [held.weights for held in self._held(method, step)]
            frame[first].block.weights = held[0] if len(held) == 1 else ()
        else:
            run = self._makes(method, step, known)
            frame[first] = run.makes[0]

    def _makes(self, method: Method, step: Assign, known: Mapping[Value, Region]) -> Run:
        (output,) = step.outputs
        given = self._read(method, step, known)
        known = given.known
        reads = list(dict.fromkeys(known.values()))
        kernel = given.kernel or step.kernel
        run = self._add(Run(step, kernel, self._times, self._layer, reads, [], given.weights))
        run.needs = output.dtype == "float" and step.needs_gradient(
            lambda value: value in known and known[value].needs
        )
        for copy in given.copies:
            copy.block.pieces.append((run, copy))
        run.makes.append(self._of(output, Block(run, output.storage.elements), given.dtype))
        run.makes[0].needs = run.needs
        self._gets(run)
        if step.kernel.joins:
            often = ((v, x) for v, x in known.items() if self._plain(v.shape) != x.plain)
            run.repeated = {region: self._size(value.shape) for value, region in often}
        for each in step.saves.kept if run.needs else ():
            if not each.when or any(value in known and known[value].needs for value in each.when):
                self._keeps(run, each, known)
        return run

    def _read(self, method: Method, step: Assign, known: Mapping[Value, Region]) -> Given:
        """What a step reads, as it reads it."""
        return Given(known, list(self._held(method, step)))

    def _keeps(self, run: Run, kept: Kept, known: Mapping[Value, Region]) -> None:
        own = run.makes[0].dtype
        match kept:
            case Made(_, elements, dtype):  # in the wider of two: of weights and of what is made
                wide = any(held.dtype == "float" for held in run.weights)
                dtype = own if dtype == "float" and not wide else dtype
                run.left.append(Region(Block(None, elements), elements, elements, dtype, 0))
            case Keep(value):
                same = (known[v] for v in known if v.storage is value.storage)
                assert value.dtype != "state", "only tensors are kept"
                size = product(value.shape)
                dtype = own if value.dtype == "float" else value.dtype
                copied = Region(Block(None, size), size, size, dtype, len(value.shape))
                run.kept.append(next(same, copied))
            case _:
                run.kept.append(run.makes[0])

    def _add(self, run: Run) -> Run:
        self.runs.append(run)
        for region in run.reads:
            region.block.pieces.append((run, region))
        return run

    def _held(self, method: Method, step: Assign) -> Iterator[Held]:
        """The weights of the modules that a step calls."""
        members = self.program.members.get(method.scope, {})
        for leaf in step.expr.leaves():
            if isinstance(leaf, ex.Member) and leaf.name in members:
                yield from map(Held, members[leaf.name].holds.values())

    def _gets(self, run: Run) -> None:
        """The weights whose gradients it has a part in."""
        read = [x.block.weights for x in run.reads if x.needs and x.block.weights]
        held = [held.weights for held in run.weights if held.trains]
        self._shared.append((run, [self._key(weights) for weights in (*read, *held)]))

    def _key(self, weights: tuple[Weight, ...]) -> Owned:
        """Weights, and whose they are: of layers, each has weights of its own."""
        return weights, self._owner[: _stacks_around(weights[0])]

    # ---- values in memory
    def _region(self, frame: dict[Value, Region], value: Value) -> Region:
        """The value's; an input of the model is there from the start."""
        if value not in frame:
            frame[value] = self._given(value)
        return frame[value]

    def _given(self, value: Value, step: Assign | None = None) -> Region:
        """What no kernel makes: an input, a weight, a table, a cache."""
        elements = value.storage.elements
        region = self._of(value, Block(None, elements))
        region.whole = region.plain == self._plain([elements])
        region.needs = step is not None and step.saves.learns
        return region

    def _view(self, base: Region, value: Value, step: Assign) -> Region:
        region = self._of(value, base.block, base.dtype)
        if region.plain == base.plain:
            return base
        region.needs, region.cut, region.whole = base.needs, step, False
        return region

    def _of(self, value: Value, block: Block, dtype: Dtype = "float") -> Region:
        """Its different elements: an axis of stride 0 repeats them. `dtype` is that of floats."""
        assert value.dtype != "state", "what is no tensor is nowhere in memory"
        laid = zip(value.shape, value.strides, strict=True)
        seen = [size for size, step in laid if step != 0]
        dtype = dtype if value.dtype == "float" else value.dtype
        return Region(block, self._size(seen), self._plain(seen), dtype, len(value.shape))

    def _plain(self, shape: Sequence[Dim]) -> Dim:
        """Elements, in which sizes of several names are equal where their numbers are."""
        return product(shape).subs(self._fixed)

    def _size(self, shape: Sequence[Dim]) -> Dim:
        """Elements, with letters for numbers of tokens."""
        return product(self.shape_of(shape))


def _stacks_around(weight: Weight) -> int:
    """In how many stacks, one in the other, a weight has copies."""
    scope, found = weight.group.parent, 0
    while scope is not None:
        scope, found = scope.parent, found + isinstance(scope, Place)
    return found


def _turns(loop: Loop) -> list[tuple[Dim, int]]:
    """How many layers each turn stands for, and the turn that had their weights first.

    They are the layers at both ends, as `reached.ends` has them and one at least, since a layer's
    neighbours count here, and those between. Where weights come back in rounds, those between are
    of the first round, or of later ones.
    """
    count, own, front = len(loop.turns), loop.own, ends(len(loop.carry))[0]
    if own == count:
        return [(each, at) for at, each in enumerate(turns(loop.layers, count, front, front))]
    round_, one = loop.places[0].child.scope.copies, Dim.of(1)
    found = [(one, at % own) for at in range(min(front, count))]
    if own > front:
        found.append((round_ - front, front))
    begun = max(own, front)
    later = count - begun - front
    if later > 0:
        so_far = round_ if own >= front else Dim.of(front)
        found.append((loop.layers - so_far - front, min(front, own - 1)))
    rest = range(count - min(front, count - begun), count)
    return [*found, *((one, min(at % own, front)) for at in rest)]
