"""Rotary positions in code: the functions of the emitted file that make a table and turn by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tfspec.program import layout

Layout = Literal["halves", "pairs", "sections"]
Turned = Literal["all", "first", "last"]

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

ROTATE = '''def {name}(x, rope):
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


def rotate_function(kind: Layout, turned: Turned) -> tuple[str, str]:
    """The name and the source of rotate(x, rope): x [..., N, k] by rope [2, N, half], or
    [2, N, sections, half].

    `turned`: which features of x turn; the others pass.
    """
    pair, width, pairs, joined = LAYOUTS[kind]
    words = {"pair": pair, "pairs": pairs}
    if turned == "all":
        return "rotate", ROTATE.format(
            name="rotate", rest="", cut="", join=f"return {joined}", **words
        )
    last = turned == "last"
    parts, at = ("rest, x", f"-{width}") if last else ("x, rest", width)
    together = "(rest, x)" if last else "(x, rest)"
    cut = f"    {parts} = x.tensor_split(({at},), dim=-1)\n"
    join = f"x = {joined}\n    return torch.cat({together}, dim=-1)"
    name = "rotate_last" if last else "rotate"
    rest = f"; the {'first' if last else 'last'} pass"
    return name, ROTATE.format(name=name, rest=rest, cut=cut, join=join, **words)
