"""What `dims` and `inputs` declare: sizes with their domains, and tensors with their axes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from tfspec.diagnostics import Rule, Span, nearest
from tfspec.spec.expression import (
    LARGEST,
    OUT_OF_RANGE,
    Name,
    Operation,
    SizeExpr,
    Tree,
    size_of,
)
from tfspec.spec.expression_reader import Reader, read_size
from tfspec.spec.located import mistyped, unknown_choice
from tfspec.spec.located_values import LocatedStr
from tfspec.spec.tokens import Word, Words, locate
from tfspec.spec.types import Parsed, check_range, check_size
from tfspec.spec.wrong import NOWHERE, wrong
from tfspec.symbolic.domain import Batch, Domain, Fixed, Multiple, Range, settled

BAD_DIM = Rule(
    "TS123",
    "a dim that cannot be read",
    "A dim is neither an integer, an expression over dims, `batch`, a range `1..512`, nor "
    "`multiple(32)`, which may have a largest value: `multiple(32) <= 448`.",
    "A dim says which sizes are allowed, so that checks can hold for every one.",
    "dims: {T: 1..}",
    "Write it in one of these forms; ranges go from a smaller to a larger integer.",
)
BAD_INPUT = Rule(
    "TS124",
    "an input that cannot be read",
    "An input is not written as `ids(E) AXIS*`, `float AXIS*` or `bool AXIS*`.",
    "An input says what its numbers are and which axes its tensor has, in order.",
    "inputs: {tokens: ids B T}",
    "Write the kind, then the axes in tensor order; on `float` one may be a number of features.",
)

_RANGE = re.compile(r"\s*(-?[0-9]+)\s*\.\.\s*(-?[0-9]+)\s*")
_LIKE_A_RANGE = re.compile(r"\s*([0-9]{1,17})\s*(?:\.\.\.|-|–|:|to)\s*([0-9]{1,17})\s*")
_CALL = re.compile(r"\s*(\w+)\s*\(")
_MULTIPLE = re.compile(r"\s*multiple\s*\(\s*(-?[0-9]+)\s*\)\s*(?:<=\s*(-?[0-9]+)\s*)?")


@dataclass(frozen=True, slots=True)
class DimDecl:
    """A dim as declared: a size (a number or an expression), or the sizes that it may have."""

    kind: Literal["size", "batch", "range", "multiple"]
    size: SizeExpr | None = None
    low: int = 1
    high: int | None = None
    of: int = 1
    text: str = field(compare=False, default="")
    span: Span = field(compare=False, default=NOWHERE)

    @property
    def domain(self) -> Domain | None:
        """The sizes that it may have; None where it is an expression over other dims."""
        if self.size is not None:
            return None if self.size.constant is None else Fixed(int(self.size.constant))
        if self.kind == "range" and self.high is not None:
            return settled(Range(self.low, self.high))
        return settled(Multiple(self.of, self.high)) if self.kind == "multiple" else Batch()

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class InputAxis:
    """One dimension of an input's tensor. `name` is None where it holds the features."""

    name: str | None
    size: SizeExpr
    span: Span = field(compare=False, default=NOWHERE)


@dataclass(frozen=True, slots=True)
class InputDecl:
    """An input as declared; `layout` has its dimensions in tensor order."""

    kind: Literal["ids", "float", "bool"]
    layout: tuple[InputAxis, ...]
    vocabulary: SizeExpr | None = None
    text: str = field(compare=False, default="")
    span: Span = field(compare=False, default=NOWHERE)

    @property
    def axes(self) -> tuple[InputAxis, ...]:
        """The named axes, in order."""
        return tuple(each for each in self.layout if each.name is not None)

    @property
    def features(self) -> SizeExpr | None:
        """The number of features of a `float` input, if one is written; else it is 1."""
        return next((each.size for each in self.layout if each.name is None), None)

    def __str__(self) -> str:
        return self.text


def check_dim(value: Any) -> DimDecl:
    """A dim from what is written. Raises Wrong."""
    if isinstance(value, DimDecl):
        return value
    if isinstance(value, str):
        return _dim(locate(value))
    if isinstance(value, bool | list | dict) or value is None:
        raise mistyped(value, "takes a number, an expression, `batch`, `1..512` or `multiple(32)`")
    size = check_size(value)
    return DimDecl("size", size, text=size.text, span=size.span)


def _dim(text: LocatedStr) -> DimDecl:
    if text.strip() == "batch":
        return DimDecl("batch", text="batch", span=text.span)
    if (found := _LIKE_A_RANGE.fullmatch(text)) and int(found[1]) < int(found[2]):
        helps = (f"write {found[1]}..{found[2]}",)
        raise wrong(BAD_DIM, "a range is written with two dots", text.span, helps=helps)
    if ".." in text:
        return _range(text)
    if found := _MULTIPLE.fullmatch(text):
        return _multiple(text, found)
    if text.lstrip().startswith("multiple") and "(" in text:
        raise wrong(BAD_DIM, "`multiple` takes one integer, as in multiple(32)", text.span)
    if (found := _CALL.match(text)) and nearest(found[1], ("multiple",)):
        message = f"a dim has no function `{found[1]}`"
        helps = ("did you mean `multiple`?",)
        raise wrong(BAD_DIM, message, text.part(*found.span(1)), helps=helps)
    size = check_size(text)
    return DimDecl("size", size, text=str(text), span=text.span)


def _multiple(text: LocatedStr, found: re.Match[str]) -> DimDecl:
    of, *most = _bounded(text, found)
    high = most[0] if most else None
    if high is not None and high < of:
        message = f"no multiple of {of} is {high} or less"
        raise wrong(BAD_DIM, message, text.span, helps=(f"write multiple({of}) <= {of}",))
    return DimDecl("multiple", low=of, high=high, of=of, text=str(text), span=text.span)


def _range(text: LocatedStr) -> DimDecl:
    found = _RANGE.fullmatch(text)
    if not found:
        raise wrong(BAD_DIM, "a range goes from one integer to another, as in 1..512", text.span)
    low, high = _bounded(text, found)
    if low > high:
        message = f"the range {low}..{high} is empty"
        raise wrong(BAD_DIM, message, text.span, helps=(f"write {high}..{low}",))
    return DimDecl("range", low=low, high=high, text=str(text), span=text.span)


def _bounded(text: LocatedStr, found: re.Match[str]) -> list[int]:
    numbers: list[int] = []
    for group, digits in enumerate(found.groups(), start=1):
        if digits is None:  # a multiple without a largest value
            continue
        span = text.part(*found.span(group))
        if len(digits) > 17 or int(digits) > LARGEST:
            raise wrong(OUT_OF_RANGE, "a size is at most 2**53", span)
        check_range(SizeExpr(size_of(int(digits)).tree, digits, span), 1)
        numbers.append(int(digits))
    return numbers


def check_input(value: Any) -> InputDecl:
    """An input from what is written. Raises Wrong."""
    if isinstance(value, InputDecl):
        return value
    if not isinstance(value, str):
        raise mistyped(value, "takes `ids(E)`, `float` or `bool`, and its axes")
    return _InputReader(value).read()


class _InputReader:
    """Reads `ids(V) B T`."""

    def __init__(self, text: str) -> None:
        self.words = Words(text, "an input")
        self.kind: Literal["ids", "float", "bool"] = "float"

    def read(self) -> InputDecl:
        """The whole declaration."""
        text = self.words.text
        self.kind = self._kind()
        vocabulary = self._vocabulary() if self.kind == "ids" else None
        layout: list[InputAxis] = []
        while self.words.next.kind != "end":
            axis = self._axis()
            self._refuse_twice(axis, layout)
            layout.append(axis)
        return InputDecl(self.kind, tuple(layout), vocabulary, str(text), text.span)

    def _kind(self) -> Literal["ids", "float", "bool"]:
        word = self.words.take()
        for known in ("ids", "float", "bool"):
            if word.text == known:
                return known
        near = unknown_choice(word.text, ["ids", "float", "bool"]).diagnostics[0]
        message = f"an input is of kind `ids(E)`, `float` or `bool`, not `{word.text}`"
        raise wrong(BAD_INPUT, message, self.words.span(word), helps=near.help)

    def _vocabulary(self) -> SizeExpr:
        if not self.words.accept("("):
            message = "`ids` says below which number its ids are, as in ids(50257)"
            raise wrong(BAD_INPUT, message, self.words.text.span)
        return self._parenthesis()

    def _parenthesis(self) -> SizeExpr:
        words = self.words
        first = words.next
        tree = read_size(words)
        last = words.last
        words.expect(")", "to close the parenthesis")
        return self._size(tree, first, last)

    def _size(self, tree: Tree, first: Word, last: Word) -> SizeExpr:
        text = str(self.words.text)[first.start : last.end]
        size = SizeExpr(tree, text, self.words.span(first, last))
        check_range(size, 1)
        return size

    def _axis(self) -> InputAxis:
        words = self.words
        word = words.next
        if words.accept("("):
            size = self._parenthesis()
            return InputAxis(None, size, size.span)
        if word.kind == "number":
            size = self._size(Reader(words, whole=True).number(words.take()), word, word)
            return InputAxis(None, size, size.span)
        if word.kind == "name" and "." not in word.text:
            return self._named(words.take())
        raise words.fail("an axis")

    def _named(self, word: Word) -> InputAxis:
        words = self.words
        tree: Tree = Name(word.text, words.span(word))
        while sign := words.accept("/", "//"):
            right = Reader(words, whole=True).atom()
            tree = Operation(sign.text, tree, right, words.span(word, words.last))
        size = self._size(tree, word, words.last)
        return InputAxis(word.text, size, size.span)

    def _refuse_twice(self, axis: InputAxis, layout: list[InputAxis]) -> None:
        if axis.name is None and self.kind != "float":
            message = f"only a `float` input has features, and this is `{self.kind}`"
            raise wrong(BAD_INPUT, message, axis.span)
        if axis.name in (each.name for each in layout):
            what = f"axis `{axis.name}`" if axis.name else "a number of features"
            raise wrong(BAD_INPUT, f"an input has {what} only once", axis.span)


DimField = Annotated[DimDecl, Parsed(check_dim, {"type": ["integer", "string"]})]
"""An integer, an expression, `batch`, `1..512`, `multiple(32)` or `multiple(32) <= 448`."""
_INPUT_PATTERN = r"^\s*(ids\s*\(|float\b|bool\b)"
InputField = Annotated[
    InputDecl, Parsed(check_input, {"type": "string", "pattern": _INPUT_PATTERN})
]
"""`ids(E) AXIS*`, `float AXIS*` or `bool AXIS*`."""
