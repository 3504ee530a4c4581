"""Mistakes in models of several streams: UNITER, Decision Transformer."""

from __future__ import annotations

from tests.parity.decision import DECISION
from tests.parity.mutation import Mutation
from tests.parity.uniter import UNITER

BOTH_VALID = "key.words_valid and key.regions_valid"
FEATURES = "{norm: {eps: 1e-12}}]\n        - [boxes"

MUTATIONS = [
    Mutation("padded regions seen", UNITER, BOTH_VALID, "key.words_valid"),
    Mutation("padded words seen", UNITER, BOTH_VALID, "key.regions_valid"),
    Mutation("words hidden from regions", UNITER, BOTH_VALID, f"{BOTH_VALID} and (query.text or not key.text)"),
    Mutation("regions first", UNITER, "concat: [text, image]", "concat: [image, text]"),
    Mutation("the first region pooled", UNITER, "{take: {T: 0}}", "{take: {R: 0}}"),
    Mutation("masked regions as they are", UNITER, "self.image_embed(masked)", "0 * self.image_embed(masked)", in_code=True),
    Mutation("regions of the words' type", UNITER, "self.types(kinds)", "self.types(1 - kinds)", in_code=True),
    Mutation("boxes not normed", UNITER, "self.image_norm2(self.image_linear2(boxes))", "self.image_linear2(boxes) + 0 * self.image_norm2(self.image_linear2(boxes))", in_code=True),
    Mutation("no norm of regions", UNITER, "types}}]\n    - norm: {eps: 1e-12}\n", "types}}]\n", without=("image_norm3.weight", "image_norm3.bias")),
    Mutation("eps of the features' norm", UNITER, FEATURES, FEATURES.replace("1e-12", "1e-2")),
    Mutation("pre-norm", UNITER, "at: post", "at: pre"),
    Mutation("tanh-gelu for gelu", UNITER, "act: gelu", "act: gelu_tanh"),
    Mutation("no tanh of the pooler", UNITER, ", tanh]", "]"),
    Mutation("states first", DECISION, "(x, self.linear2(states), h)", "(self.linear2(states), x, h)", in_code=True),
    Mutation("one kind after the other", DECISION, "dim=2)", "dim=1)", in_code=True),
    Mutation("actions from returns", DECISION, "{slot: s}", "{slot: r}"),
    Mutation("actions from themselves", DECISION, "{slot: s}", "{slot: a}"),
    Mutation("states from states", DECISION, "take: {slot: a}}, {linear: state}", "take: {slot: s}}, {linear: state}"),
    Mutation("no times", DECISION, "self.embed(timesteps)", "0 * self.embed(timesteps)", in_code=True),
    Mutation("times of other tokens", DECISION, "self.embed(timesteps)[:, :, None]", "self.embed(timesteps).repeat(1, 3, 1).unflatten(1, (-1, 3))", in_code=True),
    Mutation("padding seen", DECISION, "causal and key.valid", "causal"),
    Mutation("the future seen", DECISION, "causal and key.valid", "key.valid"),
    Mutation("all of a step seen", DECISION, "causal and", "key.T <= query.T and"),
    Mutation("flags in turn", DECISION, "valid[:, :, None].expand(-1, -1, 3).flatten(1)", "valid.repeat(1, 3)", in_code=True),
    Mutation("no norm of the tokens", DECISION, "self.norm1(x)  # [B, N, d]\n        pos", "x + 0 * self.norm1(x)  # [B, N, d]\n        pos", in_code=True),
    Mutation("gelu for relu", DECISION, "act: relu", "act: gelu"),
    Mutation("no tanh", DECISION, ", tanh]", "]"),
    Mutation("post-norm", DECISION, "at: pre", "at: post"),
]  # fmt: skip
