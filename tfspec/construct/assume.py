"""What a spec takes on: `assume` as claims that the prover may use where it knows no better."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from tfspec.diagnostics import Diagnostic, Diagnostics, Label, Rule
from tfspec.spec.predicate import (
    And,
    Arithmetic,
    Compare,
    Condition,
    Coordinate,
    Number,
    Predicate,
    Value,
)
from tfspec.spec.schema import Spec
from tfspec.symbolic import Dim
from tfspec.symbolic.claims import AtLeast, Claim, Divides, Equal, Refuted
from tfspec.symbolic.domain import Domain
from tfspec.symbolic.errors import Indivisible, TooComplex
from tfspec.symbolic.facts import Facts

NO_CLAIM = Rule(
    "TS224",
    "an assumption that cannot be taken on",
    "An item of `assume` is none of a % b == 0, a == b, a >= b, a > b, a <= b, a < b over dims, or "
    "an allowed size contradicts it.",
    "These are the facts that shapes need; a false one would prove anything.",
    "assume: [T != 3]",
    "Write it as one of these comparisons.",
)
TAKEN_ON = Rule(
    "TS230",
    "a fact that is assumed",
    "`assume` takes a fact about sizes on, and tfspec may use it where it finds no proof.",
    "Where it does not hold, what is built on it may not run: nobody should forget it.",
    "assume: [S * S - 2 * S * T + T * T + 1 >= 1]",
    "Nothing: this is a note. Leave out what tfspec proves without it.",
)


def assumed(
    spec: Spec, dims: Mapping[str, Dim], domains: Mapping[str, Domain], found: Diagnostics
) -> list[Claim]:
    """The claims of `assume`, each also printed as a note, so that nobody forgets it.

    One that an allowed size contradicts is a mistake: the declaration of a dim says otherwise.
    """
    claims: list[Claim] = []
    facts = Facts(domains)
    for predicate in spec.assume or ():
        try:
            own = list(_claims(predicate.tree, dims))
        except (KeyError, TypeError, Indivisible, TooComplex):
            message = f"`{predicate}` is no comparison of sizes that can be assumed"
            help = ("write it as `a % b == 0`, `a == b`, `a >= b` or `a <= b`",)
            found.add(Diagnostic(NO_CLAIM, message, Label(predicate.span), help=help))
            continue
        answers = [facts.decide(claim) for claim in own]
        refuted = next((each for each in answers if isinstance(each, Refuted)), None)
        if refuted is not None:
            found.add(_false(predicate, refuted))
            continue
        claims += own
        message = f"`{predicate}` is assumed, not proved"
        found.add(Diagnostic(TAKEN_ON, message, Label(predicate.span), severity="note"))
    return claims


def _false(predicate: Predicate, answer: Refuted) -> Diagnostic:
    """What to say of an assumption that an allowed size contradicts."""
    where = ", ".join(f"{name} = {value}" for name, value in answer.counterexample.items())
    message = f"`{predicate}` cannot be assumed: it is false{' for ' + where if where else ''}"
    help = (f"declare `{answer.mend}`",) if answer.mend else ("leave it out",)
    return Diagnostic(NO_CLAIM, message, Label(predicate.span, where), help=help)


def as_assumed(claim: Claim) -> list[str]:
    """How a spec takes a claim on, as a help; nothing where an assumption cannot say it."""
    left, right = claim.left.ascii(), claim.right.ascii()
    text = f"({right}) % ({left}) == 0" if isinstance(claim, Divides) else f"{left} >= {right}"
    text = re.sub(r"\((\w+)\)", r"\1", text)
    text = re.sub(r"(\w+)\*\*([2-4])", lambda power: "*".join([power[1]] * int(power[2])), text)
    if "**" in text or re.search("[^/]/[^/]", text):
        return []
    return [f"if you know that it holds, take it on: `assume: [{text}]`"]


def _claims(tree: Condition, dims: Mapping[str, Dim]) -> Iterator[Claim]:
    match tree:
        case And(parts):
            for part in parts:
                yield from _claims(part, dims)
        case Compare("==", Arithmetic("%", left, right), Number(0)):
            yield Divides(_size(right, dims), _size(left, dims))
        case Compare(sign, left, right):
            yield _comparison(sign, _size(left, dims), _size(right, dims))
        case _:
            raise TypeError(tree)


def _comparison(sign: str, left: Dim, right: Dim) -> Claim:
    match sign:
        case "==":
            return Equal(left, right)
        case ">=":
            return AtLeast(left, right)
        case ">":
            return AtLeast(left, right + 1)
        case "<=":
            return AtLeast(right, left)
        case "<":
            return AtLeast(right, left + 1)
        case _:
            raise TypeError(sign)


_SIGNS: dict[str, Callable[[Dim, Dim], Dim]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a.floor_div(b),
    "%": lambda a, b: a.mod(b),
}


def _size(tree: Value, dims: Mapping[str, Dim]) -> Dim:
    match tree:
        case Number(value):
            return Dim.of(value)
        case Coordinate(None, name):
            return dims[name]
        case Arithmetic(sign, left, right):
            a, b = _size(left, dims), _size(right, dims)
            return _SIGNS[sign](a, b)
        case _:
            raise TypeError(tree)
