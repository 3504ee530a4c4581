"""What the tools should have said: tfspec's own numbers, and the loads that all are asked about.

`tests/cost` hold the FLOPs to torch's FlopCounterMode on the meta device, and `tests/memory` the
activations to the bytes that autograd keeps.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import tfspec

LOADS: dict[str, dict[str, int]] = {
    "bert-base": {"B": 1, "T": 512},
    "gpt2": {"B": 1, "T": 1024},
    "vit-b16": {"B": 1},
    "swin-t": {"B": 1},
    "llama-3-8b": {"B": 1, "T": 4096},
    "mixtral-8x7b": {"B": 1, "T": 4096},
    "clip-vit-b32": {"B": 1, "T": 77},
}
STATES = ("weights", "gradients", "optimizer")


def models() -> list[str]:
    """Those of the list that are bundled."""
    from tfspec import zoo

    return [name for name in LOADS if name in zoo.names()]


def case(model: str) -> dict[str, Any]:
    """What a tool is asked: the load, and every bounded dim of the spec at its largest."""
    domains = tfspec.load(model).semantics.facts.domains.items()
    sizes = {name: domain.high for name, domain in domains if domain.high is not None}
    return {"model": model, "load": LOADS[model], "sizes": sizes}


def exact(model: str) -> dict[str, int]:
    """Every quantity that a tool may speak of. FLOPs are dense: two for a multiply-add."""
    spec = tfspec.load(model, LOADS[model])
    fp32, bf16, mixed = (
        {each.name: each.value for each in spec.cost("train", dtype=dtype).quantities}
        for dtype in ("fp32", "bf16", "mixed")
    )
    return {
        "parameters": fp32["parameters"],
        "forward FLOPs": fp32["forward"],
        "backward FLOPs": fp32["backward"],
        "activations": fp32["activations"],
        "activations, bf16": bf16["activations"],
        "training states": sum(fp32[name] for name in STATES),
        "training states, mixed": sum(mixed[name] for name in STATES),
    }


def seconds(model: str) -> float:
    """How long tfspec takes to say it all, as a process from start to end."""
    sets = ",".join(f"{name}={size}" for name, size in LOADS[model].items())
    words = ["cost", model, "--mode", "train", "--set", sets, "--format", "json"]
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tfspec", *words], check=True, capture_output=True)
    return time.perf_counter() - start
