"""Classify a real photograph with ViT-B/16, built and compiled from its bundled spec.

    python examples/photo.py

The weights are random, so the classes mean nothing: shapes and speed are the point. The
photograph is scikit-learn's `flower.jpg` (by vultilion, CC BY 2.0). Needs `tfspec[torch]`,
scikit-learn and Pillow.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor

import tfspec

SIZE = 224
RUNS = 10


def photograph() -> Tensor:
    """The middle square of the photograph at 224 px, scaled to -1 .. 1: [1, 3, 224, 224]."""
    photo = Image.fromarray(load_sample_image("flower.jpg"))
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    square = photo.crop((left, top, left + side, top + side)).resize((SIZE, SIZE))
    pixels = torch.from_numpy(np.array(square)).permute(2, 0, 1)
    return (pixels[None] / 127.5 - 1).contiguous()


@torch.inference_mode()
def main() -> None:
    """Build, compile, classify, and print shapes, classes and speed."""
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pixels = photograph().to(device)
    model = tfspec.build("vit-b16", compile=True, device=device).eval()
    start = time.perf_counter()
    logits = model(pixels)
    print(f"flower.jpg {list(pixels.shape)} -> logits {list(logits.shape)} on {device}")
    print(f"compiled and run in {time.perf_counter() - start:.1f} s")
    for chance, label in zip(*logits.softmax(dim=-1)[0].topk(3), strict=True):
        print(f"  class {label.item():>3}  {chance.item():.2%}  (random weights)")
    print(f"{seconds(model, pixels) * 1e3:.1f} ms a photograph")


def seconds(model: torch.nn.Module, pixels: Tensor) -> float:
    """The time of one run, as the median of several."""
    times: list[float] = []
    for _ in range(RUNS):
        start = time.perf_counter()
        model(pixels).sum().item()  # the number is waited for, on a GPU too
        times.append(time.perf_counter() - start)
    return sorted(times)[RUNS // 2]


if __name__ == "__main__":
    main()
