"""ViTMAEForPreTraining, reduced, beside examples/mae.yaml: which patches are kept is drawn by noise.

Its tables of positions are parameters without gradients, and none of ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import ViTMAEConfig, ViTMAEForPreTraining

from tests.parity.reference import Reference, Tensors, renamed
from tests.parity.vit import layer_table

EXAMPLE = Path(__file__).parents[2] / "examples" / "mae.yaml"
LAYERS = 3
BLOCKS = {"vit.layers": "image_", "decoder.decoder_layers": "told_"}


class Watched(ViTMAEForPreTraining):
    """The model, which also gives the maps of its decoder."""

    def __init__(self, config: ViTMAEConfig) -> None:
        super().__init__(config)
        self.maps: list[Tensor] = []
        for layer in (*self.vit.layers, *self.decoder.decoder_layers):
            layer.attention.register_forward_hook(self._sees)

    def _sees(self, _: nn.Module, args: Any, output: Any) -> None:
        self.maps.append(output[1])

    def forward(self, **given: Any) -> Any:
        self.maps = []
        output = super().forward(**given)
        output.maps = self.maps
        return output


def make_mae(
    size: int, p: int, C: int, d: int, h: int, f: int, e: int, g: int, s: int
) -> nn.Module:
    model = Watched(
        ViTMAEConfig(
            image_size=size, patch_size=p, num_channels=C, hidden_size=d, num_attention_heads=h,
            num_hidden_layers=LAYERS, intermediate_size=f, decoder_hidden_size=e,
            decoder_num_attention_heads=g, decoder_num_hidden_layers=LAYERS,
            decoder_intermediate_size=s, layer_norm_eps=1e-6, attn_implementation="eager",
        )
    )  # fmt: skip
    # made without a checkpoint, it leaves its tables of positions at 0: they are its own functions'
    patches = model.vit.embeddings.patch_embeddings
    patches.projection._is_hf_initialized = False
    model.vit.embeddings.initialize_weights()
    model.decoder.initialize_weights(patches.num_patches)
    return model


def mae_names(theirs: Tensors) -> dict[str, Tensor]:
    found = {
        "image_cls": theirs["vit.embeddings.cls_token"][0, 0],
        "hidden_learn": theirs["decoder.mask_token"][0, 0],
    }
    table = {
        "vit.embeddings.patch_embeddings.projection": "image_patch",
        "vit.layernorm": "image_norm",
        "decoder.decoder_embed": "image_linear",
        "decoder.decoder_norm": "told_norm",
        "decoder.decoder_pred": "reconstruction",
    }
    for layers, stream in BLOCKS.items():
        table |= {old: f"{stream}{new}" for old, new in layer_table(layers).items()}
    return found | renamed(theirs, table)


def mae(batch: int, size: int, p: int, label: str = "", **sizes: int) -> Reference:
    """MAE on square pictures, as transformers' tables of positions have them."""
    side, rng = size // p, torch.Generator().manual_seed(4)
    pixels = torch.randn(batch, sizes["C"], size, size, generator=rng)
    shuffle = torch.rand(batch, side**2, generator=rng).argsort(1)
    keep, restore = shuffle[:, : side**2 // 4], shuffle.argsort(1)

    def ours() -> dict[str, Tensor]:
        grid = restore.unflatten(1, (side, side))
        return {"pixels": pixels.clone(), "keep": keep.clone(), "restore": grid.clone()}

    return Reference(
        str(EXAMPLE),
        {**sizes, "H": size, "W": size, "p": p, "L": LAYERS, "D": LAYERS},
        lambda: make_mae(size, p, **sizes),
        mae_names,
        ours,
        # noise that puts the patches in this order: each one's place in it
        lambda given: {"pixel_values": given["pixels"], "noise": given["restore"].flatten(1).float()},
        lambda output: output.maps,
        ("vit.embeddings.cls_token",),
        label=label,
    )  # fmt: skip


MAE = mae(3, 20, 5, C=2, d=24, h=3, f=53, e=20, g=5, s=31)
SHAPES = (mae(2, 9, 3, "of few patches", C=1, d=16, h=4, f=29, e=12, g=2, s=17),)
