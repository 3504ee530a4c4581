"""Mistakes in the families that were drawn by chance."""

from __future__ import annotations

from tests.parity.glm_vision import GLM
from tests.parity.mutation import Mutation

BLOCK_NORM = "    norm: {kind: rms, eps: 1e-5}\n    bias"
NORM, POSITIONS = "    - norm: {kind: rms, eps: 1e-5}\n", "    - pos: learned\n"
LAST_NORM = f"{NORM}    - patch"
TURNED = "+ self.pos.unflatten(0, (6, 6)).transpose(0, 1).flatten(0, 1)"
MUTATIONS = [
    Mutation("no rope", GLM, ", rope: {base: 10000, over: [H, W]}", ""),
    Mutation("another base", GLM, "base: 10000", "base: 1000"),
    Mutation("columns turn the first features", GLM, "over: [H, W]", "over: [W, H]"),
    Mutation("turned by the token's number", GLM, "{base: 10000, over: [H, W]}", "10000"),
    Mutation("pairs of neighbours", GLM, "over: [H, W]", "over: [H, W], interleaved: true"),
    Mutation("keys stand still", GLM, "rotate(k, rope)", "1 * k", in_code=True),
    Mutation("no norm of patches", GLM, "self.norm1(x.flatten(1, 2))", "x.flatten(1, 2) + 0 * self.norm1(x.flatten(1, 2))", in_code=True),
    Mutation("norm behind positions", GLM, f"{NORM}{POSITIONS}", f"{POSITIONS}{NORM}"),
    Mutation("columns of the table first", GLM, "+ self.pos", TURNED, in_code=True),
    Mutation("eps of the blocks", GLM, BLOCK_NORM, BLOCK_NORM.replace("1e-5", "1e-3"), quiet=True),
    Mutation("eps of the last norm", GLM, LAST_NORM, LAST_NORM.replace("1e-5", "1e-3")),
    Mutation("eps of the first norm", GLM, f"{NORM}{POSITIONS}", f"{NORM}{POSITIONS}".replace("1e-5", "1e-2"), quiet=True),
    Mutation("means taken off", GLM, BLOCK_NORM, BLOCK_NORM.replace("rms", "layer, bias: false")),
    Mutation("post-norm", GLM, BLOCK_NORM, BLOCK_NORM.replace("rms", "rms, at: post")),
    Mutation("scale by the model's width", GLM, "heads: h,", "heads: h, scale: d ** -0.5,"),
    Mutation("gelu for silu in a layer", GLM, "{hidden: f, act: swiglu}", "{hidden: f, act: geglu}"),
    Mutation("gate and up exchanged", GLM, "gate, up =", "up, gate =", in_code=True),
    Mutation("frames exchanged", GLM, "frames.permute", "frames.flip(1).permute", in_code=True),
    Mutation("merged from above to below first", GLM, "(0, 3, 1, 2)  # [B, d, H/p", "(0, 3, 2, 1)  # [B, d, H/p", in_code=True),
    Mutation("no bias of merged patches", GLM, "width: out}", "width: out, bias: false}", without=("patch2.bias",)),
    Mutation("rms of the merged", GLM, "    - norm\n", "    - norm: {kind: rms, eps: 1e-5}\n", without=("merged_norm.bias",)),
    Mutation("tanh-gelu for gelu", GLM, "    - gelu\n", "    - gelu_tanh\n"),
    Mutation("gelu before the norm", GLM, "    - norm\n    - gelu\n", "    - gelu\n    - norm\n"),
    Mutation("geglu of the merged", GLM, "{hidden: g, act: swiglu", "{hidden: g, act: geglu"),
]  # fmt: skip
