"""The top of the emitted file: what model this is, what its symbols mean, and its imports."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tfspec import __version__ as VERSION
from tfspec.passes.emit.text import docstring, quiet, sentence
from tfspec.program.layout import WIDTH
from tfspec.program.program import Program

_FLEX = ("AuxRequest", "create_block_mask", "flex_attention")


def head(program: Program, body: str) -> str:
    """The module docstring and the imports that `body` needs."""
    graph = program.graph
    about = sentence((graph.spec.about or "").strip() or graph.name)
    made = f"Written by tfspec {VERSION} from the spec {quiet(graph.name)} ({graph.digest})"
    count = f"{graph.facts.value(graph.params):,} parameters"
    if graph.freezes:
        count += f", of which {graph.facts.value(graph.trained):,} are trained"
    first = f"{about} {made} for {program.target.about}: {count}."
    lines = docstring(first, legend(program))
    return "\n".join([*lines, "", *_imports(body)]) + "\n"


def legend(program: Program) -> str:
    """Every symbol of the shape comments with its value or range."""
    graph = program.graph
    said = [f"{name} = {text}" for name, text in _dims(program)]
    for letter, size in graph.names.letters.items():
        value = graph.facts.value(size)
        said.append(f"{letter} = {size}" + ("" if value is None else f" = {value}"))
    if program.generates:
        said.append(f"{graph.slots_name} = slots of the cache")
        if graph.on_grid:
            said.append(f"{graph.token_axis.name} = tokens of {graph.text.space} that are given")
    return "; ".join(said)


def _dims(program: Program) -> list[tuple[str, str]]:
    graph = program.graph
    domains = graph.facts.domains
    found: list[tuple[str, str]] = []
    for name in (name for name in graph.dims if name in domains):
        size = graph.spec.dims[name].size
        value = str(domains[name])
        written = size is not None and size.constant is None
        found.append((name, f"{size.text} = {value}" if written and size else value))
    return found


def _imports(body: str) -> list[str]:
    lines = ["import math", ""] if re.search(r"\bmath\.", body) else []
    if re.search(r"\btorch\.", body):
        lines.append("import torch")
    if re.search(r"\bF\.", body):
        lines.append("import torch.nn.functional as F")
    lines.append("from torch import nn")
    if flex := [name for name in _FLEX if f"{name}(" in body]:
        lines += _from("torch.nn.attention.flex_attention", flex)
    return [*lines, "from torch.utils.benchmark import Timer"] if "Timer(" in body else lines


def _from(module: str, names: Sequence[str]) -> list[str]:
    """An import as ruff breaks it."""
    whole = f"from {module} import {', '.join(names)}"
    if len(whole) <= WIDTH:
        return [whole]
    return [f"from {module} import (", *(f"    {name}," for name in names), ")"]
