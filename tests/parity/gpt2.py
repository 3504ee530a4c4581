"""GPT2LMHeadModel, reduced, at several shapes."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from tests.parity.reference import PAD, SIZES, Reference, Tensors, renamed, tokens


def make_gpt2(d: int, h: int, f: int, T: int) -> nn.Module:
    return GPT2LMHeadModel(
        GPT2Config(
            n_embd=d, n_head=h, n_layer=3, n_inner=f, vocab_size=101, n_positions=T,
            resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, bos_token_id=PAD, eos_token_id=PAD,
            attn_implementation="eager",
        )
    )  # fmt: skip


def layer_names(theirs: Tensors, layers: str) -> dict[str, Tensor]:
    """The three layers of a GPT-2 by our names."""
    found: dict[str, Tensor] = {}
    for i in range(3):
        layer, block = f"{layers}.{i}", f"blocks.{i}"
        norms = {f"{layer}.ln_1": f"{block}.norm1", f"{layer}.ln_2": f"{block}.norm2"}
        maps = {
            f"{layer}.attn.c_proj": f"{block}.attention.out",
            f"{layer}.mlp.c_fc": f"{block}.mlp.up",
            f"{layer}.mlp.c_proj": f"{block}.mlp.down",
        }
        found |= renamed(theirs, norms)
        # its Conv1D holds [in, out]
        found |= {name: t.T if t.dim() == 2 else t for name, t in renamed(theirs, maps).items()}
        for attribute in ("weight", "bias"):
            joint = theirs[f"{layer}.attn.c_attn.{attribute}"]
            for role, part in zip("qkv", joint.chunk(3, dim=-1), strict=True):
                found[f"{block}.attention.{role}.{attribute}"] = part.T if part.dim() > 1 else part
    return found


def gpt2_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {
        "words.weight": theirs["transformer.wte.weight"],
        "pos": theirs["transformer.wpe.weight"],
    }
    found |= renamed(theirs, {"transformer.ln_f": "norm"})
    return found | layer_names(theirs, "transformer.h")


def gpt2(shape: tuple[int, int], *, d: int, h: int, f: int, T: int, label: str = "") -> Reference:
    """GPT-2 of these sizes on a batch of this shape."""
    return Reference(
        "gpt2",
        {**SIZES, "d": d, "h": h, "f": f, "V": 101, "T": f"1..{T}"},
        lambda: make_gpt2(d, h, f, T),
        gpt2_names,
        lambda: {"tokens": tokens(1, *shape)},
        lambda ours: {"input_ids": ours["tokens"]},
        lambda output: list(output.attentions),
        ("transformer.wte.weight", "transformer.wpe.weight"),
        label=label,
    )


GPT2 = gpt2((3, 17), d=30, h=5, f=77, T=23)
SHAPES = (
    gpt2((2, 19), d=21, h=3, f=50, T=19, label="of odd widths"),
    gpt2((1, 11), d=13, h=1, f=13, T=40, label="of one head"),
    gpt2((5, 2), d=24, h=12, f=96, T=2, label="of many heads"),
)
