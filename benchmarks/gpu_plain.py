"""Plain peers: the three models as a careful person writes them by hand, in the style of nanoGPT.

They name their weights as the specs do. Decoding is in the style of gpt-fast: a static cache in
each attention, and rows of one causal table as the mask.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Sizes = dict[str, int]


class SelfAttention(nn.Module):
    """Attention to oneself, causal or not; `valid` [B, 1, 1, N] hides keys."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.keys: Tensor | None = None
        self.values: Tensor | None = None

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        B, N, width = x.shape
        q, k, v = (self.split(part) for part in self.qkv(x).split(width, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=valid, is_causal=self.causal)
        return self.out(y.transpose(1, 2).contiguous().view(B, N, width))

    def cached(self, x: Tensor, position: Tensor, mask: Tensor) -> Tensor:
        """New tokens at `position` [N], against everything in the cache that `mask` shows."""
        B, N, width = x.shape
        q, k, v = (self.split(part) for part in self.qkv(x).split(width, dim=2))
        assert self.keys is not None
        assert self.values is not None
        self.keys[:, :, position] = k
        self.values[:, :, position] = v
        y = F.scaled_dot_product_attention(q, self.keys, self.values, attn_mask=mask)
        return self.out(y.transpose(1, 2).contiguous().view(B, N, width))

    def split(self, x: Tensor) -> Tensor:
        """[B, N, d] to [B, h, N, d/h]."""
        B, N, width = x.shape
        return x.view(B, N, self.heads, width // self.heads).transpose(1, 2)


class CrossAttention(nn.Module):
    """Attention to a memory."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor, valid: Tensor | None) -> Tensor:
        B, N, width = x.shape
        k, v = self.kv(memory).split(width, dim=2)
        q, k, v = (
            each.view(B, -1, self.heads, width // self.heads).transpose(1, 2)
            for each in (self.q(x), k, v)
        )
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=valid)
        return self.out(y.transpose(1, 2).contiguous().view(B, N, width))


class MLP(nn.Module):
    """Two maps and an activation."""

    def __init__(self, width: int, hidden: int, act: nn.Module) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.act = act
        self.down = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.act(self.up(x)))


class PreNorm(nn.Module):
    """A block of GPT-2 and ViT."""

    def __init__(self, sizes: Sizes, causal: bool, act: nn.Module, eps: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(sizes["d"], eps=eps)
        self.attention = SelfAttention(sizes["d"], sizes["h"], causal)
        self.norm2 = nn.LayerNorm(sizes["d"], eps=eps)
        self.mlp = MLP(sizes["d"], sizes["f"], act)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))

    def cached(self, x: Tensor, position: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attention.cached(self.norm1(x), position, mask)
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """GPT-2."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.words = nn.Embedding(sizes["V"], sizes["d"])
        self.pos = nn.Parameter(torch.empty(sizes["T"], sizes["d"]))
        act = nn.GELU(approximate="tanh")
        self.blocks = nn.ModuleList(PreNorm(sizes, True, act, 1e-5) for _ in range(sizes["L"]))
        self.norm = nn.LayerNorm(sizes["d"])

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.pos[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.words.weight)

    def make_cache(self, batch: int, slots: int) -> None:
        """Keys and values of every layer in static buffers, and the causal table [slots, slots]."""
        like = self.words.weight
        for block in self.blocks:
            attention = block.attention
            shape = (batch, attention.heads, slots, like.shape[1] // attention.heads)
            for name in ("keys", "values"):
                delattr(attention, name)
                attention.register_buffer(name, like.new_zeros(shape), persistent=False)
        table = torch.ones(slots, slots, dtype=torch.bool, device=like.device).tril()
        self.register_buffer("causal", table, persistent=False)

    def decode(self, tokens: Tensor, position: Tensor) -> Tensor:
        """Logits of new tokens that stand at `position`; a prompt is decoded too."""
        mask = self.causal[None, None, position]
        x = self.words(tokens) + self.pos[position]
        for block in self.blocks:
            x = block.cached(x, position, mask)
        return F.linear(self.norm(x), self.words.weight)


class ViT(nn.Module):
    """ViT with a class token."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        p, d = sizes["p"], sizes["d"]
        count = (sizes["H"] // p) * (sizes["W"] // p)
        self.patch = nn.Conv2d(sizes["C"], d, kernel_size=p, stride=p)
        self.cls = nn.Parameter(torch.empty(d))
        self.pos = nn.Parameter(torch.empty(1 + count, d))
        blocks = (PreNorm(sizes, False, nn.GELU(), 1e-6) for _ in range(sizes["L"]))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(d, eps=1e-6)
        self.logits = nn.Linear(d, sizes["classes"])

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.patch(pixels).flatten(2).transpose(1, 2)
        cls = self.cls.expand(x.shape[0], 1, -1)
        x = torch.cat([cls, x], dim=1) + self.pos
        for block in self.blocks:
            x = block(x)
        return self.logits(self.norm(x)[:, 0])


class PostNorm(nn.Module):
    """A layer of the original encoder, or with `cross` of its decoder."""

    def __init__(self, sizes: Sizes, cross: bool) -> None:
        super().__init__()
        d, h = sizes["d"], sizes["h"]
        self.attention = SelfAttention(d, h, causal=cross)
        self.norm1 = nn.LayerNorm(d)
        if cross:
            self.cross = CrossAttention(d, h)
        self.norm2 = nn.LayerNorm(d)
        self.mlp = MLP(d, sizes["f"], nn.ReLU())
        if cross:
            self.norm3 = nn.LayerNorm(d)

    def encode(self, x: Tensor, valid: Tensor | None) -> Tensor:
        x = self.norm1(x + self.attention(x, valid))
        return self.norm2(x + self.mlp(x))

    def decode(self, x: Tensor, memory: Tensor, valid: Tensor | None) -> Tensor:
        x = self.norm1(x + self.attention(x))
        x = self.norm2(x + self.cross(x, memory, valid))
        return self.norm3(x + self.mlp(x))


class Seq2Seq(nn.Module):
    """The original encoder-decoder."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        d = sizes["d"]
        self.words = nn.Embedding(sizes["V"], d)
        self.memory_blocks = nn.ModuleList(PostNorm(sizes, False) for _ in range(sizes["L"]))
        self.text_blocks = nn.ModuleList(PostNorm(sizes, True) for _ in range(sizes["M"]))
        rates = torch.exp(torch.arange(0, d, 2) * (-torch.log(torch.tensor(10000.0)) / d))
        angles = torch.arange(max(sizes["S"], sizes["T"]))[:, None] * rates
        table = torch.empty(len(angles), d)
        table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
        self.register_buffer("sines", table, persistent=False)

    def embed(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens)
        return x * x.shape[-1] ** 0.5 + self.sines[: tokens.shape[1]]

    def forward(self, source: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        valid = None if valid is None else valid[:, None, None]
        memory = self.embed(source)
        for block in self.memory_blocks:
            memory = block.encode(memory, valid)
        x = self.embed(target)
        for block in self.text_blocks:
            x = block.decode(x, memory, valid)
        return F.linear(x, self.words.weight)


PLAIN = {"gpt2": GPT, "vit-b16": ViT, "transformer-base": Seq2Seq}
