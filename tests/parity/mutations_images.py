"""Mistakes in CLIP, and in a masked autoencoder."""

from __future__ import annotations

from tests.parity.clip import CLIP
from tests.parity.mae import MAE
from tests.parity.mutation import Mutation

PLACES = "    - pos: {sinusoidal: W*H, layout: halves}\n"
HIDDEN = "{sum: [zeros: {axes: {M: P - K}, width: e}, learn: {width: e}]}"
NORM = "    - norm: {eps: 1e-6}\n"
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
    Mutation("other patches kept", MAE, "rows[:, None], keep", "rows[:, None], 15 - keep", in_code=True),
    Mutation("of another picture", MAE, "rows[:, None], keep", "rows.flip(0)[:, None], keep", in_code=True),
    Mutation("put back by the order of patches", MAE, "restore.flatten(1)", "restore.flatten(1).argsort(1)", in_code=True),
    Mutation("put back column by column", MAE, "restore.flatten(1)", "restore.mT.flatten(1)", in_code=True),
    Mutation("put back in another picture", MAE, "rows[:, None], restore", "rows.flip(0)[:, None], restore", in_code=True),
    Mutation("not put back", MAE, "restore.flatten(1)", "restore.flatten(1).sort(1)[0]", in_code=True),
    Mutation("no positions of kept patches", MAE, f"{PLACES}    - take: keep", "    - take: keep"),
    Mutation("no positions of what is told", MAE, f"restore\n{PLACES}", "restore\n"),
    Mutation("rows in the first half", MAE, "W*H", "H*W"),
    Mutation("sines and cosines in turns", MAE, ", layout: halves", ""),
    Mutation("hidden tokens first", MAE, "{kept: [image, {drop: cls}], hidden: hidden}", "{hidden: hidden, kept: [image, {drop: cls}]}"),
    Mutation("hidden tokens of zeros", MAE, HIDDEN, "{zeros: {axes: {M: P - K}, width: e}}", without=("hidden_learn",)),
    Mutation("a class token of zeros", MAE, "{cls: [image, {take: cls}]", "{cls: [image, {take: cls}, {scale: 0}]"),
    Mutation("no norm behind the encoder", MAE, f"{NORM}    - linear: e", "    - linear: e", without=("image_norm.weight", "image_norm.bias")),
    Mutation("no norm behind the decoder", MAE, f"{NORM}    - drop: cls", "    - drop: cls", without=("told_norm.weight", "told_norm.bias")),
    Mutation("tanh-gelu for gelu", MAE, "act: gelu", "act: gelu_tanh"),
    Mutation("post-norm", MAE, "at: pre", "at: post"),
    Mutation("eps", MAE, "at: pre, eps: 1e-6", "at: pre, eps: 1e-3", quiet=True),
    Mutation("scale by the model's width", MAE, "attend: {heads: g}", "attend: {heads: g, scale: e ** -0.5}"),
]  # fmt: skip
