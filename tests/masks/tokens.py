"""Masks from their definition: tokens one by one, and the predicate asked of every pair of them."""

from __future__ import annotations

import ast
import itertools
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

OPERATORS: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt,
    ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip


class Missing(Exception):
    """A token has no such coordinate."""


@dataclass
class Token:
    """One token: its part, its coordinates, and where it stands among the attended tokens."""

    part: str
    at: dict[str, int]
    index: int


@dataclass
class Given:
    """An input: its axes in order (the batch first), and its values."""

    axes: tuple[str, ...]
    values: Tensor

    def has(self, token: Token) -> bool:
        return all(axis in token.at for axis in self.axes[1:])

    def of(self, batch: int, *tokens: Token) -> Any:
        at = {axis: n for token in tokens for axis, n in token.at.items()}
        return self.values[(batch, *(at[axis] for axis in self.axes[1:]))].item()


def tokens(parts: Mapping[str, Mapping[str, int]]) -> list[Token]:
    """Parts in order, each row-major over its axes."""
    found: list[Token] = []
    for part, axes in parts.items():
        for at in itertools.product(*map(range, axes.values())):
            found.append(Token(part, dict(zip(axes, at, strict=True)), len(found)))
    return found


@dataclass
class Asked:
    """A predicate over a query and a key of one sample."""

    sizes: Mapping[str, int]
    inputs: Mapping[str, Given]
    batch: int
    query: Token
    key: Token

    def holds(self, text: str) -> bool:
        return self._condition(ast.parse(text, mode="eval").body)

    def _condition(self, node: ast.AST) -> bool:
        match node:
            case ast.BoolOp(ast.And(), parts):
                return all(map(self._condition, parts))
            case ast.BoolOp(_, parts):
                return any(map(self._condition, parts))
            case ast.UnaryOp(ast.Not(), part):
                return not self._condition(part)
            case ast.Name("causal"):
                return self.key.index <= self.query.index
            case ast.Call(ast.Name("within"), [size]):
                return abs(self.key.index - self.query.index) < self._number(size)
            case ast.Compare(left, signs, rights):
                return self._compared([left, *rights], signs)
            case ast.Name(name):
                given = self.inputs[name]
                both = Token("", self.query.at | self.key.at, 0)
                return bool(given.of(self.batch, both)) if given.has(both) else True
            case ast.Attribute(ast.Name(side), name):
                return self._flag(self.query if side == "query" else self.key, name)
            case _:
                raise NotImplementedError(ast.dump(node))

    def _flag(self, token: Token, name: str) -> bool:
        if name not in self.inputs:
            return token.part == name
        given = self.inputs[name]
        return bool(given.of(self.batch, token)) if given.has(token) else True

    def _compared(self, nodes: list[ast.expr], signs: list[ast.cmpop]) -> bool:
        """Each neighbouring pair is a comparison of its own; a missing coordinate makes it false."""
        for left, sign, right in zip(nodes, signs, nodes[1:], strict=False):
            try:
                if not OPERATORS[type(sign)](self._number(left), self._number(right)):
                    return False
            except Missing:
                return False
        return True

    def _number(self, node: ast.AST) -> int:
        match node:
            case ast.Constant(value):
                return int(value)  # type: ignore[arg-type]
            case ast.Name(name):
                return self.sizes[name]
            case ast.UnaryOp(ast.USub(), value):
                return -self._number(value)
            case ast.BinOp(left, sign, right):
                return OPERATORS[type(sign)](self._number(left), self._number(right))
            case ast.Call(ast.Name("abs"), [value]):
                return abs(self._number(value))
            case ast.Attribute(ast.Name(side), name):
                return self._coordinate(self.query if side == "query" else self.key, name)
            case _:
                raise NotImplementedError(ast.dump(node))

    def _coordinate(self, token: Token, name: str) -> int:
        if name == "pos":
            return token.index
        if name in self.inputs:
            if not self.inputs[name].has(token):
                raise Missing
            return int(self.inputs[name].of(self.batch, token))
        if name not in token.at:
            raise Missing
        return token.at[name]


def allowed(
    text: str, sizes: Mapping[str, int], inputs: Mapping[str, Given],
    queries: list[Token], keys: list[Token],
) -> Tensor:  # fmt: skip
    """The predicate asked of every query and key of every sample: [B, N, M] bool."""
    return torch.tensor([
        [[Asked(sizes, inputs, b, query, key).holds(text) for key in keys] for query in queries]
        for b in range(sizes["B"])
    ])  # fmt: skip
