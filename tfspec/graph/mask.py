"""Masks of the graph: a predicate over a query and a key, and the flags it reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tfspec.spec.predicate import And, Causal, Condition, Flag, Not, Or, Within, walk


@dataclass(frozen=True)
class Mask:
    """Which keys a query sees. The op that holds it has its flags' tensors, in this order."""

    tree: Condition

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Each flag that the predicate reads, once."""
        return tuple(dict.fromkeys(node for node in walk(self.tree) if isinstance(node, Flag)))

    @property
    def exactly_causal(self) -> bool:
        return isinstance(self.tree, Causal)

    @property
    def causal(self) -> bool:
        """No query sees a later key, whatever the flags are: its keys and values can be kept."""
        return _implies_causal(self.tree)

    @property
    def key_flag(self) -> Flag | None:
        """The flag, if the mask is nothing but one flag of the key."""
        flag = self.tree if isinstance(self.tree, Flag) else None
        return flag if flag is not None and flag.side == "key" else None

    @property
    def keeps_one(self) -> bool:
        """Every query sees at least itself, so that no row of scores is masked whole."""
        return _diagonal(self.tree)

    def __str__(self) -> str:
        return str(self.tree)


def _implies_causal(tree: Condition) -> bool:
    match tree:
        case Causal():
            return True
        case And(parts):
            return any(map(_implies_causal, parts))
        case Or(parts):
            return all(map(_implies_causal, parts))
        case _:
            return False


def _diagonal(tree: Condition) -> bool:
    match tree:
        case Causal() | Within():
            return True
        case And(parts):
            return all(map(_diagonal, parts))
        case Or(parts):
            return any(map(_diagonal, parts))
        case _:
            return False


def without(tree: Condition, flags: Collection[Flag]) -> Condition | bool:
    """The condition where these flags are true: what is left to ask, or the answer."""
    match tree:
        case Flag():
            return True if tree in flags else tree
        case And(parts):
            return _joined(And, [without(part, flags) for part in parts], True)
        case Or(parts):
            return _joined(Or, [without(part, flags) for part in parts], False)
        case Not(part):
            inner = without(part, flags)
            return not inner if isinstance(inner, bool) else Not(inner)
        case _:
            return tree


def _joined(
    kind: type[And] | type[Or], parts: Sequence[Condition | bool], neutral: bool
) -> Condition | bool:
    if (not neutral) in parts:
        return not neutral
    left = tuple(part for part in parts if not isinstance(part, bool))
    return neutral if not left else left[0] if len(left) == 1 else kind(left)
