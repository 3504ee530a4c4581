"""What the battery runs: models, their sizes, and the loads put on them. Standard library only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BATTERY, RESULTS = HERE / "battery", HERE / "results"
SIZES = ("full", "tiny")
MODELS = ("gpt2", "vit-b16", "transformer-base")
ROTARY = ("llama-3-8b",)
ENCODERS = ("swin-t", "bert-base")
ALL = (*MODELS, *ROTARY, *ENCODERS)

# what `--set` makes of the bundled specs; at full size they stay as they are, but for Llama: whole
# layers, few of them, and a vocabulary that does not drown them
SETS: dict[str, dict[str, dict[str, int | str]]] = {
    "gpt2": {"full": {}, "tiny": {"d": 32, "h": 4, "f": 80, "L": 2, "V": 101, "T": "1..32"}},
    "vit-b16": {
        "full": {},
        "tiny": {"d": 32, "h": 4, "f": 80, "L": 2, "H": 21, "W": 14, "p": 7, "classes": 10},
    },
    "transformer-base": {
        "full": {},
        "tiny": {"d": 32, "h": 4, "f": 80, "L": 2, "M": 2, "V": 101, "S": "1..32", "T": "1..32"},
    },
    "llama-3-8b": {
        "full": {"L": 4, "V": 32768, "T": "1..4096"},
        "tiny": {"d": 32, "h": 4, "g": 2, "f": 80, "L": 2, "V": 101, "T": "1..32"},
    },
    "swin-t": {
        "full": {},
        "tiny": {
            "d": 6, "head_dim": 3, "r": 2, "C": 2, "p": 2, "H": 48, "W": 48, "win": 3,
            "L3": 2, "classes": 10,
        },
    },
    "bert-base": {"full": {}, "tiny": {"d": 32, "h": 2, "L": 2, "V": 101, "T": "1..32"}},
}  # fmt: skip

# sizes of the inputs: to compare numbers with, and to take times with
NUMERICS: dict[str, dict[str, dict[str, int]]] = {
    "gpt2": {"full": {"B": 2, "T": 1024}, "tiny": {"B": 2, "T": 29}},
    "vit-b16": {"full": {"B": 4}, "tiny": {"B": 3}},
    "transformer-base": {"full": {"B": 4, "S": 384, "T": 512}, "tiny": {"B": 3, "S": 13, "T": 11}},
    "llama-3-8b": {"full": {"B": 2, "T": 1000}, "tiny": {"B": 2, "T": 29}},
    "swin-t": {"full": {"B": 4}, "tiny": {"B": 3}},
    "bert-base": {"full": {"B": 4, "T": 384}, "tiny": {"B": 3, "T": 13}},
}
SPEED: dict[str, dict[str, dict[str, int]]] = {
    "gpt2": {"full": {"B": 16, "T": 1024}, "tiny": {"B": 2, "T": 32}},
    "vit-b16": {"full": {"B": 256}, "tiny": {"B": 2}},
    "transformer-base": {"full": {"B": 32, "S": 512, "T": 512}, "tiny": {"B": 2, "S": 32, "T": 32}},
    "llama-3-8b": {"full": {"B": 4, "T": 2048}, "tiny": {"B": 2, "T": 32}},
    "swin-t": {"full": {"B": 128}, "tiny": {"B": 2}},
    "bert-base": {"full": {"B": 64, "T": 512}, "tiny": {"B": 2, "T": 32}},
}


@dataclass(frozen=True)
class Decoding:
    """A decoding load: `steps` tokens after a prompt, in a cache of `slots`."""

    batch: int
    prompt: int
    steps: int
    slots: int

    def __str__(self) -> str:
        return f"decode B={self.batch} slots={self.slots}"


DECODE = {
    "full": (Decoding(1, 512, 64, 1024), Decoding(32, 512, 64, 1024)),
    "tiny": (Decoding(1, 9, 4, 32), Decoding(3, 9, 4, 32)),
}


def load_name(load: dict[str, int]) -> str:
    """B=16 T=1024."""
    return " ".join(f"{name}={value}" for name, value in load.items())


def read_manifest(folder: Path) -> dict[str, Any]:
    """What `prepare` wrote."""
    path = folder / "manifest.json"
    if not path.exists():
        raise SystemExit(f"{path} is missing: run `gpu.py prepare` where tfspec is, and carry it")
    return json.loads(path.read_text("utf-8"))


def stem(model: str, size: str, part: str) -> str:
    """The name of an emitted file."""
    return f"{model.replace('-', '_')}_{size}_{part}.py"
