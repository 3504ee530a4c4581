"""Classes: scopes of one structure are one nn.Module; numbers that differ become its arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import zip_longest

from tfspec.diagnostics import Label, Span
from tfspec.graph.member_names import member_name
from tfspec.graph.scope import Scope
from tfspec.program import expr as ex
from tfspec.program import lengths
from tfspec.program.code_names import name_classes, safe, unique
from tfspec.program.method import Loop, Method, Step, When
from tfspec.program.program import Member, Program
from tfspec.program.refusal import NotYet
from tfspec.program.value import Value
from tfspec.symbolic import Dim

_OF_WIDTH = frozenset({"width", "hidden", "heads", "head_dim", "rows", "group"})
"""Sizes that are read well as a multiple or a part of the width."""


_WHOLE = "ask for no decoding: a forward has the whole text"

Body = tuple[object, tuple[object, ...], object, str]
"""What a method does, by which methods are compared: parameters, steps, results, and the room of
its cache."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a forward; an optional one is None in some mode or at some call."""

    name: str
    optional: bool


@dataclass(frozen=True)
class Derived:
    """A number that is a constructor argument, or a multiple or part of one."""

    argument: str
    times: int = 1
    by: int = 1

    def text(self, prefix: str = "") -> str:
        """As Python: `width`, `4 * width`, `self.width // 32`."""
        name = f"{prefix}{self.argument}"
        name = f"{self.times} * {name}" if self.times > 1 else name
        return f"{name} // {self.by}" if self.by > 1 else name


@dataclass(eq=False)
class ModuleClass:
    """One class of the file: its instances' scopes, and what differs between them."""

    name: str
    scopes: list[Scope] = field(default_factory=list[Scope])
    arguments: dict[str, tuple[int | float | ex.Layered, ...]] = field(
        default_factory=dict[str, "tuple[int | float | ex.Layered, ...]"]
    )
    by_number: dict[int, Derived] = field(default_factory=dict[int, "Derived"])
    parameters: tuple[Parameter, ...] = ()
    decoding: tuple[Parameter, ...] = ()
    """Of a method of its own for decoding, where that is not what forward does."""

    @property
    def kind(self) -> str:
        return self.scopes[0].kind

    def derived(self, values: Sequence[object]) -> Derived | None:
        """How the instances' values follow from an argument: one of its own, or its width."""
        for name, known in self.arguments.items():
            if known == tuple(values):
                return Derived(name)
        widths = self.arguments.get("width", ())
        shares = {_share(value, width) for value, width in zip(values, widths, strict=False)}
        share = shares.pop() if len(shares) == 1 else None
        return Derived("width", share.numerator, share.denominator) if share else None


class Skeleton:
    """Names for comparing: values by number, numbers as #, children by their class."""

    def __init__(self, book: Book, method: Method | None = None) -> None:
        self.book = book
        self.ids: dict[Value, int] = {}
        self.numbers: list[ex.Number] = []
        self.params = method.params if method else []
        for value in self.params:
            self.define(value)

    def define(self, value: Value) -> None:
        self.ids[value] = len(self.ids)

    def value(self, value: Value) -> tuple[str, int]:
        return f"v{self.ids[value]}", ex.ATOM

    def number(self, number: ex.Number) -> str:
        self.numbers.append(number)
        return "#"

    def length(self, dim: Dim) -> tuple[str, int]:
        """Where the size is read: which parameter, which axis."""
        read = lengths.axis_of(self.params, dim)
        where = "" if read is None else f"{self.ids[read.param]}.{read.axis}"
        return f"~{where or dim}", ex.ATOM

    def called(self, call: ex.Invoke) -> str:
        """Which of a child's methods, where its own for decoding is another than its forward."""
        own = self.book.decoding_of(call.child.scope)
        return ".decode" if own and call.child.decoding else ""

    def arguments(self, call: ex.Invoke) -> list[str]:
        own = str(self.book.index(call.child.scope))
        return [own, *(value.text(self)[0] for _, value in call.given)]

    def item(self, item: ex.Item) -> str:
        return f"{item.base.text(self)[0]}[{item.place} of {len(item.method.kept)}]"

    def step(self, step: Step) -> tuple[object, ...]:
        if isinstance(step, Loop):
            places = tuple(
                (self.book.index(place.child.scope), *(e.text(self)[0] for _, e in place.given))
                for place in step.places
            )
            key: tuple[object, ...] = (
                "loop",
                step.name,
                len(step.turns),
                step.own,
                tuple(map(self.value, step.carry)),
                places,
            )
        else:
            test = self.value(step.test) if isinstance(step, When) else None
            key = (test, step.expr.text(self)[0], tuple(value.hint for value in step.outputs))
        for value in step.outputs:
            self.define(value)
        return key


class Book:
    """Every class of a program, children before parents."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.classes: list[ModuleClass] = []
        self.by_scope: dict[Scope, ModuleClass] = {}
        self._by_key: dict[object, ModuleClass] = {}
        self._made: dict[Scope, dict[str, ex.Number]] = {}
        self._split: dict[Scope, list[list[Method]]] = {}
        self.root = program.graph.scope
        self._visit(self.root)
        name_classes(self.classes, self.by_scope, program.helpers)
        for module in self.classes:
            self._unify(module)

    def index(self, scope: Scope) -> int:
        return self.classes.index(self.by_scope[scope])

    def methods(self, scope: Scope) -> list[Method]:
        return self.program.methods[scope]

    def members(self, scope: Scope) -> list[Member]:
        """In order of execution; buffers last."""
        members = self.program.members.get(scope, {}).values()
        return sorted(members, key=lambda member: member.kind == "buffer")

    def variants(self, module: ModuleClass) -> list[Method]:
        """Every lowered method that the class's forward is: each instance, each mode."""
        return [method for scope in module.scopes for method in self._bodies(scope)[0]]

    def decoding(self, module: ModuleClass) -> list[Method]:
        """Those of its own method for decoding: what reads a memory's keys does not make them."""
        return [method for scope in module.scopes for method in self.decoding_of(scope)]

    def decoding_of(self, scope: Scope) -> list[Method]:
        """Those of one scope; none where forward does the same."""
        return [method for bodies in self._bodies(scope)[1:] for method in bodies]

    def _bodies(self, scope: Scope) -> list[list[Method]]:
        """The methods of a scope by what they do: forward's, and maybe others while decoding."""
        methods = self.methods(scope)
        if scope not in self._split:
            self._split[scope] = self._by_body(methods)
        return self._split[scope]

    def _by_body(self, methods: list[Method]) -> list[list[Method]]:
        decoded = [method for method in methods if method.decoding]
        others = [method for method in methods if not method.decoding]
        if not decoded or not others or self._body(decoded[0]) == self._body(others[0]):
            return [methods]
        return [others, decoded]

    # ---- grouping
    def _visit(self, scope: Scope) -> None:
        for member in self.members(scope):
            for child in member.children:
                if child not in self.by_scope:
                    self._visit(child)
        key = self._key(scope)
        module = self._by_key.get(key)
        if module is None:
            module = self._by_key[key] = ModuleClass("")
            self.classes.append(module)
        module.scopes.append(scope)
        self.by_scope[scope] = module

    def _key(self, scope: Scope) -> object:
        if scope is self.root:
            return "root"
        bodies = tuple(self._alike(scope, methods) for methods in self._bodies(scope))
        skeleton = Skeleton(self)
        members = tuple(self._made_of(m, skeleton) for m in self.members(scope))
        return bodies, members, self.methods(scope)[0].doc

    def _alike(self, scope: Scope, methods: list[Method]) -> object:
        """The one body of several methods."""
        bodies = [self._body(method) for method in methods]
        values = [[n.value for n in self._body_numbers(method)] for method in methods]
        if any(body != bodies[0] for body in bodies) or any(v != values[0] for v in values):
            raise _unlike(scope, methods, bodies)
        return bodies[0]

    def _made_of(self, member: Member, skeleton: Skeleton) -> tuple[object, ...]:
        text = member.make.text(skeleton)[0] if member.make else ""
        return member.name, text, member.count, tuple(map(self.index, member.children))

    def _body(self, method: Method) -> Body:
        skeleton = Skeleton(self, method)
        steps = tuple(skeleton.step(step) for step in method.steps)
        params = tuple((param.hint, param.dtype) for param in method.params)
        results = tuple(skeleton.value(value) for value in method.results)
        return params, steps, results, _room(method, skeleton)

    # ---- numbers
    def _unify(self, module: ModuleClass) -> None:
        """Numbers that differ between instances become constructor arguments."""
        if module.scopes[0] is self.root:
            return
        columns = [list(self._numbers(scope)) for scope in module.scopes]
        for row in zip(*columns, strict=True):
            values = tuple(number.value for number in row)
            if len(set(values)) > 1 or row[0].varies:
                name = self._argument(module, row[0].role, values)
                module.by_number.update((id(number), name) for number in row)
        module.parameters = tuple(_parameters(self.variants(module)))
        module.decoding = tuple(_parameters(self.decoding(module)))

    def _numbers(self, scope: Scope) -> Iterator[ex.Number]:
        """Every number in a scope's code, in the order of its text: members, then its bodies."""
        skeleton = Skeleton(self)
        for member in self.members(scope):
            if member.make is not None:
                member.make.text(skeleton)
            for child in member.children:
                skeleton.numbers.extend(self.arguments(child))
        yield from skeleton.numbers
        for methods in self._bodies(scope):
            yield from self._body_numbers(methods[0])

    def _body_numbers(self, method: Method) -> list[ex.Number]:
        body = Skeleton(self, method)
        for step in method.steps:
            body.step(step)
        if method.room is not None:
            method.room.text(body)
        return body.numbers

    def _argument(
        self, module: ModuleClass, role: str, values: tuple[int | float | ex.Layered, ...]
    ) -> Derived:
        found = module.derived(values)
        if found is not None and (found == Derived(found.argument) or role in _OF_WIDTH):
            return found
        role = member_name(safe(role))
        members = {member.name for member in self.members(module.scopes[0])}
        taken = module.arguments.keys() | members  # it may be kept beside them
        names = (role if n == 1 else f"{role}{n}" for n in range(1, len(taken) + 2))
        name = next(name for name in names if name not in taken)
        module.arguments[name] = values
        return Derived(name)

    def arguments(self, scope: Scope) -> list[ex.Number]:
        """What an instance is constructed with: the same objects at every call, to be unified."""
        module = self.by_scope[scope]
        at = module.scopes.index(scope)
        made = self._made.setdefault(scope, {})
        return [
            made.setdefault(name, ex.Number(values[at], name))
            for name, values in module.arguments.items()
        ]


def _share(value: object, whole: object) -> Fraction | None:
    """The value in terms of the whole, where both are counts."""
    if not isinstance(value, int) or not isinstance(whole, int) or whole < 1:
        return None
    return Fraction(value, whole)


def _room(method: Method, skeleton: Skeleton) -> str:
    """How its cache is made; what the length of a memory is called makes no difference."""
    made = "" if method.room is None else method.room.text(skeleton)[0]
    return made if method.memory is None else re.sub(rf"\b{safe(method.memory)}\b", "~", made)


def _parameters(variants: Sequence[Method]) -> list[Parameter]:
    """What methods of one body take: what some of them are not given is optional."""
    found: list[Parameter] = []
    for at, name in enumerate(parameter_names(variants[0].params) if variants else ()):
        optional = any(m.params[at].absent or m.params[at].defaults for m in variants)
        found.append(Parameter(name, optional))
    return sorted(found, key=lambda parameter: parameter.optional)


def parameter_names(params: Sequence[Value]) -> list[str]:
    """The role of each parameter; equal roles are numbered."""
    return unique([param.hint or "x" for param in params])


def _unlike(scope: Scope, methods: Sequence[Method], bodies: Sequence[Body]) -> NotYet:
    """What to say of a module that does not run alike: for layers that share it, or in a mode."""
    other = next((at for at, body in enumerate(bodies) if body != bodies[0]), -1)
    span = _where_apart(methods[other], bodies[0], bodies[other])
    place = None if span is None else Label(span)
    modes = [method.low.mode for method in methods]
    if len({*modes}) == len({*zip(modes, bodies, strict=True)}):
        message = f"`{scope.name}` with other steps for a prompt than for a forward"
        return NotYet.of(f"{message} is not supported yet in decoding", place, _WHOLE)
    message = f"`{scope.name}` shared by layers that do not run alike is not supported yet"
    return NotYet.of(message, place, "give them the same knobs, or weights of their own")


def _where_apart(method: Method, first: Body, own: Body) -> Span | None:
    """The spec's place of a step that another method has not, or of the first that has one."""
    pairs = zip_longest(first[1], own[1])
    apart = next((at for at, (a, b) in enumerate(pairs) if a != b), 0)
    steps = (step for step in (*method.steps[apart:], *method.steps) if not isinstance(step, Loop))
    return next((node.span for step in steps for node in step.nodes if node.span), None)
