"""The knob `mask` of `attend`: a predicate of the spec, read for the queries and keys at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tfspec.diagnostics import Label, Rule
from tfspec.graph import mask_tree as mt
from tfspec.graph.mask import Mask
from tfspec.graph.mask_guards import total
from tfspec.graph.mask_pairs import Pairs
from tfspec.graph.tensor import Tensor
from tfspec.layers.mask_names import NO_FLAG, MaskNames
from tfspec.layers.mask_numbers import number
from tfspec.ops.batch import joint
from tfspec.spec import predicate as sp

if TYPE_CHECKING:
    from tfspec.construct.builder import Builder
    from tfspec.layers.attend import Attend

NOT_SELF = Rule(
    "TS223",
    "an index mask on attention to another value",
    "`causal` or `within` is used where keys come from elsewhere.",
    "They compare positions in one text; queries and keys of two values have none in common.",
    "attend: {to: memory, heads: 8, mask: causal}",
    "Leave it out, or use flags and coordinates.",
)
NO_KEY = Rule(
    "TS254",
    "a mask that hides every key",
    "No key is visible to any query, whatever the inputs and sizes are.",
    "Such an attention gives 0 for every token: it is surely not what was meant.",
    "attend: {heads: 8, mask: causal and key.pos > query.pos}",
    "Look for a condition that is the wrong way round.",
)


def read_mask(
    g: Builder, layer: Attend, x: Tensor, source: Tensor | None
) -> tuple[Mask | None, tuple[Tensor, ...]]:
    """The mask of the graph, and the inputs that it reads.

    A block stands in many places, and is asked of the same tokens in most of them: once for all.
    """
    if layer.mask is None:
        return None, ()
    kv = x if source is None else source
    query = replace(x.space, batch=joint(x, kv) or ())  # flags are over the batch of both
    pairs = Pairs(g.facts, query, kv.space, source is None)
    key = (pairs, layer.mask, layer.span_of("mask"))  # what is equal at two places tells its own
    if key not in g.masks:
        g.masks[key] = _read(g, layer, layer.mask, pairs)
    mask = g.masks[key]
    return mask, () if mask is None else tuple(g.values[given.name] for given in mask.flags)


def _read(g: Builder, layer: Attend, written: sp.Predicate, pairs: Pairs) -> Mask | None:
    """The mask over such queries and keys; None where it hides nothing."""
    names = MaskNames(g, pairs, layer.span_of("mask"))
    asked = Reading(g, names, partial(_not_self, g, layer)).condition(written.tree)
    tree = asked if isinstance(asked, bool) else total(pairs, asked)
    if tree is True:
        return None
    if tree is False:
        raise _hides_all(g, layer, names)
    return Mask(tree, pairs.keeps_one(tree), str(written))


def _hides_all(g: Builder, layer: Attend, names: MaskNames) -> Exception:
    place = layer.span_of("mask")
    if names.missing:
        message = f"`{layer.mask}` hides every key here, where a missing flag counts as true"
        return g.refuse(NO_FLAG, message, place, help=["leave the mask out"])
    message = f"`{layer.mask}` hides every key from every query"
    parts = ", ".join(part.name for part in names.pairs.key.parts)
    notes = [f"the keys here are {parts}"] if names.absent else []
    label = Label(place, "no query and key make this true")
    return g.refuse(NO_KEY, message, label, notes=notes)


def _not_self(g: Builder, layer: Attend, tree: sp.Causal | sp.Within) -> Exception:
    message = f"`{tree}` compares positions in one sequence, and here the keys are another's"
    came = [Label(layer.span_of("to"), "the keys come from here")]
    help = ["leave it out, or read flags: `mask: key.valid`"]
    return g.refuse(NOT_SELF, message, tree.span, came=came, help=help)


class Reading:
    """Reads one predicate: the names in it are looked up among the tokens.

    `not_self` refuses what compares places of one sequence, where queries and keys are not one's.
    """

    def __init__(
        self,
        g: Builder,
        names: MaskNames,
        not_self: Callable[[sp.Causal | sp.Within], Exception] | None = None,
    ) -> None:
        self.g, self.names, self.not_self = g, names, not_self

    def condition(self, tree: sp.Condition) -> mt.Answer:
        """The condition with everything looked up, and what is known left out."""
        match tree:
            case sp.And(parts):
                return mt.every([self.condition(part) for part in parts])
            case sp.Or(parts):
                return mt.some([self.condition(part) for part in parts])
            case sp.Not(part):
                inner = self.condition(part)
                return not inner if isinstance(inner, bool) else mt.Not(inner)
            case sp.Causal():
                self._of_self(tree)
                return mt.Causal()
            case sp.Within(size):
                self._of_self(tree)
                return mt.Within(self.g.size(size))
            case sp.Flag():
                return self.names.flag(tree)
            case sp.Compare():
                return self._compare(tree)

    def _of_self(self, tree: sp.Causal | sp.Within) -> None:
        if not self.names.pairs.own:
            assert self.not_self is not None
            raise self.not_self(tree)

    def _compare(self, tree: sp.Compare) -> mt.Answer:
        left, right = number(self.names, tree.left), number(self.names, tree.right)
        found = mt.Compare(tree.sign, left, right)
        if self.names.pairs.own and found in IN_ORDER:
            return IN_ORDER[found]
        if all(isinstance(each, mt.Size) for each in (found.left, found.right)):
            answer = self.names.pairs.at(found, (0, 0))
            if not isinstance(answer, bool):
                what = f"`{tree}`, which depends on sizes alone,"
                raise self.g.not_yet(what, tree.span)
            return answer
        return found


_KEY, _QUERY = mt.Index("key"), mt.Index("query")
IN_ORDER: dict[mt.Compare, mt.Condition] = {
    mt.Compare("<=", _KEY, _QUERY): mt.Causal(),
    mt.Compare(">=", _QUERY, _KEY): mt.Causal(),
    mt.Compare(">", _KEY, _QUERY): mt.Not(mt.Causal()),
    mt.Compare("<", _QUERY, _KEY): mt.Not(mt.Causal()),
}
"""Other ways to say `causal`, or that it is not."""
