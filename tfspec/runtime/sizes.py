"""Shape comments read back: `[B, 3·h, 1 + (H/p)·(W/p)]` to numbers, for given symbols."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

ANY = -1
"""The `...` of a comment: any axes, or none. A class may be called on values of several ranks."""
_TOKEN = re.compile(r"\s*(//|\.\.\.|[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[⁰¹²³⁴⁵⁶⁷⁸⁹]+|\S)")
_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


class Unreadable(ValueError):
    """A comment that is no list of shapes, or a symbol in it that has no value."""


def shapes(text: str, symbols: Mapping[str, int]) -> list[tuple[int, ...]]:
    """`[B, T], [S]` as numbers, `[..., d]` with ANY in front.

    Raises Unreadable, also where an exact quotient does not divide.
    """
    reader = _Reader(_TOKEN.findall(text), symbols)
    found = [reader.shape()]
    while reader.takes(","):
        found.append(reader.shape())
    reader.ends()
    return found


@dataclass
class _Reader:
    """Recursive descent over the writing of sizes: sums of products of powers."""

    tokens: list[str]
    symbols: Mapping[str, int]
    at: int = 0
    extremes: Mapping[str, Callable[[list[int]], int]] = field(
        default_factory=lambda: {"min": min, "max": max}
    )

    def shape(self) -> tuple[int, ...]:
        self.expect("[")
        if not self.takes("..."):
            return tuple(self.listed("]"))
        self.expect(",")
        return ANY, *self.listed("]")

    def listed(self, end: str) -> list[int]:
        """Sizes with commas between them, up to the closing sign."""
        if self.takes(end):
            return []
        found = [self.sum()]
        while self.takes(","):
            found.append(self.sum())
        self.expect(end)
        return found

    def sum(self) -> int:
        total = -self.product() if self.takes("−") else self.product()
        while (sign := self.peek()) in ("+", "−"):
            self.at += 1
            total += self.product() if sign == "+" else -self.product()
        return total

    def product(self) -> int:
        total = self.power()
        while (sign := self.peek()) in ("·", "/", "//", "%"):
            self.at += 1
            total = _apply(sign, total, self.power())
        return total

    def power(self) -> int:
        base = self.atom()
        if (text := self.peek()).translate(_POWERS) != text:
            self.at += 1
            return base ** int(text.translate(_POWERS))
        return base

    def atom(self) -> int:
        token = self.next()
        if token.isascii() and token.isdigit():
            return int(token)
        if token == "(":
            inside = self.sum()
            self.expect(")")
            return inside
        if token in self.extremes and self.takes("("):
            return self.extremes[token](self.listed(")"))
        if token not in self.symbols:
            raise Unreadable(f"`{token}` has no value here")
        return self.symbols[token]

    # ---- tokens
    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def next(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def takes(self, token: str) -> bool:
        if self.peek() != token:
            return False
        self.at += 1
        return True

    def expect(self, token: str) -> None:
        if not self.takes(token):
            raise Unreadable(f"`{token}` is missing before `{self.peek()}`")

    def ends(self) -> None:
        if self.peek():
            raise Unreadable(f"`{self.peek()}` is not part of a shape")


def _apply(sign: str, left: int, right: int) -> int:
    if sign == "·":
        return left * right
    if right == 0 or (sign == "/" and left % right):
        raise Unreadable(f"{left} / {right} is no whole number")
    return left % right if sign == "%" else left // right
