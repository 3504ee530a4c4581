"""Sizes as algebra: exact, in normal form, with proofs that hold for every allowed value."""

from tfspec.symbolic.along import Along
from tfspec.symbolic.claims import Answer, AtLeast, Claim, Divides, Equal, Proved, Refuted, Unknown
from tfspec.symbolic.dim import Dim, product, sym
from tfspec.symbolic.domain import Batch, Domain, Fixed, Multiple, Range
from tfspec.symbolic.errors import Indivisible, TooComplex, UnboundSymbol
from tfspec.symbolic.facts import Facts
from tfspec.symbolic.mending import divisors

__all__ = [
    "Along",
    "Answer",
    "AtLeast",
    "Batch",
    "Claim",
    "Dim",
    "Divides",
    "Domain",
    "Equal",
    "Facts",
    "Fixed",
    "Indivisible",
    "Multiple",
    "Proved",
    "Range",
    "Refuted",
    "TooComplex",
    "UnboundSymbol",
    "Unknown",
    "divisors",
    "product",
    "sym",
]
