"""The target `auto`: the fastest device here that torch can use, found without importing torch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tfspec.targets.target import Target

AUTO = "auto"
_QUERY = ("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
_SECONDS = 10


@dataclass(frozen=True)
class Chosen:
    """What `auto` means here, and why."""

    target: Target
    why: str


def chosen(sheets: Mapping[str, Target]) -> Chosen:
    """The first sheet, of those after the CPU, whose device is here; else the CPU."""
    without = why_no_gpu()
    if without:
        return Chosen(sheets["cpu"], without)
    found = devices()
    for sheet in sheets.values():
        if not found.isdisjoint(sheet.devices):
            return Chosen(sheet, f"found NVIDIA {min(found.intersection(sheet.devices))}")
    if found:
        return Chosen(sheets["cpu"], f"no data sheet of NVIDIA {', '.join(sorted(found))}")
    return Chosen(sheets["cpu"], "found no NVIDIA GPU")


def why_no_gpu() -> str:
    """What keeps torch from a GPU, or nothing."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides every GPU"
    torch = find_spec("torch")
    if torch is None or torch.origin is None:
        return "torch is not installed"
    version = Path(torch.origin).with_name("version.py")
    text = version.read_text("utf-8", "replace") if version.is_file() else ""
    without = re.search(r"^cuda\b.*= None$", text, re.MULTILINE)
    return "this torch is built without CUDA" if without else ""


def devices() -> set[str]:
    """The names of the NVIDIA GPUs that the driver sees, without the maker's."""
    if shutil.which(_QUERY[0]) is None:
        return set()
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return set()
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    return {line.strip().removeprefix("NVIDIA ") for line in lines if line.strip()}
