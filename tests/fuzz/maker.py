"""Chances, names and sizes: what every piece of a random spec is made with."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

from tests.fuzz.values import Axis, Val

T = TypeVar("T")

# Ordinary names first (shrinking goes there), then names that Python, torch or the file itself uses.
DIMS = ("d", "h", "e", "f", "p", "L", "V", "C", "k", "N", "M", "w", "input", "lambda", "F", "torch",
        "x", "self", "nn", "print", "mask", "position", "kv", "block", "F_", "v", "tokens_", "Model")  # fmt: skip
LOOSE = ("T", "S", "H", "W", "R", "U", "len", "x2", "q", "device", "T_", "positions", "slots")
INPUTS = ("tokens", "ids_", "pixels", "image", "input", "x", "F_", "F", "self", "mask_", "h_", "y",
          "lambda", "device", "maps", "weights", "cache", "q", "scores", "x_", "class_")  # fmt: skip
STREAMS = ("text", "memory", "states", "forward", "encoder", "blocks", "training", "modules",
           "attention", "norm1", "Model_", "type", "parameters", "flags", "out")  # fmt: skip
BLOCKS = ("layer", "look", "ffn_block", "F_block", "Attention", "nn_block", "Cache", "mlp", "g",
          "FeedForward", "series", "half", "dict", "Timer", "sinusoids_")  # fmt: skip
PARTS = ("cls", "dist", "reg", "summary", "weight", "train", "bias", "blocks_", "half_", "eval")
SHARES = ("words", "table", "tied", "forward_", "children", "attention_", "weight_", "compile")
OUTPUTS = ("logits", "out_", "features", "forward", "x_out", "training", "return", "apply", "to")
MARKS = ("here", "early", "there", "norm_")
RESERVED = {"width", "i", "n", "self", "query", "key", "causal", "within", "batch", "none", "first"}
RESERVED |= {"last", "abs", "multiple"}


class Maker:
    """The state of making one spec: what is declared so far."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.tree: dict[str, Any] = {"dims": {}, "inputs": {}, "blocks": {}, "streams": {}}
        self.fixed: dict[str, int] = {}
        self.batches: list[str] = []
        self.axes: dict[str, Axis] = {}
        self.used = set(RESERVED)
        self.values: dict[str, Val] = {}
        self.flags: dict[str, tuple[tuple[str, ...], Axis]] = {}
        self.vocabularies: dict[str, int] = {}
        self.blocks: dict[str, tuple[Any, ...]] = {}
        self.shared: dict[str, tuple[object, ...]] = {}
        self.branches: list[tuple[str, int, dict[str, Any]]] = []
        self.lone: set[str] = set()
        self.own: list[tuple[object, ...]] | None = None
        """Weights that an index shares inside the block that is being made, if one is."""
        self.new: set[str] = set()
        """Streams of a text whose tokens come one by one, where the spec is one to be decoded."""
        self.stream = ""
        self.weight = 0

    # ---- chances: the first choice is the simplest, and shrinking goes there
    def chance(self, percent: int) -> bool:
        return self.rng.randint(0, 99) >= 100 - percent

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.rng.randint(0, len(choices) - 1)]

    def number(self, low: int, high: int) -> int:
        return self.rng.randint(low, high)

    # ---- names
    def name(self, pool: Sequence[str]) -> str:
        """A name that nothing else has."""
        from tfspec.layers.base import steps

        free = [name for name in pool if name not in self.used and name not in steps()]
        name = self.pick(free) if free else f"{pool[0]}_{len(self.used)}"
        self.used.add(name)
        return name

    def readable(self, name: str) -> bool:
        """Whether a step of this stream can read it as vectors."""
        return name not in self.vocabularies and not name.startswith(f"{self.stream}.")

    # ---- sizes
    def dim(self, value: int) -> str:
        """A new dim of this value: a number, or an expression over others."""
        name = self.name(DIMS)
        self.tree["dims"][name] = self.compound(value) if self.chance(30) else value
        self.fixed[name] = value
        return name

    def size(self, value: int, width: int | None = None) -> int | str:
        """An expression of this value."""
        roll = self.number(0, 9)
        if roll < 3:
            return value
        if roll < 7:
            known = [name for name, known in self.fixed.items() if known == value]
            return self.pick(known) if known and self.chance(80) else self.dim(value)
        return self.compound(value, width)

    def compound(self, value: int, width: int | None = None) -> int | str:
        known = dict(self.fixed)
        if width is not None:
            known["width"] = width
        if not known:
            return value
        name = self.pick(list(known))
        other = known[name]
        if value == other:
            return self.pick([f"({name})", f"{name} * 1", f"{name} // 1", f"2 * {name} / 2"])
        if value % other == 0:
            return self.pick([f"{value // other} * {name}", f"{name} * {value // other}"])
        if other % value == 0:
            return self.pick([f"{name} / {other // value}", f"{name} // {other // value}"])
        if value > other:
            return f"{name} + {value - other}"
        return self.pick([f"{name} - {other - value}", f"{name} % {value}" if False else value])

    def rate(self, *choices: float, width: int | None = None) -> float | str:
        """A real number, or an expression that comes to one."""
        known = [*self.fixed, *(["width"] if width else [])]
        if known and self.chance(30):
            name = self.pick(known)
            return self.pick(
                [f"{name} ** -0.5", f"1 / {name}", f"{name} ** 0.5", f"2 / (1 + {name})"]
            )
        return self.pick(choices)

    # ---- axes
    def batch(self) -> str:
        name = self.name(("B", "A", "batch_", "E", "x3"))
        self.tree["dims"][name] = "batch"
        self.batches.append(name)
        return name

    def axis(self) -> Axis:
        """A token axis: one that there is, or a new one of a fixed or a free size."""
        if self.axes and self.chance(40):
            return self.pick(list(self.axes.values()))
        name = self.name(LOOSE)
        low, top, step = 1, None, 1
        roll = self.number(0, 9)
        if roll < 4:
            low = self.number(1, 3)
            top = low + self.number(1, 3)
            declared: int | str = f"{low}..{top}"
        elif roll < 6:
            low = top = step = self.number(1, 4)
            declared = top
            self.fixed[name] = top
        elif roll < 8:
            low = step = self.pick([1, 2, 3, 4])
            declared = f"multiple({low})"
            if self.chance(50):
                top = low * self.number(2, 3)
                declared = f"multiple({low}) <= {top + self.number(0, low - 1)}"
        else:
            declared, low, top, step = self._derived()
            if low == top:
                self.fixed[name] = low
        self.tree["dims"][name] = declared
        self.axes[name] = Axis(name, name, low, top, step)
        return self.axes[name]

    def _derived(self) -> tuple[int | str, int, int | None, int]:
        loose = [axis for axis in self.axes.values() if axis.name not in self.fixed]
        if not loose:
            return 3, 3, 3, 3
        axis = self.pick(loose)
        more = self.number(1, 2)
        if self.chance(50):
            top = axis.top and axis.top + more
            return f"{axis.name} + {more}", axis.low + more, top, 1
        made = axis.grown(more + 1)
        return f"{more + 1} * {axis.name}", made.low, made.top, made.step
