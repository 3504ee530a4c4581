"""Video Swin from its paper (Liu et al. 2021, section 3): 3D windows, every other layer shifted."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn

from tests.parity.plain import Block, Output, block_names
from tests.parity.reference import Reference, Tensors, renamed

DEPTHS, WINDOW = (2, 2, 4, 2), (2, 3, 3)
Grid = tuple[int, int, int]


def shifts(grid: Grid, shifted: bool) -> Grid:
    """Half a window, rounded down; none along an axis that one window covers."""
    t, h, w = (shifted * (size // 2) * (size < n) for size, n in zip(WINDOW, grid, strict=True))
    return t, h, w


def windows(grid: Grid, shift: Grid) -> Tensor:
    """The tokens [G, n] of each window of the rolled grid, in the order of windows."""
    ids = torch.arange(grid[0] * grid[1] * grid[2]).view(grid)
    cut = ids.roll([-by for by in shift], (0, 1, 2))
    for axis, size in enumerate(WINDOW):
        cut = cut.unflatten(2 * axis, (-1, size))
    return cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(0, 2)


def places(grid: Grid) -> Tensor:
    return torch.tensor(list(product(*map(range, grid))))  # [N, 3]


def together(grid: Grid, shift: Grid) -> Tensor:
    """[N, 3] -> [N]: the window of each token; windows stand `shift` further on, cut at the edges."""
    return (places(grid) - torch.tensor(shift)).div(torch.tensor(WINDOW), rounding_mode="floor")


class WindowBlock(nn.Module):
    def __init__(self, d: int, h: int, f: int, shifted: bool) -> None:
        super().__init__()
        self.shifted, self.block = shifted, Block(d, h, f)
        self.bias = nn.Parameter(torch.zeros(h, *(2 * size - 1 for size in WINDOW)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, T, H, W, d]."""
        grid: Grid = x.shape[1:4]
        shift = shifts(grid, self.shifted)
        groups = windows(grid, shift)
        of = together(grid, shift)[groups]  # [G, n, 3]
        seen = (of[:, :, None] == of[:, None]).all(-1)
        apart = places(WINDOW)[:, None] - places(WINDOW) + torch.tensor(WINDOW) - 1
        bias = self.bias[:, *apart.unbind(-1)]  # [h, n, n]
        y, weights = self.block(x.flatten(1, 3), groups, seen, bias)
        return y.view(x.shape), weights


class Merge(nn.Module):
    """2 × 2 neighbours of a frame side by side, normed, and half as wide."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.norm, self.map = nn.LayerNorm(4 * d), nn.Linear(4 * d, 2 * d, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        parts = [x[:, :, row::2, column::2] for column in range(2) for row in range(2)]
        return self.map(self.norm(torch.cat(parts, dim=-1)))


class VideoSwin(nn.Module):
    def __init__(
        self, d: int, head_dim: int, r: int, C: int, pt: int, p: int, classes: int
    ) -> None:
        super().__init__()
        self.patch, self.norm1 = nn.Conv3d(C, d, (pt, p, p), (pt, p, p)), nn.LayerNorm(d)
        self.stages, self.merges = nn.ModuleList(), nn.ModuleList()
        for stage, depth in enumerate(DEPTHS):
            wide = d * 2**stage
            blocks = [
                WindowBlock(wide, wide // head_dim, r * wide, i % 2 == 1) for i in range(depth)
            ]
            self.stages.append(nn.ModuleList(blocks))
            if stage < 3:
                self.merges.append(Merge(wide))
        self.norm2, self.head = nn.LayerNorm(8 * d), nn.Linear(8 * d, classes)

    def forward(self, frames: Tensor, output_attentions: bool) -> Output:
        x, maps = self.norm1(self.patch(frames).movedim(1, -1)), list[Tensor]()
        for stage, blocks in enumerate(self.stages):
            x = self.merges[stage - 1](x) if stage else x
            for block in blocks:
                x, weights = block(x)
                maps.append(weights)
        return Output(self.head(self.norm2(x).mean((1, 2, 3))), maps)


def video_names(theirs: Tensors) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    table = {"patch": "patch", "norm1": "norm1", "norm2": "norm5", "head": "logits"}
    for stage, depth in enumerate(DEPTHS):
        for i in range(depth):
            layer, ours = f"stages.{stage}.{i}", f"blocks{stage + 1}.{i}"
            found |= block_names(theirs, f"{layer}.block", ours)
            found[f"{ours}.attention.rel_bias"] = theirs[f"{layer}.bias"]
        if stage < 3:
            table[f"merges.{stage}.norm"] = f"norm{stage + 2}"
            found[f"linear{stage + 1}.weight"] = theirs[f"merges.{stage}.map.weight"]
    return found | renamed(theirs, table)


def video(batch: int, T: int, H: int, W: int, label: str = "", **sizes: int) -> Reference:
    rng = torch.Generator().manual_seed(2)
    frames = torch.randn(batch, sizes["C"], T, H, W, generator=rng)
    depths = {f"L{stage}": depth for stage, depth in enumerate(DEPTHS, start=1)}
    window = {"wt": WINDOW[0], "win": WINDOW[1]}
    return Reference(
        "video-swin-t",
        {"T": T, "H": H, "W": W, **sizes, **depths, **window, "classes": 7},
        lambda: VideoSwin(**sizes, classes=7),
        video_names,
        lambda: {"frames": frames.clone()},
        lambda ours: ours,
        lambda output: output.attentions,
        ("patch.weight", "patch.bias"),
        label=label,
    )


VIDEO_SWIN = video(2, 8, 48, 48, d=6, head_dim=3, r=2, C=2, pt=2, p=2)
SHAPES = (
    video(1, 2, 24, 72, d=5, head_dim=5, r=3, C=1, pt=1, p=1, label="of two frames, all wide"),
)
