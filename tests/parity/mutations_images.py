"""Mistakes in CLIP."""

from __future__ import annotations

from tests.parity.clip import CLIP
from tests.parity.mutation import Mutation

MUTATIONS = [
    Mutation("the last end", CLIP, "first(tokens == end)", "last(tokens == end)"),
    Mutation("the last token", CLIP, "first(tokens == end)", "-1"),
    Mutation("the first that is no end", CLIP, "first(tokens == end)", "first(tokens != end)"),
    Mutation("a token late", CLIP, "[rows, first]", "[rows, first + 1 - T]", in_code=True),
    Mutation("another row's end", CLIP, "[rows, first]", "[rows, first.flip(0)]", in_code=True),
    Mutation("images x texts", CLIP, ".exp() * x", ".exp() * x.T", in_code=True),
    Mutation("a scale that is no exp", CLIP, "self.logits_scale.exp()", "self.logits_scale", in_code=True),
    Mutation("no scale", CLIP, ", scale: exp", "", without=("logits_scale",)),
    Mutation("images of any length", CLIP, "{width: e, bias: false}}, {norm: {kind: l2}}]", "{width: e, bias: false}}]"),
    Mutation("texts of any length", CLIP, "    - norm: {kind: l2}\n", ""),
    Mutation("the mean of patches", CLIP, "{take: cls}", "{pool: mean}"),
    Mutation("no norm before the layers", CLIP, "    - norm\n    - stack: {of: see", "    - stack: {of: see", without=("image_norm.weight", "image_norm.bias")),
    Mutation("no norm behind them", CLIP, "{take: cls}, norm,", "{take: cls},", without=("image_vector_norm.weight", "image_vector_norm.bias")),
    Mutation("gelu for quick gelu", CLIP, "quick_gelu", "gelu"),
    Mutation("texts see ahead", CLIP, "{mask: causal}", "{}"),
    Mutation("images do not see ahead", CLIP, "{heads: width / head_dim}", "{heads: width / head_dim, mask: causal}"),
    Mutation("post-norm", CLIP, "at: pre", "at: post"),
]  # fmt: skip
