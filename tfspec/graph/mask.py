"""Masks of the graph: a predicate over a query and a key, and the inputs it reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfspec.graph import mask_tree as mt
from tfspec.graph.look import Knob, condition
from tfspec.symbolic import Dim, sym


@dataclass(frozen=True)
class Mask:
    """Which keys a query sees. The op that holds it has its inputs' tensors, in this order.

    `keeps_one`: every query sees at least one key, so that no row of scores is masked whole.
    """

    tree: mt.Condition
    keeps_one: bool = False
    text: str = field(default="", compare=False)

    @property
    def flags(self) -> tuple[mt.Given, ...]:
        """Each input that the predicate reads, in the order of the op's tensors."""
        every = (number for leaf in mt.leaves(self.tree) for number in mt.numbers(leaf))
        return tuple(dict.fromkeys(each for each in every if isinstance(each, mt.Given)))

    @property
    def knob(self) -> Knob:
        """Its text for a figure."""
        leaves = list(mt.leaves(self.tree))
        within = [leaf.size for leaf in leaves if isinstance(leaf, mt.Within)]
        named = [n.size for leaf in leaves for n in mt.numbers(leaf) if isinstance(n, mt.Size)]
        names = {name for size in (*within, *named) for name in size.symbols}
        return condition(self.text, {name: sym(name) for name in names})

    @property
    def exactly_causal(self) -> bool:
        return isinstance(self.tree, mt.Causal)

    @property
    def causal(self) -> bool:
        """No query sees a later key, whatever the inputs are: its keys and values can be kept."""
        return _implies_causal(self.tree)

    @property
    def window(self) -> Dim | None:
        """How many of the latest tokens a query sees, itself counted; None for all of them."""
        parts = self.tree.conditions if isinstance(self.tree, mt.And) else (self.tree,)
        sizes = [part.size for part in parts if isinstance(part, mt.Within)]
        return Dim.minimum(*sizes) if self.causal and sizes else None

    @property
    def key_flag(self) -> mt.Given | None:
        """The flag, if the mask is nothing but one flag for each key."""
        if not isinstance(self.tree, mt.Flag):
            return None
        given = self.tree.given
        return given if not given.query and given.plain else None

    def __str__(self) -> str:
        return self.text


def _implies_causal(tree: mt.Condition) -> bool:
    match tree:
        case mt.Causal():
            return True
        case mt.Compare("<=" | "<", mt.Index("key"), mt.Index("query")):
            return True
        case mt.Compare(">=" | ">", mt.Index("query"), mt.Index("key")):
            return True
        case mt.And(parts):
            return any(map(_implies_causal, parts))
        case mt.Or(parts):
            return all(map(_implies_causal, parts))
        case _:
            return False
