"""Sizes and facts of a spec while its graph is built: proved, or refused with a place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from tfspec.construct.assume import as_assumed
from tfspec.construct.rules import (
    NO_LAYER,
    NO_VALUE,
    NOT_DIVIDED,
    NOT_FIXED,
    NOT_POSITIVE,
    OUTSIDE,
    ROUNDS_DOWN,
    UNDECIDED,
    UNEQUAL_PARTS,
    UNKNOWN_PART,
)
from tfspec.construct.stop import Stop
from tfspec.diagnostics import Diagnostic, Diagnostics, Label, Rule, Span, nearest
from tfspec.graph.names import HEAD, TOKENS, SizeNames, written
from tfspec.graph.space import Axis, Part, Space
from tfspec.graph.tensor import Tensor
from tfspec.layers.base import NOT_YET
from tfspec.spec.environment import came_from
from tfspec.spec.expression import LARGEST, OUT_OF_RANGE, ExpressionError, RateExpr, SizeExpr
from tfspec.spec.unknown import MAX_PLACES
from tfspec.spec.wrong import NOWHERE
from tfspec.symbolic import Dim, sym
from tfspec.symbolic.atoms import Floor, Mod, inside
from tfspec.symbolic.claims import AtLeast, Claim, Divides, Proved, Refuted, Unknown
from tfspec.symbolic.domain import Batch
from tfspec.symbolic.facts import Facts
from tfspec.symbolic.mending import mend

if TYPE_CHECKING:
    from tfspec.spec.schema import Spec


@dataclass(eq=False)
class Sizes:
    """What is known of sizes, and how to say what is wrong with one."""

    spec: Spec
    dims: Mapping[str, Dim]
    facts: Facts
    diagnostics: Diagnostics
    names: SizeNames
    told: set[tuple[str, Span]] = field(init=False, default_factory=set[tuple[str, Span]])
    proved: set[tuple[Dim, int]] = field(init=False, default_factory=set["tuple[Dim, int]"])
    """Sizes that are known to be whole, of at least so much, and not beyond 2**53."""
    alike: dict[Diagnostic, Diagnostic] = field(
        init=False, default_factory=dict[Diagnostic, Diagnostic]
    )

    def refuse(
        self,
        rule: Rule,
        message: str,
        place: Span | Label | None,
        *,
        came: Sequence[Label] = (),
        help: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> Stop:
        """Report a mistake; the caller raises what this returns.

        Once for its rule and place, though a block runs on several values; where a dim is the
        cause at several places, once with all of them. A place that is in no file (a dim set from
        outside) is left out.
        """
        label = Label(place) if isinstance(place, Span) else place
        label = None if label is None or label.span == NOWHERE else label
        if label is None or (rule.code, label.span) not in self.told:
            came = tuple(each for each in came if each.span != NOWHERE)
            self._tell(Diagnostic(rule, message, label, came, tuple(help), tuple(notes)))
        if label is not None:
            self.told.add((rule.code, label.span))
        return Stop()

    def _tell(self, found: Diagnostic) -> None:
        """Add a message, or its place to the same one about a declaration that was told before."""
        if found.primary is None or not self._declarations.intersection(_starts(found)):
            self.diagnostics.add(found)
            return
        key = replace(found, primary=Label(NOWHERE, found.primary.text))
        first = self.alike.setdefault(key, found)
        if first is found:
            self.diagnostics.add(found)
        elif len(first.secondary) - len(found.secondary) < MAX_PLACES - 1:
            also = Label(found.primary.span, "also here")
            self.alike[key] = replace(first, secondary=(*first.secondary, also))
            self.diagnostics.replace(first, self.alike[key])

    @cached_property
    def _declarations(self) -> set[tuple[int, int]]:
        """Where dims and inputs are declared."""
        dims, inputs = self.spec.dims, self.spec.inputs
        spans = [*map(dims.span_of, dims), *(each.span for each in inputs.values())]
        return {(span.line, span.column) for span in spans if span != NOWHERE}

    def not_yet(self, what: str, place: Span, help: Sequence[str] = ()) -> Stop:
        return self.refuse(NOT_YET, f"{what} is not supported yet", place, help=help)

    def size(self, expr: SizeExpr, x: Tensor | None = None, least: int = 1) -> Dim:
        """A size of the spec; its exact quotients are proved, and so is that it is positive.

        `least` is 0 for an amount that may be nothing.
        """
        size = self._evaluated(expr, x)
        if (size, least) not in self.proved:
            self._prove(size, expr, least)
            self.proved.add((size, least))
        return size

    def _prove(self, size: Dim, expr: SizeExpr, least: int) -> None:
        """A size is whole, of at least so much and not beyond 2**53, or the spec is refused."""
        self._whole(size, expr.span)
        answer = self.facts.at_least(size, least)
        if isinstance(answer, Refuted):
            value, shown = self.value_at(size, answer), self.example(answer)
            is_value = f"{expr.text} {'can be' if shown else 'is'} {value}"
            message = f"{is_value}, and a size is at least {least}"
            if expr.constant is not None:
                message = f"a size is at least {least}, and {value} is not"
            raise self.refuse(
                NOT_POSITIVE,
                message,
                Label(expr.span, shown),
                came=self.declared(*sorted(size.symbols)),
                help=self._mend(answer),
            )
        if isinstance(answer, Unknown):
            claim = AtLeast(size, Dim.of(least))
            raise self._undecided(answer, f"that {expr.text} is positive", expr.span, claim)
        value = self.facts.value(size)
        if value is not None and value > LARGEST:
            message = f"a size is at most 2**53, and {expr.text} is {value}"
            came = self.declared(*sorted(size.symbols))
            raise self.refuse(OUT_OF_RANGE, message, expr.span, came=came)

    def integer(self, expr: SizeExpr, x: Tensor | None = None) -> Dim:
        """A whole number of the spec, also below 0; its exact quotients are proved."""
        number = self._evaluated(expr, x)
        self._whole(number, expr.span)
        return number

    def _whole(self, number: Dim, place: Span) -> None:
        """What it divides by is positive, and its exact quotients leave no remainder."""
        self._divisors(number, place)
        for quotient in self.facts.obligations(number):
            self.divides(quotient.den, quotient.num, place, help=ROUNDS_DOWN)

    def _divisors(self, size: Dim, place: Span) -> None:
        """Whatever `//` and `%` divide by is 1 or more for every allowed size."""
        for divisor in {
            a.den for top in size.atoms for a in inside(top) if isinstance(a, Floor | Mod)
        }:
            answer = self.facts.positive(divisor)
            if isinstance(answer, Refuted):
                value, shown = self.value_at(divisor, answer), self.example(answer)
                raise self.refuse(
                    NOT_POSITIVE,
                    f"`//` and `%` divide by 1 or more, and {divisor} can be {value}",
                    Label(place, shown),
                    came=self.declared(*sorted(divisor.symbols)),
                    help=self._mend(answer),
                )
            if isinstance(answer, Unknown):
                claim = AtLeast(divisor, Dim.of(1))
                raise self._undecided(answer, f"that {divisor} is positive", place, claim)

    def _evaluated(self, expr: SizeExpr, x: Tensor | None) -> Dim:
        env = self.dims
        if x is not None and x.axes and x.kind == "float" and "width" in expr.names:
            self.one_width(x, "`width`", expr.span)
            env = {**env, "width": x.width}
        missing = expr.names - env.keys()
        if missing & {"i", "n"}:
            raise self.not_yet("a size that depends on the layer", expr.span)
        if "width" in missing:
            raise self._no_width(expr)
        if missing:  # reported where the dim is declared
            raise Stop
        try:
            return expr.dim(env)
        except ExpressionError as error:
            self.diagnostics.add(error.diagnostic)
            raise Stop from None

    def fixed_size(self, expr: SizeExpr, x: Tensor | None = None) -> Dim:
        """A size of weights: one number, whatever the ranges are."""
        return self.fixed(self.size(expr, x), expr.span)

    def fixed(self, size: Dim, place: Span, why: str = "weights have one size") -> Dim:
        """A size that is one number, whatever the ranges are, or the spec is refused."""
        if self.facts.value(size) is not None:
            return size
        loose = [name for name in sorted(size.symbols) if self.facts.value(sym(name)) is None]
        raise self.refuse(
            NOT_FIXED,
            f"{size} varies, and {why}",
            place,
            came=self.declared(*loose),
            help=[self._one_value(name) for name in loose],
        )

    def _one_value(self, name: str) -> str:
        batch = isinstance(self.facts.domains[name], Batch)
        return f"leave `{name}` out: it is a batch" if batch else f"give `{name}` one value"

    def count(self, expr: SizeExpr, x: Tensor | None = None) -> int:
        value = self.facts.value(self.fixed_size(expr, x))
        assert value is not None
        return value

    def _no_width(self, expr: RateExpr | SizeExpr) -> Stop:
        place = next(e.span for e in expr.places() if e.name == "width")
        message = "`width` is the width of the vectors that enter a step, and none enter here"
        return self.refuse(NO_VALUE, message, place, help=["write a number or a dim"])

    def no_layer(
        self, expr: RateExpr | SizeExpr, *names: str,
        help: str = "a list block between layers is none of them: write it without `i` and `n`",
    ) -> Stop:  # fmt: skip
        """Of a number that speaks of a layer where there is none, by one of these names."""
        asked = names or ("i", "n")
        name, place = next((e.name, e.span) for e in expr.places() if e.name in asked)
        message = f"`{name}` speaks of a layer, and there is none here"
        return self.refuse(NO_LAYER, message, place, help=[help])

    def divides(
        self, divisor: Dim, size: Dim, place: Span, message: Callable[[], str] | None = None, *,
        help: Sequence[str] = (), axis: Axis | None = None,
    ) -> None:  # fmt: skip
        """divisor divides size for every allowed value, or the spec is refused.

        `axis` is what has the size: a note says how it came to it.
        """
        answer = self.facts.divides(divisor, size)
        if isinstance(answer, Refuted):
            num, den = (self.value_at(side, answer) for side in (size, divisor))
            whole, rest = divmod(num, den)
            sum_ = f"{num} = {den} × {whole} + {rest}"
            shown = self.example(answer)
            always = "always " if shown else ""
            raise self.refuse(
                NOT_DIVIDED,
                message() if message else f"{size} is not {always}divisible by {divisor}",
                Label(place, f"{shown}, and {sum_}" if shown else sum_),
                came=self.declared(*sorted(size.symbols | divisor.symbols)),
                help=[*self._mend_cut(answer, divisor, axis), *help],
                notes=self._story(axis, answer) if axis is not None else [],
            )
        if isinstance(answer, Unknown):
            claim = Divides(divisor, size)
            raise self._undecided(answer, f"that {divisor} divides {size}", place, claim)

    def _undecided(self, answer: Unknown, what: str, place: Span, claim: Claim) -> Stop:
        return self.refuse(
            UNDECIDED,
            f"could neither prove nor refute {what} for all sizes",
            place,
            came=self.declared(*sorted(claim.symbols)),
            notes=[answer.why],
            help=["narrow a range, or fix a dim", *as_assumed(claim)],
        )

    def value_at(self, size: Dim, answer: Refuted) -> int:
        """A size where the counterexample is."""
        value = self.facts.value(size.subs(answer.counterexample))
        assert value is not None
        return value

    def _story(self, axis: Axis, answer: Refuted) -> list[str]:
        """Where an axis's size comes from, where it is not as declared: `H = 112 / 4 / 2 = 14`."""
        if not axis.history:
            return []
        words = [w if isinstance(w, str) else str(self.value_at(w, answer)) for w in axis.history]
        return [f"{axis.name} = {' '.join(words)} = {self.value_at(axis.size, answer)}"]

    def example(self, answer: Refuted) -> str:
        """The counterexample, without what the spec fixes anyway: `H = 8`."""
        pairs = answer.counterexample.items()
        loose = [(n, v) for n, v in pairs if self.facts.value(sym(n)) is None]
        return ", ".join(f"{name} = {value}" for name, value in loose)

    def _mend(self, answer: Refuted) -> list[str]:
        return [f"declare `{answer.mend}`"] if answer.mend else []

    def _mend_cut(self, answer: Refuted, divisor: Dim, axis: Axis | None) -> list[str]:
        """A tile's size cuts other axes too: what mends one axis is the size of that axis."""
        tile_mends = divisor.name and (answer.mend or "").startswith(f"{divisor.name}:")
        if axis is None or not tile_mends:
            return self._mend(answer)
        tile = Dim.of(self.value_at(divisor, answer))
        mended = mend(Divides(tile, axis.size), self.facts, {})
        return [f"declare `{mended}`"] if mended else []

    def declared(self, *names: str, what: str = "") -> list[Label]:
        """Where dims are declared, for second places of a message."""
        dims = self.spec.dims
        return [came_from(dims, name, what) for name in names if name in dims]

    def inside(self, index: Dim, axis: Axis, place: Span, text: str) -> None:
        """The index, written as this text, is one of the axis's, for every allowed size."""
        for claim in (AtLeast(index, Dim.of(0)), AtLeast(axis.size, index + 1)):
            answer = self.facts.decide(claim)
            if isinstance(answer, Refuted):
                size, shown = self.value_at(axis.size, answer), self.example(answer)
                label = Label(place, self._indices(index, axis, size, shown))
                came = self.declared(*sorted(axis.size.symbols | index.symbols))
                help = [*self._mend(answer), "-1 is the last index of any length"]
                message = f"index {text} is outside axis {axis.name}"
                raise self.refuse(OUTSIDE, message, label, came=came, help=help)
            if isinstance(answer, Unknown):
                what = f"that index {text} is inside axis {axis.name}"
                raise self._undecided(answer, what, place, claim)

    def positions(self, count: Dim, tokens: Dim, place: Span, name: str) -> None:
        """Each of so many positions, which an input names, is one of the tokens, at any size."""
        claim = AtLeast(tokens, count)
        answer = self.facts.decide(claim)
        if isinstance(answer, Refuted):
            most, there = self.value_at(count, answer), self.value_at(tokens, answer)
            shown = f"{most} positions, and {there} token{'' if there == 1 else 's'}"
            where = self.example(answer)
            message = (
                f"`{name}` may name any of {count} positions, and the value has {tokens} tokens"
            )
            fits = f"give `{name}` a position for each token: `ids({tokens.ascii()})`"
            raise self.refuse(
                OUTSIDE,
                message,
                Label(place, f"{where}: {shown}" if where else shown),
                came=self.declared(*sorted(claim.symbols)),
                help=[*self._mend(answer), fits],
            )
        if isinstance(answer, Unknown):
            what = f"that `{name}` names tokens that there are"
            raise self._undecided(answer, what, place, claim)

    def _indices(self, index: Dim, axis: Axis, size: int, shown: str) -> str:
        """What the indices are: at most, where the index is outside at every length."""
        most, wanted = self.facts.maximum(axis.size), self.facts.value(index)
        if shown and most is not None and wanted is not None and wanted >= most:
            return f"the indices are 0 to {most - 1} at most"
        return (
            f"{shown}, and the indices are 0 to {size - 1}"
            if shown
            else (f"the indices are 0 to {size - 1}")
        )

    def part(self, x: Tensor, name: str, place: Span) -> Part:
        """A part of the value, or a message that lists the parts."""
        part = x.space.part(name)
        if part is None:
            known = [part.name for part in x.space.parts]
            near = nearest(name, known)
            help = [f"did you mean `{near}`?"] if near else [f"its parts: {', '.join(known)}"]
            help += [] if near or self._is_read(name) else [f"`prepend: {name}` adds it"]
            message = f"the value here has no part `{name}`"
            alone = len(known) == 1 and name in self.spec.streams
            notes = ["a value with one part bears the name of its stream"] if alone else []
            raise self.refuse(UNKNOWN_PART, message, place, help=help, notes=notes)
        return part

    def _is_read(self, name: str) -> bool:
        """Whether it is a stream's or an input's, which a pipeline reads."""
        return name in self.spec.streams or name in self.spec.inputs

    def shape(self, x: Tensor) -> str:
        """A value's shape in the symbols of the spec: [B, 1 + T, d]."""
        return written(x.shapes, str)

    def _equal(self, a: tuple[Dim, ...], b: tuple[Dim, ...]) -> bool:
        pairs = zip(a, b, strict=False)
        return len(a) == len(b) and all(self.same(x, y) for x, y in pairs)

    def same(self, a: Dim, b: Dim) -> bool:
        """Equal for every allowed value."""
        return isinstance(self.facts.equal(a, b), Proved)

    def one_width(self, x: Tensor, step: str, place: Span) -> None:
        """A step is over parts of one width, or the spec is refused."""
        if not x.widths:
            return
        each = zip(x.space.parts, x.widths, strict=True)
        widths = ", ".join(f"`{part.name}` {self.facts.show(width)}" for part, width in each)
        message = f"{step} needs parts of one width, and here they differ: {widths}"
        (name, other), width = (part.name for part in x.space.parts[:2]), x.widths[0].ascii()
        help = [
            f"say which part: `only: {name}` in a block, or `take: {name}` before it",
            f"or give both one width: end `{other}` with `linear: {width}`, for instance",
        ]
        raise self.refuse(UNEQUAL_PARTS, message, place, help=help)

    def own_widths(self, values: Sequence[Tensor]) -> tuple[Dim, ...]:
        """The width of each part of some values beside each other, where they differ."""
        each = (value.widths or [value.width] * len(value.space.parts) for value in values)
        widths = tuple(width for found in each for width in found)
        return () if all(self.same(width, widths[0]) for width in widths) else widths

    def same_widths(self, a: Tensor, b: Tensor) -> bool:
        """The same width, or the same of each part."""
        return self._equal(a.each_width, b.each_width)

    def same_tokens(self, a: Space, b: Space) -> bool:
        """The same tokens, whatever their parts are called, in each batch: what can be added."""
        if len(a.parts) != len(b.parts):
            return False
        pairs = zip(a.parts, b.parts, strict=True)
        return all(self._same_axes(one.axes, other.axes) for one, other in pairs)

    def _same_axes(self, a: Sequence[Axis], b: Sequence[Axis]) -> bool:
        """The same names, and sizes equal by what is known of them: x and x/(k/3), where k is 3."""
        names = [axis.name for axis in a] == [axis.name for axis in b]
        return names and all(self.same(x.size, y.size) for x, y in zip(a, b, strict=True))

    def _shape(self, shape: tuple[Dim, ...]) -> str:
        return written([shape], self.facts.show)

    def tokens(self, space: Space) -> Space:
        """The space, with a short name for its number of tokens."""
        if space.parts:
            self.names.give(space.length, TOKENS)
        return space

    def head(self, size: Dim) -> Dim:
        self.names.give(size, HEAD)
        return size


def _starts(found: Diagnostic) -> Iterator[tuple[int, int]]:
    """Where the second places of a message begin."""
    return ((label.span.line, label.span.column) for label in found.secondary)
