"""Mistakes in Mistral, Gemma 2, Qwen3, PaLM and T5."""

from __future__ import annotations

from tests.parity.gemma import GEMMA
from tests.parity.mistral import MISTRAL
from tests.parity.mistral import PADDED as MISTRAL_PADDED
from tests.parity.mutation import Mutation
from tests.parity.palm import PALM
from tests.parity.qwen import QWEN
from tests.parity.t5 import T5

LEFT = MISTRAL_PADDED[1]
NORMED = "rotate(self.q_norm(q), rope)"
LATE = "self.q_norm(rotate(q, rope))"
PALM_SUM = "x + (self.attention(h, rope) + self.mlp(h))"
WITHIN = "scale: 1, mask: causal"
ACROSS = "scale: 1, to: memory, mask: key.valid"
NEAR = "scale: 1, mask: key.valid"

MUTATIONS = [
    Mutation("a window one wider", MISTRAL, "within(w)", "within(w + 1)"),
    Mutation("a window one narrower", MISTRAL, "within(w)", "within(w - 1)"),
    Mutation("no window", MISTRAL, " and within(w)", ""),
    Mutation("no mask", MISTRAL, ", mask: causal and within(w)", ""),
    Mutation("a window on both sides", MISTRAL, "causal and within", "within"),
    Mutation("another base", MISTRAL, "rope: 10000", "rope: 500000"),
    Mutation("eps of the blocks", MISTRAL, "eps: 1e-5}\n    bias", "eps: 1e-6}\n    bias", quiet=True),
    Mutation("padding seen", LEFT, " and key.valid", ""),
    Mutation("flags turned", LEFT, "key.valid", "not key.valid"),
    Mutation("no window, padded", LEFT, " and within(w)", ""),
    Mutation("no window", GEMMA, " and within(w)", ""),
    Mutation("a window in every layer", GEMMA, "[local, full]", "local"),
    Mutation("the first layer sees all", GEMMA, "[local, full]", "[full, local]"),
    Mutation("a window one wider", GEMMA, "within(w)", "within(w + 1)"),
    Mutation("no cap of scores", GEMMA, ", softcap: 50", ""),
    Mutation("no cap of logits", GEMMA, ", {softcap: 30}", ""),
    Mutation("scores scaled once more", GEMMA, "softcap: 50", "scale: head_dim ** -1.0, softcap: 50"),
    Mutation("scale by the model's width", GEMMA, "softcap: 50", "scale: d ** -0.5, softcap: 50"),
    Mutation("words not scaled", GEMMA, "    - scale: d ** 0.5\n", ""),
    Mutation("gains without 1, before", GEMMA, "self.norm1 + 1.0", "self.norm1", in_code=True),
    Mutation("gains without 1, behind", GEMMA, "self.norm4 + 1.0", "self.norm4", in_code=True),
    Mutation("gains without 1, at the end", GEMMA, "self.norm + 1.0", "self.norm", in_code=True),
    Mutation("no norm behind", GEMMA, "x = x + F.rms_norm(h", "x = x + h + 0 * F.rms_norm(h", in_code=True),
    Mutation("norms of both ends exchanged", GEMMA, "self.norm1 +", "self.norm2 + 0 * self.norm1 +", in_code=True),
    Mutation("gelu for tanh-gelu", GEMMA, "gelu_tanh", "gelu"),
    Mutation("silu for gelu", GEMMA, "gelu_tanh", "silu"),
    Mutation("gate and up exchanged", GEMMA, "gate, up =", "up, gate =", in_code=True),
    Mutation("queries not normed", QWEN, "self.q_norm(q)", "q + 0 * self.q_norm(q)", in_code=True),
    Mutation("keys not normed", QWEN, "self.k_norm(k)", "k + 0 * self.k_norm(k)", in_code=True),
    Mutation("one gain for both", QWEN, "self.k_norm(k)", "self.q_norm(k) + 0 * self.k_norm(k)", in_code=True),
    Mutation("normed behind the turn", QWEN, NORMED, LATE, in_code=True),
    Mutation("means taken off", QWEN, "nn.RMSNorm(8", "nn.LayerNorm(8, bias=False", in_code=True),
    Mutation("another base", QWEN, "rope: 1000000", "rope: 10000"),
    Mutation("scale by the model's width", QWEN, "qk_norm", "scale: d ** -0.5, qk_norm"),
    Mutation("one after the other", PALM, PALM_SUM, "(y := x + self.attention(h, rope)) + self.mlp(self.norm(y))", in_code=True),
    Mutation("the mlp reads the attention", PALM, PALM_SUM, "x + self.mlp(h + self.attention(h, rope))", in_code=True),
    Mutation("no residual", PALM, PALM_SUM, PALM_SUM.removeprefix("x + "), in_code=True),
    Mutation("not normed", PALM, "h = self.norm(x)", "h = x + 0 * self.norm(x)", in_code=True),
    Mutation("no means taken off", PALM, "at: pre, bias", "kind: rms, at: pre, bias"),
    Mutation("logits not scaled", PALM, "{scale: d ** -0.5}, ", ""),
    Mutation("gelu for silu", PALM, "swiglu", "geglu"),
    Mutation("gate and up exchanged", PALM, "gate, up =", "up, gate =", in_code=True),
    Mutation("pairs of neighbours", PALM, "rope: 10000", "rope: {base: 10000, interleaved: true}"),
    Mutation("no mask", PALM, ", mask: causal", ""),
    Mutation("scale by the model's width", PALM, "mask: causal", "mask: causal, scale: d ** -0.5"),
    Mutation("scores scaled near", T5, NEAR, "mask: key.valid"),
    Mutation("scores scaled within", T5, WITHIN, "mask: causal"),
    Mutation("scores scaled across", T5, ACROSS, "to: memory, mask: key.valid"),
    Mutation("logits not scaled", T5, "{scale: d ** -0.5}, ", ""),
    Mutation("means taken off", T5, "RMSNorm(30", "LayerNorm(30, bias=False", in_code=True),
    Mutation("gelu for relu", T5, "act: relu", "act: gelu"),
    Mutation("eps", T5, "eps: 1e-6", "eps: 1e-3"),
    Mutation("padding seen by sources", T5, NEAR, "scale: 1"),
    Mutation("padding seen by targets", T5, ACROSS, "scale: 1, to: memory"),
    Mutation("no causal mask", T5, "positions <= positions[:, None]", "positions >= 0", in_code=True),
    Mutation("offsets turned", T5, "positions - positions[:, None]", "positions[:, None] - positions", in_code=True),
    Mutation("sides exchanged", T5, "half * (offsets > 0)", "half * (offsets < 0)", in_code=True),
    Mutation("another limit", T5, "8, 6)", "8, 7)", in_code=True),
    Mutation("a bucket fewer", T5, ".clamp(max=half - 1)", ".clamp(max=half - 2)", in_code=True),
    Mutation("the past in the first bucket", T5, "(-offsets).clamp(min=0)", "offsets.clamp(min=0)", in_code=True),
    Mutation("tables exchanged", T5, "self.near(buckets)", "(self.past(buckets) + 0 * self.near(buckets))", in_code=True),
    Mutation("sources unnormed", T5, "x = self.memory_norm(x)", "x = x + 0 * self.memory_norm(x)", in_code=True),
]  # fmt: skip
