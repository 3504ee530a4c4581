"""Anchors and aliases: an alias stands for a copy that shows where it is used, within bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tfspec.diagnostics import Diagnostic, Label, Rule, Span
from tfspec.diagnostics.escape import quoted
from tfspec.spec.nodes import Mapping, Node, Scalar, Sequence

ALIAS = Rule(
    "TS016",
    "an alias that stands for nothing",
    "An alias `*name` has no anchor `&name` before it, or stands inside its own anchor.",
    "There is nothing to put in its place, or no end of it.",
    "do: &loop [ffn, *loop]",
    "Write the anchor before the alias, on a value that is complete where the alias stands.",
)


@dataclass(frozen=True, slots=True)
class Anchored:
    """What an alias stands for, with its number of nodes and its depth (a scalar: 0)."""

    node: Node
    size: int
    height: int


def unknown_alias(name: str, span: Span) -> Diagnostic:
    """An alias without an anchor."""
    return Diagnostic(
        ALIAS,
        f"the alias {quoted('*' + name)} has no anchor {quoted('&' + name)} before it",
        Label(span),
        help=("in YAML a word that begins with * is an alias; put it in quotes if it is a text",),
    )


def recursive_alias(name: str, span: Span, anchor: Span) -> Diagnostic:
    """An alias inside the value that its own anchor marks."""
    return Diagnostic(
        ALIAS,
        f"the alias {quoted('*' + name)} stands inside what it stands for",
        Label(span),
        (Label(anchor, "its anchor"),),
    )


def height(node: Node) -> int:
    """How many levels of lists and mappings a node has."""
    if isinstance(node, Scalar):
        return 0
    inner = node.items if isinstance(node, Sequence) else [value for _, value in node.entries]
    return 1 + max(map(height, inner), default=0)


def placed(node: Node, use: Span) -> Node:
    """The node as if written at the alias; its spans' `origin` says where it is written."""
    span = replace(use, origin=node.span.origin or node.span)
    if isinstance(node, Scalar):
        return _placed_scalar(node, span)
    if isinstance(node, Sequence):
        return Sequence(span, tuple(placed(item, use) for item in node.items))
    entries = ((_placed_scalar(key, use), placed(value, use)) for key, value in node.entries)
    return Mapping(span, tuple(entries))


def _placed_scalar(node: Scalar, use: Span) -> Scalar:
    span = replace(use, origin=node.span.origin or node.span)
    return replace(node, span=span, content_column=None)
