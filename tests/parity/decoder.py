"""A decoder of transformers on texts that are padded on either side."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from tests.parity.reference import PAD, Reference, Tensors, tokens

ATTENTION = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "out": "o_proj"}
# our decoders need no flags: what stands behind a text is not seen from it; what stands before is
FLAGS = (("ids(V) B T}", "ids(V) B T, valid: bool B T}"), ("mask: causal", "mask: causal and key.valid"))  # fmt: skip

Row = tuple[int, int]


def decoder(
    spec: str,
    sets: dict[str, int | str],
    make: Callable[[], nn.Module],
    names: Callable[[Tensors], dict[str, Tensor]],
    rows: Iterable[Row],
    label: str = "",
) -> Reference:
    """Texts from a first place to before a last. One that starts later needs flags."""
    first, last = torch.tensor(list(rows)).T[:, :, None]
    places = torch.arange(int(last.max()))
    valid = (places >= first) & (places < last)
    flags = bool(first.any())

    def ours() -> dict[str, Tensor]:
        text = tokens(9, *valid.shape).where(valid, PAD)
        return {"tokens": text, "valid": valid} if flags else {"tokens": text}

    return Reference(
        spec,
        {**sets, "V": 101},
        make,
        names,
        ours,
        lambda ours: {"input_ids": ours["tokens"], "attention_mask": valid.long()},
        lambda output: list(output.attentions),
        ("model.embed_tokens.weight",),
        seen=lambda ours, n: valid,
        changes=FLAGS if flags else (),
        label=label,
    )


def block_table(norms: Iterable[str], extra: Iterable[str] = (), layers: int = 3) -> dict[str, str]:
    """Their names of a decoder's layers by ours; its norms in our order."""
    table: dict[str, str] = {}
    maps = {**ATTENTION, **{name: name for name in extra}}
    for i in range(layers):
        layer, block = f"model.layers.{i}", f"blocks.{i}"
        table |= {f"{block}.norm{n}": f"{layer}.{name}" for n, name in enumerate(norms, start=1)}
        table |= {f"{block}.attention.{o}": f"{layer}.self_attn.{t}" for o, t in maps.items()}
        table |= {f"{block}.mlp.{m}": f"{layer}.mlp.{m}_proj" for m in ("gate", "up", "down")}
    return table


def weights(theirs: Tensors, table: dict[str, str]) -> dict[str, Tensor]:
    return {f"{ours}.weight": theirs[f"{name}.weight"] for ours, name in table.items()}


USUAL = ("input_layernorm", "post_attention_layernorm")
WORDS = {"embed": "model.embed_tokens", "norm": "model.norm", "logits": "lm_head"}
