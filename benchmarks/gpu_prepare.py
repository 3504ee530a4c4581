"""Emit what the battery needs, and write down what is predicted. The one part that needs tfspec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gpu_cases import ALL, NUMERICS, SETS, SIZES, SPEED, load_name, stem
from gpu_flex_cases import BUNDLED, CASES, NAMES, file_name, numerics_load, timed_load
from gpu_predict import by_sdpa, predictions, sheets_of

FLEX, FLEXIBLE = "flex_attention(", "h200"  # how it is called, and a target that has it
TIMED = ("h100", "h200")  # targets that seconds are predicted for
PARTS: dict[str, dict[str, Any]] = {
    "fast": {},
    "explicit": {"style": "explicit"},
    "generate": {"parts": ("generate",)},
}


def prepare(folder: Path, target: str | None = None) -> Path:
    """Write the emitted files and `manifest.json` into the folder; the manifest's path."""
    import tfspec

    folder.mkdir(parents=True, exist_ok=True)
    flexible = target if target and _sheet(target).flex else FLEXIBLE
    models = {
        model: {size: _model(folder, model, size, target, flexible) for size in SIZES}
        for model in ALL
    }
    timed = tuple(dict.fromkeys((*TIMED, flexible)))
    cases = {name: {size: _case(folder, name, size, flexible) for size in SIZES} for name in NAMES}
    manifest = {
        "tfspec": tfspec.__version__,
        "target": target or "cpu",
        "compile": _compile_options(target),
        "models": models,
        "flex target": flexible,
        "flex compile": _compile_options(flexible),
        "flex": cases,
        "sheets": sheets_of(timed),
        "points": {
            "full": predictions("full", flexible, timed),
            "tiny": predictions("tiny", "cpu", ("cpu",)),
        },
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    return path


def _model(
    folder: Path, model: str, size: str, target: str | None, flexible: str
) -> dict[str, Any]:
    """At full size also for the device whose memory and time are predicted, and without flex."""
    from tfspec import api

    architecture = api.load(model, SETS[model][size])
    names = [part for part in PARTS if part != "generate" or model == "gpt2"]
    codes = {part: architecture.emit(target=target, **PARTS[part]) for part in names}
    if size == "full":
        codes["device"] = architecture.emit(target=flexible)
        codes["device-sdpa"] = architecture.emit(target=by_sdpa(flexible))
    files = {part: stem(model, size, part.replace("-", "_")) for part in codes}
    loads = [NUMERICS[model][size], SPEED[model][size]]
    return _written(folder, architecture, files, codes, loads)


def _case(folder: Path, name: str, size: str, target: str) -> dict[str, Any]:
    """A spec by FlexAttention, and by SDPA with a mask."""
    architecture = _architecture(name, size)
    files = {part: file_name(name, size, part) for part in ("flex", "sdpa")}
    codes = {"flex": architecture.emit(target=target), "sdpa": architecture.emit(target="cpu")}
    assert FLEX in codes["flex"], f"{name} has no FlexAttention for {target}"
    assert FLEX not in codes["sdpa"], f"{name} has FlexAttention for a CPU"
    loads = [numerics_load(name, size), timed_load(name, size)]
    return _written(folder, architecture, files, codes, loads)


def _architecture(name: str, size: str) -> Any:
    from tfspec.api import Architecture, load
    from tfspec.spec.load import load_text

    if name == BUNDLED:
        return load(name, SETS[name][size])
    return Architecture(load_text(CASES[name].spec(name)), CASES[name].sets(size))


def _written(
    folder: Path, architecture: Any, files: dict[str, str], codes: dict[str, str],
    loads: list[dict[str, int]],
) -> dict[str, Any]:  # fmt: skip
    """Write the files; their entry of the manifest."""
    for part, code in codes.items():
        (folder / files[part]).write_text(code, "utf-8")
    graph = architecture.semantics
    weights = graph.scope.concrete(lambda dim: graph.facts.value(dim) or 0)
    return {
        "files": files,
        "flex": [part for part, code in codes.items() if FLEX in code],
        "spec": graph.digest,
        "inputs": [tensor.role for tensor in graph.inputs],
        "sizes": _sizes(graph),
        "weights": {name: [graph.facts.value(n) for n in weight.shape] for name, weight in weights},
        "params": graph.facts.value(graph.params),
        "flops": _flops(graph, loads),
    }


def _sizes(graph: Any) -> dict[str, int]:
    """Every bounded dim at its largest."""
    domains = graph.facts.domains.items()
    return {name: domain.high for name, domain in domains if domain.high is not None}


def _flops(graph: Any, loads: list[dict[str, int]]) -> dict[str, int]:
    """Dense FLOPs of one forward pass, by load."""
    from tfspec.passes.cost.work import work
    from tfspec.symbolic import Dim

    every = work(graph, lambda tensor: tensor.shape).values()
    formula, values = sum((each.forward for each in every), Dim.of(0)), graph.bindings()
    return {load_name(load): formula.value(values | load) for load in loads}


def _compile_options(target: str | None) -> dict[str, Any]:
    from ast import literal_eval

    sheet = _sheet(target or "cpu")
    return {name: literal_eval(text) for name, text in sheet.compile.items()}


def _sheet(target: str) -> Any:
    from tfspec.targets import Target, find

    sheet = find(target)
    if not isinstance(sheet, Target):
        raise SystemExit(f"there is no target {target}")
    return sheet
