"""Predicates over queries and keys: what each name means for a token, and what follows of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tests.fuzz.reference.numbers import Fails

WORDS = {"and", "or", "not", "abs", "within", "causal"}
NAMES = re.compile(r"\b(?:(query|key)\.)?([A-Za-z_]\w*)")


@dataclass(frozen=True)
class Known:
    """Numbers of [count, queries, keys], and where there are any."""

    number: Tensor
    there: Tensor | None = None

    def with_(self, other: Known, number: Tensor) -> Known:
        """A number that there is where both of its operands are."""
        both = [each.there for each in (self, other) if each.there is not None]
        return Known(number, both[0] & both[-1] if both else None)


Ask = Callable[[str, str], Known]


class Predicate:
    """A mask read as Python's own grammar has it. `ask(side, name)` knows the numbers of a side,
    and `member(side, name)` its flags: "query", "key", or "" for a flag of pairs."""

    def __init__(
        self, text: str, sizes: Mapping[str, int], ask: Ask, member: Ask,
    ) -> None:  # fmt: skip
        self.tree = ast.parse(NAMES.sub(_plain, text), mode="eval").body
        self.sizes, self.ask, self.member = sizes, ask, member

    def allowed(self) -> Tensor:
        return self._truth(self.tree)

    @property
    def causal(self) -> bool:
        """Whether `causal` is one of the terms that must all hold."""
        terms = [self.tree]
        while terms:
            term = terms.pop()
            if isinstance(term, ast.Name) and term.id == "causal":
                return True
            if isinstance(term, ast.BoolOp) and isinstance(term.op, ast.And):
                terms += term.values
        return False

    def _truth(self, node: ast.AST) -> Tensor:
        match node:
            case ast.BoolOp(op, values):
                found = [self._truth(value) for value in values]
                total = found[0]
                for each in found[1:]:
                    total = total & each if isinstance(op, ast.And) else total | each
                return total
            case ast.UnaryOp(ast.Not(), inner):
                return ~self._truth(inner)
            case ast.Compare(left, [op], [right]):
                a, b = self._number(left), self._number(right)
                held = a.with_(b, _compared(op, a.number, b.number))
                return held.number if held.there is None else held.number & held.there
            case ast.Name("causal"):
                return self.ask("key", "index").number <= self.ask("query", "index").number
            case ast.Call(ast.Name("within"), [reach]):
                gap = self.ask("query", "index").number - self.ask("key", "index").number
                far = self._number(reach).number
                if (far < 1).any():
                    raise Fails("a reach below 1")
                return gap.abs() < far
            case ast.Name(name):
                flag = self.member(*_side(name))
                flags = flag.number.bool()
                return flags if flag.there is None else flags | ~flag.there
            case _:
                raise NotImplementedError(ast.dump(node))

    def _number(self, node: ast.AST) -> Known:
        match node:
            case ast.Constant(value):
                return Known(torch.tensor(value))
            case ast.Name(name):
                side, plain = _side(name)
                return self.ask(side, plain) if side else Known(torch.tensor(self.sizes[plain]))
            case ast.UnaryOp(ast.USub(), inner):
                a = self._number(inner)
                return Known(-a.number, a.there)
            case ast.Call(ast.Name("abs"), [inner]):
                a = self._number(inner)
                return Known(a.number.abs(), a.there)
            case ast.BinOp(left, op, right):
                a, b = self._number(left), self._number(right)
                return a.with_(b, _calculated(op, a.number, b.number))
            case _:
                raise NotImplementedError(ast.dump(node))


def _plain(found: re.Match[str]) -> str:
    side, name = found.groups()
    if side is None and name in WORDS:
        return name
    return f"{side or 'plain'}__{name}"


def _side(name: str) -> tuple[str, str]:
    side, _, plain = name.partition("__")
    return ("" if side == "plain" else side), plain


def _compared(op: ast.cmpop, a: Tensor, b: Tensor) -> Tensor:
    match op:
        case ast.Eq():
            return a == b
        case ast.NotEq():
            return a != b
        case ast.Lt():
            return a < b
        case ast.LtE():
            return a <= b
        case ast.Gt():
            return a > b
        case ast.GtE():
            return a >= b
        case _:
            raise NotImplementedError(ast.dump(op))


def _calculated(op: ast.operator, a: Tensor, b: Tensor) -> Tensor:
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.FloorDiv():
            return torch.div(a, b, rounding_mode="floor")
        case ast.Mod():
            return a - b * torch.div(a, b, rounding_mode="floor")
        case _:
            raise NotImplementedError(ast.dump(op))
