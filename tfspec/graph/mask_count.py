"""How many (query, key) pairs a mask allows, as a formula."""

from __future__ import annotations

from collections.abc import Sequence

from tfspec.graph import mask_tree as mt
from tfspec.symbolic import Dim


def pairs(tree: mt.Condition, queries: Dim, keys: Dim) -> Dim:
    """Pairs that may be seen, whatever the inputs are; exact for `causal`, `within` and both.

    Of n tokens, causal leaves n(n + 1)/2. A window of w tokens in the past leaves
    n·w - w(w - 1)/2 where w <= n, else all that causal leaves: so w counts as min(w, n).
    A condition on inputs or coordinates is taken to hide nothing: the count is an upper bound.
    """
    parts = tree.conditions if isinstance(tree, mt.And) else (tree,)
    if queries != keys:
        return queries * keys
    n, w = queries, _reach(parts, queries)
    if any(isinstance(part, mt.Causal) for part in parts):
        return _triangle(n) if w is None else n * w - _triangle(w - 1)
    return n * n if w is None else n * (2 * w - 1) - 2 * _triangle(w - 1)


def exact(tree: mt.Condition) -> bool:
    """Whether `pairs` counts all of the mask."""
    parts = tree.conditions if isinstance(tree, mt.And) else (tree,)
    return all(isinstance(part, mt.Causal | mt.Within) for part in parts)


def _reach(parts: Sequence[mt.Condition], tokens: Dim) -> Dim | None:
    """How far a token sees, itself counted; None for all the way."""
    sizes = [part.size for part in parts if isinstance(part, mt.Within)]
    return Dim.minimum(tokens, *sizes) if sizes else None


def _triangle(n: Dim) -> Dim:
    """1 + 2 + ... + n"""
    return (n * (n + 1)).exact_div(2)
