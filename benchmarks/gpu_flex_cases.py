"""Specs whose attention is FlexAttention on a GPU: each feature once. Standard library only.

Private ones, but for what a bundled spec has: bert-base hides padding. Lengths are no multiples of
128, the size of its blocks, so that their edges are met too.
"""

from __future__ import annotations

from dataclasses import dataclass

Loads = dict[str, dict[str, int]]

SPEC = """\
tfspec: 1
name: {name}
dims: {{B: batch, {axes}, d: 1024, h: 16, g: 4, win: 256, P: 100, V: 8, L: 2}}
inputs: {{{inputs}}}
blocks:
  layer: {{norm: {{at: pre}}, do: [attend: {{heads: h, {knobs}}}]}}
streams:
  y: [x, {stream}]
outputs: {{y: y}}
"""
STACK = "{{stack: {{of: layer, depth: L}}}}"
ALONE = "{{attend: {{heads: h, bias: false, {knobs}}}}}"  # no residual, no bias: 0 stays 0
TEXT = "x: float B T (d), valid: bool B T, documents: ids(V) B T"
GRID = "x: float B H W (d), valid: bool B H W"
NARROW = {"d": 64, "h": 4, "g": 2, "win": 5, "P": 7}


@dataclass(frozen=True)
class Case:
    """What the attention is told; over a text, or over a grid; `alone`: without a block around."""

    knobs: str
    grid: bool = False
    alone: bool = False

    def spec(self, name: str) -> str:
        stream = (ALONE if self.alone else STACK).format(knobs=self.knobs)
        axes, inputs = ("H: 40, W: 50", GRID) if self.grid else ("T: 1..4096", TEXT)
        return SPEC.format(name=name, axes=axes, inputs=inputs, knobs=self.knobs, stream=stream)

    def sets(self, size: str) -> dict[str, int | str]:
        if size == "full":
            return {}
        return NARROW | ({"H": 4, "W": 5} if self.grid else {"T": "1..64"})


BUNDLED = "bert-base"
CASES = {
    "padding": Case("mask: causal and key.valid"),
    "window": Case("mask: within(win)"),
    "sliding": Case("mask: causal and within(win)"),
    "prefix": Case("mask: causal or key.pos < P"),
    "documents": Case("mask: causal and key.documents == query.documents"),
    "near": Case("mask: abs(key.H - query.H) <= 3 and abs(key.W - query.W) <= 3", grid=True),
    "alibi": Case("alibi: true, mask: causal"),
    "rel-bias": Case("rel_bias: [H, W], mask: key.valid", grid=True),
    "buckets": Case("rel_bias: {buckets: 32, max: 128}"),
    "softcap": Case("softcap: 2, mask: causal"),
    "blind": Case("mask: key.valid and within(win)", alone=True),
    # q and k pass through a pointwise op, v is a view of the fused matrix: compiled for a CPU this
    # is wrong, silently
    "rotary": Case("rope: 10000, mask: causal and key.valid"),
    "everything": Case(
        "kv_heads: g, rope: 10000, softcap: 2, rel_bias: {buckets: 32, max: 128}, "
        "mask: causal and within(win) and key.valid"
    ),
}
NAMES = (*CASES, BUNDLED)
TIMED = ("padding", "sliding", "prefix", "near", "alibi", "buckets", "softcap", "rotary", BUNDLED)
LENGTHS = ("sliding", "buckets", "rotary", BUNDLED)

_GRID: Loads = {"full": {"B": 2}, "tiny": {"B": 3}}
_TEXT: Loads = {"full": {"B": 3, "T": 1000}, "tiny": {"B": 3, "T": 29}}
_LONG: Loads = {"full": {"B": 2, "T": 4096}, "tiny": {"B": 2, "T": 32}}
_BERT: Loads = {"full": {"B": 4, "T": 389}, "tiny": {"B": 3, "T": 13}}
_BERTS: Loads = {"full": {"B": 64, "T": 512}, "tiny": {"B": 2, "T": 32}}
# the first two are met first; a third and a fourth must then cost nothing
SEVERAL = {"full": (389, 264, 500, 131), "tiny": (29, 21, 17, 30)}


def numerics_load(name: str, size: str) -> dict[str, int]:
    if name == BUNDLED:
        return _BERT[size]
    return (_GRID if CASES[name].grid else _TEXT)[size]


def timed_load(name: str, size: str) -> dict[str, int]:
    if name == BUNDLED:
        return _BERTS[size]
    return (_GRID if CASES[name].grid else _LONG)[size]


def file_name(name: str, size: str, part: str) -> str:
    return f"{part}_{name.replace('-', '_')}_{size}.py"
