"""What `memory` and `time` measure: a model at a load, in one mode, form and precision.

Standard library only: `prepare` predicts the points where tfspec is, the parts measure them where
the GPU is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from gpu_cases import load_name

Mode = Literal["forward", "train"]
Form = Literal["eager", "compiled"]
Checkpoint = Literal["none", "block"]

LOADS: dict[str, dict[str, dict[str, int]]] = {
    "gpt2": {"full": {"B": 8, "T": 1024}, "tiny": {"B": 2, "T": 32}},
    "bert-base": {"full": {"B": 16, "T": 512}, "tiny": {"B": 2, "T": 32}},
    "vit-b16": {"full": {"B": 64}, "tiny": {"B": 2}},
    "swin-t": {"full": {"B": 64}, "tiny": {"B": 2}},
    "transformer-base": {
        "full": {"B": 16, "S": 512, "T": 512},
        "tiny": {"B": 2, "S": 32, "T": 32},
    },
    "llama-3-8b": {"full": {"B": 1, "T": 4096}, "tiny": {"B": 2, "T": 32}},
}
"""The models are those of `gpu_cases.SETS`: of Llama, four layers of full width."""

MEMORY = """
gpt2              train   eager     fp32
gpt2              train   eager     bf16
gpt2              train   eager     bf16  block
gpt2              train   compiled  fp32
gpt2              train   compiled  bf16
gpt2              forward eager     bf16
gpt2              forward compiled  bf16
bert-base         train   eager     fp32
bert-base         train   eager     bf16
bert-base         train   eager     bf16  block
bert-base         train   compiled  bf16
vit-b16           train   eager     fp32
vit-b16           train   eager     bf16
vit-b16           train   eager     bf16  block
vit-b16           train   compiled  bf16
vit-b16           forward eager     bf16
swin-t            train   eager     fp32
swin-t            train   eager     bf16
swin-t            train   compiled  bf16
transformer-base  train   eager     fp32
transformer-base  train   eager     bf16
transformer-base  train   compiled  bf16
llama-3-8b        train   eager     bf16
llama-3-8b        train   eager     bf16  block
llama-3-8b        train   compiled  bf16
llama-3-8b        forward eager     bf16
"""
TIME = """
gpt2              forward eager     bf16
gpt2              forward compiled  bf16
gpt2              forward compiled  fp32
gpt2              train   eager     fp32
gpt2              train   eager     bf16
gpt2              train   eager     bf16  block
gpt2              train   compiled  fp32
gpt2              train   compiled  bf16
bert-base         forward compiled  bf16
bert-base         train   eager     bf16
bert-base         train   compiled  bf16
vit-b16           forward eager     bf16
vit-b16           forward compiled  bf16
vit-b16           train   eager     bf16
vit-b16           train   compiled  fp32
vit-b16           train   compiled  bf16
swin-t            forward compiled  bf16
swin-t            train   eager     bf16
swin-t            train   compiled  bf16
transformer-base  forward compiled  bf16
transformer-base  train   eager     bf16
transformer-base  train   compiled  bf16
llama-3-8b        forward compiled  bf16
llama-3-8b        train   eager     bf16
llama-3-8b        train   eager     bf16  block
llama-3-8b        train   compiled  bf16
"""


@dataclass(frozen=True)
class Point:
    """One measurement. `checkpoint`: what of the forward pass is computed again, block by block."""

    model: str
    size: str
    mode: Mode
    form: Form
    dtype: str
    checkpoint: Checkpoint

    @property
    def id(self) -> str:
        again = () if self.checkpoint == "none" else (self.checkpoint,)
        return "/".join((self.model, self.size, self.dtype, self.mode, self.form, *again))

    @property
    def load(self) -> dict[str, int]:
        return LOADS[self.model][self.size]

    @property
    def part(self) -> str:
        """The emitted file: compiled, what the GPU's own target gives; eager, attention by SDPA."""
        if self.size == "tiny":
            return "fast"
        return "device" if self.form == "compiled" else "device-sdpa"

    def about(self) -> dict[str, Any]:
        """The columns of its rows."""
        named = {"name": self.model, "what": self.mode, "load": load_name(self.load)}
        return {name: value for name, value in asdict(self).items() if name != "model"} | named


def points(text: str, size: str, compiled: bool = True) -> list[Point]:
    """Those of a list, in its order; those that are compiled may be left out."""
    words = [line.split() for line in text.strip().split("\n")]
    found = [Point(line[0], size, *_how(*line[1:])) for line in words]
    return [point for point in found if compiled or point.form == "eager"]


def _how(mode: Any, form: Any, dtype: str, checkpoint: Any = "none") -> tuple[Any, ...]:
    return mode, form, dtype, checkpoint


def of_row(row: dict[str, Any]) -> Point:
    """The point that a row was measured at."""
    names = ("size", "mode", "form", "dtype", "checkpoint")
    return Point(row["name"], *(row[name] for name in names))
