"""Mistakes in ViT-22B: its parallel branches, and its head that pools by attention."""

from __future__ import annotations

from tests.parity.mutation import Mutation
from tests.parity.vit_22b import VIT_22B

PROBES = "norm: none, residual: none"

MUTATIONS = [
    Mutation("one branch after the other", VIT_22B, "(self.attention(h) + self.mlp(h))", "(self.attention(h) + self.mlp(self.norm(x + self.attention(h))))", in_code=True),
    Mutation("no norms of queries and keys", VIT_22B, ", qk_norm: head", "", without=("q_norm.weight", "k_norm.weight")),
    Mutation("means taken off at the end", VIT_22B, "- norm: {kind: rms, eps: 1e-6}", "- norm: {bias: false, eps: 1e-6}"),
    Mutation("post-norm", VIT_22B, "    norm: {kind: rms,", "    norm: {at: post, kind: rms,"),
    Mutation("the probe is added", VIT_22B, PROBES, "norm: none"),
    Mutation("the mean pooled", VIT_22B, "{take: {probe: 0}}", "{pool: mean}"),
    Mutation("a head without its mlp", VIT_22B, "+ self.mlp(self.norm(", "+ 0 * self.mlp(self.norm(", in_code=True),
    Mutation("another scale in the head", VIT_22B, PROBES, f"scale: d ** -0.5, {PROBES}"),
    Mutation("tanh-gelu for gelu", VIT_22B, "act: gelu", "act: gelu_tanh"),
]  # fmt: skip
