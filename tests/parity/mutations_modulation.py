"""Mistakes in models that a conditioning vector modulates: DiT."""

from __future__ import annotations

from tests.parity.dit import DIT
from tests.parity.mutation import Mutation

SIX = "shift, scale, gate, shift2, scale2, gate2 ="
FINAL = "- norm: {eps: 1e-6, affine: false, modulate: condition}"
OF_BLOCKS = "modulate: condition}\n    residual"
MODULATED = "(1 + scale[:, None]) + shift[:, None]"

MUTATIONS = [
    Mutation("no shift", DIT, MODULATED, "(1 + scale[:, None])", in_code=True),
    Mutation("a factor that is no difference from 1", DIT, "(1 + scale[:, None])", "(scale[:, None])", in_code=True),
    Mutation("shift and scale exchanged", DIT, SIX, "scale, shift, gate, shift2, scale2, gate2 =", in_code=True),
    Mutation("gates exchanged", DIT, SIX, "shift, scale, gate2, shift2, scale2, gate =", in_code=True),
    Mutation("the branches' parts exchanged", DIT, SIX, "shift2, scale2, gate2, shift, scale, gate =", in_code=True),
    Mutation("another sample's gate", DIT, "gate[:, None] *", "gate.flip(0)[:, None] *", in_code=True),
    Mutation("no gate", DIT, "gate2[:, None] * self.mlp(y)", "self.mlp(y) + 0 * gate2[:, None]", in_code=True),
    Mutation("unit length at the end", DIT, FINAL, FINAL.replace("affine: false", "kind: l2")),
    Mutation("means not taken off", DIT, "norm: {eps: 1e-6, aff", "norm: {kind: rms, eps: 1e-6, aff"),
    Mutation("norm behind the branch", DIT, OF_BLOCKS, OF_BLOCKS.replace("}", ", at: out}")),
    Mutation("eps of the blocks", DIT, "norm: {eps: 1e-6, aff", "norm: {eps: 1e-2, aff"),
    Mutation("no class", DIT, "self.condition_embed(label)", "0 * self.condition_embed(label)", in_code=True),
    Mutation("no time", DIT, "sinusoid(timestep", "sinusoid(0 * timestep", in_code=True),
    Mutation("no silu of the condition", DIT, "        - [label, {embed: d}]\n    - silu", "        - [label, {embed: d}]"),
    Mutation("sines first", DIT, "layout: cosines_first", "layout: halves"),
    Mutation("sines in turn", DIT, ", layout: cosines_first", ""),
    Mutation("another base", DIT, "layout: cosines_first", "layout: cosines_first, base: 1000"),
    Mutation("rows first in positions", DIT, "W*H", "H*W"),
    Mutation("sines in turn in positions", DIT, "W*H, layout: halves", "W*H"),
    Mutation("gelu for its tanh formula", DIT, "gelu_tanh", "gelu"),
    Mutation("columns first in tokens", DIT, "split: {H: p, W: p}", "split: {W: p, H: p}"),
]  # fmt: skip
