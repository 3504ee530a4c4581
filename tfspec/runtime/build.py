"""From the emitted source to a live module."""

from __future__ import annotations

import hashlib
import linecache
import sys
from ast import literal_eval
from collections.abc import Mapping
from types import ModuleType

import torch
from torch import nn


def build(
    code: str,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    compile_options: Mapping[str, str] | None = None,
) -> nn.Module:
    """The model of an emitted file with fresh weights; compiled in place where options are given.

    In place: the names in its state dict stay those of the file. `compile_options` are keywords
    of torch.compile with their values as Python text, as a target has them.
    """
    model: nn.Module = load(code).build(device, dtype)
    if compile_options is not None:
        options = {name: literal_eval(text) for name, text in compile_options.items()}
        model.compile(fullgraph=True, **options)  # pyright: ignore[reportUnknownMemberType]
    return model


def load(code: str) -> ModuleType:
    """The emitted file as a module; equal files are one module.

    It stands in `sys.modules`, where torch.compile looks for globals, and in `linecache`, so that
    tracebacks quote it.
    """
    name = f"tfspec_built_{hashlib.sha256(code.encode()).hexdigest()[:12]}"
    if name not in sys.modules:
        file = f"<{name}>"
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        module = ModuleType(name)
        module.__file__ = file
        exec(compile(code, file, "exec"), module.__dict__)
        sys.modules[name] = module
    return sys.modules[name]
