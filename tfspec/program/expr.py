"""Expression trees over values: what one line of the emitted file computes, before it has names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tfspec.symbolic import Dim

if TYPE_CHECKING:
    from tfspec.program.method import Method
    from tfspec.program.value import Value

ATOM, POWER, UNARY, PRODUCT, SUM, AND, OR, COMPARE, TEST = 10, 9, 8, 7, 6, 5, 4, 3, 1
BINDING = {
    "**": POWER,
    **dict.fromkeys(("*", "@", "/", "//", "%"), PRODUCT),
    **dict.fromkeys(("+", "-"), SUM),
    "&": AND,
    "|": OR,
    **dict.fromkeys(("<", "<=", "==", "!=", ">", ">=", "is", "is not"), COMPARE),
}


class Names(Protocol):
    """What a printer knows: the text of each leaf."""

    def value(self, value: Value) -> tuple[str, int]: ...
    def number(self, number: Number) -> str: ...
    def length(self, dim: Dim) -> tuple[str, int]: ...
    def called(self, call: Invoke) -> str: ...
    def arguments(self, call: Invoke) -> list[str]: ...
    def item(self, item: Item) -> str: ...


class Expr:
    """A node of the tree. `text` gives source and how tightly its top operator binds."""

    def text(self, names: Names) -> tuple[str, int]:
        raise NotImplementedError

    def children(self) -> tuple[Expr, ...]:
        return ()

    def leaves(self) -> Iterator[Expr]:
        inner = self.children()
        if not inner:
            yield self
        for child in inner:
            yield from child.leaves()

    def at(self, names: Names, tightness: int) -> str:
        """Source that can stand beside an operator of this tightness."""
        text, binding = self.text(names)
        return f"({text})" if binding < tightness else text


@dataclass(eq=False)
class Ref(Expr):
    """A value computed earlier."""

    to: Value

    def text(self, names: Names) -> tuple[str, int]:
        return names.value(self.to)


@dataclass(eq=False)
class Name(Expr):
    """A name or literal that stands as it is."""

    name: str

    def text(self, names: Names) -> tuple[str, int]:
        return self.name, ATOM


@dataclass(eq=False)
class Split(Expr):
    """A literal text, and the lines it takes as a call's only argument where it is too long."""

    flat: str
    pieces: tuple[str, ...]

    def text(self, names: Names) -> tuple[str, int]:
        return self.flat, TEST


@dataclass(frozen=True)
class Layered:
    """A number that each of these layers has its own of: Python in i, an index of layers.

    i is that of the first layer in the pattern, which stands `lead` before the first of these.
    """

    text: str
    layers: range
    lead: int = 0

    @property
    def varies(self) -> bool:
        return len(self.layers) > 1


LARGEST = 2**63 - 1
"""What torch takes as a whole number."""


def written(number: float) -> str:
    """A number as code has it: a whole one without a point, unless torch would not take it so."""
    whole = number == int(number) and abs(number) <= LARGEST
    return repr(int(number) if whole else float(number))


@dataclass(eq=False)
class Number(Expr):
    """A number fixed by the spec; where instances of a class differ, an argument named `role`."""

    value: int | float | Layered
    role: str

    @property
    def literal(self) -> str:
        """The number as it is written where it is no argument."""
        if isinstance(self.value, int):
            return written(self.value)
        return self.value.text if isinstance(self.value, Layered) else repr(self.value)

    @property
    def varies(self) -> bool:
        """Whether the layers of one scope have different numbers."""
        return isinstance(self.value, Layered) and self.value.varies

    def text(self, names: Names) -> tuple[str, int]:
        text = names.number(self)
        return text, SUM if " " in text else UNARY if text.startswith("-") else ATOM


@dataclass(eq=False)
class Times(Expr):
    """A whole multiple of a number: 2304 where it is fixed, `3 * width` where it is an argument."""

    count: int
    number: Number

    def children(self) -> tuple[Expr, ...]:
        return (self.number,)

    def text(self, names: Names) -> tuple[str, int]:
        text = self.number.text(names)[0]
        if self.count == 1:
            return text, ATOM
        return (str(self.count * int(text)), ATOM) if text.isdecimal() else self._product(text)

    def _product(self, text: str) -> tuple[str, int]:
        return f"{self.count} * {text}", PRODUCT


@dataclass(eq=False)
class Less(Expr):
    """One less than a number or a multiple of one: 12 where it is fixed, else `2 * extent - 1`."""

    of: Number | Times

    def children(self) -> tuple[Expr, ...]:
        return (self.of,)

    def text(self, names: Names) -> tuple[str, int]:
        text = self.of.at(names, SUM)
        return (str(int(text) - 1), ATOM) if text.isdecimal() else (f"{text} - 1", SUM)


@dataclass(eq=False)
class Length(Expr):
    """A size that is known when the model runs."""

    dim: Dim

    def text(self, names: Names) -> tuple[str, int]:
        return names.length(self.dim)


@dataclass(eq=False)
class Member(Expr):
    """A weight, buffer or submodule of the class: self.NAME."""

    name: str

    def text(self, names: Names) -> tuple[str, int]:
        return f"self.{self.name}", ATOM


@dataclass(eq=False)
class Attribute(Expr):
    base: Expr
    name: str

    def children(self) -> tuple[Expr, ...]:
        return (self.base,)

    def text(self, names: Names) -> tuple[str, int]:
        return f"{self.base.at(names, ATOM)}.{self.name}", ATOM


@dataclass(eq=False)
class Call(Expr):
    func: Expr
    args: tuple[Expr, ...] = ()
    keywords: tuple[tuple[str, Expr], ...] = ()

    def children(self) -> tuple[Expr, ...]:
        return (self.func, *self.args, *(value for _, value in self.keywords))

    def arguments(self, names: Names) -> list[str]:
        plain = [arg.text(names)[0] for arg in self.args]
        return plain + [f"{key}={value.text(names)[0]}" for key, value in self.keywords]

    def text(self, names: Names) -> tuple[str, int]:
        return f"{self.func.at(names, ATOM)}({', '.join(self.arguments(names))})", ATOM


@dataclass(eq=False)
class Binary(Expr):
    op: str
    left: Expr
    right: Expr

    def children(self) -> tuple[Expr, ...]:
        return (self.left, self.right)

    def text(self, names: Names) -> tuple[str, int]:
        binding = BINDING[self.op]
        left = self.left.at(names, binding if self.op != "**" else binding + 1)
        right = self.right.at(names, binding + 1)
        if self.op == "**" and _simple(left) and _simple(right):
            return f"{left}**{right}", binding
        return f"{left} {self.op} {right}", binding


def _simple(text: str) -> bool:
    """ruff writes ** tight between names, numbers and attributes, negative exponents included."""
    return text.lstrip("-").replace(".", "").replace("_", "a").isalnum()


@dataclass(eq=False)
class Unary(Expr):
    op: str
    operand: Expr

    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def text(self, names: Names) -> tuple[str, int]:
        # ruff encloses a power behind a sign
        return f"{self.op}{self.operand.at(names, ATOM)}", UNARY


@dataclass(eq=False)
class Slice(Expr):
    """start:stop inside an index; both may be missing."""

    start: Expr | None = None
    stop: Expr | None = None

    def children(self) -> tuple[Expr, ...]:
        return tuple(e for e in (self.start, self.stop) if e is not None)

    def text(self, names: Names) -> tuple[str, int]:
        sides = [e.text(names) if e is not None else ("", ATOM) for e in (self.start, self.stop)]
        # ruff takes ":" for an operator of the lowest priority: spaces beside anything complex
        wide = any(side and not _simple(side) for side, _ in sides)
        left, right = sides[0][0], sides[1][0]
        if not wide:
            return f"{left}:{right}", ATOM
        return f"{left + ' ' if left else ''}:{' ' + right if right else ''}", ATOM


@dataclass(eq=False)
class Index(Expr):
    base: Expr
    items: tuple[Expr, ...]

    def children(self) -> tuple[Expr, ...]:
        return (self.base, *self.items)

    def text(self, names: Names) -> tuple[str, int]:
        inside = ", ".join(item.text(names)[0] for item in self.items)
        return f"{self.base.at(names, ATOM)}[{inside}]", ATOM


@dataclass(eq=False)
class Tuple(Expr):
    items: tuple[Expr, ...]

    def children(self) -> tuple[Expr, ...]:
        return self.items

    def text(self, names: Names) -> tuple[str, int]:
        inside = ", ".join(item.text(names)[0] for item in self.items)
        return f"({inside}{',' if len(self.items) == 1 else ''})", ATOM


@dataclass(eq=False)
class Bare(Expr):
    """Several results after return: a, b."""

    items: tuple[Expr, ...]

    def children(self) -> tuple[Expr, ...]:
        return self.items

    def text(self, names: Names) -> tuple[str, int]:
        return ", ".join(item.text(names)[0] for item in self.items), TEST


@dataclass(eq=False)
class Choice(Expr):
    """then if test else otherwise"""

    then: Expr
    test: Expr
    otherwise: Expr

    def children(self) -> tuple[Expr, ...]:
        return (self.then, self.test, self.otherwise)

    def text(self, names: Names) -> tuple[str, int]:
        then, test = self.then.at(names, TEST + 1), self.test.at(names, TEST + 1)
        return f"{then} if {test} else {self.otherwise.at(names, TEST)}", TEST


NONE, TRUE, FALSE = Name("None"), Name("True"), Name("False")
COLON = Slice()


def named(dotted: str) -> Name:
    """A function of torch by its dotted name in the emitted file: `F.gelu`, `torch.cat`."""
    return Name(dotted)


@dataclass(eq=False)
class Item(Expr):
    """One item of a method's cache; the whole cache where it has no other."""

    method: Method
    base: Ref
    place: int

    def children(self) -> tuple[Expr, ...]:
        return (self.base,)

    def text(self, names: Names) -> tuple[str, int]:
        return names.item(self), ATOM


@dataclass(eq=False)
class Invoke(Expr):
    """A child module called: which method of it, and what each of its parameters is given."""

    child: Method
    receiver: Expr
    given: tuple[tuple[Value, Expr], ...]

    def children(self) -> tuple[Expr, ...]:
        return (self.receiver, *(value for _, value in self.given))

    def text(self, names: Names) -> tuple[str, int]:
        return f"{self.called(names)}({', '.join(self.arguments(names))})", ATOM

    def called(self, names: Names) -> str:
        """The child and which method of it: `block`, for its forward, or `block.decode`."""
        return f"{self.receiver.at(names, ATOM)}{names.called(self)}"

    def arguments(self, names: Names) -> list[str]:
        return names.arguments(self)


def operands(expr: Expr) -> Iterator[Ref | Member]:
    """What is read: not what is only asked for its dtype or device (`tokens.device`,
    `x.new_zeros(...)`)."""
    match expr:
        case Ref() | Member():
            yield expr
        case Call(func, args, keywords):
            base = func.base if isinstance(func, Attribute) else func
            asked = isinstance(func, Attribute) and func.name.startswith("new_")
            for part in (*(() if asked else (base,)), *args, *(value for _, value in keywords)):
                yield from operands(part)
        case Attribute():
            return
        case _:
            for part in expr.children():
                yield from operands(part)


class _Plain:
    """Leaves as they are: enough to tell two constant expressions apart."""

    def value(self, value: Value) -> tuple[str, int]:
        return value.hint or "x", ATOM

    def number(self, number: Number) -> str:
        return number.literal

    def length(self, dim: Dim) -> tuple[str, int]:
        return str(dim), ATOM

    def called(self, call: Invoke) -> str:
        return ""

    def arguments(self, call: Invoke) -> list[str]:
        return []

    def item(self, item: Item) -> str:
        return f"cache[{item.place}]"


PLAIN = _Plain()
"""Names for expressions whose leaves need none."""
