"""Mistakes in latent attention and the layers of DeepSeek-V3."""

from __future__ import annotations

from tests.parity.deepseek import DEEPSEEK, PADDED
from tests.parity.mutation import Mutation

RIGHT, LEFT = PADDED[:2]
ROPE = "{base: 10000, interleaved: true}"

MUTATIONS = [
    Mutation("pairs of halves", DEEPSEEK, ROPE, "10000"),
    Mutation("another base", DEEPSEEK, "base: 10000", "base: 500000"),
    Mutation("scale without the turned features", DEEPSEEK, "mask:", "scale: k ** -0.5\n          mask:"),
    Mutation("no mask", DEEPSEEK, "          mask: causal\n", ""),
    Mutation("queries' latent not normed", DEEPSEEK, "self.q_norm(q_down)", "q_down + 0 * self.q_norm(q_down)", in_code=True),
    Mutation("the latent not normed", DEEPSEEK, "self.kv_norm(kv_down)", "kv_down + 0 * self.kv_norm(kv_down)", in_code=True),
    Mutation("eps of the latents", DEEPSEEK, "nn.RMSNorm(16, eps=1e-06)", "nn.RMSNorm(16, eps=1e-2)", in_code=True, quiet=True),
    Mutation("the rotary key stands still", DEEPSEEK, "rotate(k_rope, rope)", "1 * k_rope", in_code=True),
    Mutation("the rotary key one off", DEEPSEEK, "rotate(k_rope, rope)", "rotate(k_rope, rope.roll(1, 1))", in_code=True),
    Mutation("queries stand still", DEEPSEEK, "rotate_last(q, rope)", "1 * q", in_code=True),
    Mutation("the first features turn", DEEPSEEK, "torch.cat((rest, x), dim=-1)", "torch.cat((x, rest), dim=-1)", in_code=True),
    Mutation("the rotary key in front", DEEPSEEK, "torch.cat((k, k_rope), dim=-1)", "torch.cat((k_rope, k), dim=-1)", in_code=True),
    Mutation("values of the latent unnormed", DEEPSEEK, "self.v(latent)", "self.v(kv_down)", in_code=True),
    Mutation("softmax for sigmoid", DEEPSEEK, "score: sigmoid", "score: softmax"),
    Mutation("weights not scaled", DEEPSEEK, ", scale: 2.5", ""),
    Mutation("nothing shared", DEEPSEEK, "+ self.shared(x)", "+ 0 * self.shared(x)", in_code=True),
    Mutation("padding seen", LEFT, " and key.valid", ""),
    Mutation("flags turned", LEFT, "key.valid", "not key.valid"),
    Mutation("no mask, padded right", RIGHT, "          mask: causal\n", ""),
]  # fmt: skip
