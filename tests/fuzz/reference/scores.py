"""What is added to the scores of attention, and how rotary positions turn queries and keys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tests.fuzz.reference.numbers import Fails


def slopes(heads: int) -> list[float]:
    """ALiBi: 2^(-8h/n) for h from 1; between powers of two, every second of the next one's follow."""
    below = 2 ** int(math.log2(heads))
    found = [2 ** (-8 * (h + 1) / below) for h in range(below)]
    more = [2 ** (-8 * (h + 1) / (2 * below)) for h in range(2 * below)]
    return (found + more[::2])[:heads]


def alibi(heads: int, tokens: int) -> Tensor:
    """[heads, queries, keys]"""
    bias = torch.zeros(heads, tokens, tokens, dtype=torch.float64)
    for h, slope in enumerate(slopes(heads)):
        for n in range(tokens):
            for m in range(tokens):
                bias[h, n, m] = -slope * abs(n - m)
    return bias


def by_distance(table: Tensor, at: list[Tensor], extents: list[int]) -> Tensor:
    """table[h, query X - key X + extent - 1, ...] of [heads, queries, keys]; distances out of the
    table, which no window shows, count as its ends."""
    index = [
        (each[:, None] - each[None, :] + extent - 1).clamp(0, 2 * extent - 2)
        for each, extent in zip(at, extents, strict=True)
    ]
    return table[(slice(None), *index)]


def bucket(distance: int, buckets: int, most: int, past: bool) -> int:
    """T5's bucket of `key - query`: the first half one a distance, the rest by its logarithm."""
    first = 0
    if past:
        distance = max(-distance, 0)
    else:
        buckets //= 2
        first, distance = (buckets if distance > 0 else 0), abs(distance)
    exact = buckets // 2
    if distance < exact:
        return first + distance
    share = torch.log(torch.tensor(distance) / exact) / math.log(most / exact)  # float32, as T5
    return first + min(exact + int(share * (buckets - exact)), buckets - 1)


def by_bucket(table: Tensor, tokens: int, most: int, past: bool) -> Tensor:
    """Of [buckets, heads]: [heads, queries, keys]"""
    rows = [[bucket(m - n, table.shape[0], most, past) for m in range(tokens)]
            for n in range(tokens)]  # fmt: skip
    return table[torch.tensor(rows)].permute(2, 0, 1)


def same_window(at: Tensor, length: int, window: int, shift: int) -> Tensor:
    """Which of [queries, keys] are in one window along an axis, by the token's coordinate there."""
    if length % window:
        raise Fails("windows that do not tile")
    if length == window:
        return torch.ones(len(at), len(at), dtype=torch.bool)
    rolled = (at - shift) % length
    tiles, wrapped = rolled // window, at < shift
    return (tiles[:, None] == tiles[None, :]) & (wrapped[:, None] == wrapped[None, :])


def rates(base: float, width: int, scaling: Mapping[str, Any]) -> list[float]:
    """The angle that one position turns each of width / 2 pairs."""
    found = [base ** (-2 * j / width) for j in range(width // 2)]
    if scaling.get("kind") == "linear":
        return [rate / scaling["factor"] for rate in found]
    if scaling.get("kind") == "llama3":
        return [_llama3(rate, **scaling) for rate in found]
    return found


def _llama3(rate: float, *, factor: float, low_freq_factor: float, high_freq_factor: float,
            original_length: float, kind: str) -> float:  # fmt: skip
    """Long waves are stretched, short ones stay, those between are mixed."""
    turns = original_length * rate / (2 * math.pi)  # over the length that it was trained on
    if turns < low_freq_factor:
        return rate / factor
    if turns > high_freq_factor:
        return rate
    smooth = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor)
    return (1 - smooth) * rate / factor + smooth * rate


def turned(x: Tensor, at: list[Tensor], features: int, base: float, interleaved: bool,
           scaling: Mapping[str, Any]) -> Tensor:  # fmt: skip
    """[..., tokens, head]: the first features, cut evenly among the positions, turn pair by pair."""
    width, rest = divmod(features, len(at))
    if rest or width % 2 or width == 0:
        raise Fails("rotary features that are no pairs")
    y = x.clone()
    for section, positions in enumerate(each.double() for each in at):
        for j, rate in enumerate(rates(base, width, scaling)):
            pair = (2 * j, 2 * j + 1) if interleaved else (j, j + width // 2)
            a, b = (section * width + each for each in pair)
            cos, sin = torch.cos(positions * rate), torch.sin(positions * rate)
            y[..., a] = x[..., a] * cos - x[..., b] * sin
            y[..., b] = x[..., a] * sin + x[..., b] * cos
    return y
