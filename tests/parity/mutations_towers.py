"""Mistakes in models whose two streams attend to each other: LXMERT and ViLBERT."""

from __future__ import annotations

from tests.parity.lxmert import LXMERT
from tests.parity.mutation import Mutation
from tests.parity.vilbert import VILBERT

TO_REGIONS = "self.swap(text, image, mask)"
TO_WORDS = "self.swap_norm(image + self.swap(image, text, mask2))"
ASKED = "text + self.cross1(text, image, mask)"
ANSWERED = "self.norm2(image + self.cross2(image, text, mask2))"

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
    Mutation("padded regions seen by narrower words", VILBERT, ASKED, ASKED.replace("mask", "None"), in_code=True),
    Mutation("padded words seen by wider regions", VILBERT, ANSWERED, ANSWERED.replace("mask2", "None"), in_code=True),
    Mutation("wider regions see what words became", VILBERT, ANSWERED, ANSWERED.replace("image, text", "image, x"), in_code=True),
    Mutation("words replaced by what they asked for", VILBERT, ASKED, ASKED.replace("text + ", ""), in_code=True),
    Mutation("only what regions asked for normed", VILBERT, ANSWERED, "image + self.norm2(self.cross2(image, text, mask2))", in_code=True),
    Mutation("looks added to regions again", VILBERT, "h = self.look(h, mask)", "h = h + self.look(h, mask)", in_code=True),
    Mutation("padded words read alone", VILBERT, "{only: text, heads: h, mask: key.words_valid}", "{only: text, heads: h}"),
    Mutation("padded regions looked at alone", VILBERT, "{only: image, heads: g, mask: key.regions_valid}", "{only: image, heads: g}"),
    Mutation("words read before they ask", VILBERT, "[[swap, look, read]]", "[[look, read, swap]]"),
    Mutation("boxes apart from features", VILBERT, "[boxes, {linear: e}]", "[boxes, {linear: e}, {scale: 2}]"),
    Mutation("regions without a norm", VILBERT, "{linear: e}]]\n    - norm: {eps: 1e-12}", "{linear: e}]]\n    - norm: {eps: 1e-1}"),
    Mutation("the last region told of", VILBERT, "{take: {R: 0}}", "{take: {R: -1}}"),
    Mutation("no relu of the outputs", VILBERT, "{take: {T: 0}}, {linear: c}, relu]", "{take: {T: 0}}, {linear: c}]"),
    Mutation("pre-norm of both", VILBERT, "at: post", "at: pre"),
    Mutation("tanh-gelu for both", VILBERT, "act: gelu", "act: gelu_tanh"),
]  # fmt: skip
