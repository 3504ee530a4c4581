"""The first run of an emitted file: what `python FILE.py` does, here."""

from __future__ import annotations

import runpy
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

NO_COMPILER = ("InvalidCxxCompiler", "TritonMissing", "GPUTooOldForTriton")


def run(code: str) -> str | None:
    """Run an emitted file as a script: it builds, compiles, runs once, and prints what came out.

    Where torch.compile finds no compiler for this machine, it runs uncompiled, and a sentence that
    says so is returned. Raises what else the script raises. From a real file, since torch.compile
    looks for the globals of `__main__`, and tracebacks for its lines.
    """
    with tempfile.TemporaryDirectory(prefix="tfspec-") as folder:
        file = Path(folder) / "model.py"
        file.write_text(code, "utf-8")
        try:
            runpy.run_path(str(file), run_name="__main__")
        except Exception as error:
            missing = next((e for e in _causes(error) if type(e).__name__ in NO_COMPILER), None)
            if missing is None:
                raise
            with torch.compiler.set_stance("force_eager"):
                runpy.run_path(str(file), run_name="__main__")
            return f"torch.compile has no compiler here, so this ran uncompiled: {missing}"
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
