"""Emit what the battery needs, and write down what is predicted. The one part that needs tfspec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gpu_cases import MODELS, SETS, SIZES, load_name, loads, stem

PARTS: dict[str, dict[str, Any]] = {
    "fast": {},
    "explicit": {"style": "explicit"},
    "generate": {"parts": ("generate",)},
}


def prepare(folder: Path, target: str | None = None) -> Path:
    """Write the emitted files and `manifest.json` into the folder; the manifest's path."""
    import tfspec

    folder.mkdir(parents=True, exist_ok=True)
    models = {
        model: {size: _entry(folder, model, size, target) for size in SIZES} for model in MODELS
    }
    manifest = {
        "tfspec": tfspec.__version__,
        "target": target or "cpu",
        "compile": _compile_options(target),
        "models": models,
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    return path


def _entry(folder: Path, model: str, size: str, target: str | None) -> dict[str, Any]:
    from tfspec import api

    architecture = api.load(model, SETS[model][size])
    graph = architecture.graph
    names = [part for part in PARTS if part != "generate" or model == "gpt2"]
    for part in names:
        code = architecture.emit(target=target, **PARTS[part])
        (folder / stem(model, size, part)).write_text(code, "utf-8")
    weights = graph.scope.concrete(lambda dim: graph.facts.value(dim) or 0)
    return {
        "files": {part: stem(model, size, part) for part in names},
        "spec": graph.digest,
        "sizes": _sizes(graph),
        "weights": {name: [graph.facts.value(n) for n in weight.shape] for name, weight in weights},
        "params": graph.facts.value(graph.params),
        "flops": _flops(graph, model, size),
    }


def _sizes(graph: Any) -> dict[str, int]:
    """Every bounded dim at its largest."""
    domains = graph.facts.domains.items()
    return {name: domain.high for name, domain in domains if domain.high is not None}


def _flops(graph: Any, model: str, size: str) -> dict[str, int]:
    """Dense FLOPs of one forward pass, by load."""
    formula, values = graph.trace.flops, graph.bindings()
    return {load_name(load): formula.value(values | load) for load in loads(model, size)}


def _compile_options(target: str | None) -> dict[str, Any]:
    from ast import literal_eval

    from tfspec.targets import Target, find

    sheet = find(target or "cpu")
    if not isinstance(sheet, Target):
        raise SystemExit(f"there is no target {target}")
    return {name: literal_eval(text) for name, text in sheet.compile.items()}
