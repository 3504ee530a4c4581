"""Mistakes in DALL-E and Video Swin."""

from __future__ import annotations

from tests.parity.dalle import DALLE
from tests.parity.mutation import Mutation
from tests.parity.video_swin import VIDEO_SWIN

PATTERN = "of: [row, column, row, row]"
SHIFT = "{T: wt // 2, H: win // 2, W: win // 2}"
AROUND = " and (query.pos - key.pos + r) % W <= 2 * r"
COORDINATES = " and abs(key.H - query.H) <= r and abs(key.W - query.W) <= r"
MUTATIONS = [
    Mutation("a row one longer", DALLE, "within(W + 1)", "within(W + 2)"),
    Mutation("a row one shorter", DALLE, "within(W + 1)", "within(W)"),
    Mutation("the row alone", DALLE, "within(W + 1)", "key.H == query.H"),
    Mutation("rows for columns", DALLE, "key.W == query.W", "key.H == query.H"),
    Mutation("columns one layer late", DALLE, PATTERN, "of: [row, row, column, row]"),
    Mutation("no columns", DALLE, PATTERN, "of: row"),
    Mutation("rows that do not go on", DALLE, f"within(r * W + r + 1){AROUND}", COORDINATES.removeprefix(" and ")),
    Mutation("a convolution all along", DALLE, AROUND, ""),
    Mutation("a convolution without an end", DALLE, "within(r * W + r + 1) and ", ""),
    Mutation("a convolution one narrower", DALLE, "% W <= 2 * r", "% W < 2 * r"),
    Mutation("the text not seen", DALLE, "key.text or within(W + 1)", "query.text or within(W + 1)"),
    Mutation("no causal mask", DALLE, "causal and (key.text or within(W + 1))", "key.text or within(W + 1)"),
    Mutation("the text is not causal", DALLE, "mask: causal and (key.text or", "mask: (causal or query.text and key.text) and (key.text or"),
    Mutation("the image first", DALLE, "concat: [text, grid]", "concat: [grid, text]"),
    Mutation("rows of positions turned", DALLE, "positions // 4", "positions % 5", in_code=True),
    Mutation("tanh-gelu for gelu", DALLE, "act: gelu", "act: gelu_tanh"),
    Mutation("post-norm", DALLE, "at: pre", "at: post"),
    Mutation("no bias of the head", DALLE, "{linear: V + T + codes}", "{linear: {width: V + T + codes, bias: false}}", without=("logits.bias",)),
    Mutation("no shift", VIDEO_SWIN, SHIFT, "{T: 0, H: 0, W: 0}"),
    Mutation("no shift in time", VIDEO_SWIN, "{T: wt // 2,", "{T: 0,"),
    Mutation("no shift in space", VIDEO_SWIN, "H: win // 2, W: win // 2}", "H: 0, W: 0}"),
    Mutation("shift the other way", VIDEO_SWIN, "[-step for", "[step for", in_code=True),
    Mutation("not rolled back", VIDEO_SWIN, ".roll(shift, (1, 2, 3))", "", in_code=True),
    Mutation("no mask at the seam", VIDEO_SWIN, "seen = ~mask", "seen = mask & ~mask", in_code=True),
    Mutation("rows first in merge", VIDEO_SWIN, "{W: 2, H: 2}", "{H: 2, W: 2}"),
    Mutation("offsets turned", VIDEO_SWIN, "(self.rel_bias, ", "(self.rel_bias.flip(1, 2, 3), ", in_code=True),
    Mutation("time of the table turned", VIDEO_SWIN, "(self.rel_bias, ", "(self.rel_bias.flip(1), ", in_code=True),
    Mutation("columns of the table first", VIDEO_SWIN, "(self.rel_bias, ", "(self.rel_bias.mT, ", in_code=True),
    Mutation("no relative bias", VIDEO_SWIN, ", rel_bias: [T, H, W]", "", without=("rel_bias",)),
    Mutation("scale by the model's width", VIDEO_SWIN, "rel_bias:", "scale: width ** -0.5, rel_bias:"),
    Mutation("post-norm", VIDEO_SWIN, "at: pre", "at: post"),
    Mutation("eps of the merges' norms", VIDEO_SWIN, "norm, {lin", "{norm: {eps: 1e-2}}, {lin"),
    Mutation("the maximum pooled", VIDEO_SWIN, ".mean(dim=1)", ".amax(dim=1)", in_code=True),
]  # fmt: skip
