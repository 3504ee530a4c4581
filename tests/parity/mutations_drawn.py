"""Mistakes in the families that were drawn by chance."""

from __future__ import annotations

from tests.parity.glm_vision import GLM
from tests.parity.markuplm import MARKUPLM
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
    Mutation("no norm of patches", GLM, "self.norm1(x.transpose(1, 2))", "x.mT + 0 * self.norm1(x.mT)", in_code=True),
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
    Mutation("levels of tags share a table", MARKUPLM, "at_d * 9", "0 * at_d", in_code=True),
    Mutation("levels of numbers share a table", MARKUPLM, "at_d * 13", "0 * at_d", in_code=True),
    Mutation("levels from the leaf", MARKUPLM, "at_d = positions % 4", "at_d = 3 - positions % 4", in_code=True),
    Mutation("levels told apart by words", MARKUPLM, "at_d = positions % 4", "at_d = positions // 4 % 4", in_code=True),
    Mutation("no tags", MARKUPLM, "self.path_embed1(", "0 * self.path_embed1(", in_code=True),
    Mutation("no numbers", MARKUPLM, "self.path_embed2(", "0 * self.path_embed2(", in_code=True),
    Mutation("gelu for relu", MARKUPLM, "    - relu\n", "    - gelu\n"),
    Mutation("no relu", MARKUPLM, "    - relu\n", ""),
    Mutation("a path's second linear has no bias", MARKUPLM, "    - linear: d\n", "    - linear: {width: d, bias: false}\n", without=("path_linear2.bias",)),
    Mutation("positions from 0", MARKUPLM, "self.text_pos[1 : T + 1]", "self.text_pos[:T]", in_code=True),
    Mutation("segments turned", MARKUPLM, "embed2(segments)", "embed2(1 - segments)", in_code=True),
    Mutation("paths behind the norm", MARKUPLM, ", path]\n    - pos: {learned: T, offset: 1}\n    - norm: {eps: 1e-12}\n", "]\n    - pos: {learned: T, offset: 1}\n    - norm: {eps: 1e-12}\n    - sum: [[{scale: 1}], path]\n"),
    Mutation("padding seen", MARKUPLM, ", mask: key.valid", ""),
    Mutation("pre-norm", MARKUPLM, "at: post", "at: pre"),
    Mutation("eps of the blocks", MARKUPLM, "at: post, eps: 1e-12", "at: post, eps: 1e-3"),
    Mutation("tanh-gelu for gelu", MARKUPLM, "act: gelu", "act: gelu_tanh"),
    Mutation("no tanh of the pooler", MARKUPLM, ", tanh]", "]"),
]  # fmt: skip
