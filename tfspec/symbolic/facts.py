"""The prover: claims about sizes that must hold for every allowed value of the dims."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import inf

from tfspec.symbolic import mending
from tfspec.symbolic.atoms import Quotient, inside
from tfspec.symbolic.claims import Answer, AtLeast, Claim, Divides, Equal, Proved, Refuted, Unknown
from tfspec.symbolic.dim import Dim, sym
from tfspec.symbolic.domain import Domain, Fixed, Multiple, settled
from tfspec.symbolic.errors import Indivisible, TooComplex
from tfspec.symbolic.intervals import Interval
from tfspec.symbolic.maxima import greatest
from tfspec.symbolic.search import ALL, FEW, search

BY_ALGEBRA, BY_VALUE = Proved("by algebra"), Proved("by value")


class Facts:
    """What is known of the dims of a spec, and what follows from it.

    The ladder: normal form; residues and intervals; enumeration up to a bound; else unknown.
    Dims of one value are compared by value. A quotient inside a claim is taken as whole: whoever
    writes one proves its `obligations` first. `assume` takes on claims that stay unknown.
    """

    def __init__(self, domains: Mapping[str, Domain], assume: Iterable[Claim] = ()) -> None:
        self.domains = {name: settled(domain) for name, domain in domains.items()}
        self.assume = frozenset(assume)
        self._answers: dict[Claim, Answer] = {}
        self._mended: dict[Claim, Refuted] = {}
        self._tries: dict[Claim, bool] = {}
        self._settled: dict[Dim, Dim] = {}
        self._values = {n: v.value for n, v in self.domains.items() if isinstance(v, Fixed)}
        # A multiple is of · n with n from 1: its quotients and residues are then plain to see.
        self._units = {n: v.of for n, v in self.domains.items() if isinstance(v, Multiple)}
        self._bindings: dict[str, Dim | int] = {
            **self._values,
            **{name: sym(name) * of for name, of in self._units.items()},
        }
        self._box: dict[str, Interval] = {n: _bounds(v) for n, v in self.domains.items()}

    # Questions

    def equal(self, a: Dim | int, b: Dim | int) -> Answer:
        """Whether a = b. No mend is looked for: what is unequal is told by what it is for."""
        if a == b:
            return BY_ALGEBRA
        return self._answer(Equal(Dim.of(a), Dim.of(b)))

    def divides(self, k: Dim | int, a: Dim | int) -> Answer:
        """Whether k divides a."""
        return self.decide(Divides(Dim.of(k), Dim.of(a)))

    def at_least(self, a: Dim | int, b: Dim | int) -> Answer:
        """Whether a >= b."""
        return self.decide(AtLeast(Dim.of(a), Dim.of(b)))

    def positive(self, a: Dim | int) -> Answer:
        """Whether a >= 1."""
        return self.decide(AtLeast(Dim.of(a), Dim.of(1)))

    def decide(self, claim: Claim) -> Answer:
        """Whether the claim holds for every allowed value, or what would mend it."""
        answer = self._answer(claim)
        if not isinstance(answer, Refuted):
            return answer
        if claim not in self._mended:
            mend = mending.mend(claim, self, answer.counterexample)
            self._mended[claim] = Refuted(answer.counterexample, mend)
        return self._mended[claim]

    # Values

    def value(self, a: Dim | int) -> int | None:
        """The integer, when every symbol of `a` has one value (and its quotients are whole)."""
        try:
            return self._settle(Dim.of(a)).constant
        except (Indivisible, TooComplex):
            return None

    def maximum(self, a: Dim | int) -> int | None:
        """The largest value of `a`; None when there is none, or none is known.

        It is exact when `a` grows or falls with each symbol, or has few values; else it may be
        larger than any value that occurs.
        """
        return self._greatest(Dim.of(a))

    def minimum(self, a: Dim | int) -> int | None:
        """The smallest value of `a`, exact where `maximum` is."""
        low = self._greatest(-Dim.of(a))
        return None if low is None else -low

    def _greatest(self, size: Dim) -> int | None:
        try:
            return greatest(self._settle(size), self._box)
        except (Indivisible, TooComplex):
            return None

    def obligations(self, a: Dim | int) -> tuple[Quotient, ...]:
        """The exact quotients inside `a`, inner ones first: each `den` must divide its `num`."""
        found = (atom for top in Dim.of(a).atoms for atom in inside(top))
        return tuple(dict.fromkeys(atom for atom in found if isinstance(atom, Quotient)))

    def show(self, a: Dim | int) -> str:
        """For a message: `768 (= d)`, `3072 (= 4·d)`, `12`, or `T + 1` where T varies."""
        size = Dim.of(a)
        value = self.value(size)
        if value is None:
            return str(size)
        return str(value) if size.constant is not None else f"{value} (= {size})"

    # The ladder

    def _settle(self, size: Dim) -> Dim:
        if size not in self._settled:
            self._settled[size] = size.subs(self._bindings)
        return self._settled[size]

    def _answer(self, claim: Claim) -> Answer:
        if claim not in self._answers:
            answer = self._climb(claim, ALL)
            assumed = isinstance(answer, Unknown) and claim in self.assume
            self._answers[claim] = Proved("assumed") if assumed else answer
        return self._answers[claim]

    def proves(self, claim: Claim) -> bool:
        """Whether a quick try proves the claim; for those who ask about many."""
        if claim not in self._tries:
            self._tries[claim] = isinstance(self._climb(claim, FEW), Proved)
        return self._tries[claim]

    def changed(self, changes: Mapping[str, Domain]) -> Facts:
        """The same facts with some dims declared otherwise."""
        return Facts({**self.domains, **changes}, self.assume)

    def _climb(self, claim: Claim, most: int) -> Answer:
        try:
            if claim.by_algebra():
                return BY_ALGEBRA
            undeclared = sorted(claim.symbols - self.domains.keys())
            if undeclared:
                return Unknown(f"{undeclared[0]} has no declared values")
            return self._settled_answer(claim.map(self._settle), claim, most)
        except Indivisible as broken:
            return Unknown(str(broken))
        except TooComplex as bound:
            return Unknown(str(bound))

    def _settled_answer(self, claim: Claim, stated: Claim, most: int) -> Answer:
        if not claim.symbols and claim.fails({}) is False:
            return BY_VALUE
        if claim.by_algebra():
            return BY_ALGEBRA
        if most < ALL and any(map(stated.fails, self._corners(stated))):
            return Unknown("it fails at a corner")
        if claim.by_bounds(self._box):
            return Proved("by bounds and residues")
        # Symbols that cancelled have to stand somewhere.
        lows = {name: self.domains[name].low for name in stated.symbols}

        def declared(point: Mapping[str, int]) -> dict[str, int]:
            return lows | {n: v * self._units.get(n, 1) for n, v in point.items()}

        found = search(claim, self._box, lambda point: bool(stated.fails(declared(point))), most)
        if found.point is not None:
            point = declared(found.point)
            return Refuted({n: point[n] for n in sorted(stated.symbols - self._values.keys())})
        if found.cases:
            return Proved(f"by trying all {found.cases} cases")
        return Unknown(f"no proof and no counterexample for {', '.join(sorted(claim.symbols))}")

    def _corners(self, claim: Claim) -> Iterator[dict[str, int]]:
        """Some allowed values: each dim at its least, and then one of them at another."""
        least = {name: self.domains[name].low for name in claim.symbols}
        yield least
        for name in claim.symbols - self._values.keys():
            domain = self.domains[name]
            yield {**least, name: domain.low + domain.step if domain.high is None else domain.high}


def _bounds(domain: Domain) -> Interval:
    """Of the dim, or of its count of units when it is a multiple."""
    if isinstance(domain, Fixed):
        return domain.value, domain.value
    if domain.high is None:
        return 1, inf
    if isinstance(domain, Multiple):
        return 1, domain.high // domain.of
    return domain.low, domain.high
