"""Rotary positions in code: the functions of the emitted file that make a table and turn by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tfspec.program import layout

Layout = Literal["halves", "pairs", "sections"]

TABLE = '''{head}
    """Cosines and sines of every position: [2, length, width / 2].{doc}"""
    rates = 1 / base ** (torch.arange(0, width, 2).float() / width)
{scaled}    angles = torch.arange(length).float()[:, None] * rates
    return torch.stack((angles.cos(), angles.sin()))
'''
LINEAR = ("", "    rates = rates / factor\n")
LLAMA3 = (
    """

    Pairs that turn less than low_freq_factor times within original_length are slowed down by
    factor, those that turn more than high_freq_factor times are not (Llama 3).
    """,
    """    turns = original_length / (2 * torch.pi / rates)
    kept = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor)
    kept = kept.clamp(0, 1)
    rates = (1 - kept) * rates / factor + kept * rates
""",
)
SCALED = {None: ("", ""), "linear": LINEAR, "llama3": LLAMA3}

ROTATE = '''def rotate(x, rope):
    """Turn each pair of features {pair} by its angle{rest}."""
    cos, sin = rope.to(x.dtype)
{cut}    a, b = {pairs}
    {join}
'''
_TURNED = "(a * cos - b * sin, b * cos + a * sin)"
# of every layout: its pairs, the width of all, how to take them apart, and how to join them
LAYOUTS: dict[Layout, tuple[str, str, str, str]] = {
    "halves": (
        "(j, j + half)",
        "2 * cos.shape[-1]",
        "x.chunk(2, dim=-1)",
        f"torch.cat({_TURNED}, dim=-1)",
    ),
    "pairs": (
        "(2j, 2j + 1)",
        "2 * cos.shape[-1]",
        "x.unflatten(-1, (-1, 2)).unbind(-1)",
        f"torch.stack({_TURNED}, dim=-1).flatten(-2)",
    ),
    "sections": (
        "(j, j + half) of a section",
        "2 * cos.shape[-2] * cos.shape[-1]",
        "x.unflatten(-1, (-1, 2, cos.shape[-1])).unbind(-2)",
        f"torch.stack({_TURNED}, dim=-2).flatten(-3)",
    ),
}


def table_function(kind: str | None, settings: Sequence[tuple[str, str]]) -> str:
    """rotary_table(length, width, base), with the settings of this kind of scaling."""
    doc, scaled = SCALED[kind]
    knobs = [f"{name}={value}" for name, value in settings]
    head = layout.signature("rotary_table", ["length", "width", "base", *knobs], 0)
    return TABLE.format(head="\n".join(head), doc=doc, scaled=scaled)


def rotate_function(kind: Layout, *, partial: bool) -> str:
    """rotate(x, rope): x [..., N, k] by rope [2, N, half], or [2, N, sections, half].

    partial: the features behind those that turn pass.
    """
    pair, width, pairs, joined = LAYOUTS[kind]
    if not partial:
        return ROTATE.format(pair=pair, rest="", cut="", pairs=pairs, join=f"return {joined}")
    cut = f"    x, rest = x.tensor_split(({width},), dim=-1)\n"
    join = f"x = {joined}\n    return torch.cat((x, rest), dim=-1)"
    rest = "; the last pass"
    return ROTATE.format(pair=pair, rest=rest, cut=cut, pairs=pairs, join=join)
