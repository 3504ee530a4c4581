"""The parity tests can see: each classic mistake in our model makes the comparison fail."""

from __future__ import annotations

import pytest

from tests.parity.bert import BERT
from tests.parity.compare import answer, disagreements
from tests.parity.gpt2 import GPT2
from tests.parity.llama import LLAMA, LLAMA31
from tests.parity.marian import MARIAN
from tests.parity.mixtral import MIXTRAL
from tests.parity.mutation import Mutation, mutated
from tests.parity.mutations_drawn import MUTATIONS as OF_DRAWN
from tests.parity.mutations_grids import MUTATIONS as OF_GRIDS
from tests.parity.mutations_images import MUTATIONS as OF_IMAGES
from tests.parity.mutations_latents import MUTATIONS as OF_LATENTS
from tests.parity.mutations_modulation import MUTATIONS as OF_MODULATION
from tests.parity.mutations_pooling import MUTATIONS as OF_POOLING
from tests.parity.mutations_probes import MUTATIONS as OF_PROBES
from tests.parity.mutations_sounds import MUTATIONS as OF_SOUNDS
from tests.parity.mutations_streams import MUTATIONS as OF_STREAMS
from tests.parity.mutations_texts import MUTATIONS as OF_TEXTS
from tests.parity.mutations_towers import MUTATIONS as OF_TOWERS
from tests.parity.reference import Reference
from tests.parity.references import REFERENCES
from tests.parity.running import model_of
from tests.parity.swin import SWIN
from tests.parity.vit import VIT

CROSS = "attend: {heads: h, to: memory, mask: key.valid}"
ENCODE = "attend: {heads: h, mask: key.valid}"
TWO_NORMS = ("norm1.bias", "norm2.bias")
POSITIONS = "    - pos: learned\n    - norm: {eps: 1e-12}\n"
POSITIONS_LAST = "    - norm: {eps: 1e-12}\n    - pos: learned\n"

NEIGHBOURS = "rope: {base: 500000, interleaved: true}"
BLOCK_NORM = "norm: {kind: rms, eps: 1e-5}\n    bias"
GROUPED = "q, k, v, is_causal=True, enable_gqa=True"
IN_TURN = "q, k.repeat(1, 2, 1, 1), v.repeat(1, 2, 1, 1), is_causal=True"
ROUTED = "router: softmax"
MUTATIONS = [
    Mutation("scale by the model's width", GPT2, "mask: causal", "mask: causal, scale: d ** -0.5"),
    Mutation("no scale", GPT2, "mask: causal", "mask: causal, scale: 1"),
    Mutation("gelu for tanh-gelu", GPT2, "gelu_tanh", "gelu"),
    Mutation("eps of the blocks", GPT2, "{at: pre}", "{at: pre, eps: 1e-6}", quiet=True),
    Mutation("eps of the last norm", GPT2, "- norm\n", "- norm: {eps: 1e-3}\n", quiet=True),
    Mutation("no mask", GPT2, ", mask: causal", ""),
    Mutation("a window", GPT2, "mask: causal", "mask: causal and within(16)"),
    Mutation("positions from 1", GPT2, "self.pos[:T]", "self.pos[1 : T + 1]", in_code=True),
    Mutation("post-norm", GPT2, "at: pre", "at: post"),
    Mutation("norm behind the branch", GPT2, "at: pre", "at: out"),
    Mutation("no last norm", GPT2, "    - norm\n", "", without=("norm.weight", "norm.bias")),
    Mutation("no bias of out", GPT2, "causal", "causal, bias: [q, k, v]", without=("out.bias",)),
    Mutation("no bias of q", GPT2, "causal", "causal, bias: [k, v, out]", without=("q.bias",)),
    Mutation("no biases of norms", GPT2, "at: pre", "at: pre, bias: false", without=TWO_NORMS),
    Mutation("scale by the model's width", VIT, "{heads: h}", "{heads: h, scale: d ** -0.5}"),
    Mutation("tanh-gelu for gelu", VIT, "act: gelu", "act: gelu_tanh"),
    Mutation("eps of the blocks", VIT, "at: pre, eps: 1e-6", "at: pre", quiet=True),
    Mutation("eps of the last norm", VIT, "norm: {eps: 1e-6}", "norm: {eps: 1e-3}"),
    Mutation("a mask", VIT, "{heads: h}", "{heads: h, mask: within(28)}"),
    Mutation("positions off by one", VIT, "+ self.pos", "+ self.pos.roll(1, 0)", in_code=True),
    Mutation("columns first", VIT, ".flatten(2).", ".mT.flatten(2).", in_code=True),
    Mutation("post-norm", VIT, "at: pre", "at: post"),
    Mutation("no bias of patches", VIT, "th: d}", "th: d, bias: false}", without=("patch.bias",)),
    Mutation("no bias of v", VIT, "heads: h", "heads: h, bias: [q, k, out]", without=("v.bias",)),
    Mutation("scale by the model's width", BERT, "mask:", "scale: d ** -0.5, mask:"),
    Mutation("tanh-gelu for gelu", BERT, "act: gelu", "act: gelu_tanh"),
    Mutation("eps of the blocks", BERT, "at: post, eps: 1e-12", "at: post, eps: 1e-3"),
    Mutation("eps of the first norm", BERT, "- norm: {eps: 1e-12}", "- norm", quiet=True),
    Mutation("pre-norm", BERT, "at: post", "at: pre"),
    Mutation("norm behind the branch", BERT, "at: post", "at: out"),
    Mutation("no first norm", BERT, "    - norm: {eps: 1e-12}\n", "", without=("norm.weight", "norm.bias")),
    Mutation("norm before positions", BERT, POSITIONS, POSITIONS_LAST),
    Mutation("no segments", BERT, "self.embed2(seg", "0 * self.embed2(seg", in_code=True),
    Mutation("segments turned", BERT, "embed2(segments)", "embed2(1 - segments)", in_code=True),
    Mutation("positions from 1", BERT, "self.pos[:T]", "self.pos[1 : T + 1]", in_code=True),
    Mutation("padding seen", BERT, ", mask: key.valid", ""),
    Mutation("flags turned", BERT, "mask: key.valid", "mask: not key.valid"),
    Mutation("causal", BERT, "mask: key.valid", "mask: key.valid and causal"),
    Mutation("no tanh of the pooler", BERT, ", tanh]", "]"),
    Mutation("the last token pooled", BERT, "{T: 0}", "{T: -1}"),
    Mutation("the mean pooled", BERT, "take: {T: 0}", "pool: mean"),
    Mutation("no bias of out", BERT, "mask:", "bias: [q, k, v], mask:", without=("out.bias",)),
    Mutation("no bias of v", BERT, "mask:", "bias: [q, k, out], mask:", without=("v.bias",)),
    Mutation("no biases of norms", BERT, "at: post", "at: post, bias: false", without=TWO_NORMS),
    Mutation("no shift", SWIN, "{H: win // 2, W: win // 2}", "{H: 0, W: 0}"),
    Mutation("shift along one axis", SWIN, "W: win // 2}", "W: 0}"),
    Mutation("shift the other way", SWIN, "[-step for", "[step for", in_code=True),
    Mutation("not rolled back", SWIN, ".roll(shift, (1, 2))", "", in_code=True),
    Mutation("no mask at the seam", SWIN, "masked_fill(~mask,", "masked_fill(mask & ~mask,", in_code=True),
    Mutation("columns of the table first", SWIN, "(self.rel_bias, ", "(self.rel_bias.mT, ", in_code=True),
    Mutation("offsets turned", SWIN, "(self.rel_bias, ", "(self.rel_bias.flip(1, 2), ", in_code=True),
    Mutation("rows first in merge", SWIN, "{W: 2, H: 2}", "{H: 2, W: 2}"),
    Mutation("eps of the merges' norms", SWIN, "norm, {lin", "{norm: {eps: 1e-2}}, {lin"),
    Mutation("scale by the model's width", SWIN, "rel_bias: [H, W]", "rel_bias: [H, W], scale: width ** -0.5"),
    Mutation("no scale", SWIN, "rel_bias: [H, W]", "rel_bias: [H, W], scale: 1"),
    Mutation("tanh-gelu for gelu", SWIN, "act: gelu", "act: gelu_tanh"),
    Mutation("post-norm", SWIN, "at: pre", "at: post"),
    Mutation("eps of the blocks", SWIN, "at: pre", "at: pre, eps: 1e-3"),
    Mutation("eps of the first norm", SWIN, "width: d}}, norm]", "width: d}}, norm: {eps: 1e-3}]"),
    Mutation("no bias of v", SWIN, "rel_bias:", "bias: [q, k, out], rel_bias:", without=("v.bias",)),
    Mutation("no relative bias", SWIN, ", rel_bias: [H, W]", "", without=("rel_bias",)),
    Mutation("pairs of neighbours", LLAMA, "rope: 500000", NEIGHBOURS),
    Mutation("another base", LLAMA, "rope: 500000", "rope: 10000"),
    Mutation("half of the features", LLAMA, "rope: 500000", "rope: {base: 500000, partial: 2 / 3}"),
    Mutation("no rope", LLAMA, "rope: 500000, ", ""),
    Mutation("keys one off", LLAMA, "rotate(k, rope)", "rotate(k, rope.roll(1, 1))", in_code=True),
    Mutation("keys stand still", LLAMA, "rotate(k, rope)", "1 * k", in_code=True),
    Mutation("turned the other way", LLAMA, "angles.sin()", "-angles.sin()", in_code=True),
    Mutation("key heads in turn", LLAMA, GROUPED, IN_TURN, in_code=True),
    Mutation("eps of the blocks", LLAMA, BLOCK_NORM, BLOCK_NORM.replace("1e-5", "1e-6"), quiet=True),
    Mutation("eps of the last norm", LLAMA, "- norm: {kind: rms, eps: 1e-5}", "- norm: {kind: rms, eps: 1e-3}"),
    Mutation("means taken off", LLAMA, "kind: rms", "kind: layer, bias: false"),
    Mutation("post-norm", LLAMA, BLOCK_NORM, BLOCK_NORM.replace("rms", "rms, at: post")),
    Mutation("norm behind the branch", LLAMA, BLOCK_NORM, BLOCK_NORM.replace("rms", "rms, at: out")),
    Mutation("scale by the model's width", LLAMA, "mask: causal", "mask: causal, scale: d ** -0.5"),
    Mutation("no mask", LLAMA, ", mask: causal", ""),
    Mutation("a window", LLAMA, "mask: causal", "mask: causal and within(16)"),
    Mutation("gelu for silu", LLAMA, "swiglu", "geglu"),
    Mutation("gate and up exchanged", LLAMA, "gate, up =", "up, gate =", in_code=True),
    Mutation("no scaling", LLAMA31, "rates = (1 - kept) * rates / factor + kept * rates", "pass", in_code=True),
    Mutation("all pairs slowed", LLAMA31, "kept = kept.clamp(0, 1)", "kept = 0", in_code=True),
    Mutation("nothing in between", LLAMA31, "kept.clamp(0, 1)", "(kept > 0).float()", in_code=True),
    Mutation("slow pairs quickened", LLAMA31, "rates / factor", "rates * factor", in_code=True),
    Mutation("another length", LLAMA31, "original_length=200", "original_length=100", in_code=True),
    Mutation("sigmoid for softmax", MIXTRAL, ROUTED, "router: sigmoid"),
    Mutation("weights that do not sum to 1", MIXTRAL, ROUTED, "router: {renorm: false}"),
    Mutation("weights scaled", MIXTRAL, ROUTED, "router: {scale: 1.01}"),
    Mutation("three experts", MIXTRAL, "top_k: K", "top_k: K + 1"),
    Mutation("gelu for silu", MIXTRAL, "swiglu", "geglu"),
    Mutation("the worst experts", MIXTRAL, "scores.topk", "(-scores).topk", in_code=True),
    Mutation("weights exchanged", MIXTRAL, "weights[..., None]", "weights.flip(-1)[..., None]", in_code=True),
    Mutation("rows not put back", MIXTRAL, "rows[order.argsort()]", "rows", in_code=True),
    Mutation("rows put back by their order", MIXTRAL, "order.argsort()", "order", in_code=True),
    Mutation("another token's rows", MIXTRAL, "order // 2", "order % 51", in_code=True),
    Mutation("another expert's rows", MIXTRAL, ".sum(0).tolist()", ".sum(0).flip(0).tolist()", in_code=True),
    Mutation("gate and up exchanged", MIXTRAL, "gate, up =", "up, gate =", in_code=True),
    Mutation("scale across", MARIAN, CROSS, CROSS.replace("}", ", scale: d ** -0.5}")),
    Mutation("scale within", MARIAN, "mask: causal", "mask: causal, scale: d ** -0.5"),
    Mutation("scale of words", MARIAN, "scale: d ** 0.5", "scale: f ** 0.5"),
    Mutation("gelu for relu", MARIAN, "act: relu", "act: gelu"),
    Mutation("eps", MARIAN, "at: post", "at: post, eps: 1e-6", quiet=True),
    Mutation("no causal mask", MARIAN, ", mask: causal", ""),
    Mutation("padding seen by sources", MARIAN, ENCODE, "attend: {heads: h}"),
    Mutation("padding seen by targets", MARIAN, CROSS, "attend: {heads: h, to: memory}"),
    Mutation("flags turned", MARIAN, "mask: key.valid", "mask: not key.valid"),
    Mutation("sources from 1", MARIAN, "soids[:S]", "soids[1 : S + 1]", in_code=True),
    Mutation("targets from 1", MARIAN, "soids[:T]", "soids[1 : T + 1]", in_code=True),
    Mutation("sines first", MARIAN, "dim=-1).flatten(-2)", "dim=1).flatten(1)", in_code=True),
    Mutation("pre-norm", MARIAN, "at: post", "at: pre"),
    Mutation(
        "no bias across", MARIAN, CROSS, CROSS.replace("}", ", bias: [q, k, v]}"),
        without=("cross.out.bias",),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    "mutation",
    [
        *MUTATIONS,
        *OF_TEXTS,
        *OF_DRAWN,
        *OF_GRIDS,
        *OF_IMAGES,
        *OF_LATENTS,
        *OF_MODULATION,
        *OF_POOLING,
        *OF_PROBES,
        *OF_SOUNDS,
        *OF_STREAMS,
        *OF_TOWERS,
    ],
    ids=str,
)
def test_a_mistake_is_seen(mutation: Mutation) -> None:
    weights = answer(mutation.reference).weights
    without = tuple(name for name in weights if name.endswith(mutation.without or ("?",)))
    model = model_of(mutated(mutation))
    found = disagreements(mutation.reference, model, quiet=mutation.quiet, without=without)
    assert [text for text in found if text.startswith("an output")], "nothing was seen"


def biases(reference: Reference) -> list[str]:
    return [name for name in answer(reference).weights if name.endswith(".bias")]


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_every_single_bias_is_seen(reference: Reference) -> None:
    """Each bias set to 0 alone. A key's bias moves all scores of a query alike: it does nothing."""
    model = model_of(reference.architecture.emit())
    unseen = [n for n in biases(reference) if not disagreements(reference, model, zeroed=(n,))]
    assert unseen == [name for name in biases(reference) if name.endswith(".k.bias")]
