"""Predicates over the tokens of one value: which ones they are true of."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tfspec.diagnostics import Rule
from tfspec.graph.mask import Mask
from tfspec.graph.mask_guards import total
from tfspec.graph.mask_pairs import Pairs
from tfspec.graph.tensor import Tensor
from tfspec.layers.attend_mask import Reading
from tfspec.layers.mask_names import MaskNames
from tfspec.spec import predicate as sp
from tfspec.spec.predicate import Side
from tfspec.spec.predicate_reader import KIND

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder

SETTLED = Rule(
    "TS257",
    "a condition that asks nothing",
    "A predicate is true of every token, or of none, whatever the inputs and sizes are.",
    "It chooses nothing: it is surely not what was meant.",
    "take: {T: first(pos >= 0)}",
    "Compare with what tells tokens apart, or give an index: `take: {T: 0}`.",
)


def read_tokens(
    g: Builder, predicate: sp.Predicate, x: Tensor, instead: str
) -> tuple[Mask, tuple[Tensor, ...]]:
    """The condition of the graph, over the tokens of x as keys, and the inputs that it reads.

    `instead` is what to write where the condition tells no tokens apart, if not another one.
    """
    called: dict[Side, str] = {"query": "tokens", "key": "tokens"}
    pairs = Pairs(g.facts, x.space, x.space, own=False, called=called)
    names = MaskNames(g, pairs, predicate.span, bare="key")
    asked = Reading(g, names, partial(_one_token, g)).condition(predicate.tree)
    tree = asked if isinstance(asked, bool) else total(pairs, asked)
    if isinstance(tree, bool):
        which = "every" if tree else "no"
        help = [f"{instead} another condition"]
        message = f"`{predicate}` is true of {which} token here"
        raise g.refuse(SETTLED, message, predicate.span, help=help)
    mask = Mask(tree, text=str(predicate))
    return mask, tuple(g.values[given.name] for given in mask.flags)


def _one_token(g: Builder, tree: sp.Causal | sp.Within) -> Exception:
    message = f"`{tree}` has no meaning here: there is one token, not a query and a key"
    return g.refuse(KIND, message, tree.span, help=["compare `pos`, the token's index"])
