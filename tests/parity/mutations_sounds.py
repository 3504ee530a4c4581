"""Mistakes in what reads sounds and pictures, with words and without."""

from __future__ import annotations

from tests.parity.ast import AST
from tests.parity.dinov2 import DINOV2
from tests.parity.flamingo import FLAMINGO
from tests.parity.llava import LLAVA
from tests.parity.mutation import Mutation
from tests.parity.palm_e import PALM_E
from tests.parity.timesformer import TIMESFORMER
from tests.parity.whisper import WHISPER

FIRST = "conv: {size: {F: k}, pad: {F: k // 2}, width: d}\n    - gelu"
MUTATIONS = [
    Mutation("no gelu between convolutions", WHISPER, FIRST, FIRST.removesuffix("\n    - gelu")),
    Mutation("tanh-gelu behind a convolution", WHISPER, FIRST, f"{FIRST}_tanh"),
    Mutation("the stride first", WHISPER, "pad: {F: k // 2}, width: d}\n    - gelu\n    - conv: {size: {F: k}, pad: {F: k // 2}, stride: {F: 2}", "pad: {F: k // 2}, stride: {F: 2}, width: d}\n    - gelu\n    - conv: {size: {F: k}, pad: {F: k // 2}"),
    Mutation("padded at one end", WHISPER, "x = F.gelu(self.audio_conv1(mel)", "x = F.gelu(self.audio_conv1(mel.roll(1, 2))", in_code=True),
    Mutation("kernels turned", WHISPER, "self.audio_conv1(mel)", "self.audio_conv1(mel.flip(2)).flip(2)", in_code=True),
    Mutation("waves that end beyond 10000", WHISPER, ", base: 10000 ** (d / (d - 2))", ""),
    Mutation("sines and cosines in turn", WHISPER, ", layout: halves", ""),
    Mutation("no positions of sounds", WHISPER, "    - pos: {sinusoidal: F, base: 10000 ** (d / (d - 2)), layout: halves} # the slowest wave: 1 / 10000\n", ""),
    Mutation("no mask", WHISPER, ", mask: causal", ""),
    Mutation("k has no bias, and v neither", WHISPER, "bias: [q, v, out]", "bias: [q, out]", without=("v.bias",)),
    Mutation("post-norm", WHISPER, "at: pre", "at: post"),
    Mutation("kernels on their side", AST, "self.conv(spectrogram[:, None])", "self.conv(spectrogram.mT[:, None]).mT", in_code=True),
    Mutation("columns first", AST, ".flatten(2).tr", ".mT.flatten(2).tr", in_code=True),
    Mutation("the class token alone", AST, "{take: [cls, dist]}, {pool: mean}", "{take: cls}"),
    Mutation("all tokens pooled", AST, "{take: [cls, dist]}, ", ""),
    Mutation("positions behind", AST, "    - prepend: [cls, dist]\n    - pos: learned\n", "    - pos: {learned: T*F, rows: 2 + 18, offset: 2}\n    - prepend: [cls, dist]\n"),
    Mutation("eps of the blocks", AST, "pre, eps: 1e-12", "pre", quiet=True),
    Mutation("eps of the last norm", AST, "- norm: {eps: 1e-12}", "- norm: {eps: 1e-3}", quiet=True),
    Mutation("no patch masked", DINOV2, "x = spliced(x, masked, self.mask)", "x = x + 0 * self.mask", in_code=True),
    Mutation("the others masked", DINOV2, "(x, masked,", "(x, ~masked,", in_code=True),
    Mutation("columns masked for rows", DINOV2, "(x, masked,", "(x, masked.mT,", in_code=True),
    Mutation("masked behind positions", DINOV2, "    - splice: {at: masked, from: {learn: {width: d, share: mask}}}\n    - prepend: cls\n    - pos: learned\n", "    - pos: {learned: H*W, rows: 50, offset: 1}\n    - splice: {at: masked, from: {learn: {width: d, share: mask}}}\n    - prepend: cls\n"),
    Mutation("no layerscale", DINOV2, "    residual: {layerscale: 1.0}\n", "", without=("layerscale1", "layerscale2")),
    Mutation("eps of the blocks", DINOV2, "pre, eps: 1e-6", "pre", quiet=True),
    Mutation("all tokens as patches", DINOV2, "{drop: cls}", "{scale: 1.01}, {drop: cls}"),
    Mutation("patches in another order", LLAVA, "x.flatten(1, 2))", "x.flip(2).flatten(1, 2))", in_code=True),
    Mutation("pictures in another order", LLAVA, "x.flatten(1, 2))", "x.flip(1).flatten(1, 2))", in_code=True),
    Mutation("another slot", LLAVA, "tokens == slot", "tokens == slot - 1"),
    Mutation("one token for all slots", LLAVA, "cumsum(1) - 1", "cumsum(1) * 0", in_code=True),
    Mutation("slots counted from 1", LLAVA, "cumsum(1) - 1", "cumsum(1)", in_code=True),
    Mutation("the last layer's features", LLAVA, "      - mark: features\n      - see\n", "      - see\n      - mark: features\n"),
    Mutation("no gelu between", LLAVA, "{linear: d}, gelu,", "{linear: d},"),
    Mutation("gelu for quick-gelu", LLAVA, "quick_gelu", "gelu"),
    Mutation("another base", LLAVA, "rope: 10000", "rope: 500000"),
    Mutation("no gates", FLAMINGO, "residual: {gate: tanh}, ", "", without=("gate1", "gate2")),
    Mutation("every word sees all pictures", FLAMINGO, "mask: seen}", "mask: none}"),
    Mutation("pictures behind the layer", FLAMINGO, "[[look, read]]", "[[read, look]]"),
    Mutation("no scale of what is seen", FLAMINGO, "{to: image, rope: none, mask: seen}", "{to: image, rope: none, mask: seen, scale: 1}"),
    Mutation("the patches alone are seen", FLAMINGO, "(x[:, :, 0], x[:, :, 1:].flatten(1, 2))", "(0 * x[:, :, 0], x[:, :, 1:].flatten(1, 2))", in_code=True),
    Mutation("padding seen", FLAMINGO, "causal and key.valid", "causal"),
    Mutation("gates without a tanh", FLAMINGO, "self.gate1.tanh()", "self.gate1", in_code=True),
    Mutation("silu for gelu", PALM_E, "F.gelu(", "F.silu(", in_code=True),
    Mutation("queries not normed", PALM_E, "self.q_norm(q)", "(q + 0 * self.q_norm(q))", in_code=True),
    Mutation("patches in another order", PALM_E, "self.image_norm(x).flat", "self.image_norm(x).flip(2).flat", in_code=True),
    Mutation("no gain of the pictures", PALM_E, "self.image_norm(x)", "(F.rms_norm(x, x.shape[-1:], eps=1e-6) + 0 * self.image_norm(x))", in_code=True),
    Mutation("space before time", TIMESFORMER, "over: [T]", "over: [H, W]"),
    Mutation("time and space at once", TIMESFORMER, "over: [H, W], heads", "heads"),
    Mutation("cls of the first frame", TIMESFORMER, ".mean(dim=1)", "[:, 0]", in_code=True),
    Mutation("cls of all frames added", TIMESFORMER, ".mean(dim=1)", ".sum(dim=1)", in_code=True),
    Mutation("no places in time", TIMESFORMER, "+ y ", "+ 0 * y ", in_code=True),
    Mutation("time by patches", TIMESFORMER, "positions // 9]", "positions % 4]", in_code=True),
    Mutation("no map behind time", TIMESFORMER, "heads: h}}, {linear: width}]", "heads: h}}, {scale: 1}]", without=("linear.weight", "linear.bias")),
    Mutation("post-norm", TIMESFORMER, "at: pre", "at: post"),
]  # fmt: skip
