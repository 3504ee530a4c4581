"""Mistakes where few learned tokens attend to many."""

from __future__ import annotations

from tests.parity.mutation import Mutation
from tests.parity.perceiver import PERCEIVER, PERCEIVER_IO
from tests.parity.siglip import SIGLIP

LOOK = "attend: {to: [text, norm], mask: key.valid}"
PROBE = "attend: {to: image, norm: none, residual: none}"
MUTATIONS = [
    Mutation("a probe that is normed", SIGLIP, ", norm: none,", ", norm: {affine: false},"),
    Mutation("a probe that is kept", SIGLIP, PROBE, "attend: {to: image, norm: none}"),
    Mutation("post-norm behind the probe", SIGLIP, PROBE, f"norm: {{at: post, eps: 1e-6}}, {PROBE}"),
    Mutation("one batch for all", SIGLIP, "self.kv(image)", "self.kv(image[:1].expand_as(image))", in_code=True),
    Mutation("scale by the model's width", SIGLIP, PROBE, f"{PROBE[:-1]}, scale: d ** -0.5}}"),
    Mutation("heads exchanged", SIGLIP, ").flatten(1))", ").flip(1).flatten(1))", in_code=True),
    Mutation("the first token", SIGLIP, "{T: -1}", "{T: 0}"),
    Mutation("no bias of similarities", SIGLIP, ", bias: -10", "", without=("logits_bias",)),
    Mutation("a bias that is scaled", SIGLIP, "self.logits_scale.exp() * x + self.logits_bias", "self.logits_scale.exp() * (x + self.logits_bias)", in_code=True),
    Mutation("no norm of the patches", SIGLIP, "    - norm: {eps: 1e-6}\n  image_vector", "  image_vector", without=("image_norm.weight", "image_norm.bias")),
    Mutation("gelu for tanh-gelu", SIGLIP, "gelu_tanh", "gelu"),
    Mutation("the look is not added", PERCEIVER_IO, LOOK, f"{LOOK[:-1]}, residual: none}}"),
    Mutation("queries are added", PERCEIVER_IO, ", residual: none}", "}"),
    Mutation("padding seen", PERCEIVER_IO, ", mask: key.valid", ""),
    Mutation("flags turned", PERCEIVER_IO, "mask: key.valid", "mask: not key.valid"),
    Mutation("another text's padding", PERCEIVER_IO, "valid[:, None", "valid.flip(0)[:, None", in_code=True),
    Mutation("one batch for all", PERCEIVER_IO, "q.expand(source.shape[0]", "q[:1].expand(source.shape[0]", in_code=True),
    Mutation("keys that are not normed", PERCEIVER_IO, "norm2(text)", "norm2.weight * text + self.norm2.bias", in_code=True),
    Mutation("answers from latents that are not normed", PERCEIVER_IO, "norm2(latents)", "norm2.weight * latents + self.norm2.bias", in_code=True),
    Mutation("scale by the values' size", PERCEIVER_IO, "head_dim: k,", "head_dim: k, scale: (width / h) ** -0.5,"),
    Mutation("tanh-gelu for gelu", PERCEIVER_IO, "act: gelu", "act: gelu_tanh"),
    Mutation("eps", PERCEIVER_IO, "{at: pre}", "{at: pre, eps: 1e-12}", quiet=True),
    Mutation("no positions", PERCEIVER_IO, ", {pos: learned}", "", without=("text_pos",)),
    Mutation("no bias of letters", PERCEIVER_IO, "{width: V, share: words}", "{width: V, share: words, bias: false}", without=("logits_bias",)),
    Mutation("one round fewer", PERCEIVER, "depth: r * L", "depth: (r - 1) * L"),
    Mutation("each layer twice in place of two rounds", PERCEIVER, "for block in self.latents_blocks:\n                x = block(x)", "for block in self.latents_blocks:\n                x = block(x) if _ else block(block(x))\n            if not _:\n                break", in_code=True),
    Mutation("rounds in the other order", PERCEIVER, "for block in self.latents_blocks", "for block in reversed(self.latents_blocks)", in_code=True),
    Mutation("another number of heads", PERCEIVER, "heads: h", "heads: 2 * h"),
    Mutation("scale by the latents' size", PERCEIVER, "head_dim: 2 * e, ", "head_dim: 2 * e, scale: d ** -0.5, "),
    Mutation("the answer is not added", PERCEIVER, "to: [latents, norm]", "residual: none, to: [latents, norm]"),
    Mutation("pixels that are not normed", PERCEIVER, "norm2(image)", "norm2.weight * image + self.norm2.bias", in_code=True),
    Mutation("places before pixels", PERCEIVER, "torch.cat((x, h), dim=-1)", "torch.cat((h, x), dim=-1)", in_code=True),
    Mutation("columns for rows", PERCEIVER, "permute(0, 2, 3, 1)", "permute(0, 3, 2, 1)", in_code=True),
    Mutation("tanh-gelu for gelu", PERCEIVER, "act: gelu", "act: gelu_tanh"),
    Mutation("eps", PERCEIVER, "{at: pre}", "{at: pre, eps: 1e-12}", quiet=True),
]  # fmt: skip
