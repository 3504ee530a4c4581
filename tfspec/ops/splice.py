"""Tokens that others stand in for: where a predicate is true of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tfspec.graph.look import Look
from tfspec.graph.mask import Mask
from tfspec.graph.tensor import Tensor, like
from tfspec.graph.trace import Node, Reach
from tfspec.ops.tokens import Rearrangement
from tfspec.program import conditions
from tfspec.program import expr as ex
from tfspec.program.lowering import Lowering
from tfspec.program.refusal import NotYet
from tfspec.program.saves import Keep, Made, saves
from tfspec.program.value import Value, in_order
from tfspec.symbolic import product

SPLICED = '''def spliced(x, at, new):
    """The tokens [{lead}N, d] with `new` [d] where `at` is true; as they are without flags."""
    return x if at is None else torch.where(at{flat}[..., None], new, x)
'''
IN_ORDER = '''def splice(x, at, new):
    """The tokens [B, N, d] where `at` [B, N, 1] is true become those of `new` [B, M, d] in order;
    what is left over of either is left out.
    """
    batch, count = new.shape[:2]
    index = at[..., 0].cumsum(1) - 1
    first = count * torch.arange(batch, device=new.device)
    rows = index.clamp(0, count - 1) + first[:, None]
    at = at & (index < count)[..., None]
    return torch.where(at, new.flatten(0, 1)[rows], x)
'''


@dataclass(frozen=True)
class Splice(Rearrangement):
    """new where the predicate is true of a token, else the token: [..., N, d], [d] -> [..., N, d].

    Of new tokens [..., M, d] each stands in one place, in order: the first M that are asked for.
    `flags` are the inputs that the predicate reads, in its order; it asks the query alone. While
    decoding new tokens stay as they are where others stand in order: those are the prompt's.
    """

    reach: ClassVar[Reach] = "text"

    at: Mask
    flags: tuple[Tensor, ...] = ()

    def infer(self, *inputs: Tensor) -> Tensor:
        return like(inputs[0])

    def label(self) -> str:
        return "splice"

    def look(self, *inputs: Tensor) -> Look:
        return Look("Splice", "embed", (("where ", *self.at.knob),))

    def lower(self, low: Lowering, node: Node, *inputs: Value) -> Value:
        x, new = inputs
        if low.mode == "decode" and len(new.shape) > 1:
            return x
        flags = low.roots_of(self.flags)
        optional = any(flag.optional for flag in flags)
        if optional and low.mode == "decode":
            what = "`splice` by flags that may be left out is not supported yet in decoding"
            way = "splice by ids, as `tokens == 7`, or ask for no decoding"
            raise NotYet.of(what, low.place, way)
        if optional:
            return self._left_out(low, x, flags[0], new)
        at = conditions.of_tokens(low, self.at, x.shape[-2], flags)
        if len(new.shape) > 1:
            return self._in_order(low, x, at, new)
        laid = in_order(x.shape, low.memory_order(x))
        kept = saves(Keep(at))
        return low.torch("torch.where", at, new, x, shape=x.shape, saves=kept, strides=laid)

    def _in_order(self, low: Lowering, x: Value, at: Value, new: Value) -> Value:
        at = at.lead(len(x.shape) - len(at.shape))
        function = low.helper("splice", IN_ORDER)
        rows = Made("which of the others", product(x.shape[:-1]), "int64", (new,))
        kept = saves(Made("which tokens", product(at.shape), "bool"), rows)
        call = ex.Call(function, (x.ref, at.ref, new.ref))
        laid = in_order(x.shape, low.memory_order(x))
        return low.method.emit(call, x.shape, "float", kept, strides=laid)

    def _left_out(self, low: Lowering, x: Value, flag: Value, new: Value) -> Value:
        """By a flag that may be None when the model runs."""
        flag = low.localize(flag)
        lead, tokens = len(x.shape) - 2, len(flag.shape) - 1
        words = {"lead": "B, " if lead == 1 else "..., "}
        flat = f".flatten({lead})" if tokens > lead else ""
        function = low.helper("spliced", SPLICED.format(flat=flat, **words))
        call = ex.Call(function, (x.ref, flag.ref, new.ref))
        laid = in_order(x.shape, low.memory_order(x))
        return low.method.emit(call, x.shape, "float", saves(Keep(flag)), strides=laid)
