"""Mistakes in models whose two streams attend to each other: LXMERT."""

from __future__ import annotations

from tests.parity.lxmert import LXMERT
from tests.parity.mutation import Mutation

TO_REGIONS = "self.swap(text, image, mask)"
TO_WORDS = "self.swap_norm(image + self.swap(image, text, mask2))"

MUTATIONS = [
    Mutation("padded regions seen by words", LXMERT, TO_REGIONS, TO_REGIONS.replace("mask", "None"), in_code=True),
    Mutation("padded words seen by regions", LXMERT, TO_WORDS, TO_WORDS.replace("mask2", "None"), in_code=True),
    Mutation("regions see what words became", LXMERT, TO_WORDS, TO_WORDS.replace("image, text", "image, x"), in_code=True),
    Mutation("regions see themselves", LXMERT, TO_WORDS, TO_WORDS.replace("image, text, mask2", "image, image, mask"), in_code=True),
    Mutation("no norm of regions that saw words", LXMERT, TO_WORDS, "image + self.swap(image, text, mask2)", in_code=True),
    Mutation("regions replaced by what they saw", LXMERT, TO_WORDS, TO_WORDS.replace("image + ", ""), in_code=True),
    Mutation("padded words read", LXMERT, "heads: h, mask: key.words_valid}\n      - ffn", "heads: h}\n      - ffn"),
    Mutation("padded regions looked at", LXMERT, "heads: h, mask: key.regions_valid}\n      - ffn: {hidden", "heads: h}\n      - ffn: {hidden"),
    Mutation("padded words read in pairs", LXMERT, "{only: text, heads: h, mask: key.words_valid}", "{only: text, heads: h}"),
    Mutation("padded regions looked at in pairs", LXMERT, "{only: image, heads: h, mask: key.regions_valid}", "{only: image, heads: h}"),
    Mutation("features and boxes not halved", LXMERT, "scale: 1 / 2", "scale: 1"),
    Mutation("eps of the features' norm", LXMERT, "{linear: d}, {norm: {eps: 1e-12}}", "{linear: d}, {norm: {eps: 1e-2}}"),
    Mutation("the first region pooled", LXMERT, "{take: {T: 0}}", "{take: {R: 0}}"),
    Mutation("no tanh of the pooler", LXMERT, ", tanh]", "]"),
    Mutation("pre-norm", LXMERT, "at: post", "at: pre"),
    Mutation("tanh-gelu for gelu", LXMERT, "act: gelu", "act: gelu_tanh"),
]  # fmt: skip
