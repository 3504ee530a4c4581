"""Expression trees, as a spec may hold them: read as a size, and evaluated by brute force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from hypothesis import strategies as st

from tfspec.symbolic import Dim, sym

Tree: TypeAlias = "str | int | tuple[str, Tree, Tree]"

NAMES = ("a", "b", "c")

_SIZES: dict[str, Callable[[Dim, Dim], Dim]] = {
    "+": Dim.__add__,
    "-": Dim.__sub__,
    "*": Dim.__mul__,
    "/": Dim.exact_div,
    "//": Dim.floor_div,
    "%": Dim.mod,
    "min": Dim.minimum,
    "max": Dim.maximum,
}
_INTEGERS: dict[str, Callable[[int, int], int]] = {
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
    "/": int.__floordiv__,
    "//": int.__floordiv__,
    "%": int.__mod__,
    "min": min,
    "max": max,
}


class Undefined(Exception):
    """A division by zero, or a quotient that is not whole."""


def size(tree: Tree) -> Dim:
    """The tree in normal form."""
    if isinstance(tree, tuple):
        sign, left, right = tree
        return _SIZES[sign](size(left), size(right))
    return sym(tree) if isinstance(tree, str) else Dim.of(tree)


def integer(tree: Tree, values: Mapping[str, int]) -> int:
    """The tree computed node by node, with no algebra at all."""
    if not isinstance(tree, tuple):
        return values[tree] if isinstance(tree, str) else tree
    sign, left, right = tree[0], integer(tree[1], values), integer(tree[2], values)
    if sign in {"/", "//", "%"} and right == 0:
        raise Undefined
    if sign == "/" and left % right:
        raise Undefined
    return _INTEGERS[sign](left, right)


def trees(signs: tuple[str, ...] = tuple(_SIZES), leaves: int = 8) -> st.SearchStrategy[Tree]:
    """Trees over NAMES and small integers."""
    leaf = st.one_of(st.sampled_from(NAMES), st.integers(-3, 9))
    return st.recursive(
        leaf, lambda inner: st.tuples(st.sampled_from(signs), inner, inner), max_leaves=leaves
    )


def bindings(low: int = 1, high: int = 12) -> st.SearchStrategy[dict[str, int]]:
    """A value for each of NAMES."""
    return st.fixed_dictionaries({name: st.integers(low, high) for name in NAMES})
