"""What can go wrong in the algebra of sizes, and the bounds that keep it cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfspec.symbolic.dim import Dim

# A size in a real model has under ten terms and a degree under ten; a cost formula, under a
# hundred. The bounds are far above, and low enough that a hostile expression takes no second.
MAX_TERMS = 600
MAX_PRODUCTS = 20_000
MAX_DEGREE = 64
MAX_BITS = 512
MAX_SIZE = 2_000
MAX_DEPTH = 24


class TooComplex(ValueError):
    """An expression outgrew the bounds of the algebra."""


class UnboundSymbol(KeyError):
    """A size was asked for its value and one of its symbols has none."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"{self.name} has no value"


class Indivisible(ArithmeticError):
    """A quotient that must be exact is not, or a division by zero.

    `num` and `den` are the sizes as written, `values` are the two integers they came to.
    """

    def __init__(self, num: Dim, den: Dim, values: tuple[int, int]) -> None:
        super().__init__(num, den, values)
        self.num = num
        self.den = den
        self.values = values

    def __str__(self) -> str:
        num, den = self.values
        if den == 0:
            return f"{self.num} cannot be divided by zero"
        return f"{num} is not a multiple of {den}"
